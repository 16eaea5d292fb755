import { describe, expect, it } from 'vitest';

import { millisecondsToNanoseconds, parseUint64, toInt64 } from '../../../../src/lib/protocol/decimal.js';

describe('parseUint64', () => {
  it.each([
    ['', 0n], ['0', 0n], ['007', 7n], ['18446744073709551615', 2n ** 64n - 1n], ['18446744073709551616', 0n], ['18446744073709551617', 1n],
  ])('%j is %s', (text, expected) => {
    expect(parseUint64(text)).toBe(expected);
  });

  it.each(['-1', '+1', ' 1', '1 ', '1\n', '0x1', '1.0', 'a', '١'])('%j is none', (text) => {
    expect(parseUint64(text)).toBeNull();
  });
});

describe('toInt64', () => {
  it.each([[1n, 1n], [2n ** 63n - 1n, 2n ** 63n - 1n], [2n ** 63n, -(2n ** 63n)], [2n ** 64n - 1n, -1n]])('%s becomes %s', (value, expected) => {
    expect(toInt64(value)).toBe(expected);
  });
});

describe('millisecondsToNanoseconds', () => {
  it.each([
    [0n, 0n], [1n, 1_000_000n], [9_223_372_036_854n, 9_223_372_036_854_000_000n], [9_223_372_036_855n, -9_223_372_036_854_551_616n], [2n ** 64n - 1n, -1_000_000n],
  ])('%s ms are %s ns', (milliseconds, expected) => {
    expect(millisecondsToNanoseconds(milliseconds)).toBe(expected);
  });
});
