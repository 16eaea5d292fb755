// Deflate in both directions over another layer (tcp-protocol 9.6): raw, one stream per direction. Every write ends at a
// byte, so that the client can decode all of it.
//
// Short writes, such as answers to publishes, become stored blocks, which are hardly longer than what zlib makes of them:
//
//   | 00 | length 2, little-endian | ~length 2 | bytes | 00 | 00 00 | ff ff |
//
// The empty block at the end is what Go's decoder waits for before it hands out what it has.
//
// Longer ones are compressed by zlib on another thread, which takes a while: they are drained later. What arrives is
// decompressed here, a bounded amount per turn, however well it was compressed.

import { constants, createDeflateRaw } from 'node:zlib';
import type { DeflateRaw } from 'node:zlib';
import { InflateError, Inflater } from '../../lib/compress/inflate.js';
import type { Transport, TransportHandler } from './transport.js';

/** Up to about here zlib takes much more time for few bytes less. */
const STORED_BYTES_MAX = 100;
const STORED_HEAD_BYTES = 5;
const EMPTY_BLOCK = Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]);

export class DeflateTransport implements Transport, TransportHandler {
  handler: TransportHandler;
  readonly #lower: Transport;
  readonly #level: number;
  /** Null until it is needed: many clients only publish. */
  #deflater: DeflateRaw | null = null;
  /** The compressor has not seen what was stored since: it must not refer to what came before. */
  #isHistoryBroken = false;
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
    this.#level = level;
    lower.handler = this;
  }

  // --- writing -----------------------------------------------------------------------------------------------------------

  write(bytes: Buffer): boolean {
    if (bytes.length <= STORED_BYTES_MAX) return this.#store(bytes);
    this.#isCompressing = true;
    this.#deflater ??= this.#newDeflater();
    if (this.#isHistoryBroken) this.#deflater.reset();
    this.#isHistoryBroken = false;
    this.#deflater.write(bytes, this.#onCompressed);
    return false;
  }

  #store(bytes: Buffer): boolean {
    this.#isHistoryBroken = true;
    const block = Buffer.allocUnsafe(STORED_HEAD_BYTES + bytes.length + EMPTY_BLOCK.length);
    block[0] = 0;
    block.writeUInt16LE(bytes.length, 1);
    block.writeUInt16LE(~bytes.length & 0xffff, 3);
    block.set(bytes, STORED_HEAD_BYTES);
    block.set(EMPTY_BLOCK, STORED_HEAD_BYTES + bytes.length);
    this.#isLowerWaiting = !this.#lower.write(block);
    return !this.#isLowerWaiting;
  }

  #newDeflater(): DeflateRaw {
    const deflater = createDeflateRaw({ level: this.#level, flush: constants.Z_SYNC_FLUSH });
    deflater.on('data', (compressed: Buffer) => {
      this.#compressed.push(compressed);
      if (!this.#isCompressing) this.#send();
    });
    deflater.on('error', (error) => this.handler.failed(error));
    return deflater;
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
    this.#deflater?.destroy();
  }
}
