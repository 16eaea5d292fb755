// Opening a log on the files another run, or stock nsqd, left: finds the records by walking them, never trusts a number it
// can count, never overwrites a file that exists (storage.md 8, 12, 14).

import { CHUNK_BYTES_MAX } from './chunk.js';
import type { FileSystem } from './file-system.js';
import type { MessageLog, RecordRun } from './message-log.js';
import { parseQueueMeta } from './queue-meta.js';
import type { QueueMeta } from './queue-meta.js';
import { BODY_OFFSET, HEADER_BYTES, ID_BYTES, ID_OFFSET, LENGTH_BYTES, readInt32 } from './record.js';

export interface RecoveryReport {
  /** The metadata file's text, null when there is none. */
  readonly metaText: string | null;
  /** The greatest message id in the files, null when there is no message. */
  readonly greatestId: string | null;
  /** Sentences for the log: torn tails, damage. */
  readonly warnings: readonly string[];
}

interface ScannedFile {
  readonly size: number;
  readonly runs: RecordRun[];
  /** Where reading stopped before the end of the file, or null. */
  readonly stoppedAt: number | null;
}

/** Fills an empty log from the files found for its queue at start. Throws StorageError when reading fails. */
export function recoverLog(log: MessageLog): RecoveryReport {
  const fileNumbers = log.directory.foundFiles(log.name);
  if (fileNumbers === null) return { metaText: null, greatestId: null, warnings: [] };
  const { fileSystem } = log.directory;
  const metaBytes = fileSystem.readWhole(log.directory.queueMetaPath(log.name));
  const metaText = metaBytes === null ? null : metaBytes.toString('latin1');
  const meta = metaText === null ? null : parseQueueMeta(metaText);
  log.metaText = metaText;
  const ids = new GreatestId();
  const warnings: string[] = [];
  if (metaText !== null && meta === null) warnings.push('metadata is unreadable, taking all data files as unread');
  if (meta !== null) log.reservePlace([meta.writeFileNumber, meta.writePosition]);
  for (const number of fileNumbers) {
    const path = log.directory.dataPath(log.name, number);
    if (isConsumed(meta, number)) {
      log.adopt(number, 0, [], null);
      continue;
    }
    const from = meta !== null && number === meta.readFileNumber ? meta.readPosition : 0;
    const file = scanFile(fileSystem, path, from, ids);
    const isTorn = file.stoppedAt !== null && number === fileNumbers.at(-1) && isTornRecord(fileSystem, path, file);
    const damage = file.stoppedAt === null || isTorn ? null : `unreadable from offset ${file.stoppedAt}`;
    if (isTorn) cutTornRecord(fileSystem, path, file.stoppedAt!);
    const isUnused = number === fileNumbers.at(-1) && from === 0 && file.runs.length === 0 && damage === null;
    if (isUnused) log.directory.discard(path); // Its number is taken again, so that no gap is left in the numbering.
    else log.adopt(number, isTorn ? file.stoppedAt! : file.size, file.runs, damage);
    if (file.stoppedAt !== null) {
      const what = isTorn ? 'ends in a torn record' : 'cannot be read to its end';
      warnings.push(`${path} ${what}: ${file.size - file.stoppedAt} bytes from offset ${file.stoppedAt} left out`);
    }
  }
  return { metaText, greatestId: ids.greatest, warnings };
}

/** A file before the read position: its removal was interrupted. */
function isConsumed(meta: QueueMeta | null, number: number): boolean {
  return meta !== null && number < meta.readFileNumber;
}

/** True for what a crash leaves at the end of the last file: the beginning of a record that was never acknowledged. */
function isTornRecord(fileSystem: FileSystem, path: string, file: ScannedFile): boolean {
  const start = file.stoppedAt!;
  if (file.size - start < LENGTH_BYTES) return true;
  const fd = fileSystem.openForReading(path);
  try {
    const length = Buffer.alloc(LENGTH_BYTES);
    fileSystem.read(fd, path, length, 0, LENGTH_BYTES, start);
    const payload = readInt32(length, 0);
    return payload >= HEADER_BYTES && start + LENGTH_BYTES + payload > file.size;
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

function scanFile(fileSystem: FileSystem, path: string, from: number, ids: GreatestId): ScannedFile {
  const size = fileSystem.size(path) ?? 0;
  const runs: RecordRun[] = [];
  const fd = fileSystem.openForReading(path);
  try {
    let position = from;
    while (position < size) {
      const run = scanRun(fileSystem, fd, path, position, size, ids);
      if (run.count === 0) return { size, runs, stoppedAt: position };
      runs.push(run);
      position += run.length;
    }
    return { size, runs, stoppedAt: null };
  } finally {
    fileSystem.close(fd);
  }
}

/** The whole records of the next piece of the file: as many as fit a chunk, or one that is larger. */
function scanRun(
  fileSystem: FileSystem, fd: number, path: string, position: number, size: number, ids: GreatestId,
): RecordRun {
  const wanted = Math.min(CHUNK_BYTES_MAX, size - position);
  const bytes = Buffer.allocUnsafe(wanted);
  const available = fileSystem.read(fd, path, bytes, 0, wanted, position);
  let length = 0;
  let count = 0;
  while (length + LENGTH_BYTES <= available) {
    const payload = readInt32(bytes, length);
    const end = length + LENGTH_BYTES + payload;
    if (payload < HEADER_BYTES || position + end > size) break;
    if (length + BODY_OFFSET <= available) ids.see(bytes, length + ID_OFFSET);
    if (end > available) return count > 0 ? { position, length, count } : { position, length: end, count: 1 };
    length = end;
    count += 1;
  }
  return { position, length, count };
}

/** Finds the greatest of many ids: records are not in the order of their ids once some came back to their queue. */
class GreatestId {
  /** Null until an id was seen. */
  greatest: string | null = null;
  #words = [0, 0, 0, 0];

  /** The id whose 16 bytes start at `at`; what is no id is left out. */
  see(bytes: Buffer, at: number): void {
    for (let word = 0; word < 4; word += 1) {
      const difference = readInt32(bytes, at + 4 * word) - this.#words[word]!;
      if (difference < 0) return;
      if (difference > 0) return this.#take(bytes, at);
    }
  }

  #take(bytes: Buffer, at: number): void {
    const id = bytes.toString('latin1', at, at + ID_BYTES);
    if (!/^[0-9a-f]{16}$/.test(id)) return;
    this.greatest = id;
    this.#words = [0, 4, 8, 12].map((word) => readInt32(bytes, at + word));
  }
}
