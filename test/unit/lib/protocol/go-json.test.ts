import { describe, expect, it } from 'vitest';

import { GoJsonObject, goJsonText, JsonShapeError } from '../../../../src/lib/protocol/go-json.js';

describe('GoJsonObject', () => {
  it.each(['', 'x', '1', '"a"', '[]', 'true', '{', '{"a":1,}', "{'a':1}", '{"a":1} x'])('refuses %j', (text) => {
    expect(() => new GoJsonObject(text)).toThrow(JsonShapeError);
  });

  it('takes null and absent members as zero values', () => {
    for (const text of ['null', '{}', ' { } ', '{"a":null}']) {
      const object = new GoJsonObject(text);
      expect([object.string('a'), object.boolean('a'), object.integer('a')]).toEqual(['', false, 0]);
    }
  });

  it.each([
    ['{"A":"x"}', 'x'],
    ['{"a":"x","A":"y"}', 'y'],
    ['{"a":"x","a":null}', 'x'],
    ['{"\\u0061":"x"}', 'x'],
    ['{"a":"\\ud800x"}', '\ufffdx'],
    ['{ "b" : { "a" : "inner" } , "a" : "x" }', 'x'],
    ['{"b":["a","]","}"],"a":"x"}', 'x'],
    ['{"b":"\\"a\\":\\"y\\"","a":"x"}', 'x'],
    ['\n\t{"a":"\\u00e9 \\\\ \\""}\r\n', 'é \\ "'],
  ])('reads a of %j', (text, expected) => {
    expect(new GoJsonObject(text).string('a')).toBe(expected);
  });

  it('folds keys as Go does', () => {
    expect(new GoJsonObject('{"\u017fk":"x"}').string('sk')).toBe('x');
    expect(new GoJsonObject('{"s\u212a":"x"}').string('sk')).toBe('x');
  });

  it.each([
    ['0', 0], ['-0', -0], ['12', 12], ['-7', -7], ['9223372036854775807', 2 ** 63], ['-9223372036854775808', -(2 ** 63)],
  ])('reads the integer %s', (digits, expected) => {
    expect(new GoJsonObject(`{"a":${digits}}`).integer('a')).toBe(Object.is(expected, -0) ? 0 : expected);
  });

  it.each(['1.0', '1e3', '1.5', '"1"', 'true', '[1]', '9223372036854775808', '-9223372036854775809'])('refuses %s as an integer', (value) => {
    expect(() => new GoJsonObject(`{"a":${value}}`).integer('a')).toThrow(JsonShapeError);
  });

  it.each([['2147483647', true], ['2147483648', false], ['-2147483648', true], ['-2147483649', false]])('%s in 32 bits: %s', (digits, fits) => {
    const read = (): number => new GoJsonObject(`{"a":${digits}}`).integer('a', 32);
    if (fits) expect(read()).toBe(Number(digits));
    else expect(read).toThrow(JsonShapeError);
  });

  it('refuses members of another type', () => {
    const object = new GoJsonObject('{"a":1,"b":"x","c":{}}');
    expect(() => object.string('a')).toThrow(JsonShapeError);
    expect(() => object.boolean('b')).toThrow(JsonShapeError);
    expect(() => object.string('c')).toThrow(JsonShapeError);
  });
});

describe('goJsonText', () => {
  it('escapes what Go escapes', () => {
    expect(goJsonText({ a: '<&>\u2028\u2029"é' })).toBe('{"a":"\\u003c\\u0026\\u003e\\u2028\\u2029\\"é"}');
  });
});
