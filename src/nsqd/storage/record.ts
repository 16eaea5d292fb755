// The one record format of messages: in memory, in go-diskqueue files and, but for the frame type, on the wire.
//
//   offset  0        4            12         14      30
//           | length | timestamp  | attempts | id    | body          (storage.md 5, integers big-endian)
//           | 4      | 8          | 2        | 16    | length - 26
//
// `length` counts what follows it. Positions given to these functions are those of the length word.

export const LENGTH_BYTES = 4;
export const ID_BYTES = 16;
/** Timestamp, attempts and id: the smallest payload a record may have. */
export const HEADER_BYTES = 26;
/** What a record adds to its body. */
export const RECORD_OVERHEAD_BYTES = LENGTH_BYTES + HEADER_BYTES;

export const TIMESTAMP_OFFSET = 4;
export const ATTEMPTS_OFFSET = 12;
export const ID_OFFSET = 14;
export const BODY_OFFSET = 30;

export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Bytes of the whole record, length word included. */
export function recordBytes(bytes: Uint8Array, at: number): number {
  return LENGTH_BYTES + readInt32(bytes, at);
}

export function recordAttempts(bytes: Uint8Array, at: number): number {
  return (bytes[at + ATTEMPTS_OFFSET]! << 8) | bytes[at + ATTEMPTS_OFFSET + 1]!;
}

/** Unix milliseconds with fractions; exact to a quarter of a microsecond. */
export function recordTimestampMs(bytes: Uint8Array, at: number): number {
  const high = readInt32(bytes, at + TIMESTAMP_OFFSET) >>> 0;
  const low = readInt32(bytes, at + TIMESTAMP_OFFSET + 4) >>> 0;
  return (high * 2 ** 32 + low) / 1e6;
}

/** Unix nanoseconds. */
export function recordTimestampNs(bytes: Uint8Array, at: number): bigint {
  const high = readInt32(bytes, at + TIMESTAMP_OFFSET);
  const low = readInt32(bytes, at + TIMESTAMP_OFFSET + 4) >>> 0;
  return (BigInt(high) << 32n) + BigInt(low);
}

export function writeAttempts(bytes: Uint8Array, at: number, attempts: number): void {
  bytes[at + ATTEMPTS_OFFSET] = attempts >>> 8;
  bytes[at + ATTEMPTS_OFFSET + 1] = attempts;
}

export function recordId(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at + ID_OFFSET, ID_BYTES).toString('latin1');
}

export function recordBody(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.subarray(at + BODY_OFFSET, at + recordBytes(bytes, at));
}
