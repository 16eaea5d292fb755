// Bytes of a connection that arrived and are not yet a whole command. Most commands arrive whole and are parsed where the
// socket put them; only what is left over is copied here.

import type { BufferPool } from './buffer-pool.js';

export class InputBuffer {
  readonly #pool: BufferPool;
  #bytes: Buffer | null = null;
  length = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** The bytes from 0 to `length`; valid until the next call. */
  bytes(): Buffer {
    return this.#bytes!;
  }

  append(source: Uint8Array, start: number): void {
    const count = source.length - start;
    const needed = this.length + count;
    if (this.#bytes === null || needed > this.#bytes.length) this.#bytes = this.#pool.grow(this.#bytes, this.length, needed);
    this.#bytes!.set(start === 0 ? source : source.subarray(start), this.length);
    this.length = needed;
  }

  /** Forgets the first `count` bytes. */
  consume(count: number): void {
    if (count === 0) return;
    const bytes = this.#bytes!;
    if (count < this.length) bytes.copyWithin(0, count, this.length);
    this.length -= count;
    if (this.length > 0) return;
    this.#pool.release(bytes);
    this.#bytes = null;
  }

  /** Forgets everything. The buffer is not reused: the command that led here may still be reading it. */
  clear(): void {
    this.#bytes = null;
    this.length = 0;
  }
}
