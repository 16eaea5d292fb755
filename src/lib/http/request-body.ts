// The body of one request, read in at most one of two ways: kept up to a limit, or thrown away while it streams. Bytes
// beyond the limit are never kept. Nothing is read, and no `100 Continue` sent, before one of the two is asked for.
//
//   unread -> reading -> unread      the limit was reached, the rest is still on its way
//                     -> complete    the end was seen
//                     -> failed      the connection broke, or the chunks were malformed

import type { IncomingMessage, ServerResponse } from 'node:http';

/** How reading ended: `overflow` means that there is more than the limit. */
export type BodyEnd = 'complete' | 'overflow' | 'failed';

/** Gets the bytes up to the limit; they belong to the receiver only until it returns. */
export type BodyReceiver = (bytes: Buffer, end: BodyEnd) => void;

type State = 'unread' | 'reading' | 'complete' | 'failed';

const NO_BYTES = Buffer.alloc(0);
const FIRST_ALLOCATION_BYTES = 4096;

export class RequestBody {
  /** Value of `Content-Length`; -1 if the length is unknown (chunked). */
  readonly declaredBytes: number;
  /** Called when reading ended, after the receiver. */
  onIdle: (() => void) | null = null;

  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #state: State;
  #awaitsContinue: boolean;
  #isAttached = false;
  #receiver: BodyReceiver | null = null;
  #isKeeping = false;
  #limitBytes = 0;
  #bytes: Buffer = NO_BYTES;
  #receivedBytes = 0;
  /** What earlier reads took. */
  #takenBytes = 0;

  constructor(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean) {
    const { headers } = request;
    this.#request = request;
    this.#response = response;
    // HTTP/1.0 knows no chunks: without a length there is no body, whatever the client goes on to send.
    const isChunked = headers['transfer-encoding'] !== undefined && request.httpVersion !== '1.0';
    this.declaredBytes = isChunked ? -1 : Number(headers['content-length'] ?? 0);
    this.#state = this.declaredBytes === 0 ? 'complete' : 'unread';
    this.#awaitsContinue = awaitsContinue && this.#state === 'unread';
  }

  get isComplete(): boolean {
    return this.#state === 'complete';
  }

  get isReading(): boolean {
    return this.#state === 'reading';
  }

  /** False once the connection cannot carry another request, because where this one ends is unknown. */
  get isIntact(): boolean {
    return this.#state !== 'failed';
  }

  /** How much of a declared length is left. A read that overflowed took its limit and one byte; below zero without a length. */
  get unreadBytes(): number {
    return this.declaredBytes - this.#takenBytes;
  }

  /** True while the client holds its body back until it is told to continue. */
  get awaitsContinue(): boolean {
    return this.#awaitsContinue;
  }

  /** Keeps at most `limitBytes` and hands them over at the end or at the overflow. Hot path: bench http-pub. */
  collect(limitBytes: number, receiver: BodyReceiver): void {
    this.#isKeeping = true;
    this.#read(limitBytes, receiver);
  }

  /** Throws the body away; reports an overflow once more than `limitBytes` have come. */
  discard(limitBytes: number, receiver: BodyReceiver): void {
    this.#isKeeping = false;
    this.#read(limitBytes, receiver);
  }

  /** The connection's parser met a malformed chunk or the end of the stream in the middle of this body. */
  fail(): void {
    if (this.#state === 'reading') this.#finish('failed');
    else if (this.#state === 'unread') this.#state = 'failed';
  }

  #read(limitBytes: number, receiver: BodyReceiver): void {
    if (this.#state === 'complete' || this.#state === 'failed') {
      receiver(NO_BYTES, this.#state);
      return;
    }
    this.#receiver = receiver;
    this.#limitBytes = limitBytes;
    this.#bytes = NO_BYTES;
    this.#receivedBytes = 0;
    this.#state = 'reading';
    this.#attach();
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false;
      this.#response.writeContinue();
    }
  }

  #attach(): void {
    if (this.#isAttached) {
      this.#request.resume();
      return;
    }
    this.#isAttached = true;
    this.#request.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#request.on('end', () => this.#onEnd());
    this.#request.on('error', () => this.fail());
  }

  #onData(chunk: Buffer): void {
    if (this.#state !== 'reading') return;
    const receivedBytes = this.#receivedBytes + chunk.length;
    if (this.#isKeeping) this.#keep(chunk);
    this.#receivedBytes = receivedBytes;
    if (receivedBytes > this.#limitBytes) this.#finish('overflow');
  }

  #onEnd(): void {
    if (this.#state === 'reading') this.#finish('complete');
    else if (this.#state === 'unread') this.#state = 'complete';
  }

  /** A body that arrives in one piece is used where it lies. */
  #keep(chunk: Buffer): void {
    const start = this.#receivedBytes;
    const end = Math.min(start + chunk.length, this.#limitBytes);
    if (start === 0 && chunk.length === this.declaredBytes) {
      this.#bytes = chunk;
      return;
    }
    if (end > this.#bytes.length) this.#grow(end);
    chunk.copy(this.#bytes, start, 0, end - start);
  }

  /** With a declared length there is one allocation; its untouched pages cost nothing until the bytes come. */
  #grow(bytesNeeded: number): void {
    const size = Math.max(this.declaredBytes, 2 * this.#bytes.length, bytesNeeded, FIRST_ALLOCATION_BYTES);
    const grown = Buffer.allocUnsafeSlow(Math.min(size, this.#limitBytes));
    this.#bytes.copy(grown);
    this.#bytes = grown;
  }

  #finish(end: BodyEnd): void {
    const receiver = this.#receiver;
    const keptBytes = this.#isKeeping ? Math.min(this.#receivedBytes, this.#limitBytes) : 0;
    const bytes = this.#bytes.length === keptBytes ? this.#bytes : this.#bytes.subarray(0, keptBytes);
    this.#receiver = null;
    this.#bytes = NO_BYTES;
    this.#takenBytes += Math.min(this.#receivedBytes, this.#limitBytes + 1);
    this.#state = end === 'overflow' ? 'unread' : end;
    if (end === 'overflow') this.#request.pause();
    receiver?.(bytes, end);
    if (!this.isReading) this.onIdle?.();
  }
}
