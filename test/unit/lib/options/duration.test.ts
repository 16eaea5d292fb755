// Go's duration notation in both directions (options.md 3.1).

import { describe, expect, it } from 'vitest';

import { formatDuration, nanosecondsOf, parseDuration } from '../../../../src/lib/options/duration.js';

const VALID: readonly [text: string, ms: number][] = [
  ['0', 0], ['-0', 0], ['+0', 0], ['0s', 0],
  ['1ns', 0.000001], ['1us', 0.001], ['1\u00b5s', 0.001], ['1\u03bcs', 0.001], ['1ms', 1], ['1s', 1000],
  ['1m', 60_000], ['1h', 3_600_000], ['1.5h', 5_400_000], ['1h30m', 5_400_000], ['30m1h', 5_400_000],
  ['+250ms', 250], ['-1s', -1000], ['-1h30m', -5_400_000], ['.5s', 500], ['5.s', 5000], ['1s1s', 2000],
  ['1.5\u00b5s', 0.0015], ['1.23456789ms', 1.234567], ['0.9999999999s', 999.999999], ['1h2m3.5s', 3_723_500],
  ['9223372036854775807ns', 9_223_372_036_854.775], ['-9223372036854775808ns', -9_223_372_036_854.775],
];

const INVALID: readonly [text: string, reason: string][] = [
  ['', 'time: invalid duration ""'],
  ['-', 'time: invalid duration "-"'],
  ['abc', 'time: invalid duration "abc"'],
  ['.s', 'time: invalid duration ".s"'],
  ['.', 'time: invalid duration "."'],
  [' 1s', 'time: invalid duration " 1s"'],
  ['+-1s', 'time: invalid duration "+-1s"'],
  ['5', 'time: missing unit in duration "5"'],
  ['1s5', 'time: missing unit in duration "1s5"'],
  ['1..s', 'time: missing unit in duration "1..s"'],
  ['5x', 'time: unknown unit "x" in duration "5x"'],
  ['1d', 'time: unknown unit "d" in duration "1d"'],
  ['1S', 'time: unknown unit "S" in duration "1S"'],
  ['1 s', 'time: unknown unit " s" in duration "1 s"'],
  ['1s ', 'time: unknown unit "s " in duration "1s "'],
  ['1e3s', 'time: unknown unit "e" in duration "1e3s"'],
  ['1h-5m', 'time: unknown unit "h-" in duration "1h-5m"'],
  ['99999999h', 'time: invalid duration "99999999h"'],
  ['9223372036854775808ns', 'time: invalid duration "9223372036854775808ns"'],
];

const PRINTED: readonly [ms: number, text: string][] = [
  [0, '0s'], [0.000123, '123ns'], [0.0015, '1.5\u00b5s'], [1.5, '1.5ms'], [25, '25ms'], [999.999999, '999.999999ms'],
  [1000, '1s'], [1500, '1.5s'], [60_000, '1m0s'], [3_600_000, '1h0m0s'], [932_356.579278, '15m32.356579278s'],
  [360_000_000, '100h0m0s'], [-1500, '-1.5s'], [-0.000001, '-1ns'], [600_000, '10m0s'],
];

describe('parseDuration', () => {
  it.each(VALID)('takes %j for %d ms', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ok: true, value: ms });
  });

  it.each(INVALID)('refuses %j', (text, reason) => {
    expect(parseDuration(text)).toEqual({ ok: false, reason });
  });
});

describe('formatDuration', () => {
  it.each(PRINTED)('prints %d ms as %j', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it.each(PRINTED)('prints %d ms as a text that reads back', (ms) => {
    expect(parseDuration(formatDuration(ms))).toEqual({ ok: true, value: ms });
  });
});

describe('nanosecondsOf', () => {
  it.each([
    '1ns', '999ns', '1.5\u00b5s', '1h2m3.123456789s', '2400h0m0.000000001s',
  ])('keeps %s to the nanosecond', (text) => {
    const duration = parseDuration(text);
    expect(duration.ok && parseDuration(`${nanosecondsOf(duration.value)}ns`)).toEqual(duration);
  });
});
