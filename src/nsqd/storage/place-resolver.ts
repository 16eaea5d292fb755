// Finds what a side file names by file and byte in a log that was opened since: single places, and records, all of them in one
// pass over the log: chunks without any are not read, the others once.

import type { Chunk } from './chunk.js';
import type { LogPosition } from './log-reader.js';
import type { MessageLog } from './message-log.js';
import { recordBytes } from './record.js';
import type { FilePlace } from './topic-state.js';

export interface ResolvedRecord extends LogPosition {
  readonly chunk: Chunk;
  /** Bytes of the whole record. */
  readonly bytes: number;
}

/** The first place at or behind a byte of a file, on a record boundary. Throws StorageError. */
export function seekPlace(log: MessageLog, [file, filePosition]: FilePlace): LogPosition {
  for (const chunk of log.liveChunks()) {
    const number = chunk.segment?.number ?? Infinity;
    const position = filePosition - chunk.filePosition;
    if (chunk.isDone || number < file || (number === file && position >= chunk.length)) continue;
    if (number > file || position <= 0) return { chunk, position: 0, index: chunk.firstIndex };
    return boundaryFrom(chunk, position);
  }
  return log.end();
}

function boundaryFrom(chunk: Chunk, position: number): LogPosition {
  const bytes = chunk.load();
  let at = 0;
  let index = chunk.firstIndex;
  for (; at < position; index += 1) at += recordBytes(bytes, at);
  return { chunk, position: at, index };
}

/**
 * For each place the record that starts at exactly that byte, or null, in the order of `places`. Throws StorageError.
 */
export function resolvePlaces(log: MessageLog, places: readonly FilePlace[]): (ResolvedRecord | null)[] {
  const found: (ResolvedRecord | null)[] = new Array<null>(places.length).fill(null);
  const order = places.map((_, index) => index);
  order.sort((a, b) => places[a]![0] - places[b]![0] || places[a]![1] - places[b]![1]);
  let next = 0;
  for (const chunk of log.liveChunks()) {
    if (chunk.segment === null || chunk.isDone) continue;
    const { number } = chunk.segment;
    const end = chunk.filePosition + chunk.length;
    const from = next;
    while (next < order.length && isIn(places[order[next]!]!, number, end)) next += 1;
    if (next > from) resolveIn(log, chunk, places, order.slice(from, next), found);
  }
  return found;
}

/** Before the end of a chunk: those before its beginning are in no chunk. */
function isIn([file, position]: FilePlace, chunkFile: number, chunkEnd: number): boolean {
  return file < chunkFile || (file === chunkFile && position < chunkEnd);
}

function resolveIn(
  log: MessageLog, chunk: Chunk, places: readonly FilePlace[], order: readonly number[], found: (ResolvedRecord | null)[],
): void {
  const bytes = chunk.load();
  const file = chunk.segment!.number;
  let position = 0;
  let index = chunk.firstIndex;
  for (const at of order) {
    const [wantedFile, wanted] = places[at]!;
    if (wantedFile !== file) continue;
    const target = wanted - chunk.filePosition;
    for (; position < target; index += 1) position += recordBytes(bytes, position);
    if (position === target) found[at] = { chunk, position, index, bytes: recordBytes(bytes, position) };
  }
  log.evictIfFar(chunk);
}
