// Lists differ between flags and config file (options.md 3, 6.3).

import { describe, expect, it } from 'vitest';

import { FLOAT_LIST, STRING_LIST } from '../../../../src/lib/options/list-types.js';
import { parseToml } from '../../../../src/lib/options/parse-toml.js';
import type { TomlValue } from '../../../../src/lib/options/toml-value.js';
import type { ValueType } from '../../../../src/lib/options/value-type.js';

/** What a type makes of several occurrences of its flag, the last answer being the result. */
function parseFlags<T>(type: ValueType<T>, texts: readonly string[]): unknown {
  let value: T | undefined;
  for (const text of texts) {
    const result = type.parseFlag(text, value);
    if (!result.ok) return result;
    value = result.value;
  }
  return value;
}

function toml(text: string): TomlValue {
  const value = parseToml(Buffer.from(`key = ${text}`)).entries.get('key');
  if (value === undefined) throw new Error('the document has the key');
  return value;
}

describe('STRING_LIST', () => {
  it('appends flags without splitting them', () => {
    expect(parseFlags(STRING_LIST, ['a:1', 'b:1,c:1', ''])).toEqual(['a:1', 'b:1,c:1', '']);
  });

  it.each([
    ['["a:1", "b,c"]', ['a:1', 'b,c']], ['[]', []], ['"p:1, q:2"', ['p:1', ' q:2']], ['""', ['']],
    ['5', []], ['true', []],
    ['1979-05-27', []], ['{a = 1}', []],
  ])('takes the config value %s for %j', (text, value) => {
    expect(STRING_LIST.parseConfig(toml(text))).toEqual({ ok: true, value });
  });

  it('refuses other elements', () => {
    expect(STRING_LIST.parseConfig(toml('["a", 1.5]'))).toEqual({
      ok: false, reason: 'invalid string value type float64 in the array',
    });
  });
});

describe('FLOAT_LIST', () => {
  it('appends flags, splits them and sorts everything from high to low', () => {
    expect(parseFlags(FLOAT_LIST, ['0.5', '0.9,1.0', '0.99'])).toEqual([1, 0.99, 0.9, 0.5]);
  });

  it.each([
    ['abc', 'abc'], ['0.5, 0.9', ' 0.9'], ['', ''], ['0.5,', ''], ['0.5,1e400', '1e400'],
  ])('refuses the flag %j', (text, piece) => {
    expect(parseFlags(FLOAT_LIST, [text])).toEqual({ ok: false, reason: `Could not parse: ${piece}`, isFatal: true });
  });

  it.each([
    ['[0.5, 0.99]', [0.5, 0.99]], ['[1, 0.99]', [1, 0.99]], ['"0.5, 0.9"', [0.5, 0.9]], ['[]', []],
    ['0.5', []], ['1', []],
  ])('takes the config value %s for %j, unsorted', (text, value) => {
    expect(FLOAT_LIST.parseConfig(toml(text))).toEqual({ ok: true, value });
  });

  it.each(['["0.5"]', '[true]', '""', '"x"'])('refuses the config value %s', (text) => {
    expect(FLOAT_LIST.parseConfig(toml(text))).toMatchObject({ ok: false });
  });
});
