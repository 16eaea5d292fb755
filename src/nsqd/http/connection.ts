// The requests of one HTTP connection. A client may send several without waiting; node:http reports them before the
// body of the first is read, so they are held back here until it is: their effects happen in the order sent.
// At most one read of the socket is held back, because bodies are read before the next one.

import type { Socket } from 'node:net';

import type { Exchange } from './exchange.js';
import { lineOf, type ParserError } from './unknown-method.js';

/** How long a client that sent garbage may go on sending: closing at once could destroy the answer on its way. */
const LINGER_MS = 500;

/** What can be a version; the parser calls the others invalid, too. */
const VERSION = / HTTP\/\d\.\d$/;

export class HttpConnection {
  readonly #socket: Socket;
  readonly #handle: (exchange: Exchange) => void;
  /** The exchange whose body is being read. */
  #reading: Exchange | null = null;
  #latest: Exchange | null = null;
  #waiting: Exchange[] = [];
  #isEnding = false;

  constructor(socket: Socket, handle: (exchange: Exchange) => void) {
    this.#socket = socket;
    this.#handle = handle;
  }

  /** Handles the exchange as soon as the bodies before it are read. Hot path: bench http-pub. */
  add(exchange: Exchange): void {
    this.#latest = exchange;
    if (this.#reading === null) this.#begin(exchange);
    else this.#waiting.push(exchange);
  }

  /**
   * The bytes on the connection are not, or not to their end, HTTP: the parser gave up. `answer` is called after what came
   * before is answered, where a request can be made of them; null where not.
   */
  onMalformed(error: ParserError, answer: (() => void) | null): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    if (!this.#socket.writable || error.code === 'ECONNRESET') {
      this.#socket.destroy();
      return;
    }
    const latest = this.#latest;
    const end = (): void => this.#end(error, answer);
    if (latest !== null && !latest.isReceived && !latest.body.isComplete) latest.body.fail();
    else if (latest === null || latest.isGone) end();
    else latest.onClose(end);
  }

  #begin(exchange: Exchange): void {
    this.#handle(exchange);
    if (!exchange.body.isReading) return;
    this.#reading = exchange;
    exchange.body.onIdle = () => this.#next();
  }

  #next(): void {
    this.#reading = null;
    while (this.#reading === null) {
      const exchange = this.#waiting.shift();
      if (exchange === undefined) return;
      this.#begin(exchange);
    }
  }

  /** Answers the last request, or what is none, and ends the connection. */
  #end(error: ParserError, answer: (() => void) | null): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (answer !== null) return answer();
    const status = statusOf(error);
    socket.write(`HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${status}`);
    endAndLinger(socket);
  }
}

/** Ends the sending side, and the rest soon after. */
export function endAndLinger(socket: Socket): void {
  socket.end();
  const lingerTimer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.on('close', () => clearTimeout(lingerTimer));
}

function statusOf(error: ParserError): string {
  if (error.code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  const isVersion = error.code === 'HPE_INVALID_VERSION' && VERSION.test(lineOf(error));
  return isVersion ? '505 HTTP Version Not Supported: unsupported protocol version' : '400 Bad Request';
}
