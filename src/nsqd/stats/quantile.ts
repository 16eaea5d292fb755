// Quantiles of a stream of numbers in little memory: the "biased quantiles" summary of Cormode, Korn, Muthukrishnan and
// Srivastava for a few targets, with a rank error of 1 percent, and a sliding window made of two such summaries.
//
//   inserted ---> buffer (500, unsorted) --full--> sort, merge, compress ---> list (sorted: value, width, delta)
//
//   window  |<------ half ------>|<------ half ------>|
//           | filled before      | being filled      |now      a query covers both, an insert goes into the right one
//
// Numbers come out as stock nsqd's do (http-api 7). Time comes from the caller.

const EPSILON = 0.01;
const BUFFER_SAMPLES = 500;

/** `width` samples with about this value; the ranks of the first of them are known up to `delta`. */
interface Sample {
  readonly value: number;
  width: number;
  readonly delta: number;
}

export class QuantileStream {
  readonly #targets: readonly number[];
  /** Null until something is inserted: most channels of a daemon are quiet. */
  #buffer: Float64Array | null = null;
  #buffered = 0;
  /** Ascending by value. */
  #list: Sample[] = [];
  /** Total width of the list. */
  #listed = 0;

  constructor(targets: readonly number[]) {
    this.#targets = targets;
  }

  count(): number {
    return this.#buffered + this.#listed;
  }

  insert(value: number): void {
    this.#buffer ??= new Float64Array(BUFFER_SAMPLES);
    this.#buffer[this.#buffered] = value;
    this.#buffered += 1;
    if (this.#buffered === BUFFER_SAMPLES) this.#flush();
  }

  clear(): void {
    this.#buffered = 0;
    this.#list = [];
    this.#listed = 0;
  }

  /** What this stream knows, ascending, for another one to merge. */
  samples(): readonly Sample[] {
    if (this.#listed === 0) return this.#sortedBuffer();
    this.#flush();
    return this.#list;
  }

  /** Takes in what another stream knows. */
  merge(samples: readonly Sample[]): void {
    const merged: Sample[] = [];
    let rank = 0;
    let at = 0;
    for (const { value, width } of samples) {
      for (; at < this.#list.length && this.#list[at]!.value <= value; at += 1) {
        merged.push(this.#list[at]!);
        rank += this.#list[at]!.width;
      }
      const delta = at < this.#list.length ? Math.floor(this.#tolerance(rank)) - 1 : 0;
      merged.push({ value, width, delta });
      this.#listed += width;
    }
    for (; at < this.#list.length; at += 1) merged.push(this.#list[at]!);
    this.#list = merged;
  }

  /** The value at `quantile`, 0 when there is none. */
  query(quantile: number): number {
    if (this.#buffered > 0) this.#flush();
    const target = Math.ceil(quantile * this.#listed);
    const rankMax = target + Math.ceil(this.#tolerance(target) / 2);
    let previous = this.#list[0];
    if (previous === undefined) return 0;
    let rank = 0;
    for (let at = 1; at < this.#list.length; at += 1) {
      const sample = this.#list[at]!;
      if (rank + sample.width + sample.delta > rankMax) break;
      rank += previous.width;
      previous = sample;
    }
    return previous.value;
  }

  /** By how much a rank may be wrong without harm to any target. */
  #tolerance(rank: number): number {
    let smallest = Number.MAX_VALUE;
    for (const target of this.#targets) {
      const isBelow = target * this.#listed <= rank;
      const tolerance = isBelow ? (2 * EPSILON * rank) / target : (2 * EPSILON * (this.#listed - rank)) / (1 - target);
      smallest = Math.min(smallest, tolerance);
    }
    return smallest;
  }

  #sortedBuffer(): Sample[] {
    if (this.#buffer === null) return [];
    const sorted = this.#buffer.subarray(0, this.#buffered).sort();
    return Array.from(sorted, (value) => ({ value, width: 1, delta: 0 }));
  }

  #flush(): void {
    this.merge(this.#sortedBuffer());
    this.#buffered = 0;
    this.#compress();
  }

  /** Joins neighbours whose ranks need not be told apart, from the largest value down. */
  #compress(): void {
    const kept: Sample[] = [];
    let current: Sample | undefined;
    let rank = this.#listed - 1;
    for (let at = this.#list.length - 1; at >= 0; at -= 1) {
      const sample = this.#list[at]!;
      if (current !== undefined && sample.width + current.width + current.delta <= this.#tolerance(rank)) {
        current.width += sample.width;
      } else {
        current = { ...sample };
        kept.push(current);
      }
      rank -= sample.width;
    }
    this.#list = kept.reverse();
  }
}

/** Covers between half the window and all of it. */
export class QuantileWindow {
  readonly #halfMs: number;
  #current: QuantileStream;
  #former: QuantileStream;
  #halfStartMs: number;

  /** `windowMs` must be greater than 0. */
  constructor(targets: readonly number[], windowMs: number, nowMs: number) {
    this.#halfMs = windowMs / 2;
    this.#current = new QuantileStream(targets);
    this.#former = new QuantileStream(targets);
    this.#halfStartMs = nowMs;
  }

  insert(value: number, nowMs: number): void {
    this.#moveTo(nowMs);
    this.#current.insert(value);
  }

  /** Adds what the window holds to a stream that is used for one query. */
  mergeInto(merged: QuantileStream, nowMs: number): void {
    this.#moveTo(nowMs);
    merged.merge(this.#current.samples());
    merged.merge(this.#former.samples());
  }

  #moveTo(nowMs: number): void {
    const halves = Math.ceil((nowMs - this.#halfStartMs) / this.#halfMs) - 1;
    if (halves <= 0) return;
    this.#halfStartMs += halves * this.#halfMs;
    [this.#current, this.#former] = [this.#former, this.#current];
    this.#current.clear();
    if (halves > 1) this.#former.clear();
  }
}
