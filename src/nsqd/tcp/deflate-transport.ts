// Deflate in both directions over another layer (tcp-protocol 9.6): raw, one stream per direction. Every write ends with a
// sync flush, so that the client can decode all of it. Compressing happens on another thread and takes a while: each write
// is drained later. What arrives is decompressed here, a bounded amount per turn, however well it was compressed.

import { constants, createDeflateRaw } from 'node:zlib';
import type { DeflateRaw } from 'node:zlib';
import { InflateError, Inflater } from '../../lib/compress/inflate.js';
import type { Transport, TransportHandler } from './transport.js';

export class DeflateTransport implements Transport, TransportHandler {
  handler: TransportHandler;
  readonly #lower: Transport;
  readonly #deflater: DeflateRaw;
  readonly #inflater = new Inflater((content) => this.handler.received(content));
  #isCompressing = false;
  /** What has come of the write so far. It leaves as one: pynsq takes a piece that decodes to nothing for an error. */
  #compressed: Buffer[] = [];
  #isLowerWaiting = false;
  /** What arrived and is for a later turn. */
  #backlog: Buffer | null = null;
  #isPaused = false;
  /** What arrives now is behind the end of the stream, or behind damage. */
  #hasEnded = false;
  #isClosed = false;

  /** `level` 1 to 9. */
  constructor(lower: Transport, level: number, handler: TransportHandler) {
    this.handler = handler;
    this.#lower = lower;
    this.#deflater = createDeflateRaw({ level, flush: constants.Z_SYNC_FLUSH });
    this.#deflater.on('data', (compressed: Buffer) => {
      this.#compressed.push(compressed);
      if (!this.#isCompressing) this.#send();
    });
    this.#deflater.on('error', (error) => this.handler.failed(error));
    lower.handler = this;
  }

  // --- writing -----------------------------------------------------------------------------------------------------------

  write(bytes: Buffer): boolean {
    this.#isCompressing = true;
    this.#deflater.write(bytes, this.#onCompressed);
    return false;
  }

  readonly #onCompressed = (): void => {
    this.#isCompressing = false;
    this.#send();
    this.#drainedBoth();
  };

  #send(): void {
    const [first, ...more] = this.#compressed;
    if (first === undefined || this.#isClosed) return;
    this.#compressed = [];
    const isTaken = this.#lower.write(more.length === 0 ? first : Buffer.concat([first, ...more]));
    if (!isTaken) this.#isLowerWaiting = true;
  }

  drained(): void {
    this.#isLowerWaiting = false;
    this.#drainedBoth();
  }

  #drainedBoth(): void {
    if (!this.#isCompressing && !this.#isLowerWaiting && !this.#isClosed) this.handler.drained();
  }

  end(): void {
    this.#lower.end();
  }

  destroy(): void {
    this.#close();
    this.#lower.destroy();
  }

  // --- reading -----------------------------------------------------------------------------------------------------------

  received(bytes: Buffer): void {
    if (this.#hasEnded) return;
    if (this.#backlog === null && !this.#isPaused) this.#inflate(bytes);
    else this.#backlog = this.#backlog === null ? Buffer.from(bytes) : Buffer.concat([this.#backlog, bytes]);
  }

  #inflate(bytes: Buffer): void {
    try {
      const end = this.#inflater.inflate(bytes);
      if (this.#inflater.hasEnded) this.#endReading(null);
      else if (this.#inflater.hasMore) this.#postpone(Buffer.from(bytes.subarray(end)));
    } catch (error) {
      if (!(error instanceof InflateError)) throw error;
      this.#endReading(error);
    }
  }

  #endReading(damage: Error | null): void {
    this.#hasEnded = true;
    this.handler.ended(damage);
  }

  #postpone(rest: Buffer): void {
    this.#backlog = rest;
    this.#lower.pause();
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    const bytes = this.#backlog;
    if (bytes === null || this.#isPaused || this.#isClosed) return;
    this.#backlog = null;
    this.#inflate(bytes);
    if (this.#backlog === null && !this.#isPaused) this.#lower.resume();
  };

  pause(): void {
    this.#isPaused = true;
    this.#lower.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#backlog === null) this.#lower.resume();
    else setImmediate(this.#onTurn);
  }

  ended(damage: Error | null): void {
    this.handler.ended(damage);
  }

  failed(error: Error): void {
    this.handler.failed(error);
  }

  closed(): void {
    this.#close();
    this.handler.closed();
  }

  /** Gives back the memory of the compressor, which is outside V8's heap. */
  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#backlog = null;
    this.#deflater.destroy();
  }
}
