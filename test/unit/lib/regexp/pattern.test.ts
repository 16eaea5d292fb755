import { describe, expect, it } from 'vitest';

import { Pattern } from '../../../../src/lib/regexp/pattern.js';
import { processorMs } from '../../../support/processor-time.js';

const NAMES = [
  '', 'a', 'A', 'events', 'Events', 'events.v2', 'orders-1', 'x_y', '7', 'b#ephemeral', 'k', 's', 'aa', 'aab',
];

/** Which of the names a pattern matches. */
function matched(pattern: string): string[] {
  const compiled = new Pattern(pattern);
  return NAMES.filter((name) => compiled.matches(name));
}

describe('a pattern that JavaScript reads as Go does', () => {
  it.each([
    '', '.*', '.', '^$', '^a', 'a$', '^a*$', '^a+b?$', 'ev|or', '^(ev|or)', '^(?:events)(\\.v\\d)?$', '[a-k]$',
    '[^a-z]',
    '^[.a-z0-9_-]+$', '^\\w+$', '\\W', '\\d', '\\D$', '^\\S*$', '\\bv2', '\\Bents', '#ephemeral$', '^a{2}b{0,1}$',
    '^a{1,}$', 'a{',
    'a{,2}', 'x{2', '^.{2,6}$', '(a|aa)+b', '^(a*)*$', '[\\]a]', '[a\\-z]', '\\x61', '\\.', '\\-1', 'e.*s', 'e.*?s',
    'a??',
    '(?:)', '()', 'a||b', '[a-]', '[-a]', '[+--]', '^(?:a?){3}b', '((a)|b)c?',
  ])('%j', (pattern) => {
    const oracle = new RegExp(pattern);
    expect(matched(pattern)).toEqual(NAMES.filter((name) => oracle.test(name)));
  });
});

describe('a pattern of Go only', () => {
  it.each([
    ['(?i)^events$', ['events', 'Events']],
    ['(?i:E)vents$', ['events', 'Events']],
    ['^(?i)a(?-i)a', ['aa', 'aab']],
    ['((?i)E)v', ['events', 'Events', 'events.v2']],
    ['(?i)[[:upper:]]1?$', ['a', 'A', 'events', 'Events', 'x_y', 'b#ephemeral', 'k', 's', 'aa', 'aab']],
    ['(?i)^[[:^upper:]]+$', ['7']],
    ['(?i)^\\PL+$', ['7']],
    ['(?i)^\\P{Lu}+$', ['7']],
    ['^\\PL+$', ['7']],
    ['(?s).\\z', NAMES.slice(1)],
    ['\\Aa\\z', ['a']],
    ['^[[:alpha:]]+$', ['a', 'A', 'events', 'Events', 'k', 's', 'aa', 'aab']],
    ['^[[:^alpha:]]+$', ['7']],
    ['^[[:digit:][:upper:]]$', ['A', '7']],
    ['^[[:word:]]$', ['a', 'A', '7', 'k', 's']],
    ['(?P<first>a)(?P<second>b)', ['aab']],
    ['(?<first>a)b', ['aab']],
    ['^\\pL$', ['a', 'A', 'k', 's']],
    ['^\\p{Lu}', ['A', 'Events']],
    ['^\\p{^Lu}$', ['a', '7', 'k', 's']],
    ['^[\\P{L}]$', ['7']],
    ['^\\p{Latin}$', ['a', 'A', 'k', 's']],
    ['^\\p{Greek}', []],
    ['^\\pN', ['7']],
    ['^\\p{Letter}$', ['a', 'A', 'k', 's']],
    ['^\\p{Thai}', []],
    ['^\\p{ASCII}$', ['a', 'A', '7', 'k', 's']],
    ['(?P<a>a)(?P<a>b)', ['aab']],
    ['^\\p{Any}$', ['a', 'A', '7', 'k', 's']],
    ['\\Q.v\\E', ['events.v2']],
    ['\\Q.v', ['events.v2']],
    ['^\\Qa\\E+b', ['aab']],
    ['\\x{76}2', ['events.v2']],
    ['\\1412?\\z', ['a', 'aa']],
    ['\\_', ['x_y']],
    ['(?i)\u212a', ['k']],
    ['(?i)^[\u017f]$', ['s']],
    ['\u212a', []],
    ['^(?m)a$', ['a']],
    ['(?U)a+$', ['a', 'aa']],
    ['a(?i)*$', NAMES],
    ['^[a\\dA-A]$', ['a', 'A', '7']],
    ['^[[:x]_', ['x_y']],
    ['^{1}a$', ['a']],
    ['^[]a]$', ['a']],
    ['^[^]a]$', ['A', '7', 'k', 's']],
  ])('%j matches %j', (pattern, names) => {
    expect(matched(pattern)).toEqual(names);
  });
});

describe('a pattern that Go refuses', () => {
  it.each([
    '(', ')', 'a)', '(a', '[', '[a', '[a-', '[z-a]', '[a-\\d]', '*', '+a', '?', 'a|*', '(*)', 'a**', 'a+*', 'a{2}{3}',
    'a*??+', '{1}',
    'a{1001}', 'a{2,1}', 'a{1,1001}', '(a{100}){11}', '\\', 'a\\', '\\1', '\\8', '\\Z', '\\C', '\\q', '\\x', '\\x1',
    '\\x{}',
    '\\x{110000}', '(?=a)', '(?!a)', '(?<=a)', '(?<!a)', '(?#a)', '(?>a)', '(?P=a)', '(?P<a', '(?P<>a)', '(?i-)a',
    '(?x)a', '[[:nope:]]', '[[:ALPHA:]]', '\\p', '\\pX', '\\p{Nope}', '\\p{L', '\\p{Lowercase}', '\\p{Latn}',
    '\\p{Zzzz}', '\\u0061', '\\cA',
    '[\\b]', '[\\w-\\z]',
  ])('%j', (pattern) => {
    expect(() => new Pattern(pattern)).toThrow();
  });

  it('for its size', () => {
    expect(() => new Pattern('a'.repeat(10_001))).toThrow('too large');
    expect(() => new Pattern('(?:abcdefghijklmnopqrstuvwxyz){1000}')).toThrow('too large');
    expect(() => new Pattern('('.repeat(600) + ')'.repeat(600))).toThrow('nests too deeply');
  });
});

describe('a pattern made to take long', () => {
  it.each([
    '(a+)+$', '(a|aa)+$', '(a*)*b', '(?:a?){60}a{60}', '(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)$x',
    '((a{0,30}){0,30})$x', '(a|a|a|a)*b',
  ])('%j does not', (pattern) => {
    const compiled = new Pattern(pattern);
    // One that tries every way takes years.
    expect(processorMs(() => compiled.matches('a'.repeat(63) + '#'))).toBeLessThan(2_000);
  });
});
