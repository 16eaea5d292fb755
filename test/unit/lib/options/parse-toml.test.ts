// The TOML reader: one document per rule of the TOML 1.0 specification, valid and invalid.

import { describe, expect, it } from 'vitest';

import { parseToml } from '../../../../src/lib/options/parse-toml.js';
import { describeTomlValue, TomlError, type TomlValue } from '../../../../src/lib/options/toml-value.js';

/** A document as plain values; integers become bigint and dates their text, so that all types stay distinct. */
function read(document: string): unknown {
  return plain(parseToml(Buffer.from(document)));
}

function plain(value: TomlValue): unknown {
  switch (value.kind) {
    case 'table':
      return Object.fromEntries([...value.entries].map(([key, item]) => [key, plain(item)]));
    case 'array':
      return value.items.map(plain);
    case 'datetime':
      return `date ${value.text}`;
    default:
      return value.value;
  }
}

const VALUES: readonly [text: string, value: unknown][] = [
  ['true', true], ['false', false],
  ['1', 1n], ['-17', -17n], ['+99', 99n], ['0', 0n], ['-0', 0n], ['1_000', 1000n],
  ['0x10', 16n], ['0xdead_BEEF', 0xdeadbeefn], ['0o17', 15n], ['0b1_01', 5n],
  ['9223372036854775807', 2n ** 63n - 1n], ['-9223372036854775808', -(2n ** 63n)],
  ['1.0', 1], ['-0.01', -0.01], ['5e+22', 5e22], ['1E06', 1e6], ['6.626e-34', 6.626e-34], ['9_224.5_1', 9224.51],
  ['inf', Infinity], ['+inf', Infinity], ['-inf', -Infinity], ['nan', Number.NaN], ['-nan', Number.NaN],
  ['1979-05-27T07:32:00Z', 'date 1979-05-27T07:32:00Z'],
  ['1979-05-27 07:32:00.5-07:00', 'date 1979-05-27 07:32:00.5-07:00'],
  ['1979-05-27T07:32:00', 'date 1979-05-27T07:32:00'],
  ['1979-05-27', 'date 1979-05-27'], ['07:32:00.999', 'date 07:32:00.999'],
  ['""', ''], ['"a\\tb\\n\\"\\\\\\u00e9\\U0001F600"', 'a\tb\n"\\\u00e9\u{1f600}'], ["'C:\\n\"'", 'C:\\n"'],
  ['"""\nRoses\nViolets"""', 'Roses\nViolets'],
  ['"""The \\\n\n   quick"""', 'The quick'], ['"""""two"" """""', '""two"" ""'],
  ["'''\nI 'll\r\nC:\\t'''", "I 'll\r\nC:\\t"], ["''''a''''", "'a'"], ['""""""', ''],
  ['[]', []], ['[1, "a", [true]]', [1n, 'a', [true]]], ['[ # first\n 1 , # one\n\n 2,\n]', [1n, 2n]],
  ['{}', {}],
  ['{ a = 1, b.c = "x", b.d = 2 }', { a: 1n, b: { c: 'x', d: 2n } }], ['[{a=1}, {a=2}]', [{ a: 1n }, { a: 2n }]],
];

const DOCUMENTS: readonly [document: string, value: unknown][] = [
  ['', {}],
  ['\ufeffa = 1', { a: 1n }],
  ['# only a comment', {}],
  ['a = 1 # one\r\nb = 2\r\n', { a: 1n, b: 2n }],
  ['\n\n  a=1  \n\t\n', { a: 1n }],
  ['"quoted key" = 1\n\'literal.key\' = 2\n1234 = 3\n- = 4\n"" = 5', {
    'quoted key': 1n, 'literal.key': 2n, 1234: 3n, '-': 4n, '': 5n,
  }],
  ['a.b.c = 1\na . "b" . d = 2', { a: { b: { c: 1n, d: 2n } } }],
  ['[a]\nx = 1\n[a.b]\ny = 2\n[ c . d ] # header\nz = 3', { a: { x: 1n, b: { y: 2n } }, c: { d: { z: 3n } } }],
  ['[a.b]\nx = 1\n[a]\ny = 2', { a: { b: { x: 1n }, y: 2n } }],
  ['[fruit]\napple.color = "red"\n[fruit.apple.taste]\nsweet = true', {
    fruit: { apple: { color: 'red', taste: { sweet: true } } },
  }],
  ['[[a]]\nx = 1\n[[a]]\n[[a]]\nx = 3\n[a.b]\ny = 4\n[[a.c]]\n[[a.c]]', {
    a: [{ x: 1n }, {}, { x: 3n, b: { y: 4n }, c: [{}, {}] }],
  }],
];

