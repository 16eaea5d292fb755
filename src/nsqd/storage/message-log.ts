// A log of messages: what a topic's publishers append and its channels read, each message stored once.
//
//        done       written, maybe evicted            in memory
//   | ............ | chunk -> chunk -> chunk -> ... -> tail chunk |          chunks, in order, linked
//   | removed file | file N ............ | file N + 1 ............ |          segments
//                    ^ reader            ^ reader                  ^ tail
//
// Records are appended to the tail chunk during a turn of the event loop and become part of the log at its end, by
// `commit`. A commit that fails takes back everything since the last one. Readers see committed records only.
//
// Owns its chunks, segments and files. Does not know topics, channels or clients; who reads is a LogReader.

import { CHUNK_BYTES_MAX, Chunk, ChunkSizes } from './chunk.js';
import type { ChunkOwner, ChunkPool } from './chunk.js';
import type { DataDirectory } from './data-directory.js';
import { LogFiles } from './log-files.js';
import { LogReader } from './log-reader.js';
import type { LogPosition } from './log-reader.js';
import type { StorageError } from './file-system.js';
import type { QueueMeta } from './queue-meta.js';
import { QueueMetaFile } from './queue-meta-file.js';
import type { Damage } from './segment.js';
import type { SyncDone } from './shared-sync.js';
import { readStored } from './stored-records.js';
import { SyncAnswers } from './sync-answers.js';
import type { FilePlace } from './topic-state.js';

/**
 * When records go to the file: `through` = at every commit; `back` = when more than the memory bound are unread;
 * `never` = not at all.
 */
export type WritePolicy = 'through' | 'back' | 'never';

export interface MessageLogSettings {
  readonly policy: WritePolicy;
  readonly bytesPerFileMax: number;
  /** Unread records kept in memory for a reader before they are left to the disk alone. */
  readonly memoryRecordsMax: number;
}

/** Whole records found in a file. */
export interface RecordRun {
  readonly position: number;
  readonly length: number;
  readonly count: number;
}

/** The state to go back to when a commit fails. */
interface Mark {
  readonly tail: Chunk | null;
  readonly last: Chunk | null;
  readonly length: number;
  readonly count: number;
  readonly tailIndex: number;
}

export class MessageLog implements ChunkOwner {
  readonly name: string;
  readonly directory: DataDirectory;
  readonly pool: ChunkPool;
  policy: WritePolicy;
  readonly #settings: MessageLogSettings;

  /** The chunk being filled. Its free part begins at `tail.length`. */
  tail: Chunk | null = null;
  /** The memory of the tail, for writing numbers into it; of meaning only while records fit into the tail. */
  tailView: DataView | null = null;
  /** Records appended since the log began, the uncommitted ones of this turn included. */
  tailIndex = 0;
  /** Chunks that are not done, oldest first; done ones are dropped when they come to the front. */
  #live: Chunk[] = [];
  readonly #readers: LogReader[] = [];
  /** The data files. */
  readonly files: LogFiles;
  readonly metaFile: QueueMetaFile;
  readonly #syncAnswers: SyncAnswers;
  #firstUnwritten: Chunk | null = null;
  /** The newest chunk, sealed or not: the one the next chunk is linked to. */
  #last: Chunk | null = null;
  #mark: Mark = { tail: null, last: null, length: 0, count: 0, tailIndex: 0 };
  /** First chunk begun since the last commit. */
  #firstUncommitted: Chunk | null = null;
  #hasUncommitted = false;
  readonly #chunkSizes = new ChunkSizes();

