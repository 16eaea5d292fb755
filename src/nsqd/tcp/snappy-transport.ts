// Snappy in both directions over another layer (tcp-protocol 9.5). Each write becomes chunks of its own, sent at once.

import { SnappyError } from '../../lib/compress/snappy-block.js';
import { SnappyDecoder, SnappyEncoder } from '../../lib/compress/snappy-frame.js';
import type { BufferPool } from './buffer-pool.js';
import type { Transport, TransportHandler } from './transport.js';

export class SnappyTransport implements Transport, TransportHandler {
  handler: TransportHandler;
  readonly #lower: Transport;
  readonly #pool: BufferPool;
  readonly #encoder = new SnappyEncoder();
  readonly #decoder = new SnappyDecoder((content) => this.handler.received(content));
  /** Chunks that the layer below has not taken yet. */
  #lent: Buffer | null = null;
  #isDamaged = false;

  constructor(lower: Transport, pool: BufferPool, handler: TransportHandler) {
    this.handler = handler;
    this.#lower = lower;
    this.#pool = pool;
    lower.handler = this;
  }

  write(bytes: Buffer): boolean {
    const chunks = this.#pool.acquire(this.#encoder.bytesMax(bytes.length));
    const isTaken = this.#lower.write(chunks.subarray(0, this.#encoder.encode(bytes, chunks)));
    if (isTaken) this.#pool.release(chunks);
    else this.#lent = chunks;
    return isTaken;
  }

  pause(): void {
    this.#lower.pause();
  }

  resume(): void {
    this.#lower.resume();
  }

  end(): void {
    this.#lower.end();
  }

  destroy(): void {
    this.#lower.destroy();
  }

  received(bytes: Buffer): void {
    if (this.#isDamaged) return;
    try {
      this.#decoder.decode(bytes);
    } catch (error) {
      if (!(error instanceof SnappyError)) throw error;
      this.#isDamaged = true;
      this.handler.ended(error);
    }
  }

  drained(): void {
    if (this.#lent !== null) this.#pool.release(this.#lent);
    this.#lent = null;
    this.handler.drained();
  }

  ended(damage: Error | null): void {
    this.handler.ended(damage);
  }

  failed(error: Error): void {
    this.handler.failed(error);
  }

  closed(): void {
    this.handler.closed();
  }
}
