// The lowest layer of a connection: a socket, be it plain or TLS.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { openAsStream } from '../../lib/net/shared-read.js';
import type { SharedRead } from '../../lib/net/shared-read.js';
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

  /** What arrives stays with the socket from then on. */
  readonly #handBack: () => void;

  /** `sharedRead` for a socket accepted with `pauseOnConnect`; null for a TLS socket, which cannot be read that way. */
  constructor(accepted: Socket | TLSSocket, handler: TransportHandler, sharedRead: SharedRead | null) {
    this.handler = handler;
    this.#isEncrypted = sharedRead === null;
    const onBytes = (bytes: Buffer): void => this.handler.received(bytes);
    const { socket, handBack } = sharedRead?.open(accepted, onBytes) ?? openAsStream(accepted, onBytes);
    this.#socket = socket;
    this.#handBack = handBack;
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
    this.#handBack();
    return this.#socket;
  }

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