  constructor(name: string, directory: DataDirectory, pool: ChunkPool, settings: MessageLogSettings) {
    this.name = name;
    this.directory = directory;
    this.pool = pool;
    this.policy = settings.policy;
    this.#settings = settings;
    this.files = new LogFiles(name, directory, settings.bytesPerFileMax, (failure) => this.#syncFailed(failure));
    this.metaFile = new QueueMetaFile(name, directory);
    this.#syncAnswers = new SyncAnswers(this.files);
  }

  // --- appending ---------------------------------------------------------------------------------------------------

  /** Hot path (bench: mpub). Room for one record in `tail.bytes`; returns where it starts. */
  reserve(bytes: number): number {
    const tail = this.tail;
    if (tail !== null && tail.length + bytes <= tail.limit) return tail.length;
    this.#startChunk(bytes);
    return 0;
  }

  /** Hot path (bench: mpub). Makes `count` records written from the reserved place on part of this turn. */
  advance(bytes: number, count: number): void {
    const tail = this.tail!;
    tail.length += bytes;
    tail.count += count;
    if (tail.segment !== null) tail.segment.size += bytes;
    this.tailIndex += count;
    this.#hasUncommitted = true;
  }

  get hasUncommitted(): boolean {
    return this.#hasUncommitted;
  }

  #startChunk(bytes: number): void {
    if (this.tail !== null) this.tail.limit = 0;
    const perFile = this.policy === 'never' ? CHUNK_BYTES_MAX : this.#settings.bytesPerFileMax;
    const capacity = Math.max(bytes, Math.min(this.#chunkSizes.next(performance.now()), Math.max(perFile, 1)));
    const memory = this.pool.acquire(capacity);
    this.tailView = new DataView(memory.buffer, memory.byteOffset, memory.length);
    const chunk = new Chunk(this, memory, this.tailIndex, capacity);
    chunk.readers = this.#readers.length;
    if (this.policy === 'through') this.#place(chunk, bytes);
    if (this.#last !== null) this.#last.next = chunk;
    this.#last = chunk;
    this.tail = chunk;
    this.#firstUnwritten ??= chunk;
    this.#firstUncommitted ??= chunk;
    this.#live.push(chunk);
  }

  #place(chunk: Chunk, bytes: number): void {
    if (this.files.place(chunk, bytes)) this.metaFile.isStale = true;
  }

  // --- committing --------------------------------------------------------------------------------------------------

  /**
   * Ends a turn: what was appended is written as the policy says and becomes visible to readers. On failure everything
   * since the last commit is taken back, in memory and in the file, and the StorageError is thrown. With a `refusal` that
   * happens before anything is written.
   */
  commit(refusal: StorageError | null = null): void {
    if (!this.#hasUncommitted) return;
    try {
      if (refusal !== null) throw refusal;
      if (this.policy === 'through' || (this.policy === 'back' && this.#isBeyondMemory())) this.writeOut();
    } catch (error) {
      this.#takeBack();
      throw error;
    }
    this.#hasUncommitted = false;
    const before = this.#mark.last;
    const tail = this.tail!;
    this.#mark = { tail, last: tail, length: tail.length, count: tail.count, tailIndex: this.tailIndex };
    this.files.commit();
    if (this.#firstUncommitted !== null) this.#afterRoll(before, this.#firstUncommitted);
  }

  #isBeyondMemory(): boolean {
    let slowest = this.tailIndex;
    for (const reader of this.#readers) slowest = Math.min(slowest, reader.index);
    return this.tailIndex - slowest > this.#settings.memoryRecordsMax || this.pool.isOverBudget();
  }

  /** Writes every chunk that has bytes the file lacks: one call a chunk. Throws StorageError. */
  writeOut(): void {
    for (let chunk = this.#firstUnwritten; chunk !== null; chunk = chunk.next) {
      this.#firstUnwritten = chunk;
      if (chunk.isDone || chunk.written === chunk.length) continue;
      if (chunk.segment === null) this.#place(chunk, chunk.length);
      const segment = chunk.segment!;
      if (segment.syncFailure !== null && this.policy === 'through') throw segment.syncFailure;
      const { written } = chunk;
      segment.write(chunk.bytes!, written, chunk.length - written, chunk.filePosition + written);
      if (segment.size < chunk.filePosition + chunk.length) segment.size = chunk.filePosition + chunk.length;
      segment.writtenBytes = chunk.filePosition + chunk.length;
      chunk.written = chunk.length;
    }
    if (this.metaFile.isStale) this.writeMeta();
  }

  #takeBack(): void {
    const { tail, last, length, count, tailIndex } = this.#mark;
    for (let chunk = this.#firstUncommitted; chunk !== null; chunk = chunk.next) {
      // Then everything before it is written. One that is done because it was consumed has others behind it yet.
      if (chunk === this.#firstUnwritten) this.#firstUnwritten = last;
      this.#dropUncommitted(chunk);
    }
    this.#firstUncommitted = null;
    this.#last = last;
    if (last !== null) last.next = null;
    this.tail = tail;
    this.tailIndex = tailIndex;
    this.#hasUncommitted = false;
    if (tail !== null) {
      tail.length = length;
      tail.count = count;
      tail.limit = 0;
      tail.written = Math.min(tail.written, length);
    }
    this.#live = this.#live.filter((chunk) => !chunk.isDone);
    this.files.takeBack(this.#live, tail);
  }

  #dropUncommitted(chunk: Chunk): void {
    chunk.isDone = true;
    this.#releaseMemory(chunk);
    if (chunk.segment !== null) chunk.segment.liveChunks -= 1;
  }

  /** Moves readers that stand at the end of sealed chunks into the new ones, and gives up memory nobody is near. */
  #afterRoll(before: Chunk | null, first: Chunk): void {
    this.#firstUncommitted = null;
    for (const reader of this.#readers) {
      if (reader.chunk === null) reader.enter(first);
      reader.skipEnds();
    }
    for (let chunk = before ?? first; chunk.next !== null; chunk = chunk.next) this.evictIfFar(chunk);
  }

  // --- reading -----------------------------------------------------------------------------------------------------

  /** A new reader at `from`, or at the beginning of what is kept when null. */
  addReader(from: LogPosition | null): LogReader {
    const reader = new LogReader(this);
    const oldest = this.#oldest();
    const place = from ?? { chunk: oldest, position: 0, index: oldest?.firstIndex ?? this.#mark.tailIndex };
    this.#readers.push(reader);
    reader.chunk = place.chunk;
    reader.position = place.position;
    reader.index = place.index;
    for (let chunk = place.chunk ?? this.#firstUncommitted; chunk !== null; chunk = chunk.next) chunk.readers += 1;
    return reader;
  }

  removeReader(reader: LogReader): void {
    const at = this.#readers.indexOf(reader);
    if (at < 0) return;
    this.#readers.splice(at, 1);
    for (let chunk = reader.chunk ?? this.#firstUncommitted; chunk !== null; chunk = chunk.next) chunk.removeReader();
    reader.chunk = null;
  }

  /** The newest committed chunk: readers do not go beyond it, what follows may be taken back. */
  get lastCommitted(): Chunk | null {
    return this.#mark.last;
  }

  /** The end of what is committed. */
  end(): LogPosition {
    const { tail, length, tailIndex } = this.#mark;
    return { chunk: tail, position: length, index: tailIndex };
  }

  loadChunk(chunk: Chunk): Uint8Array {
    const bytes = this.pool.acquire(chunk.length);
    try {
      readStored(chunk, bytes, chunk.length, 0);
    } catch (error) {
      this.pool.release(bytes);
      throw error;
    }
    chunk.bytes = bytes;
    chunk.isFromDisk = true;
    return bytes;
  }

  /** Drops the memory of a chunk that the file has whole and that no reader will reach soon. */
  evictIfFar(chunk: Chunk): void {
    if (chunk.bytes === null || chunk.written < chunk.length || chunk === this.tail) return;
    if (!this.#isNear(chunk)) this.#releaseMemory(chunk);
  }

  /** Drops the memory of everything the files have: what was read to find places at start is not needed soon. */
  forgetLoaded(): void {
    for (const chunk of this.#live) {
      if (chunk.written === chunk.length && chunk.limit === 0) this.#releaseMemory(chunk);
    }
  }

  #releaseMemory(chunk: Chunk): void {
    if (chunk.bytes !== null) this.pool.release(chunk.bytes);
    chunk.bytes = null;
  }

  #isNear(chunk: Chunk): boolean {
    const end = chunk.firstIndex + chunk.count;
    const reach = this.pool.isOverBudget() ? 0 : this.#settings.memoryRecordsMax;
    return this.#readers.some((reader) => reader.index < end && chunk.firstIndex - reader.index <= reach);
  }

  // --- what is no longer needed --------------------------------------------------------------------------------------

  chunkDone(chunk: Chunk): void {
    this.#releaseMemory(chunk);
    if (this.#live[0] === chunk) this.#dropDoneFront();
    while (this.#firstUnwritten?.isDone === true) this.#firstUnwritten = this.#firstUnwritten.next;
    const { segment } = chunk;
    if (segment !== null) this.files.release(segment);
  }

  #dropDoneFront(): void {
    let done = 0;
    while (done < this.#live.length && this.#live[done]!.isDone) done += 1;
    this.#live.splice(0, done);
  }

  #oldest(): Chunk | null {
    this.#dropDoneFront();
    return this.#live[0] ?? null;
  }

  /**
   * Gives up the memory, and where everything is finished the file, of a log whose readers have read all of it, so that
   * a quiet queue costs nothing. Called now and then, not per message.
   */
  trim(): void {
    const { tail } = this;
    if (tail === null || this.#hasUncommitted) return;
    if (this.#readers.some((reader) => reader.index < this.tailIndex)) return;
    tail.limit = 0;
    this.tail = null;
    this.tailView = null;
    this.#mark = { ...this.#mark, tail: null, last: this.#last, length: 0, count: 0 };
    this.#chunkSizes.restart();
    for (const reader of this.#readers) reader.leave();
    this.files.seal();
    this.evictIfFar(tail);
    if (this.policy !== 'back' || tail.isDone) this.#firstUnwritten = null;
    this.metaFile.isStale = this.policy !== 'never';
  }

  /** Lets go of what nobody needs: to be called once readers and held records are set up after `adopt`. */
  dropUnneeded(): void {
    for (const chunk of [...this.#live]) chunk.finishIfUnneeded();
    this.#dropDoneFront();
  }

  /** Chunks that are not done, oldest first. */
  liveChunks(): readonly Chunk[] {
    return this.#live;
  }

  /** True when nothing is left: no record unread, none held. */
  isEmpty(): boolean {
    return this.#oldest() === null;
  }

  /** Takes over a run of whole records found in a file at start; `damage` when the rest of it is none. */
  adopt(fileNumber: number, size: number, runs: readonly RecordRun[], damage: Damage | null): void {
    const segment = this.files.adopt(fileNumber, size, damage, runs.length > 0);
    if (segment === null) return;
    for (const run of runs) {
      const chunk = new Chunk(this, null, this.tailIndex, 0);
      Object.assign(chunk, { length: run.length, written: run.length, count: run.count, segment });
      chunk.filePosition = run.position;
      if (this.#last !== null) this.#last.next = chunk;
      this.#last = chunk;
      this.tail = chunk;
      this.#live.push(chunk);
      segment.liveChunks += 1;
      this.tailIndex += run.count;
    }
    const { tail } = this;
    const [length, count] = [tail?.length ?? 0, tail?.count ?? 0];
    this.#mark = { ...this.#mark, tail, last: tail, length, count, tailIndex: this.tailIndex };
  }

  /**
   * No file that anybody remembers a place in is begun anew, even if it is gone: the place would be taken for one in
   * the new file. The beginning of a file is where the next record would have been written.
   */
  reservePlace([fileNumber, position]: FilePlace): void {
    this.files.reserve(position > 0 ? fileNumber + 1 : fileNumber);
  }

  /** Where in the files a place is. What is in memory only has none: then it is where the next record will be written. */
  placeOf({ chunk, position }: Pick<LogPosition, 'chunk' | 'position'>): FilePlace {
    if (chunk !== null && chunk.segment !== null) return [chunk.segment.number, chunk.filePosition + position];
    return this.files.writePlace();
  }

  // --- syncing and removing ------------------------------------------------------------------------------------------

  /** Flushes everything written so far to the medium, directory entries included; then the files are closed until needed. */
  flush(done: SyncDone): void {
    this.files.sync(done);
    this.files.close();
  }

  /**
   * The same for what was committed since the last call, whose publishers are then answered: fails also when somebody
   * else's flush of it did.
   */
  sync(done: SyncDone): void {
    this.#syncAnswers.request(this.#mark.tailIndex, done);
  }

  /** After a failed flush the next record starts a new chunk, and with it a new file. */
  #syncFailed(failure: StorageError): void {
    this.#syncAnswers.failed(failure, this.#mark.tailIndex);
    if (this.tail !== null && this.tail.segment !== null && this.tail.segment.syncFailure !== null) this.tail.limit = 0;
  }

  /** Removes all files; the log must not be used any more. */
  discardAll(): void {
    for (const chunk of this.#live) {
      this.#releaseMemory(chunk);
      chunk.isDone = true;
    }
    this.#live = [];
    this.files.discardAll();
    this.#hasUncommitted = false;
    this.metaFile.isStale = false;
  }

  // --- metadata ------------------------------------------------------------------------------------------------------

  /** What another nsqd needs to go on from here after a crash: reading starts at the oldest record still needed. */
  meta(): QueueMeta {
    const oldest = this.#oldest();
    const [writeFileNumber, writePosition] = this.files.writePlace();
    if (oldest === null || oldest.segment === null) {
      return { depth: 0, readFileNumber: writeFileNumber, readPosition: writePosition, writeFileNumber, writePosition };
    }
    const reader = oldest.held > 0 ? null : this.#slowestIn(oldest);
    return {
      depth: this.tailIndex - (reader?.index ?? oldest.firstIndex),
      readFileNumber: oldest.segment.number,
      readPosition: oldest.filePosition + (reader?.position ?? 0),
      writeFileNumber,
      writePosition,
    };
  }

  /** The metadata as it is on disk while this run goes on. Throws StorageError. */
  writeMeta(): void {
    if (this.metaFile.write(this.meta())) this.files.directoryChanged();
  }

  #slowestIn(chunk: Chunk): LogReader | null {
    let slowest: LogReader | null = null;
    for (const reader of this.#readers) {
      if (reader.chunk === chunk && (slowest === null || reader.index < slowest.index)) slowest = reader;
    }
    return slowest;
  }
}
