// node:https with what it leaves out: an answer to clients that do not speak TLS, the log of failed handshakes, and the
// policy on client certificates (http-api 9). Requests are none of its business.

import { createServer } from 'node:https';
import type { Server, ServerOptions } from 'node:https';
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { peerAddress } from '../../lib/http/address.js';
import type { Logger } from '../../lib/log/logger.js';
import { isTlsRecord, peekFirstByte } from '../../lib/net/first-byte.js';
import { handshakeReason, NO_CERTIFICATE, socketBelow } from '../../lib/net/tls-identity.js';
import type { TlsIdentity } from '../../lib/net/tls-identity.js';

const NOT_TLS = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';
/** Clients that connect and stay silent keep their connection; those that begin a handshake have so long to finish it. */
const HANDSHAKE_MS = 30_000;

export function createHttpsServer(
  identity: TlsIdentity, options: ServerOptions, logger: Logger, onRequest: RequestListener,
): Server {
  const tls = { ...identity.settings, handshakeTimeout: HANDSHAKE_MS, ALPNProtocols: [] };
  const server = createServer({ ...options, ...tls }, onRequest);
  identity.keepUpToDate(server);
  const peers = new WeakMap<object, string>();
  const warn = (peer: string, reason: string): void => logger.warn(`http: TLS handshake error from ${peer}: ${reason}`);
  answerWithoutTls(server, (socket) => peers.set(socket, peerAddress(socket)), warn);
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    warn(peers.get(socketBelow(socket) as object) ?? '@', handshakeReason(error));
  });
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    if (identity.admits(socket)) return;
    warn(peerAddress(socket), NO_CERTIFICATE);
    socket.destroy();
  });
  return server;
}

/** node:tls takes over what its 'connection' listener is given; here it gets only those who begin with a TLS record. */
function answerWithoutTls(
  server: Server, onAccept: (socket: Socket) => void, warn: (peer: string, reason: string) => void,
): void {
  const handOver = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    onAccept(socket);
    socket.on('error', () => socket.destroy());
    peekFirstByte(socket, (byte) => {
      if (byte === null) {
        socket.destroy();
      } else if (isTlsRecord(byte)) {
        for (const listener of handOver) listener.call(server, socket);
      } else {
        warn(peerAddress(socket), 'tls: first record does not look like a TLS handshake');
        socket.end(NOT_TLS, () => socket.destroySoon());
      }
    });
  });
}
