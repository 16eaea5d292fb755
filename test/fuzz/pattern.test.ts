// Patterns of auth servers: damaged ones compile or are refused, and none takes long, however it is built. Those that mean
// the same to JavaScript are compared with its engine.

import { describe, expect, it } from 'vitest';

import { PatternError } from '../../src/lib/regexp/pattern-cursor.js';
import { Pattern } from '../../src/lib/regexp/pattern.js';
import { fuzz, mutatedText } from '../support/fuzz.js';
import type { Prng } from '../support/prng.js';

const PATTERNS = [
  '^test.*$', '(a|b)*c', '[a-z0-9_.-]+', '^(?:orders|billing)\\.[a-z]+(?:#ephemeral)?$', '(?i)^A{2,5}b?$', '\\Aa\\b.\\B\\z',
  '[[:alpha:]][^[:digit:]]\\d\\D\\s\\S\\w\\W', '\\p{Lu}\\PL\\p{^Greek}', '(?P<name>x)|(?<other>y)', '\\Qa.b\\E+', 'x{3}y{2,}z{0,4}?', '\\x41\\x{42}\\103\\a\\n',
];
const WORDS = ['(', ')', '[', ']', '{', '}', '*', '+', '?', '|', '^', '$', '.', '\\', '(?', '(?i)', '(?:', '{1000}', '{2,}', '[^', '[:', ':]', '\\p{', '\\b', '\\Q', '-'];
const TEXTS = ['', 'test', 'a', 'AAB', 'orders.new#ephemeral', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'a-b_c.d', '0'];
/** JavaScript's engine would take for ever over longer ones. */
const SHORT_TEXTS = ['', 'test', 'a', 'AAB', 'ab-0', 'aaaaaa', 'a_b c', '\n', 'orders'];
const SLOW_MS = 1000;

function quickly(action: () => void): void {
  const startMs = performance.now();
  action();
  expect(performance.now() - startMs, 'milliseconds').toBeLessThan(SLOW_MS);
}

function matchesOf(pattern: string, texts = TEXTS): boolean[] | null {
  try {
    const compiled = new Pattern(pattern);
    return texts.map((text) => compiled.matches(text));
  } catch (error) {
    if (error instanceof PatternError) return null;
    throw error;
  }
}

/** A pattern of what Go and JavaScript have in common. */
function commonPattern(prng: Prng, depth: number): string {
  const kind = depth === 0 ? prng.integer(0, 3) : prng.integer(0, 8);
  switch (kind) {
    case 0: return prng.pick(['a', 'b', 'A', '0', '-', '\\.', '_', '#']);
    case 1: return prng.pick(['[^\\n]', '\\d', '\\w', '\\W', '[ab]', '[^a]', '[a-f0-9]', '[^\\w]']);
    case 2: return prng.pick(['^', '$', '\\b', '\\B']);
    case 3: return commonText(prng);
    case 4: return `(${commonPattern(prng, depth - 1)}|${commonPattern(prng, depth - 1)})`;
    case 5: return `(?:${commonPattern(prng, depth - 1)})${prng.pick(['*', '+', '?', '*?', '+?', '{2}', '{0,3}', '{1,}'])}`;
    default: return commonPattern(prng, depth - 1) + commonPattern(prng, depth - 1);
  }
}

function commonText(prng: Prng): string {
  return prng.pick(['ab', 'test', 'orders', 'aa', '']);
}

describe('patterns', () => {
  it('compile or are refused, and match, in little time', async () => {
    await fuzz({ name: 'damaged patterns', share: 0.03 }, (prng, note) => {
      const pattern = mutatedText(prng, prng.pick(PATTERNS), WORDS);
      note(pattern);
      quickly(() => matchesOf(pattern));
    });
  });

  it('match what they match in JavaScript', async () => {
    await fuzz({ name: 'common patterns', share: 0.03 }, (prng, note) => {
      const pattern = commonPattern(prng, 4);
      note(pattern);
      expect(matchesOf(pattern, SHORT_TEXTS)).toEqual(SHORT_TEXTS.map((text) => new RegExp(pattern).test(text)));
    });
  });

  it.each([
    ['(a+)+$'], ['(a|a)*$'], ['(a|aa)+$'], ['(.*)*(.*)*(.*)*x'], ['(a?){64}a{64}'], ['((a*)*)*$'], ['(?:a{0,30}){30}x'],
    [`${'(?:'.repeat(300)}a${')*'.repeat(300)}`], [`${'(?:'.repeat(300)}a${')+'.repeat(300)}`],
    [`${'(?:'.repeat(300)}${')+'.repeat(300)}`], [`${'(?:'.repeat(300)}a${')?'.repeat(300)}`],
    [`${'a|'.repeat(4000)}b`], [`(?:${'a?'.repeat(500)}){2}`], ['a{1000}'], ['(?:){1000}'.repeat(900)], ['.*'.repeat(4000)],
  ])('that take for ever elsewhere take little time: %#', (pattern) => {
    quickly(() => matchesOf(pattern));
  });

  it.each([
    ['a loop in a loop', `${'(?:'.repeat(40)}a${')+'.repeat(40)}`],
    ['a loop in a counted loop', '(?:(?:(?:(?:a+)+)+){3,}b)+'],
  ])('are not too large for %s', (_, pattern) => {
    expect(matchesOf(pattern)).not.toBeNull();
  });
});
