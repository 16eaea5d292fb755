// Looks at the records of a log from a place on, without a reader: nothing is taken, loaded or kept. What is on disk only
// is read in the amount asked for and forgotten.

import type { Chunk } from '../storage/chunk.js';
import type { LogPosition } from '../storage/log-reader.js';
import { recordBytes } from '../storage/record.js';
import { headAt } from '../storage/stored-records.js';
import type { Skip } from './log-cursor.js';

/** A record, or its beginning: `bytes` may end before it does. It lies in `bytes` at `start`. */
export interface SeenRecord {
  readonly chunk: Chunk;
  /** In the chunk. */
  readonly position: number;
  /** In the log, counted in records. */
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly start: number;
}

/**
 * The records from `from` up to, not including, the one with `endIndex`; `skips`, in order, are left out. At least
 * `headBytes` (4 or more) of each can be looked at. Throws StorageError.
 */
export function* walkLog(
  from: LogPosition, endIndex: number, skips: Iterable<Skip>, headBytes: number,
): Generator<SeenRecord> {
  const ahead = skips[Symbol.iterator]();
  let skip = ahead.next();
  let { chunk, position, index } = from;
  for (;;) {
    for (; skip.done !== true && skip.value.fromIndex <= index; skip = ahead.next()) {
      ({ chunk, position, index } = skip.value.to);
    }
    while (chunk !== null && chunk.next !== null && position >= chunk.length) {
      chunk = chunk.next;
      position = 0;
    }
    if (chunk === null || index >= endIndex) return;
    const { bytes, start } = headAt(chunk, position, headBytes);
    yield { chunk, position, index, bytes, start };
    position += recordBytes(bytes, start);
    index += 1;
  }
}
