// Frames from server to client (tcp-protocol 3):  | size 4 | frame type 4 | data |   size counts the type and the data.

export const FRAME_RESPONSE = 0;
export const FRAME_ERROR = 1;
export const FRAME_MESSAGE = 2;

/** Bytes in front of a frame's data. */
export const FRAME_HEADER_BYTES = 8;

/** A whole frame. `data` holds one byte per character (latin1), so that clients' bytes can be echoed unchanged. */
export function encodeFrame(type: number, data: string): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + data.length);
  frame.writeUInt32BE(data.length + 4, 0);
  frame.writeInt32BE(type, 4);
  frame.write(data, FRAME_HEADER_BYTES, 'latin1');
  return frame;
}

export const OK_FRAME = encodeFrame(FRAME_RESPONSE, 'OK');
export const HEARTBEAT_FRAME = encodeFrame(FRAME_RESPONSE, '_heartbeat_');
export const CLOSE_WAIT_FRAME = encodeFrame(FRAME_RESPONSE, 'CLOSE_WAIT');
