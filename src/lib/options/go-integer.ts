// Reads 64-bit integers as Go's strconv does: with prefixes and underscores on the command line (options.md 3),
// with decimal digits only in config-file strings (options.md 6.3).
//
// Values are JavaScript numbers; beyond 2^53 they are rounded to the nearest one.

import { parsed, refused, type Parsed } from './parsed.js';

/** Reason given for a text that is not an integer. */
export const NOT_AN_INTEGER = 'parse error';
/** Reason given for an integer that does not fit signed 64 bits. */
export const OUT_OF_RANGE = 'value out of range';

const INT64_LIMIT = 2n ** 63n;
const UINT64_LIMIT = 2n ** 64n;

/** Underscores stand between digits, or between a base prefix (a lone 0 is the octal one) and a digit. */
const UNDERSCORES_ALLOWED = /^(?:0[xXbBoO](?:_?[\da-fA-F])+|\d(?:_?\d)*)$/;

/** A signed integer with an optional 0x, 0b, 0o or 0 (octal) prefix. Refuses with NOT_AN_INTEGER or OUT_OF_RANGE. */
export function parseGoInteger(text: string): Parsed<number> {
  const unsigned = withoutSign(text);
  const { base, digits } = splitPrefix(unsigned);
  if (!unsigned.includes('_')) return parseDigits(text, digits, base);
  const number = parseDigits(text, digits.replaceAll('_', ''), base);
  return outOfRange(number) || UNDERSCORES_ALLOWED.test(unsigned) ? number : refused(NOT_AN_INTEGER);
}

/** A signed integer of decimal digits only. Refuses with NOT_AN_INTEGER or OUT_OF_RANGE. */
export function parseDecimalInteger(text: string): Parsed<number> {
  return parseDigits(text, withoutSign(text), 10);
}

function withoutSign(text: string): string {
  return text.startsWith('+') || text.startsWith('-') ? text.slice(1) : text;
}

function splitPrefix(unsigned: string): { base: number; digits: string } {
  if (!unsigned.startsWith('0')) return { base: 10, digits: unsigned };
  const base = { x: 16, b: 2, o: 8 }[unsigned.charAt(1).toLowerCase()];
  // Go takes `0x` without digits for an octal number with a bad digit; either way it is no integer.
  return base === undefined ? { base: 8, digits: unsigned } : { base, digits: unsigned.slice(2) };
}

/** Like Go, reports the range error at the digit that leaves 64 bits, even if a bad digit follows. */
function parseDigits(text: string, digits: string, base: number): Parsed<number> {
  if (digits === '') return refused(NOT_AN_INTEGER);
  let magnitude = 0n;
  for (const character of digits) {
    const digit = /[\da-z]/i.test(character) ? Number.parseInt(character, 36) : base;
    if (digit >= base) return refused(NOT_AN_INTEGER);
    magnitude = magnitude * BigInt(base) + BigInt(digit);
    if (magnitude >= UINT64_LIMIT) return refused(OUT_OF_RANGE);
  }
  const isNegative = text.startsWith('-');
  const limit = isNegative ? INT64_LIMIT : INT64_LIMIT - 1n;
  if (magnitude > limit) return refused(OUT_OF_RANGE);
  return parsed(Number(isNegative ? -magnitude : magnitude));
}

function outOfRange(number: Parsed<number>): boolean {
  return !number.ok && number.reason === OUT_OF_RANGE;
}
