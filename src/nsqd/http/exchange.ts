// One request and its answer: what the route handlers see of HTTP. It owns the rule of http-api 2.5 for bodies that a
// handler left unread, and writes the access log line. A handler answers exactly once, at once or later.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, type Readable } from 'node:stream';

import { peerAddress } from '../../lib/http/address.js';
import type { BodyReceiver, RequestBody } from '../../lib/http/request-body.js';
import type { RequestTarget } from '../../lib/http/request-target.js';
import type { Tally } from '../../lib/metrics/tally.js';
import { formatDuration } from '../../lib/options/duration.js';

/** Headers as a flat list of names and values, which node:http writes without further work. */
export type FlatHeaders = readonly string[];

/** So much unread body is thrown away to keep the connection. */
const UNREAD_BODY_BYTES_MAX = 256 * 1024;
/** How long a client whose connection ends may go on sending: closing at once could destroy the answer on its way. */
const LINGER_MS = 500;

const CLOSE: FlatHeaders = ['Connection', 'close'];

/** Where stock nsqd and node:http word a status differently. */
const REASONS: ReadonlyMap<number, string> = new Map([[413, 'Request Entity Too Large']]);

/** Answers a request whose handler threw. */
export type PanicHandler = (exchange: Exchange, error: unknown) => void;

export class Exchange {
  readonly method: string;
  readonly target: RequestTarget;
  readonly body: RequestBody;
  /** Gets the access log line when the request is answered; null where nothing is logged. */
  accessLog: ((line: string) => void) | null = null;
  /** Counts the error that is answered. */
  errors: Tally | null = null;

  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #onPanic: PanicHandler;
  readonly #startMs = performance.now();

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    target: RequestTarget,
    body: RequestBody,
    onPanic: PanicHandler,
  ) {
    this.method = request.method ?? '';
    this.target = target;
    this.body = body;
    this.#request = request;
    this.#response = response;
    this.#onPanic = onPanic;
  }

  /** True once the first bytes of the answer are on their way. */
  get isAnswered(): boolean {
    return this.#response.headersSent;
  }

  /** True once the answer was sent or the client left. */
  get isGone(): boolean {
    return this.#response.closed;
  }

  /** `1.0`, `1.1`, and whatever else a client may come up with. */
  get httpVersion(): string {
    return this.#request.httpVersion;
  }

  /** True once the request came in to its end. */
  get isReceived(): boolean {
    return this.#request.complete;
  }

  /** Value of a request header, lower-case name. */
  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** How often a request header was sent, lower-case name. */
  headerCount(name: string): number {
    return this.#request.headersDistinct[name]?.length ?? 0;
  }

  /** Runs a piece of a handler; what it throws is answered as a panic (http-api 2.8). */
  run(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#onPanic(this, error);
    }
  }

  /** Reads the body, keeping at most `limitBytes`, and goes on with it. */
  collectBody(limitBytes: number, receiver: BodyReceiver): void {
    this.body.collect(limitBytes, (bytes, end) => this.run(() => receiver(bytes, end)));
  }

  /** Reads the whole body without keeping it; `onDone` learns whether it was read to its end. */
  discardBody(onDone: (isComplete: boolean) => void): void {
    if (this.body.isComplete) onDone(true);
    else this.body.discard(Infinity, (_, end) => this.run(() => onDone(end === 'complete')));
  }

  /** Goes on when the promise is settled; a rejection nobody expects is a panic. */
  when(promise: Promise<void>, onDone: () => void, onError = rethrow): void {
    promise.then(
      () => this.run(onDone),
      (error: unknown) => this.run(() => onError(error)),
    );
  }

  /** Calls back when the answer is sent or the client is gone. */
  onClose(callback: () => void): void {
    this.#response.on('close', callback);
  }

  /** Answers the request. `headers` must hold the right `Content-Length`. Hot path: bench http-pub. */
  send(status: number, headers: FlatHeaders, content: string | Buffer): void {
    if (this.accessLog !== null) this.accessLog(this.#accessLine(status));
    if (this.body.isComplete) this.#write(status, headers, content);
    else this.#sendBeforeBodyEnd(status, headers, content);
  }

  /** Answers, in plain text and without any of the usual headers, what is no request; the connection ends (http-api 2.6). */
  refuse(status: number, reason: string, text: string): void {
    const response = this.#response;
    response.sendDate = false;
    response.removeHeader('Transfer-Encoding'); // The text ends with the connection.
    response.writeHead(status, reason, ['Content-Type', 'text/plain; charset=utf-8', ...CLOSE]);
    response.end(text);
  }

  /** Answers without a word, and without reading the body; the connection ends. */
  sendAndClose(status: number, headers: FlatHeaders): void {
    this.#write(status, [...headers, ...CLOSE], '');
  }

  /** Answers with bytes whose number is not known. The source is destroyed if the client leaves. */
  stream(status: number, headers: FlatHeaders, source: Readable): void {
    this.#writeHead(status, [...headers]);
    pipeline(source, this.#response, () => {
      // An error has already broken the connection, which is all the client can be told.
    });
  }

  /** Gives up on a request that was answered in part: its connection breaks. */
  abort(): void {
    this.#response.destroy();
  }

  #write(status: number, headers: FlatHeaders, content: string | Buffer): void {
    this.#writeHead(status, headers);
    this.#response.end(content);
  }

  /**
   * HTTP/1.1 connections stay open without a word; node:http would say so each time.
   * DEVIATION(http-version): node:http has one version for all status lines.
   */
  #writeHead(status: number, headers: FlatHeaders): void {
    const response = this.#response;
    const { httpVersionMinor, headers: asked } = this.#request;
    const mayStay = response.shouldKeepAlive && httpVersionMinor === 1 && (asked.expect ?? '') === '';
    if (mayStay) response.removeHeader('Connection');
    const reason = REASONS.get(status);
    if (reason === undefined) response.writeHead(status, headers as string[]);
    else response.writeHead(status, reason, headers as string[]);
  }

  #sendBeforeBodyEnd(status: number, headers: FlatHeaders, content: string | Buffer): void {
    const { body } = this;
    if (body.awaitsContinue || !body.isIntact) {
      this.#write(status, [...headers, ...CLOSE], content);
    } else if (body.unreadBytes >= UNREAD_BODY_BYTES_MAX) {
      this.#sendAndLinger(status, headers, content);
    } else {
      body.discard(UNREAD_BODY_BYTES_MAX, (_, end) => {
        if (end === 'complete') this.#write(status, headers, content);
        else if (end === 'failed') this.#write(status, [...headers, ...CLOSE], content);
        else this.#sendAndLinger(status, headers, content);
      });
    }
  }

  /** The whole answer goes out now, the connection ends when the client has stopped sending or had its time. */
  #sendAndLinger(status: number, headers: FlatHeaders, content: string | Buffer): void {
    const response = this.#response;
    this.#writeHead(status, [...headers, ...CLOSE]);
    if (content.length > 0) response.write(content);
    else response.flushHeaders();
    const lingerTimer = setTimeout(() => response.end(), LINGER_MS);
    response.on('close', () => clearTimeout(lingerTimer));
    this.body.discard(Infinity, () => response.end());
  }

  #accessLine(status: number): string {
    const elapsed = formatDuration(performance.now() - this.#startMs);
    return `${status} ${this.method} ${this.#request.url} (${peerAddress(this.#request.socket)}) ${elapsed}`;
  }
}

function rethrow(error: unknown): void {
  throw error;
}
