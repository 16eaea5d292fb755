// Reads and prints floating-point numbers as Go does. Hexadecimal floats are the one form left out.

import { parsed, refused, type Parsed } from './parsed.js';

/** Reason given for a text that is not a number, or one beyond what a double can hold. */
export const NOT_A_FLOAT = 'invalid syntax';

const DIGITS = String.raw`\d(?:_?\d)*`;
const DECIMAL = new RegExp(String.raw`^[+-]?(?:${DIGITS}(?:\.(?:${DIGITS})?)?|\.${DIGITS})(?:e[+-]?${DIGITS})?$`, 'i');
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/** A decimal, `inf`, `infinity` or `nan` in any letter case. Refused with NOT_A_FLOAT. */
export function parseGoFloat(text: string): Parsed<number> {
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return parsed(infinite[1] === '-' ? -Infinity : Infinity);
  if (/^nan$/i.test(text)) return parsed(Number.NaN);
  const value = DECIMAL.test(text) ? Number(text.replaceAll('_', '')) : Number.NaN;
  return Number.isFinite(value) ? parsed(value) : refused(NOT_A_FLOAT);
}

/** The shortest text that reads back as the same number, spelled like Go's %v: `0.5`, `1`, `-1e-08`, `+Inf`. */
export function formatGoFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const magnitude = Math.abs(value);
  if (magnitude === 0) return Object.is(value, -0) ? '-0' : '0';
  if (magnitude >= 1e-4 && magnitude < 1e21) return String(value);
  // Go writes at least two digits of exponent.
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}
