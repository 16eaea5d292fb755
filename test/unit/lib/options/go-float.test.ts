// Go's floats in both directions. The doubtful cases were tried on stock nsqd.

import { describe, expect, it } from 'vitest';

import { formatGoFloat, parseGoFloat } from '../../../../src/lib/options/go-float.js';

describe('parseGoFloat', () => {
  it.each([
    ['1', 1], ['0.5', 0.5], ['.5', 0.5], ['5.', 5], ['-1e-8', -1e-8], ['1E2', 100], ['1_0', 10], ['+.9', 0.9],
    ['inf', Infinity], ['-Infinity', -Infinity], ['NaN', Number.NaN], ['1e-999', 0],
  ])('takes %j for %d', (text, value) => {
    expect(parseGoFloat(text)).toEqual({ ok: true, value });
  });

  it.each([
    '', '.', 'abc', ' 0.5', '0.5 ', '1e', '1e400', '_1', '1_', '1_.5', '0x', '--1', 'infin',
  ])('refuses %j', (text) => {
    expect(parseGoFloat(text)).toMatchObject({ ok: false });
  });
});

describe('formatGoFloat', () => {
  it.each([
    [0, '0'], [1, '1'], [1.5, '1.5'], [-1e-8, '-1e-08'], [0.0001, '0.0001'], [0.00001, '1e-05'],
    [1e20, '100000000000000000000'],
    [1e21, '1e+21'], [1.5e-10, '1.5e-10'], [Infinity, '+Inf'], [-Infinity, '-Inf'], [Number.NaN, 'NaN'],
  ])('prints %d as %j', (value, text) => {
    expect(formatGoFloat(value)).toBe(text);
  });
});
