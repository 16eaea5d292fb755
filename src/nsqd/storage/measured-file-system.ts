// The real disk with a stopwatch: how long writes and flushes take, how much is written, what fails. Two readings of the
// clock per call, which is per group of messages.

import { Histogram, LATENCY_BOUNDS } from '../../lib/metrics/histogram.js';
import { Tally } from '../../lib/metrics/tally.js';
import type { StorageError } from './file-system.js';
import { NodeFileSystem } from './node-file-system.js';

const MS_PER_SECOND = 1000;

/** Times are seconds. */
export class DiskMeasures {
  readonly writeSeconds = new Histogram(LATENCY_BOUNDS);
  readonly syncSeconds = new Histogram(LATENCY_BOUNDS);
  /** Failed calls by operation. */
  readonly failures = new Tally(['write', 'fdatasync']);
  writtenBytes = 0;
}

export class MeasuredFileSystem extends NodeFileSystem {
  readonly measures = new DiskMeasures();

  override write(
    fd: number, path: string, bytes: Uint8Array, start: number, length: number, position: number,
  ): void {
    const { measures } = this;
    const startMs = performance.now();
    try {
      super.write(fd, path, bytes, start, length, position);
      measures.writtenBytes += length;
    } catch (error) {
      measures.failures.add('write');
      throw error;
    } finally {
      measures.writeSeconds.observe(secondsSince(startMs));
    }
  }

  override syncData(fd: number, path: string, done: (error: StorageError | null) => void): void {
    const startMs = performance.now();
    super.syncData(fd, path, (error) => {
      this.#synced(startMs, error === null);
      done(error);
    });
  }

  override syncDataNow(fd: number, path: string): void {
    const startMs = performance.now();
    let isSynced = false;
    try {
      super.syncDataNow(fd, path);
      isSynced = true;
    } finally {
      this.#synced(startMs, isSynced);
    }
  }

  #synced(startMs: number, isSynced: boolean): void {
    this.measures.syncSeconds.observe(secondsSince(startMs));
    if (!isSynced) this.measures.failures.add('fdatasync');
  }
}

function secondsSince(startMs: number): number {
  return (performance.now() - startMs) / MS_PER_SECOND;
}
