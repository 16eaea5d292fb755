// Builders of the byte strings that clients send: big-endian integers, length-prefixed bodies, MPUB bodies.
// Everything takes text or bytes, so that a test can spell out exactly what goes over the wire.

export type Bytes = Uint8Array | string;

/** Text becomes UTF-8, bytes stay as they are. */
export function toBuffer(bytes: Bytes): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : Buffer.from(bytes);
}

export function joined(...parts: readonly Bytes[]): Buffer {
  return Buffer.concat(parts.map(toBuffer));
}

/** Four bytes from hexadecimal digits and blanks: `hex('00 10 00 01')`. */
export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex');
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** A body behind its 4-byte length. */
export function sized(body: Bytes): Buffer {
  const bytes = toBuffer(body);
  return Buffer.concat([u32(bytes.length), bytes]);
}

/** What follows the line of an MPUB without the outer length: count, then every message behind its length. */
export function messageList(bodies: readonly Bytes[]): Buffer {
  return Buffer.concat([u32(bodies.length), ...bodies.map(sized)]);
}

/** What follows the line of an MPUB, the outer length included. */
export function mpubBody(bodies: readonly Bytes[]): Buffer {
  return sized(messageList(bodies));
}

/** One whole command: the line, and the sized body if there is one. */
export function command(line: string, body?: Bytes): Buffer {
  return body === undefined ? Buffer.from(`${line}\n`) : joined(`${line}\n`, sized(body));
}
