// A clock that moves only when told to. The monotonic reading starts anew with each simulated process; the wall clock
// may be stepped, as administrators and NTP do.

import type { Clock } from '../../src/lib/time/clock.js';

const EPOCH_MS = 1_795_220_377_806;

export class FakeClock implements Clock {
  /** Milliseconds since the test began: the one clock nothing disturbs. */
  nowMs = 0;
  #monotonicOffsetMs: number;
  #wallOffsetMs = EPOCH_MS;
  /** What the wall clock shows while it stands still. */
  #heldAtMs: number | null = null;

  constructor(monotonicStartMs = 1000) {
    this.#monotonicOffsetMs = monotonicStartMs;
  }

  monotonicMs(): number {
    return this.nowMs + this.#monotonicOffsetMs;
  }

  wallMs(): number {
    return this.#heldAtMs ?? this.nowMs + this.#wallOffsetMs;
  }

  advance(milliseconds: number): void {
    this.nowMs += milliseconds;
  }

  /** One that stands still goes on from there. */
  stepWall(milliseconds: number): void {
    this.#wallOffsetMs = this.wallMs() - this.nowMs + milliseconds;
    this.#heldAtMs = null;
  }

  /** The wall clock stands still until it is stepped. */
  holdWall(): void {
    this.#heldAtMs = this.wallMs();
  }

  /** As another process on the same machine reads it. */
  restart(monotonicStartMs: number): void {
    this.#monotonicOffsetMs = monotonicStartMs - this.nowMs;
  }
}
