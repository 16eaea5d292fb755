// What the wall clock said against the one nothing disturbs, since the simulation began: due times go over restarts, and
// timestamps into records, as the wall clock had them.

import type { FakeClock } from '../support/fake-clock.js';

export class WallHistory {
  readonly #clock: FakeClock;
  /** Oldest first: from `nowMs` on the wall clock was `offsetMs` ahead. */
  readonly #changes: { readonly nowMs: number; readonly offsetMs: number }[] = [];

  constructor(clock: FakeClock) {
    this.#clock = clock;
    this.note();
  }

  get nowMs(): number {
    return this.#clock.nowMs;
  }

  /** How far the wall clock is ahead. */
  get offsetMs(): number {
    return this.#clock.wallMs() - this.#clock.nowMs;
  }

  /** To be called whenever it may have changed. */
  note(): void {
    const { nowMs, offsetMs } = this;
    if (this.#changes.at(-1)?.offsetMs !== offsetMs) this.#changes.push({ nowMs, offsetMs });
  }

  /** The smallest offset at or after a time. */
  lowestSince(sinceMs: number): number {
    return Math.min(...this.#offsetsSince(sinceMs));
  }

  highestSince(sinceMs: number): number {
    return Math.max(...this.#offsetsSince(sinceMs));
  }

  *#offsetsSince(sinceMs: number): Generator<number> {
    for (let at = this.#changes.length - 1; at >= 0; at -= 1) {
      const { nowMs, offsetMs } = this.#changes[at]!;
      yield offsetMs;
      if (nowMs < sinceMs) return;
    }
  }
}
