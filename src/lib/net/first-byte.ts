// Looks at the first byte that a client sends, and leaves it where it was: a TLS handshake is told from anything else before
// node:tls takes the socket over, while a plain answer is still possible.

import type { Socket } from 'node:net';

const TLS_ALERT = 0x15;
const TLS_HANDSHAKE = 0x16;

/** Whether a TLS connection can begin with the byte. */
export function isTlsRecord(byte: number): boolean {
  return byte === TLS_HANDSHAKE || byte === TLS_ALERT;
}

/**
 * Calls back once with the first byte, or with null when the client ends without one. The socket must have no 'data'
 * listener, and is paused afterwards. Not called when the socket is destroyed before.
 */
export function peekFirstByte(socket: Socket, callback: (byte: number | null) => void): void {
  const settle = (byte: number | null): void => {
    socket.off('readable', onReadable);
    socket.off('end', onEnd);
    callback(byte);
  };
  const onEnd = (): void => settle(null);
  const onReadable = (): void => {
    const bytes = socket.read() as Buffer | null;
    if (bytes === null) return;
    socket.unshift(bytes);
    settle(bytes[0]!);
  };
  socket.on('readable', onReadable);
  socket.on('end', onEnd);
}
