// Local time as Go's log package writes it, and a wall clock fine enough for its microseconds.

/** When the two clocks below differ by more than this, the wall clock was stepped. */
const STEP_MS = 2;

let offsetMs = performance.timeOrigin;

/**
 * Unix time in milliseconds with fractions. Date.now() has whole milliseconds only, so the fractions come from the
 * monotonic clock, which is tied to the wall clock again whenever that was stepped.
 */
export function wallClockMs(): number {
  const wallMs = Date.now();
  const monotonicMs = performance.now();
  if (Math.abs(offsetMs + monotonicMs - wallMs) > STEP_MS) offsetMs = wallMs - monotonicMs;
  return offsetMs + monotonicMs;
}

/** `YYYY/MM/DD hh:mm:ss.uuuuuu`, local time. */
export function formatTimestamp(timeMs: number): string {
  const micros = Math.floor(timeMs * 1000) % 1_000_000;
  return `${formatSecond(timeMs)}.${String(micros).padStart(6, '0')}`;
}

/** `YYYY/MM/DD hh:mm:ss`, local time. */
export function formatSecond(timeMs: number): string {
  const date = new Date(timeMs);
  const day = `${date.getFullYear()}/${twoDigits(date.getMonth() + 1)}/${twoDigits(date.getDate())}`;
  return `${day} ${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}:${twoDigits(date.getSeconds())}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
