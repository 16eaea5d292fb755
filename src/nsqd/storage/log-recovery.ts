// Opening a log on the files another run, or stock nsqd, left: finds the records by walking them, never trusts a number it
// can count, never overwrites a file that exists (storage.md 8, 12, 14).

import { CHUNK_BYTES_MAX } from './chunk.js';
import { StorageError } from './file-system.js';
import type { FileSystem } from './file-system.js';
import type { Damage } from './segment.js';
import type { MessageLog, RecordRun } from './message-log.js';
import { parseQueueMeta } from './queue-meta.js';
import type { QueueMeta } from './queue-meta.js';
import { BODY_OFFSET, HEADER_BYTES, ID_BYTES, ID_OFFSET, LENGTH_BYTES, readInt32 } from './record.js';
import { DamagedFile } from './resync.js';
import type { Gap } from './set-aside.js';

export interface RecoveryReport {
  /** The metadata file's text, null when there is none. */
  readonly metaText: string | null;
  /** The greatest message id in the files, null when there is no message. */
  readonly greatestId: string | null;
  /** Sentences for the log: torn tails, damage. */
  readonly warnings: readonly string[];
}

/** What the files of one log share while they are walked. */
interface Recovery {
  readonly ids: GreatestId;
  /** For reading: a fresh buffer for each piece would cost more than reading it. */
  readonly scratch: Uint8Array;
  readonly warnings: string[];
}

interface ScannedRun extends RecordRun {
  /** Where its last record begins, counted from the run's start. */
  readonly lastStart: number;
}

interface ScannedFile {
  readonly size: number;
  readonly runs: readonly RecordRun[];
  /** What lies between, before and behind the runs, in order. */
  readonly gaps: readonly Gap[];
  /** Where a record begins that a crash cut off, or null: the end of the file is no gap then. */
  readonly tornAt: number | null;
}

/** Fills an empty log from the files found for its queue at start. Throws StorageError when reading fails. */
export function recoverLog(log: MessageLog): RecoveryReport {
  const fileNumbers = log.directory.foundFiles(log.name);
  if (fileNumbers === null) return { metaText: null, greatestId: null, warnings: [] };
  const { fileSystem } = log.directory;
  const metaBytes = fileSystem.readWhole(log.directory.queueMetaPath(log.name));
  const metaText = metaBytes === null ? null : metaBytes.toString('latin1');
  const meta = metaText === null ? null : parseQueueMeta(metaText);
  log.metaFile.text = metaText;
  const ids = new GreatestId();
  const warnings: string[] = [];
  if (metaText !== null && meta === null) warnings.push('metadata is unreadable, taking all data files as unread');
  if (meta !== null) log.reservePlace([meta.writeFileNumber, meta.writePosition]);
  const scratch = log.pool.acquire(CHUNK_BYTES_MAX);
  try {
    for (const number of fileNumbers) recoverFile(log, number, number === fileNumbers.at(-1), meta, { ids, scratch, warnings });
  } finally {
    log.pool.release(scratch);
  }
  return { metaText, greatestId: ids.greatest, warnings };
}

function recoverFile(log: MessageLog, number: number, isLast: boolean, meta: QueueMeta | null, recovery: Recovery): void {
  const { fileSystem } = log.directory;
  const { warnings } = recovery;
  const path = log.directory.dataPath(log.name, number);
  if (isConsumed(meta, number)) {
    log.adopt(number, 0, [], null);
    return;
  }
  const from = meta !== null && number === meta.readFileNumber ? meta.readPosition : 0;
  const file = scanFile(fileSystem, path, from, isLast, recovery);
  if (file.tornAt !== null) {
    cutTornRecord(fileSystem, path, file.tornAt);
    const bytes = file.size - file.tornAt;
    warnings.push(`${path} ends in a torn record: ${bytes} bytes from offset ${file.tornAt} left out`);
  }
  const isUnused = isLast && from === 0 && file.runs.length === 0 && file.gaps.length === 0;
  if (isUnused) log.directory.discard(path); // Its number is taken again, so that no gap is left in the numbering.
  else adoptFile(log, number, file, warnings);
}

/** A file before the read position: its removal was interrupted. */
function isConsumed(meta: QueueMeta | null, number: number): boolean {
  return meta !== null && number < meta.readFileNumber;
}

function adoptFile(log: MessageLog, number: number, file: ScannedFile, warnings: string[]): void {
  const damage = file.gaps.length === 0 ? null : setGapsAside(log, number, file, warnings);
  log.adopt(number, file.tornAt ?? file.size, file.runs, damage);
}

/** What is unreadable is copied; a file with nothing else, or that cannot be copied, is set aside whole once it is read. */
function setGapsAside(log: MessageLog, number: number, file: ScannedFile, warnings: string[]): Damage {
  const { fileSystem, setAside } = log.directory;
  const path = log.directory.dataPath(log.name, number);
  setAside.gaps += file.gaps.length;
  const where = file.gaps.map(({ start, end }) => `${end - start} bytes from offset ${start}`).join(', ');
  if (file.runs.length === 0) {
    warnings.push(`${path} cannot be read: ${where} set aside`);
    return 'whole';
  }
  const fd = fileSystem.openForReading(path);
  try {
    const copy = setAside.copyGaps(fd, path, file.gaps, log.directory.path);
    warnings.push(`${path} is damaged: ${where} set aside in ${copy}`);
    return 'copied';
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    warnings.push(`${path} is damaged: ${where} cannot be read, the file will be set aside - ${error.message}`);
    return 'whole';
  } finally {
    fileSystem.close(fd);
  }
}

