// A statsd daemon as far as a sender can tell: a UDP port on loopback that keeps what arrives.

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';

import { within } from './eventually.js';

export interface Datagram {
  readonly text: string;
  readonly sourcePort: number;
  readonly atMs: number;
}

export class StatsdServer {
  readonly #socket: Socket;
  readonly datagrams: Datagram[] = [];
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes: Buffer, { port }: RemoteInfo) => {
      this.datagrams.push({ text: bytes.toString('utf8'), sourcePort: port, atMs: performance.now() });
      this.#wake();
    });
  }

  static async start(): Promise<StatsdServer> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return new StatsdServer(socket);
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  /** Lines of everything received so far. */
  get lines(): readonly string[] {
    return this.datagrams.flatMap(({ text }) => text.split('\n').filter((line) => line !== ''));
  }

  /** Waits until the datagrams satisfy the condition. */
  async until(isTrue: () => boolean, deadlineMs = 15_000): Promise<void> {
    const happened = new Promise<void>((resolve) => {
      this.#wake = () => {
        if (isTrue()) resolve();
      };
      this.#wake();
    });
    await within(happened, deadlineMs, 'waiting for datagrams');
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
