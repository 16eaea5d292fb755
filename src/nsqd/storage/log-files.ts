// The data files of one log: which there are, which is written, what number comes next. A file is begun when the next record
// would exceed the limit of the one before (storage.md 7.2), and removed when no chunk in it is needed any more.
//
//   | file 7 (sealed) | file 8 (sealed) | file 9 (current) |   next number 10

import type { Chunk } from './chunk.js';
import type { DataDirectory } from './data-directory.js';
import type { StorageError } from './file-system.js';
import { Segment } from './segment.js';
import type { Damage } from './segment.js';
import type { SyncDone } from './shared-sync.js';
import type { FilePlace } from './topic-state.js';

export class LogFiles {
  readonly #queue: string;
  readonly #directory: DataDirectory;
  readonly #bytesPerFileMax: number;
  #segments: Segment[] = [];
  #current: Segment | null = null;
  #nextNumber = 0;
  /** The next number as of the last commit: files from it on belong to a turn that may be taken back. */
  #committedNextNumber = 0;
  readonly #onSyncFailed: (failure: StorageError) => void;
  /** Not when its number is given out: the directory may be flushed between that and the first write. */
  readonly #onCreated = (): void => this.#directory.entriesSync.changed();

  /** `onSyncFailed` hears of every flush that failed, whoever asked for it. */
  constructor(
    queue: string, directory: DataDirectory, bytesPerFileMax: number, onSyncFailed: (failure: StorageError) => void,
  ) {
    this.#onSyncFailed = onSyncFailed;
    this.#queue = queue;
    this.#directory = directory;
    this.#bytesPerFileMax = bytesPerFileMax;
  }

  /** The files that hold what is still needed, oldest first. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Size of the file that is being written, 0 if there is none. */
  get currentBytes(): number {
    return this.#current?.size ?? 0;
  }

  get nextNumber(): number {
    return this.#nextNumber;
  }

  /** Where the next record will be written, as far as files are concerned. */
  writePlace(): FilePlace {
    return this.#current === null ? [this.#nextNumber, 0] : [this.#current.number, this.#current.writtenBytes];
  }

  // --- writing ---------------------------------------------------------------------------------------------------------

  /** Assigns the chunk a place for `bytes`, in a new file if they would exceed the limit. True when one was begun. */
  place(chunk: Chunk, bytes: number): boolean {
    const { size, isSealed } = this.#current ?? { size: 0, isSealed: true };
    const isNew = isSealed || (size > 0 && size + bytes > this.#bytesPerFileMax);
    if (isNew) this.#begin();
    const segment = this.#current!;
    chunk.segment = segment;
    chunk.filePosition = segment.size;
    if (chunk.limit > 0) chunk.limit = Math.max(bytes, Math.min(chunk.limit, this.#bytesPerFileMax - segment.size));
    segment.liveChunks += 1;
    return isNew;
  }

  #begin(): void {
    const previous = this.#current;
    if (previous !== null) previous.isSealed = true;
    this.#current = new Segment(this.#directory, this.#queue, this.#nextNumber, 0, true, this.#onSyncFailed, this.#onCreated);
    this.#nextNumber += 1;
    this.#segments.push(this.#current);
    if (previous !== null && previous.liveChunks === 0) this.#discard(previous);
  }

  /** Files begun so far are there to stay. */
  commit(): void {
    this.#committedNextNumber = this.#nextNumber;
  }

  /**
   * After a failed write no file is appended to again: the next record starts a new one. Files begun in this turn go, and
   * their numbers are free again, so that no gap is left in the numbering. `live` are the chunks that stay.
   */
  takeBack(live: readonly Chunk[], tail: Chunk | null): void {
    this.#current = null;
    for (const segment of [...this.#segments].reverse()) {
      const isNew = segment.number >= this.#committedNextNumber;
      if (segment.isSealed && !isNew && segment !== tail?.segment) continue;
      segment.isSealed = true;
      try {
        segment.cutBack(endIn(segment, live));
      } catch {
        // The fragment stays behind the last whole record, where recovery recognises a torn tail.
      }
      const isGone = segment.liveChunks === 0 && this.#discard(segment);
      if (isGone && isNew && segment.number === this.#nextNumber - 1) this.#nextNumber -= 1;
    }
  }

  /** Nothing is appended to the current file any more; it goes once it is not needed. */
  seal(): void {
    const segment = this.#current;
    this.#current = null;
    if (segment === null) return;
    segment.isSealed = true;
    segment.close();
    if (segment.liveChunks === 0) this.#discard(segment);
  }

  /** A chunk of the file is not needed any more. */
  release(segment: Segment): void {
    segment.liveChunks -= 1;
    if (segment.isSealed && segment.liveChunks === 0) this.#discard(segment);
  }

  /** False when the file could not be removed. */
  #discard(segment: Segment): boolean {
    // Nearly always the oldest.
    if (this.#segments[0] === segment) this.#segments.shift();
    else this.#segments = this.#segments.filter((each) => each !== segment);
    return segment.discard();
  }

  // --- files of former runs ----------------------------------------------------------------------------------------------

  /** Takes over a file found at start. One without records goes at once: null. */
  adopt(number: number, size: number, damage: Damage | null, hasRecords: boolean): Segment | null {
    this.reserve(number + 1);
    const segment = new Segment(this.#directory, this.#queue, number, size, false, this.#onSyncFailed, this.#onCreated);
    segment.isSealed = true;
    segment.writtenBytes = size;
    segment.damage = damage;
    if (hasRecords) this.#segments.push(segment);
    else segment.discard();
    return hasRecords ? segment : null;
  }

  /** Numbers below this one are taken, or were. */
  reserve(number: number): void {
    this.#nextNumber = Math.max(this.#nextNumber, number);
    this.#committedNextNumber = this.#nextNumber;
  }

  // --- syncing and removing ------------------------------------------------------------------------------------------------

  /** An entry of the directory was made or replaced. */
  directoryChanged(): void {
    this.#directory.entriesSync.changed();
  }

  /** Flushes everything written so far to the medium, directory entries included. */
  sync(done: SyncDone): void {
    const segments = this.#segments.filter(({ needsSync }) => needsSync);
    let left = segments.length + 1;
    let failure: StorageError | null = null;
    const oneDone: SyncDone = (error) => {
      failure ??= error;
      left -= 1;
      if (left === 0) done(failure);
    };
    for (const segment of segments) segment.sync(oneDone);
    this.#directory.entriesSync.request(oneDone);
  }

  syncNow(): void {
    for (const segment of this.#segments) segment.syncNow();
  }

  close(): void {
    for (const segment of this.#segments) segment.close();
  }

  /**
   * Removes the files below this number and leaves the others to whoever reads the directory next: nothing done to this log
   * removes them any more.
   */
  discardBelow(number: number): void {
    for (const segment of this.#segments) {
      if (segment.number < number) segment.discard();
      else segment.isSealed = false;
    }
  }

  discardAll(): void {
    for (const segment of this.#segments) segment.discard();
    this.#segments = [];
  }
}

/** Where the last of these chunks ends in the file. */
function endIn(segment: Segment, chunks: readonly Chunk[]): number {
  let end = 0;
  for (const chunk of chunks) {
    if (chunk.segment === segment) end = Math.max(end, chunk.filePosition + chunk.written);
  }
  return end;
}
