// Reads and prints durations in Go's notation (options.md 3.1): `1h30m`, `250ms`, `1.5µs`.
//
// Inside the program a duration is a number of milliseconds with fractions: 1.5µs is 0.0015. The precision of the
// notation is one nanosecond and its range signed 64-bit nanoseconds; a double keeps single nanoseconds up to 104 days.

import { quoteLikeGo } from '../text/go-quote.js';
import { parsed, refused, type Parsed } from './parsed.js';

const NANOSECONDS_PER_UNIT: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['\u00b5s', 1_000n], // micro sign
  ['\u03bcs', 1_000n], // Greek mu
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);

const NANOSECONDS_PER_MILLISECOND = 1e6;
const INT64_LIMIT = 2n ** 63n;

/** One part of a duration: digits, optional fraction, and the unit up to the next digit or dot. */
const PART = /(\d*)(?:\.(\d*))?([^\d.]*)/y;

/** Milliseconds of a duration text. The reasons of refusal are those of Go's time.ParseDuration. */
export function parseDuration(text: string): Parsed<number> {
  const invalid = refused(`time: invalid duration ${quoteLikeGo(text)}`);
  const isNegative = text.startsWith('-');
  const unsigned = isNegative || text.startsWith('+') ? text.slice(1) : text;
  if (unsigned === '0') return parsed(0);
  if (unsigned === '') return invalid;

  let total = 0n;
  PART.lastIndex = 0;
  while (PART.lastIndex < unsigned.length) {
    const [, whole = '', fraction = '', unit = ''] = PART.exec(unsigned) ?? [];
    if (whole === '' && fraction === '') return invalid;
    if (unit === '') return refused(`time: missing unit in duration ${quoteLikeGo(text)}`);
    const scale = NANOSECONDS_PER_UNIT.get(unit);
    if (scale === undefined) return refused(`time: unknown unit ${quoteLikeGo(unit)} in duration ${quoteLikeGo(text)}`);
    total += BigInt(whole) * scale + (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  if (total > (isNegative ? INT64_LIMIT : INT64_LIMIT - 1n)) return invalid;
  return parsed(Number(isNegative ? -total : total) / NANOSECONDS_PER_MILLISECOND);
}

/** Whole nanoseconds of a number of milliseconds. */
export function nanosecondsOf(ms: number): number {
  return Math.round(ms * NANOSECONDS_PER_MILLISECOND);
}

/** A number of milliseconds in Go's notation: `0s`, `1.5ms`, `1h0m0s`. Hours are not turned into days. */
export function formatDuration(ms: number): string {
  const nanoseconds = BigInt(nanosecondsOf(ms));
  if (nanoseconds === 0n) return '0s';
  return nanoseconds < 0n ? `-${formatPositive(-nanoseconds)}` : formatPositive(nanoseconds);
}

function formatPositive(nanoseconds: bigint): string {
  if (nanoseconds < 1_000n) return `${nanoseconds}ns`;
  if (nanoseconds < 1_000_000n) return `${decimal(nanoseconds, 1_000n)}\u00b5s`;
  if (nanoseconds < 1_000_000_000n) return `${decimal(nanoseconds, 1_000_000n)}ms`;
  const seconds = `${decimal(nanoseconds % 60_000_000_000n, 1_000_000_000n)}s`;
  const minutes = nanoseconds / 60_000_000_000n;
  if (minutes === 0n) return seconds;
  return minutes < 60n ? `${minutes}m${seconds}` : `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** `value / unit` without trailing zeros; `unit` is a power of ten. */
function decimal(value: bigint, unit: bigint): string {
  const fraction = String(unit + (value % unit)).slice(1).replace(/0+$/, '');
  return fraction === '' ? String(value / unit) : `${value / unit}.${fraction}`;
}
