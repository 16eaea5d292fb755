// Records of a chunk that may not be in memory, read from its file without bringing the whole chunk back.

import type { Chunk } from './chunk.js';
import { StorageError } from './file-system.js';
import { LENGTH_BYTES, recordBytes } from './record.js';

/** A record, or its beginning, in `bytes` at `start`. */
export interface StoredRecord {
  readonly bytes: Uint8Array;
  readonly start: number;
}

/** The whole record at `position`. Throws StorageError. */
export function recordAt(chunk: Chunk, position: number): StoredRecord {
  if (chunk.bytes !== null) return { bytes: chunk.bytes, start: position };
  const length = new Uint8Array(LENGTH_BYTES);
  readStored(chunk, length, LENGTH_BYTES, position);
  const bytes = new Uint8Array(recordBytes(length, 0));
  readStored(chunk, bytes, bytes.length, position);
  return { bytes, start: 0 };
}

/** `headBytes` of it, or more, or all of it. Throws StorageError. */
export function headAt(chunk: Chunk, position: number, headBytes: number): StoredRecord {
  if (chunk.bytes !== null) return { bytes: chunk.bytes, start: position };
  const bytes = new Uint8Array(Math.min(headBytes, chunk.length - position));
  readStored(chunk, bytes, bytes.length, position);
  return { bytes, start: 0 };
}

/** Fills the first `length` of `bytes` with what the file has of the chunk from `position` on. Throws StorageError. */
export function readStored(chunk: Chunk, bytes: Uint8Array, length: number, position: number): void {
  const segment = chunk.segment!;
  const count = segment.read(bytes, 0, length, chunk.filePosition + position);
  if (count < length) throw new StorageError('read', segment.path, 'EOF', 'the file is shorter than it was');
}
