// Memory and garbage collection figures for `/stats` and statsd (http-api 6.7), mapped from V8's to the names of Go's
// runtime. Each monitor has its own observer and ring, so that several daemons in one process do not disturb each
// other.
//
//   pauses   | 3 | 9 | 1 | 4 | . | . |      nanoseconds; collection number n is kept at n modulo 256

import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

export interface MemoryStats {
  /** V8 does not count objects: always 0. */
  readonly heapObjects: number;
  readonly heapIdleBytes: number;
  readonly heapInUseBytes: number;
  /** V8 does not tell what it gave back: always 0. */
  readonly heapReleasedBytes: number;
  readonly gcPauseUsec100: number;
  readonly gcPauseUsec99: number;
  readonly gcPauseUsec95: number;
  readonly nextGcBytes: number;
  readonly gcTotalRuns: number;
}

const PAUSES_MAX = 256;
const NS_PER_MS = 1e6;
const NS_PER_US = 1e3;

export class MemoryMonitor {
  readonly #pausesNs = new Float64Array(PAUSES_MAX);
  #runCount = 0;
  #pausedMs = 0;
  readonly #observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) this.recordPause(entry.duration);
  });

  /** Begins to count collections. */
  start(): void {
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** Counts no more; what was counted stays readable. */
  stop(): void {
    this.#observer.disconnect();
  }

  recordPause(durationMs: number): void {
    this.#pausesNs[this.#runCount % PAUSES_MAX] = durationMs * NS_PER_MS;
    this.#pausedMs += durationMs;
    this.#runCount++;
  }

  /** Collections so far, and how long all of them took. */
  get runCount(): number {
    return this.#runCount;
  }

  get pausedMs(): number {
    return this.#pausedMs;
  }

  sample(): MemoryStats {
    const heap = getHeapStatistics();
    const pausesNs = this.#pausesNs.slice(0, Math.min(this.#runCount, PAUSES_MAX)).sort();
    return {
      heapObjects: 0,
      heapIdleBytes: Math.max(0, heap.total_heap_size - heap.used_heap_size),
      heapInUseBytes: heap.used_heap_size,
      heapReleasedBytes: 0,
      gcPauseUsec100: percentileUsec(pausesNs, 100),
      gcPauseUsec99: percentileUsec(pausesNs, 99),
      gcPauseUsec95: percentileUsec(pausesNs, 95),
      nextGcBytes: heap.total_heap_size,
      gcTotalRuns: this.#runCount,
    };
  }
}

/** `percent` of ascending nanoseconds, in whole microseconds. */
function percentileUsec(sortedNs: Float64Array, percent: number): number {
  if (sortedNs.length === 0) return 0;
  const index = Math.min(Math.floor((percent / 100) * sortedNs.length + 0.5), sortedNs.length - 1);
  return Math.floor((sortedNs[index] ?? 0) / NS_PER_US);
}

/** The figures under the names that `/stats` prints, in its order. */
export function memoryFields(memory: MemoryStats): ReadonlyArray<readonly [name: string, value: number]> {
  return [
    ['heap_objects', memory.heapObjects],
    ['heap_idle_bytes', memory.heapIdleBytes],
    ['heap_in_use_bytes', memory.heapInUseBytes],
    ['heap_released_bytes', memory.heapReleasedBytes],
    ['gc_pause_usec_100', memory.gcPauseUsec100],
    ['gc_pause_usec_99', memory.gcPauseUsec99],
    ['gc_pause_usec_95', memory.gcPauseUsec95],
    ['next_gc_bytes', memory.nextGcBytes],
    ['gc_total_runs', memory.gcTotalRuns],
  ];
}