/** What follows goes to another file, and a whole file must end with a whole record. */
function cutTornRecord(fileSystem: FileSystem, path: string, size: number): void {
  const fd = fileSystem.openForWriting(path);
  try {
    fileSystem.truncate(fd, path, size);
  } catch {
    // It stays readable up to there; another start will find the file damaged and set it aside once it is read.
  } finally {
    fileSystem.close(fd);
  }
}

function scanFile(
  fileSystem: FileSystem, path: string, from: number, isLast: boolean, recovery: Recovery,
): ScannedFile {
  const size = fileSystem.size(path) ?? 0;
  const fd = fileSystem.openForReading(path);
  try {
    return new FileScan(fileSystem, fd, path, size, recovery).run(from, isLast);
  } finally {
    fileSystem.close(fd);
  }
}

/** Walks the records of a file from one to the next, and finds the next ones where that leads nowhere. */
class FileScan {
  readonly #fileSystem: FileSystem;
  readonly #fd: number;
  readonly #path: string;
  readonly #size: number;
  readonly #recovery: Recovery;
  readonly #runs: ScannedRun[] = [];
  readonly #gaps: Gap[] = [];

  constructor(fileSystem: FileSystem, fd: number, path: string, size: number, recovery: Recovery) {
    this.#fileSystem = fileSystem;
    this.#fd = fd;
    this.#path = path;
    this.#size = size;
    this.#recovery = recovery;
  }

  run(from: number, isLast: boolean): ScannedFile {
    const [size, runs, gaps] = [this.#size, this.#runs, this.#gaps];
    const damaged = new DamagedFile(this.#fileSystem, this.#fd, this.#path, size);
    let position = Math.min(from, size);
    for (;;) {
      position = this.#walk(position, size);
      if (position >= size) return { size, runs, gaps, tornAt: null };
      const isTorn = isLast && damaged.isTorn(position);
      // A wrong length may have led here over records that lie within it.
      const found = damaged.findRecords(isTorn ? position + 1 : this.#lastBody(position));
      if (found === null && isTorn) return { size, runs, gaps, tornAt: position };
      const start = found !== null && found < position ? this.#goBack(found) : position;
      gaps.push({ start, end: found ?? size });
      position = found ?? size;
    }
  }

  /** Adds whole records up to `end`; returns where there are none. */
  #walk(from: number, end: number): number {
    let position = from;
    while (position < end) {
      const run = scanRun(this.#fileSystem, this.#fd, this.#path, position, end, this.#recovery);
      if (run.count === 0) break;
      this.#runs.push(run);
      position += run.length;
    }
    return position;
  }

  /** Where the body of the last record before `position` begins. */
  #lastBody(position: number): number {
    const run = this.#runs.at(-1);
    if (run === undefined || run.position + run.length !== position) return position;
    return run.position + run.lastStart + BODY_OFFSET;
  }

  /** Takes back the records that end behind `end`; returns where they began. */
  #goBack(end: number): number {
    const run = this.#runs.pop()!;
    return this.#walk(run.position, end);
  }
}

/** The whole records of the next piece of the file: as many as fit a chunk, or one that is larger. */
function scanRun(
  fileSystem: FileSystem, fd: number, path: string, position: number, size: number, { ids, scratch: bytes }: Recovery,
): ScannedRun {
  const wanted = Math.min(CHUNK_BYTES_MAX, size - position);
  const available = fileSystem.read(fd, path, bytes, 0, wanted, position);
  let length = 0;
  let count = 0;
  let lastStart = 0;
  while (length + LENGTH_BYTES <= available) {
    const payload = readInt32(bytes, length);
    const end = length + LENGTH_BYTES + payload;
    if (payload < HEADER_BYTES || position + end > size) break;
    if (length + BODY_OFFSET <= available) ids.see(bytes, length + ID_OFFSET);
    if (end > available && count === 0) return { position, length: end, count: 1, lastStart };
    if (end > available) break;
    lastStart = length;
    length = end;
    count += 1;
  }
  return { position, length, count, lastStart };
}

/** Finds the greatest of many ids: records are not in the order of their ids once some came back to their queue. */
class GreatestId {
  readonly #bytes = Buffer.alloc(ID_BYTES);

  /** Null until an id was seen. */
  get greatest(): string | null {
    return this.#bytes[0] === 0 ? null : this.#bytes.toString('latin1');
  }

  /** The id whose 16 bytes start at `at`; what is no id is left out. */
  see(bytes: Uint8Array, at: number): void {
    for (let word = 0; word < ID_BYTES; word += 4) {
      const difference = readInt32(bytes, at + word) - readInt32(this.#bytes, word);
      if (difference < 0) return;
      if (difference > 0) return this.#take(bytes, at);
    }
  }

  #take(bytes: Uint8Array, at: number): void {
    if (!isId(bytes, at)) return;
    for (let index = 0; index < ID_BYTES; index += 1) this.#bytes[index] = bytes[at + index]!;
  }
}

/** True for 16 lower-case hexadecimal digits. */
function isId(bytes: Uint8Array, at: number): boolean {
  for (let index = at; index < at + ID_BYTES; index += 1) {
    const byte = bytes[index]!;
    const isDigit = byte >= 0x30 && byte <= 0x39;
    if (!isDigit && !(byte >= 0x61 && byte <= 0x66)) return false;
  }
  return true;
}
