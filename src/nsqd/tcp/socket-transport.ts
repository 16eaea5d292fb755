// The lowest layer of a connection: a socket, be it plain or TLS.

import type { Socket } from 'node:net';
import type { Transport, TransportHandler } from './transport.js';

export class SocketTransport implements Transport {
  handler: TransportHandler;
  readonly #socket: Socket;
  /** True while the socket holds bytes that the client has not taken. */
  #isWaiting = false;
  /** A TLS socket tells its end even while it is paused; whoever paused it is told after resuming. */
  #hasEndedPaused = false;

  constructor(socket: Socket, handler: TransportHandler) {
    this.handler = handler;
    this.#socket = socket;
    socket.on('data', this.#onData);
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error) => this.handler.failed(error));
    socket.on('close', () => this.handler.closed());
  }

  /** Hot path (bench: pub). */
  write(bytes: Buffer): boolean {
    const socket = this.#socket;
    socket.write(bytes, this.#onWritten);
    this.#isWaiting = socket.writableLength > 0;
    return !this.#isWaiting;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
    if (!this.#hasEndedPaused) return;
    this.#hasEndedPaused = false;
    setImmediate(() => this.#onEnd());
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The socket, paused, for another layer to read from: this one delivers no more bytes. */
  release(): Socket {
    this.#socket.pause();
    this.#socket.off('data', this.#onData);
    return this.#socket;
  }

  readonly #onData = (bytes: Buffer): void => {
    this.handler.received(bytes);
  };

  #onEnd(): void {
    if (this.#socket.isPaused()) this.#hasEndedPaused = true;
    else this.handler.ended(null);
  }

  /** The 'drain' event would not do: it comes only after writes of more than the socket's high-water mark. */
  readonly #onWritten = (error?: Error | null): void => {
    if (!this.#isWaiting || error != null || this.#socket.writableLength > 0) return;
    this.#isWaiting = false;
    this.handler.drained();
  };
}
