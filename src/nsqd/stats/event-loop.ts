// How late the event loop is. A timer that ought to ring twice a second says how much later it did; it runs only while
// somebody asks, so that a daemon without a scraper stays asleep.

import { Histogram } from '../../lib/metrics/histogram.js';

const PROBE_MS = 500;
/** Scrapers come more often than this. */
const ASKED_MS = 5 * 60_000;
const MS_PER_SECOND = 1000;
const DELAY_BOUNDS: readonly number[] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export class EventLoopMonitor {
  /** Seconds. */
  readonly delaySeconds = new Histogram(DELAY_BOUNDS);
  #timer: NodeJS.Timeout | null = null;
  #dueMs = 0;
  #untilMs = 0;

  /** Goes on measuring, or begins to. */
  asked(): void {
    this.#untilMs = performance.now() + ASKED_MS;
    if (this.#timer === null) this.#arm();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  get isMeasuring(): boolean {
    return this.#timer !== null;
  }

  #arm(): void {
    this.#dueMs = performance.now() + PROBE_MS;
    this.#timer = setTimeout(() => this.#rang(), PROBE_MS).unref();
  }

  #rang(): void {
    const nowMs = performance.now();
    this.delaySeconds.observe(Math.max(0, nowMs - this.#dueMs) / MS_PER_SECOND);
    if (nowMs < this.#untilMs) this.#arm();
    else this.#timer = null;
  }
}
