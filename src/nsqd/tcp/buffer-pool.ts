// Buffers for what is on its way in or out of connections, in a few sizes: an idle connection holds none. The largest takes a
// message of the default `--max-msg-size` behind a full turn's output. A fresh buffer of such a size for each of them would keep the
// garbage collector busy, which takes half of a second core then.

const KIB = 1024;
const SIZES = [KIB, 16 * KIB, 256 * KIB, 512 * KIB, 2048 * KIB] as const;
/** Buffers of each size kept for reuse. */
const POOLED_PER_SIZE_MAX = [256, 64, 16, 4, 4] as const;
/** Larger buffers are made for their use, and not kept. */
const POOLED_BYTES_MAX = SIZES[SIZES.length - 1]!;

export class BufferPool {
  readonly #free: Buffer[][] = SIZES.map(() => []);

  /** A buffer of at least `bytes`, its content undefined. */
  acquire(bytes: number): Buffer {
    for (let index = 0; index < SIZES.length; index += 1) {
      const size = SIZES[index]!;
      if (bytes <= size) return this.#free[index]!.pop() ?? Buffer.allocUnsafeSlow(size);
    }
    return Buffer.allocUnsafeSlow(bytes);
  }

  /** A buffer of at least `bytes` in place of another, of which it has the first `length`; more, once no size fits. */
  grow(before: Buffer | null, length: number, bytes: number): Buffer {
    const after = this.acquire(bytes > POOLED_BYTES_MAX ? bytes * 2 : bytes);
    if (before !== null) {
      after.set(before.subarray(0, length));
      this.release(before);
    }
    return after;
  }

  /** The buffer must not be used any more. */
  release(buffer: Buffer): void {
    const index = SIZES.indexOf(buffer.length as (typeof SIZES)[number]);
    if (index >= 0 && this.#free[index]!.length < POOLED_PER_SIZE_MAX[index]!) this.#free[index]!.push(buffer);
  }
}
