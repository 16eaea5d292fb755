// The lowest layer of a connection: a socket, be it plain or TLS.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Transport, TransportHandler } from './transport.js';

const NOTHING = Buffer.alloc(0);

export class SocketTransport implements Transport {
  handler: TransportHandler;
  readonly #socket: Socket;
  /** TLS never takes anything at once. */
  readonly #isEncrypted: boolean;
  /** True while the socket holds bytes that the client has not taken. */
  #isWaiting = false;
  /** A TLS socket tells its end even while it is paused; whoever paused it is told after resuming. */
  #hasEndedPaused = false;

  constructor(socket: Socket, handler: TransportHandler) {
    this.handler = handler;
    this.#socket = socket;
    this.#isEncrypted = socket instanceof TLSSocket;
    socket.on('data', this.#onData);
    socket.on('end', () => this.#onEnd());
    socket.on('error', (error) => this.handler.failed(error));
    socket.on('close', () => this.handler.closed());
  }

  /**
   * Hot path (bench: pub). What the socket has not taken at once is asked for by a callback: the 'drain' event comes only after
   * more bytes than its high-water mark. A plain socket takes nearly everything at once, and is spared the callback.
   */
  write(bytes: Buffer): boolean {
    const socket = this.#socket;
    if (this.#isEncrypted) {
      this.#isWaiting = true;
      socket.write(bytes, this.#onWritten);
      return false;
    }
    socket.write(bytes);
    if (socket.writableLength === 0) return true;
    this.#isWaiting = true;
    socket.write(NOTHING, this.#onWritten);
    return false;
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

  readonly #onWritten = (error?: Error | null): void => {
    if (!this.#isWaiting || error != null || this.#socket.writableLength > 0) return;
    this.#isWaiting = false;
    this.handler.drained();
  };
}
