// Reads many accepted sockets into one buffer. Node's streams allocate 64 KiB for each read and cut it down afterwards; a server
// that is through with the bytes before the next read needs neither the memory nor the work.
//
//   socket A --read--> | buffer, shared | --onBytes--> ...copied by whoever keeps something
//   socket B --read-->
//
// Node offers this for outgoing connections only (`onread` of net.connect). An accepted socket gets it by moving its handle
// into a socket made that way; where Node does not let its handle go, the socket is read like any other.

import { Socket } from 'node:net';

const READ_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

interface SocketWithHandle {
  _handle?: object | null;
}

/** What `open` makes of an accepted socket. */
export interface SharedReadSocket {
  readonly socket: Socket;
  /** From now on what arrives is for the socket's own listeners, as if it had never been read otherwise. */
  readonly handBack: () => void;
}

export class SharedRead {
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);

  /**
   * Starts to read a socket that a server accepted with `pauseOnConnect`; only the socket returned may be used any more.
   * `onBytes` gets bytes that are valid during the call only. It is not called while the socket is paused.
   */
  open(accepted: Socket, onBytes: (bytes: Buffer) => void): SharedReadSocket {
    const handle = (accepted as SocketWithHandle)._handle;
    if (handle === undefined || handle === null) return openAsStream(accepted, onBytes);
    (accepted as SocketWithHandle)._handle = null;
    let isShared = true;
    const onread = {
      buffer: this.#buffer,
      callback: (count: number, buffer: Uint8Array): boolean => {
        const bytes = (buffer as Buffer).subarray(0, count);
        if (isShared) onBytes(bytes);
        else socket.push(Buffer.from(bytes));
        return true;
      },
    };
    const options = { handle, allowHalfOpen: true, onread };
    const socket = new Socket(options);
    const handBack = (): void => {
      isShared = false;
      socket.push(NOTHING); // Ends the read that the stream believes to be under way since the beginning.
    };
    return { socket, handBack };
  }
}

/** The same for any socket, read as the stream it is. */
export function openAsStream(socket: Socket, onBytes: (bytes: Buffer) => void): SharedReadSocket {
  socket.on('data', onBytes);
  socket.resume();
  return { socket, handBack: () => void socket.off('data', onBytes) };
}
