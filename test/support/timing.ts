// Bounds for timers. A timer must never fire early; how late it is seen to fire depends on the machine and on the daemon:
// stock nsqd visits a new channel only after up to five seconds, nsqd-ts arms a timer for it at once. That it fires to the
// millisecond is shown where the clock is a fake one (test/unit/lib/time, test/unit/nsqd/broker); here it fires at all, and
// not at some other occasion.

import { expect } from 'vitest';

import { isStock } from './daemon.js';

/** What a busy machine may add to any step: two processes and a disk that all have to wait for their turn. */
const MACHINE_SLACK_MS = 5_000;

/** How late a timeout or a deferral may be, on a channel of any age. */
export const LATE_MS_MAX = isStock ? 5_000 + MACHINE_SLACK_MS : MACHINE_SLACK_MS;

/** Clocks of two processes are rounded differently. */
const ROUNDING_MS = 3;

/**
 * `earliestStartMs` was read before the daemon could start its timer, `latestStartMs` after it certainly had: so
 * neither bound needs a tolerance for the network.
 */
export function expectElapsed(
  atMs: number,
  delayMs: number,
  earliestStartMs: number,
  latestStartMs: number,
  lateMsMax: number = MACHINE_SLACK_MS,
): void {
  expect(atMs - earliestStartMs, 'fired early').toBeGreaterThanOrEqual(delayMs - ROUNDING_MS);
  expect(atMs - latestStartMs, 'fired late').toBeLessThanOrEqual(delayMs + lateMsMax);
}

/** The same for timeouts and deferrals of messages. */
export function expectDueAfter(
  atMs: number,
  delayMs: number,
  earliestStartMs: number,
  latestStartMs: number = earliestStartMs,
): void {
  expectElapsed(atMs, delayMs, earliestStartMs, latestStartMs, LATE_MS_MAX);
}
