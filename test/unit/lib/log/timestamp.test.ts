// Timestamps of log lines, and the clock behind them.

import { afterEach, describe, expect, it, vi } from 'vitest';

import { formatSecond, formatTimestamp, wallClockMs } from '../../../../src/lib/log/timestamp.js';

describe('formatTimestamp', () => {
  it.each([
    [0, '000000'], [0.001, '000001'], [0.9, '000900'], [1, '001000'], [999.999, '999999'],
  ])('prints %d ms into the second as .%s', (offsetMs, micros) => {
    const second = new Date(2024, 0, 2, 3, 4, 5).getTime();
    expect(formatTimestamp(second + offsetMs + 0.0004)).toBe(`2024/01/02 03:04:05.${micros}`);
  });

  it('prints whole seconds for the plain lines', () => {
    expect(formatSecond(new Date(2024, 11, 31, 23, 59, 59, 999).getTime())).toBe('2024/12/31 23:59:59');
  });
});

/** Smaller differences of the two clocks are not taken for steps. */
const TOLERANCE_MS = 2;

describe('wallClockMs', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('agrees with the wall clock', () => {
    const beforeMs = Date.now();
    const nowMs = wallClockMs();
    const afterMs = Date.now() + 1; // The millisecond that has begun.
    expect(nowMs).toBeGreaterThanOrEqual(beforeMs - TOLERANCE_MS);
    expect(nowMs).toBeLessThanOrEqual(afterMs + TOLERANCE_MS);
  });

  it.each([3_600_000, -3_600_000])('follows a step of %d ms', (stepMs) => {
    const nowMs = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(nowMs + stepMs);
    expect(Math.abs(wallClockMs() - (nowMs + stepMs))).toBeLessThan(TOLERANCE_MS);
  });
});
