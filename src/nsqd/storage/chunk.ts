// A chunk: a run of whole records of one log, in memory, in a file, or both. It is the unit in which memory is taken and
// given back, and in which files are read.
//
//   bytes      | record | record | record |   free   |
//              0                          length     bytes.length
//              |--- in the file ---|
//                                  written
//
// Who still needs a chunk is counted in two numbers: `readers` (cursors that stand in it or before it) and `held` (records
// below the cursors that are not finished: in flight, returned or deferred). At zero of both it is done: its memory goes
// back to the pool, and its file is removed once all chunks of the file are done.

import type { Segment } from './segment.js';

const CHUNK_BYTES_MIN = 16 * 1024;
export const CHUNK_BYTES_MAX = 1024 * 1024;
/** Buffers of the largest size kept for reuse: enough for the turns of a busy daemon, little enough to idle with. */
const POOLED_MAX = 16;

/** The log behind a chunk, as far as a chunk needs it. */
export interface ChunkOwner {
  /** Called once, when neither readers nor held records are left. */
  chunkDone(chunk: Chunk): void;
  /** Brings an evicted chunk's bytes back from its file. Throws StorageError. */
  loadChunk(chunk: Chunk): Uint8Array;
}

export class Chunk {
  readonly owner: ChunkOwner;
  /** Null while only the file has the records. */
  bytes: Uint8Array | null;
  /** Bytes of whole records. */
  length = 0;
  /** Whole records. */
  count = 0;
  /** Position of the first record in the log, counted in records. */
  readonly firstIndex: number;
  /** Bytes that are in the file. */
  written = 0;
  /** The file, once a place in one is assigned. */
  segment: Segment | null = null;
  filePosition = 0;
  /** Bytes this chunk may grow to; 0 once it is sealed. */
  limit: number;
  readers = 0;
  held = 0;
  next: Chunk | null = null;
  isDone = false;
  /** The records in memory were read back from the file: their deliveries are not counted as such (http-api 6.5). */
  isFromDisk = false;

  constructor(owner: ChunkOwner, bytes: Uint8Array | null, firstIndex: number, limit: number) {
    this.owner = owner;
    this.bytes = bytes;
    this.firstIndex = firstIndex;
    this.limit = limit;
  }

  /** The records in memory, read from the file if need be. Throws StorageError. */
  load(): Uint8Array {
    return this.bytes ?? this.owner.loadChunk(this);
  }

  hold(): void {
    this.held += 1;
  }

  letGo(): void {
    this.held -= 1;
    if (this.held === 0 && this.readers === 0) this.finishIfUnneeded();
  }

  removeReader(): void {
    this.readers -= 1;
    if (this.held === 0 && this.readers === 0) this.finishIfUnneeded();
  }

  finishIfUnneeded(): void {
    if (this.isDone || this.held > 0 || this.readers > 0) return;
    this.isDone = true;
    this.owner.chunkDone(this);
  }
}

/** Memory for chunks of one daemon: counts what is in use and keeps a few buffers for reuse. */
export class ChunkPool {
  readonly budgetBytes: number;
  #usedBytes = 0;
  readonly #free: Uint8Array[] = [];

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** True when chunks that can be read back from disk should give up their memory. */
  isOverBudget(): boolean {
    return this.#usedBytes > this.budgetBytes;
  }

  /** A buffer of at least `bytes`, its content undefined. */
  acquire(bytes: number): Uint8Array {
    const isLarge = bytes > CHUNK_BYTES_MAX / 2 && bytes <= CHUNK_BYTES_MAX;
    const result = (isLarge ? this.#free.pop() : undefined) ?? Buffer.allocUnsafeSlow(isLarge ? CHUNK_BYTES_MAX : bytes);
    this.#usedBytes += result.length;
    return result;
  }

  release(buffer: Uint8Array): void {
    this.#usedBytes -= buffer.length;
    if (buffer.length === CHUNK_BYTES_MAX && this.#free.length < POOLED_MAX) this.#free.push(buffer);
  }
}

/** Sizes of a log's chunks: small for a quiet log, doubling while they fill up faster than once a second. */
export class ChunkSizes {
  /** 0 before the first one. */
  #bytes = 0;
  #startedMs = 0;

  /** Of the chunk that begins now, when the one before is full. */
  next(nowMs: number): number {
    this.#bytes = sizeAfter(this.#bytes, nowMs - this.#startedMs);
    this.#startedMs = nowMs;
    return this.#bytes;
  }

  /** The log was quiet. */
  restart(): void {
    this.#bytes = 0;
  }
}

function sizeAfter(bytes: number, filledInMs: number): number {
  if (bytes === 0 || filledInMs > 10_000) return CHUNK_BYTES_MIN;
  return filledInMs < 1000 ? Math.min(bytes * 2, CHUNK_BYTES_MAX) : bytes;
}
