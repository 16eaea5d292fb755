// A client that sends literal bytes and reads literal answers, so that tests see the wire and not a library's opinion.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { within } from '../../../support/eventually.js';

const ANSWER_MS = 15_000;

export interface RawResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export class RawHttp {
  readonly #socket: Socket;
  #received = '';
  #hasEnded = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#onChange(text));
    socket.on('close', () => this.#onEnd());
    socket.on('end', () => this.#onEnd());
    socket.on('error', () => this.#onEnd());
  }

  static async connect(target: number | string): Promise<RawHttp> {
    const options = typeof target === 'string' ? { path: target } : { port: target, host: '127.0.0.1' };
    const socket = connect({ ...options, allowHalfOpen: true });
    await once(socket, 'connect');
    return new RawHttp(socket);
  }

  send(bytes: string | Uint8Array): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Closes the sending side only. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The next answer; interim ones (100) count. `hasBody` is false for answers to HEAD. */
  async response(hasBody = true): Promise<RawResponse> {
    const headEnd = await this.#until(() => this.#received.indexOf('\r\n\r\n'));
    const [statusLine = '', ...lines] = this.#received.slice(0, headEnd).split('\r\n');
    this.#received = this.#received.slice(headEnd + 4);
    const headers = new Map(lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 2),
    ]));
    const status = Number(statusLine.split(' ')[1]);
    const endsWithConnection = hasBody && headers.get('connection') === 'close' && !headers.has('content-length');
    if (endsWithConnection) await this.closed();
    const rest = endsWithConnection ? this.#received.length : 0;
    const length = hasBody ? Number(headers.get('content-length') ?? rest) : 0;
    await this.#until(() => (this.#received.length >= length ? 0 : -1));
    const body = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return { status, headers, body };
  }

  /** Resolves with what else came before the server closed. */
  async closed(): Promise<string> {
    await this.#until(() => (this.#hasEnded ? 0 : -1));
    return this.#received;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async #until(position: () => number): Promise<number> {
    for (;;) {
      const found = position();
      if (found >= 0) return found;
      if (this.#hasEnded) throw new Error(`closed after ${JSON.stringify(this.#received)}`);
      const change = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await within(change, ANSWER_MS, `HTTP answer, got ${JSON.stringify(this.#received.slice(0, 200))}`);
    }
  }

  #onChange(text: string): void {
    this.#received += text;
    this.#wake();
  }

  #onEnd(): void {
    this.#hasEnded = true;
    this.#wake();
  }
}

/** One request on a connection of its own. */
export async function exchange(port: number, head: string, body: string | Uint8Array = ''): Promise<RawResponse> {
  const client = await RawHttp.connect(port);
  const length = typeof body === 'string' ? Buffer.byteLength(body, 'latin1') : body.length;
  client.send(`${head} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
  if (length > 0) client.send(body);
  try {
    return await client.response(!head.startsWith('HEAD '));
  } finally {
    client.destroy();
  }
}
