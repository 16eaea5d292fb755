// The option types that hold lists. Flags and config file read them differently, as in stock nsqd (options.md 3, 6.3):
// a string flag is not split on commas but a config string is, and only flags sort the percentiles.

import { parseGoFloat } from './go-float.js';
import { quoteLikeGo } from '../text/go-quote.js';
import { parsed, refused, type Parsed } from './parsed.js';
import { goTypeName, type TomlValue } from './toml-value.js';
import type { ParsedFlag, ValueType } from './value-type.js';

export const STRING_LIST: ValueType<readonly string[]> = {
  word: 'value',
  isBooleanStyle: false,
  parseFlag: (text, earlier = []) => parsed([...earlier, text]),
  parseConfig: parseStringList,
  printDefault: (value) => value.join(','),
  show: (value) => value,
};

export const FLOAT_LIST: ValueType<readonly number[]> = {
  word: 'value',
  isBooleanStyle: false,
  parseFlag: parseFloatFlag,
  parseConfig: parseFloatList,
  printDefault: (value) => value.join(','),
  show: (value) => value,
};

function parseStringList(value: TomlValue): Parsed<readonly string[]> {
  if (value.kind === 'string') return parsed(value.value.split(','));
  // Stock nsqd takes any other scalar for an empty list.
  if (value.kind !== 'array') return parsed([]);
  const strings: string[] = [];
  for (const item of value.items) {
    // DEVIATION(strict-config-file): stock nsqd crashes on an element that is no string; here it is refused.
    if (item.kind !== 'string') return refused(`invalid string value type ${goTypeName(item)} in the array`);
    strings.push(item.value);
  }
  return parsed(strings);
}

/** Appends the comma-separated numbers and sorts the whole list, highest first. Blanks are not trimmed. */
function parseFloatFlag(text: string, earlier: readonly number[] = []): ParsedFlag<readonly number[]> {
  const numbers = [...earlier];
  for (const piece of text.split(',')) {
    const number = parseGoFloat(piece);
    // The one flag whose refusal is not followed by the usage text (options.md 2.3).
    if (!number.ok) return { ok: false, reason: `Could not parse: ${piece}`, isFatal: true };
    numbers.push(number.value);
  }
  return parsed(numbers.sort((a, b) => b - a));
}

function parseFloatList(value: TomlValue): Parsed<readonly number[]> {
  if (value.kind === 'string') return parseFloats(value.value.split(',').map((piece) => piece.trim()));
  if (value.kind !== 'array') return parsed([]);
  const numbers: number[] = [];
  for (const item of value.items) {
    // DEVIATION(strict-config-file): stock nsqd crashes on an integer among the floats, as in [1, 0.99]; here it is one of them.
    if (item.kind !== 'float' && item.kind !== 'integer') {
      return refused(`invalid float64 value type ${goTypeName(item)} in the array`);
    }
    numbers.push(Number(item.value));
  }
  return parsed(numbers);
}

function parseFloats(pieces: readonly string[]): Parsed<readonly number[]> {
  const numbers: number[] = [];
  for (const piece of pieces) {
    const number = parseGoFloat(piece);
    if (!number.ok) return refused(`strconv.ParseFloat: parsing ${quoteLikeGo(piece)}: ${number.reason}`);
    numbers.push(number.value);
  }
  return parsed(numbers);
}
