// Go's integer syntax (options.md 3). The doubtful cases were tried on stock nsqd.

import { describe, expect, it } from 'vitest';

import {
  NOT_AN_INTEGER, OUT_OF_RANGE, parseDecimalInteger, parseGoInteger,
} from '../../../../src/lib/options/go-integer.js';

const VALID: readonly [text: string, value: number][] = [
  ['0', 0], ['-0', 0], ['00', 0], ['7', 7], ['+7', 7], ['-5', -5],
  ['0x10', 16], ['0X1f', 31], ['-0x10', -16], ['0b101', 5], ['0B1', 1], ['0o17', 15], ['0O17', 15],
  ['017', 15], ['0_17', 15], ['1_000_000', 1_000_000], ['0x_1F', 31], ['0b_1_0', 2],
  ['9223372036854775807', 2 ** 63], ['-9223372036854775808', -(2 ** 63)], ['0x7fffffffffffffff', 2 ** 63],
];

const NO_INTEGERS: readonly string[] = [
  '', ' ', '-', '+', '+-1', 'abc', '1.5', '1.0', '1e3', ' 1', '1 ', '08', '019', '0x', '0b', '0o', '0xg', '0b2', '0o8',
  '_1', '1_', '1__0', '0x1_', '0_', '0__7', '١', '9999999999999999999a', '½',
];

const TOO_LARGE: readonly string[] = [
  '9223372036854775808', '-9223372036854775809', '99999999999999999999', '0xffffffffffffffffffff',
  '99999999999999999999a', '99_999_999_999_999_999_999_',
];

describe('parseGoInteger', () => {
  it.each(VALID)('takes %j for %d', (text, value) => {
    expect(parseGoInteger(text)).toEqual({ ok: true, value });
  });

  it.each(NO_INTEGERS)('refuses %j as no integer', (text) => {
    expect(parseGoInteger(text)).toEqual({ ok: false, reason: NOT_AN_INTEGER });
  });

  it.each(TOO_LARGE)('refuses %j as out of range', (text) => {
    expect(parseGoInteger(text)).toEqual({ ok: false, reason: OUT_OF_RANGE });
  });
});

describe('parseDecimalInteger', () => {
  it.each([['77', 77], ['017', 17], ['-3', -3], ['+3', 3]])('takes %j for %d', (text, value) => {
    expect(parseDecimalInteger(text)).toEqual({ ok: true, value });
  });

  it.each(['', '0x10', '1_0', '0b1', '1.0', 'x'])('refuses %j', (text) => {
    expect(parseDecimalInteger(text)).toEqual({ ok: false, reason: NOT_AN_INTEGER });
  });
});
