// Bytes on their way to one connection, gathered during a turn and written by one call at its end.
//
//   | sent later: waits for a commit |
//   bytes  | frame | frame | OK | frame | ...      free        |
//          0                ^heldFrom          length     bytes.length

import { FRAME_MESSAGE } from '../../lib/protocol/frame.js';
import { LENGTH_BYTES, readInt32, recordAttempts, writeAttempts, writeInt32 } from '../storage/record.js';
import type { BufferPool } from './buffer-pool.js';

/** A message frame has its type between the size and what follows it in the record. */
const FRAME_TYPE_BYTES = 4;

export class OutputBuffer {
  readonly #pool: BufferPool;
  #bytes: Buffer | null = null;
  /** What the transport has not taken yet. */
  #lent: Buffer | null = null;
  /** Bytes gathered. */
  length = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  append(frame: Uint8Array): void {
    const at = this.#reserve(frame.length);
    this.#bytes!.set(frame, at);
  }

  /**
   * Appends a record as a message frame:
   *
   *   record  | length     |              | timestamp 8 | attempts 2 | id 16 | body |
   *   frame   | length + 4 | frame type 4 | timestamp 8 | attempts 2 | id 16 | body |
   */
  appendMessage(record: Uint8Array, start: number, attempts: number): void {
    const payload = readInt32(record, start);
    const at = this.#reserve(LENGTH_BYTES + FRAME_TYPE_BYTES + payload);
    const bytes = this.#bytes!;
    writeInt32(bytes, at, payload + FRAME_TYPE_BYTES);
    writeInt32(bytes, at + LENGTH_BYTES, FRAME_MESSAGE);
    const from = record.byteOffset + start + LENGTH_BYTES;
    bytes.set(new Uint8Array(record.buffer, from, payload), at + LENGTH_BYTES + FRAME_TYPE_BYTES);
    writeAttempts(bytes, at + FRAME_TYPE_BYTES, attempts);
  }

  /**
   * Hot path (bench: delivery). The same for `count` records side by side, each with one attempt more than it stores. They are
   * copied by one call, with room for the frame types in front, and then moved apart:
   *
   *   copied   | 4 x count | length | payload A | length | payload B | length | payload C |
   *   frames   | length | type | payload A | length | type | payload B | length | type | payload C |
   */
  appendMessages(records: Uint8Array, start: number, end: number, count: number): void {
    const room = count * FRAME_TYPE_BYTES;
    let at = this.#reserve(room + end - start);
    const bytes = this.#bytes!;
    let from = at + room;
    bytes.set(new Uint8Array(records.buffer, records.byteOffset + start, end - start), from);
    for (let left = count; left > 0; left -= 1) {
      const payload = readInt32(bytes, from);
      from += LENGTH_BYTES;
      if (left > 1) bytes.copyWithin(at + LENGTH_BYTES + FRAME_TYPE_BYTES, from, from + payload);
      writeInt32(bytes, at, payload + FRAME_TYPE_BYTES);
      writeInt32(bytes, at + LENGTH_BYTES, FRAME_MESSAGE);
      writeAttempts(bytes, at + FRAME_TYPE_BYTES, recordAttempts(bytes, at + FRAME_TYPE_BYTES) + 1);
      from += payload;
      at += LENGTH_BYTES + FRAME_TYPE_BYTES + payload;
    }
  }

  /** Drops everything from `length` on. */
  cutBack(length: number): void {
    this.length = length;
  }

  /** The bytes gathered so far; valid until the next call. */
  pending(upTo: number): Buffer {
    return this.#bytes!.subarray(0, upTo);
  }

  /**
   * The first `count` bytes were written. `isReusable` says that the transport has no more use for the buffer; otherwise it
   * keeps it until `reclaim`, and what is left moves to another.
   */
  written(count: number, isReusable: boolean): void {
    const bytes = this.#bytes!;
    const left = this.length - count;
    this.#bytes = null;
    this.length = 0;
    if (left > 0) this.append(bytes.subarray(count, count + left));
    if (isReusable) this.#pool.release(bytes);
    else this.#lent = bytes;
  }

  /** The transport has taken everything written. */
  reclaim(): void {
    if (this.#lent !== null) this.#pool.release(this.#lent);
    this.#lent = null;
  }

  /** Forgets everything; a buffer that the transport still holds is not used again. */
  clear(): void {
    if (this.#bytes !== null) this.#pool.release(this.#bytes);
    this.#bytes = null;
    this.#lent = null;
    this.length = 0;
  }

  #reserve(count: number): number {
    const at = this.length;
    const needed = at + count;
    if (this.#bytes === null || needed > this.#bytes.length) this.#bytes = this.#pool.grow(this.#bytes, this.length, needed);
    this.length = needed;
    return at;
  }
}
