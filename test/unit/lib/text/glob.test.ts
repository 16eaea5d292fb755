import { describe, expect, it } from 'vitest';

import { globMatcher } from '../../../../src/lib/text/glob.js';
import { processorMs } from '../../../support/processor-time.js';

describe('globMatcher', () => {
  it.each([
    ['orders', 'orders', true], ['orders', 'orders2', false], ['orders', 'order', false], ['', '', true], ['', 'a', false],
    ['*', '', true], ['*', 'anything', true], ['orders.*', 'orders.', true], ['orders.*', 'orders', false],
    ['*.dead', 'a.dead', true], ['*.dead', 'a.deadly', false], ['a*a', 'a', false], ['a*a', 'aa', true],
    ['a*b*c', 'abc', true], ['a*b*c', 'axxbyyc', true], ['a*b*c', 'ac', false], ['a*b*c', 'acb', false],
    ['*aba*', 'ab', false], ['*ab*ab*', 'abab', true], ['*ab*ab*', 'abb', false], ['a*ab', 'aab', true], ['a*ab', 'ab', false],
    ['a**b', 'ab', true], ['a.b', 'axb', false], ['*b*b', 'ab', false],
  ])('%s and %s: %s', (pattern, name, isMatch) => {
    expect(globMatcher(pattern)(name)).toBe(isMatch);
  });

  it('takes bounded time', () => {
    const matches = globMatcher(`${'*a'.repeat(10_000)}*b`);
    expect(processorMs(() => expect(matches('a'.repeat(10_000))).toBe(false))).toBeLessThan(5_000);
  });
});
