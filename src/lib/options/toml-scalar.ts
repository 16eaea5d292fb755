// Reads the TOML values that are a single bare word: booleans, integers, floats, dates and times.

import type { TomlCursor } from './toml-cursor.js';
import type { TomlValue } from './toml-value.js';

const WORD = /[\w+\-.:]+/y;
/** A date may be parted from its time by one blank. */
const TIME_AFTER_BLANK = / (?=\d\d:)[\d.:Zz+-]+/y;

const DECIMAL_INTEGER = /^[+-]?(?:0|[1-9](?:_?\d)*)$/;
const PREFIXED_INTEGER = /^0(?:x[\da-fA-F](?:_?[\da-fA-F])*|o[0-7](?:_?[0-7])*|b[01](?:_?[01])*)$/;
const FLOAT = /^[+-]?(?:0|[1-9](?:_?\d)*)(?:\.\d(?:_?\d)*)?(?:[eE][+-]?\d(?:_?\d)*)?$/;
const SPECIAL_FLOAT = /^([+-]?)(inf|nan)$/;

const DATE = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;
const TIME = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?`;
const LOCAL_TIME = new RegExp(`^${TIME}$`);
const TIME_WITH_OFFSET = new RegExp(String.raw`^${TIME}(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)?$`);

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** Reads the bare word at the cursor. Throws TomlError if it is none of TOML's. */
export function readScalar(cursor: TomlCursor): TomlValue {
  let word = cursor.match(WORD);
  if (word === undefined) cursor.fail(`expected a value, but got ${cursor.describeNext()}`);
  if (DATE.test(word)) word += cursor.match(TIME_AFTER_BLANK) ?? '';

  if (word === 'true' || word === 'false') return { kind: 'boolean', value: word === 'true' };
  if (DECIMAL_INTEGER.test(word) || PREFIXED_INTEGER.test(word)) return readInteger(cursor, word);
  if (FLOAT.test(word)) return readFloat(cursor, word);
  const special = SPECIAL_FLOAT.exec(word);
  if (special !== null) return { kind: 'float', value: specialFloat(special[1] === '-', special[2] === 'inf') };
  if (isDateTime(word)) return { kind: 'datetime', text: word };
  return cursor.fail(`invalid value '${word}'`);
}

function readInteger(cursor: TomlCursor, word: string): TomlValue {
  const digits = word.replaceAll('_', '').replace(/^\+/, '');
  // BigInt takes the prefixes of TOML, and a minus sign before decimal digits.
  const value = BigInt(digits);
  if (value < INT64_MIN || value > INT64_MAX) cursor.fail(`${word} is out of range for int64`);
  return { kind: 'integer', value };
}

function readFloat(cursor: TomlCursor, word: string): TomlValue {
  const value = Number(word.replaceAll('_', ''));
  if (!Number.isFinite(value)) cursor.fail(`${word} is out of range for float64`);
  return { kind: 'float', value };
}

function specialFloat(isNegative: boolean, isInfinite: boolean): number {
  if (!isInfinite) return Number.NaN;
  return isNegative ? -Infinity : Infinity;
}

function isDateTime(word: string): boolean {
  if (LOCAL_TIME.test(word)) return true;
  const date = word.slice(0, 10);
  if (!DATE.test(date) || !isInCalendar(date)) return false;
  return word.length === 10 || (/^[Tt ]$/.test(word.charAt(10)) && TIME_WITH_OFFSET.test(word.slice(11)));
}

/** False for February 30th: such a date comes back from Date as another one. */
function isInCalendar(date: string): boolean {
  const time = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(date);
}
