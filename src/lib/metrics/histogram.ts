// A histogram with fixed bounds: cheap to fill, never reset, as Prometheus wants it.
//
//   bounds          1     5    10            what belongs to a bucket is at most its bound
//   counts     | a  |  b  |  c  |  d  |      one more than there are bounds: d is beyond the last
//
// Guarded by the benches of whoever fills it: one call per group of messages, not per message.

export class Histogram {
  /** Rising. */
  readonly bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1;
    this.#counts[bucket]! += 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  get count(): number {
    return this.#counts.reduce((total, count) => total + count, 0);
  }

  /** How many values were at most the bound, for each bound. */
  cumulativeCounts(): number[] {
    let total = 0;
    return this.bounds.map((_, bucket) => (total += this.#counts[bucket]!));
  }
}

/** Seconds from ten microseconds, a write into the page cache, to ten seconds, a disk in trouble. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];
