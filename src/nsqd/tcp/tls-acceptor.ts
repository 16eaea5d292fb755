// The server side of TLS on connections that began plain (tcp-protocol 9.4). One per TCP listener: it hands sockets to a TLS
// server that does not listen itself, and tells each connection what came of its handshake.

import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import { isTlsRecord, peekFirstByte } from '../../lib/net/first-byte.js';
import { handshakeReason, NO_CERTIFICATE, socketBelow } from '../../lib/net/tls-identity.js';
import type { TlsIdentity } from '../../lib/net/tls-identity.js';

/** What is known of the TLS of a connection, as /stats and authorization need it. */
export interface TlsDescription {
  /** IANA name. */
  readonly cipherSuite: string;
  /** `TLS1.0` to `TLS1.3`. */
  readonly version: string;
  /** Of the client's certificate; '' without one. */
  readonly commonName: string;
}

export type HandshakeOutcome =
  | { readonly kind: 'secure'; readonly socket: TLSSocket }
  /** `isAnswerable` when the client has not been spoken to in TLS: it can still be told in plain text. */
  | { readonly kind: 'failed'; readonly reason: string; readonly isAnswerable: boolean };

type OnOutcome = (outcome: HandshakeOutcome) => void;

export class TlsAcceptor {
  readonly #identity: TlsIdentity;
  readonly #server: Server;
  /** Handshakes under way, by the plain socket. */
  readonly #handshakes = new Map<unknown, OnOutcome>();

  constructor(identity: TlsIdentity) {
    this.#identity = identity;
    this.#server = createServer(identity.settings);
    this.#server.on('secureConnection', (socket) => this.#secured(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#failed(error, socket));
    identity.keepUpToDate(this.#server);
  }

  /** The socket must be paused and without a 'data' listener. A socket that is destroyed has no outcome. */
  accept(socket: Socket, onOutcome: OnOutcome): void {
    peekFirstByte(socket, (byte) => {
      if (byte === null) {
        onOutcome({ kind: 'failed', reason: 'EOF', isAnswerable: true });
      } else if (!isTlsRecord(byte)) {
        const reason = 'tls: first record does not look like a TLS handshake';
        onOutcome({ kind: 'failed', reason, isAnswerable: true });
      } else {
        this.#handshakes.set(socket, onOutcome);
        socket.once('close', () => this.#handshakes.delete(socket));
        this.#server.emit('connection', socket);
      }
    });
  }

  #secured(socket: TLSSocket): void {
    const onOutcome = this.#take(socket);
    if (onOutcome === undefined) {
      socket.destroy(); // Its connection has given up waiting.
    } else if (this.#identity.admits(socket)) {
      onOutcome({ kind: 'secure', socket });
    } else {
      socket.destroy();
      onOutcome({ kind: 'failed', reason: NO_CERTIFICATE, isAnswerable: false });
    }
  }

  #failed(error: Error, socket: TLSSocket): void {
    socket.destroy();
    this.#take(socket)?.({ kind: 'failed', reason: handshakeReason(error), isAnswerable: false });
  }

  #take(socket: TLSSocket): OnOutcome | undefined {
    const below = socketBelow(socket);
    const onOutcome = this.#handshakes.get(below);
    this.#handshakes.delete(below);
    return onOutcome;
  }
}

/** DEVIATION(tls-cipher-names): every suite has its IANA name; stock nsqd shows most as `Unknown` and a number. */
export function describeTls(socket: TLSSocket): TlsDescription {
  const { standardName = '' } = (socket.getCipher() as { standardName?: string } | null) ?? {};
  const version = (socket.getProtocol() ?? '').replace(/^TLSv/, 'TLS').replace(/^TLS1$/, 'TLS1.0');
  const commonName = /^CN=(.*)$/m.exec(socket.getPeerX509Certificate()?.subject ?? '')?.[1] ?? '';
  return { cipherSuite: standardName, version, commonName };
}
