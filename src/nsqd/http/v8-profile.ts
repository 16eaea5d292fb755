// What V8 offers in place of Go's profiles: a sampled CPU profile, a heap snapshot, and the collector on demand.
// CPU profiles open in Chrome's developer tools as .cpuprofile, snapshots as .heapsnapshot.

import { Session } from 'node:inspector';
import type { Readable } from 'node:stream';
import { getHeapSnapshot, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** One CPU profile in progress; V8 has a single profiler, but each session samples for itself. */
export class CpuProfile {
  readonly #session = new Session();

  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.start');
  }

  /** Ends the sampling and hands over the profile as JSON, or null if V8 has none. */
  stop(onProfile: (json: string | null) => void): void {
    this.#session.post('Profiler.stop', (error, result) => {
      onProfile(error === null ? JSON.stringify(result.profile) : null);
    });
    this.#session.disconnect();
  }
}

/** All live objects. The process stands still while they are collected, and needs as much memory again. */
export function heapSnapshot(): Readable {
  return getHeapSnapshot();
}

/** One `name: value` line for each figure of the heap. */
export function heapSummary(): string {
  return Object.entries(getHeapStatistics()).map(([name, value]) => `${name}: ${value}\n`).join('');
}

/** How many timers, sockets and other resources keep the process busy, one `count name` line each. */
export function activeResources(): string {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} ${name}\n`).join('');
}

let collect: (() => void) | null = null;

/** Runs a full garbage collection, without --expose-gc having been given at the start. */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc');
    const exposed: unknown = runInNewContext('gc');
    collect = typeof exposed === 'function' ? () => void exposed() : () => {};
  }
  collect();
}
