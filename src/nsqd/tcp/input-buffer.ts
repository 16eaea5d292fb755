// Bytes of a connection that arrived and are not yet a whole command. Most commands arrive whole and are parsed where the
// socket put them; only what is left over is copied here.

const CAPACITY_MIN = 512;
/** A buffer larger than this is not kept once it is empty. */
const KEPT_BYTES_MAX = 64 * 1024;

export class InputBuffer {
  #bytes: Buffer | null = null;
  length = 0;

  /** The bytes from 0 to `length`; valid until the next call. */
  bytes(): Buffer {
    return this.#bytes!;
  }

  append(source: Uint8Array, start: number): void {
    const count = source.length - start;
    const needed = this.length + count;
    if (this.#bytes === null || needed > this.#bytes.length) this.#grow(needed);
    this.#bytes!.set(start === 0 ? source : source.subarray(start), this.length);
    this.length = needed;
  }

  /** Forgets the first `count` bytes. */
  consume(count: number): void {
    if (count === 0) return;
    if (count < this.length) this.#bytes!.copyWithin(0, count, this.length);
    this.length -= count;
    if (this.length === 0 && this.#bytes!.length > KEPT_BYTES_MAX) this.#bytes = null;
  }

  clear(): void {
    this.#bytes = null;
    this.length = 0;
  }

  #grow(needed: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(CAPACITY_MIN, needed * 2));
    if (this.#bytes !== null) bytes.set(this.#bytes.subarray(0, this.length));
    this.#bytes = bytes;
  }
}
