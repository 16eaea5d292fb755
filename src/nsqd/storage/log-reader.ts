// A cursor into a log. Everything from it on stays in memory or on disk until it has moved on.

import type { Chunk } from './chunk.js';

/** A place between two records. */
export interface LogPosition {
  /** Null when the log holds nothing. */
  readonly chunk: Chunk | null;
  /** Bytes from the chunk's first record. */
  readonly position: number;
  /** Records before this place since the log began. */
  readonly index: number;
}

/** The log a reader reads. */
export interface ReadableLog {
  /** The newest chunk that is not only of a turn whose commit may still fail. */
  readonly lastCommitted: Chunk | null;
  /** Drops the memory of a chunk that no reader will reach soon, if the file has it. */
  evictIfFar(chunk: Chunk): void;
}

export class LogReader implements LogPosition {
  readonly #log: ReadableLog;
  chunk: Chunk | null = null;
  position = 0;
  index = 0;

  constructor(log: ReadableLog) {
    this.#log = log;
  }

  /** Moves into the first chunk after the log was empty; the chunk has counted this reader already. */
  enter(chunk: Chunk): void {
    this.chunk = chunk;
    this.position = 0;
  }

  /** Leaves the last chunk of a log in which everything was read. */
  leave(): void {
    const { chunk } = this;
    this.chunk = null;
    this.position = 0;
    chunk?.removeReader();
  }

  /** Steps over the end of sealed chunks, so that they can go; not into a chunk whose commit may still fail. */
  skipEnds(): void {
    while (this.chunk !== null && this.chunk.next !== null && this.position >= this.chunk.length) {
      if (this.chunk === this.#log.lastCommitted) return;
      this.#step();
    }
  }

  /** Records from here on that are on disk only. */
  recordsOnDiskOnly(): number {
    let count = 0;
    for (let { chunk } = this as LogPosition; chunk !== null; chunk = chunk.next) {
      if (chunk.bytes === null) count += chunk.firstIndex + chunk.count - Math.max(this.index, chunk.firstIndex);
    }
    return count;
  }

  /** Moves forward to a later place of the same log. */
  moveTo(target: LogPosition): void {
    // Before the steps: chunks that are left behind are given up only if no reader is near.
    this.index = target.index;
    while (this.chunk !== null && target.chunk !== null && this.chunk !== target.chunk) this.#step();
    this.position = target.position;
    this.skipEnds();
  }

  #step(): void {
    const left = this.chunk!;
    this.chunk = left.next;
    this.position = 0;
    left.removeReader();
    if (!left.isDone) this.#log.evictIfFar(left);
  }
}
