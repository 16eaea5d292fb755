// A clock that moves only when told to. The monotonic reading starts anew with each simulated process; the wall clock
// may be stepped, as administrators and NTP do.

import type { Clock } from '../../src/lib/time/clock.js';

const EPOCH_MS = 1_795_220_377_806;

export class FakeClock implements Clock {
  /** Milliseconds since the test began: the one clock nothing disturbs. */
  nowMs = 0;
  #monotonicOffsetMs: number;
  #wallOffsetMs = EPOCH_MS;

  constructor(monotonicStartMs = 1000) {
    this.#monotonicOffsetMs = monotonicStartMs;
  }

  monotonicMs(): number {
    return this.nowMs + this.#monotonicOffsetMs;
  }

  wallMs(): number {
    return this.nowMs + this.#wallOffsetMs;
  }

  advance(milliseconds: number): void {
    this.nowMs += milliseconds;
  }

  stepWall(milliseconds: number): void {
    this.#wallOffsetMs += milliseconds;
  }

  /** As another process on the same machine reads it. */
  restart(monotonicStartMs: number): void {
    this.#monotonicOffsetMs = monotonicStartMs - this.nowMs;
  }
}