const INVALID: readonly [document: string, message: string][] = [
  ['bogus', "toml: line 1: expected '=' after key 'bogus', but got the end of the file"],
  ['a = 1\nbad line', "toml: line 2: expected '=' after key 'bad', but got 'l'"],
  ['a = ', 'toml: line 1: expected a value, but got the end of the file'],
  ['a = \n1', 'toml: line 1: expected a value, but got "\\n"'],
  ['= 1', "toml: line 1: expected a key, but got '='"],
  ['a = 1 b = 2', "toml: line 1: expected a newline, but got 'b'"],
  ['a = 1\n\na = 2', "toml: line 3: key 'a' has already been defined"],
  ['a = 1\na.b = 2', "toml: line 2: key 'a' has already been defined and cannot be extended"],
  ['[a]\n[a]', "toml: line 2: table 'a' has already been defined"],
  ['a.b = 1\n[a]', "toml: line 2: table 'a' has already been defined"],
  ['a = 1\n[a.b]', "toml: line 2: key 'a' has already been defined and cannot be extended"],
  ['a = {}\n[a.b]', "toml: line 2: key 'a' has already been defined and cannot be extended"],
  ['a = {b.c = 1}\na.b.d = 2', "toml: line 2: key 'a' has already been defined and cannot be extended"],
  ['[a.b]\n[a]\nb.c = 1', "toml: line 3: key 'b' has already been defined and cannot be extended"],
  ['a = []\n[[a]]', "toml: line 2: 'a' has already been defined and is not an array of tables"],
  ['[a]\n[[a]]', "toml: line 2: 'a' has already been defined and is not an array of tables"],
  ['[[a]]\n[a]', "toml: line 2: table 'a' has already been defined"],
  ['[[a] ]', "toml: line 1: expected ']]' after the name of an array of tables, but got ']'"],
  ['[]', "toml: line 1: expected a key, but got ']'"],
  ['a = [1 2]', "toml: line 1: expected ',' or ']' in an array, but got '2'"],
  ['a = [1,,2]', "toml: line 1: expected a value, but got ','"],
  ['a = {b = 1,}', "toml: line 1: expected a key, but got '}'"],
  ['a = {\nb = 1}', 'toml: line 1: expected a key, but got "\\n"'],
  ['a = {b = 1, b = 2}', "toml: line 1: key 'b' has already been defined"],
  ['a = 9223372036854775808', 'toml: line 1: 9223372036854775808 is out of range for int64'],
  ['a = -1e400', 'toml: line 1: -1e400 is out of range for float64'],
  ['a = 01', "toml: line 1: invalid value '01'"],
  ['a = 1__0', "toml: line 1: invalid value '1__0'"],
  ['a = +0x1', "toml: line 1: invalid value '+0x1'"],
  ['a = .5', "toml: line 1: invalid value '.5'"],
  ['a = 5.', "toml: line 1: invalid value '5.'"],
  ['a = yes', "toml: line 1: invalid value 'yes'"],
  ['a = True', "toml: line 1: invalid value 'True'"],
  ['a = 2021-02-30', "toml: line 1: invalid value '2021-02-30'"],
  ['a = 25:00:00', "toml: line 1: invalid value '25:00:00'"],
  ['a = "open', 'toml: line 1: unexpected end of file in a string'],
  ['a = "two\nlines"', 'toml: line 1: "\\n" is not allowed in this string'],
  ['a = """\n\n', 'toml: line 3: unexpected end of file in a string'],
  ['a = "\\q"', 'toml: line 1: invalid escape in a string'],
  ['a = "\\ud800"', 'toml: line 1: \\ud800 is not a Unicode character'],
  ['a = 1\rb = 2', 'toml: line 1: expected a newline, but got "\\r"'],
  ['# bell \x07', 'toml: line 1: expected a key, but got "\\u0007"'],
  ['"""a""" = 1', "toml: line 1: expected '=' after key '', but got '\"'"],
];

describe('parseToml', () => {
  it.each(VALUES)('reads the value %j', (text, value) => {
    expect(read(`key = ${text}`)).toEqual({ key: value });
  });

  it.each(DOCUMENTS)('reads the document %j', (document, value) => {
    expect(read(document)).toEqual(value);
  });

  it.each(INVALID)('refuses %j', (document, message) => {
    expect(() => read(document)).toThrow(new TomlError(message));
  });

  it('tells integers from floats', () => {
    const { entries } = parseToml(Buffer.from('a = 1\nb = 1.0'));
    expect(entries.get('a')).toEqual({ kind: 'integer', value: 1n });
    expect(entries.get('b')).toEqual({ kind: 'float', value: 1 });
  });

  it('refuses what is not UTF-8', () => {
    expect(() => parseToml(Uint8Array.of(0x61, 0xff))).toThrow(TomlError);
  });

  it('refuses nesting that would exhaust the stack', () => {
    expect(() => read(`a = ${'['.repeat(100_000)}`)).toThrow('nested more than 500 deep');
  });

  it('keeps keys apart from the properties of objects', () => {
    const { entries } = parseToml(Buffer.from('__proto__ = 1\nconstructor = 2'));
    expect([...entries.keys()]).toEqual(['__proto__', 'constructor']);
  });
});

describe('describeTomlValue', () => {
  it.each([
    ['"a b"', 'a b'], ['5', '5'], ['1.5', '1.5'], ['true', 'true'], ['[1, "a"]', '[1 a]'],
    ['{a = 1.5, b = "x"}', 'map[a:1.5 b:x]'],
  ])('words %s as %s', (text, words) => {
    const value = parseToml(Buffer.from(`key = ${text}`)).entries.get('key');
    expect(value && describeTomlValue(value)).toBe(words);
  });
});
