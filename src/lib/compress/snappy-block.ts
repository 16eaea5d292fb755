// Snappy's block format: one block of known length, compressed or decompressed at once (tcp-protocol 9.5). All numbers are
// little-endian. The stream around the blocks is snappy-frame.ts.
//
//   | length of the content, varint | element | element | ...
//
//   low 2 bits of an element's tag
//     00  literal, length = tag >> 2 (+ 1), or in the next 1 to 4 bytes if that is 60 to 63
//     01  copy, length 4 + 3 bits, offset 3 bits + next byte
//     10  copy, length 1 + 6 bits, offset in the next 2 bytes
//     11  copy, length 1 + 6 bits, offset in the next 4 bytes

/** Not a snappy stream, or a damaged one. */
export class SnappyError extends Error {
  constructor(message: string) {
    super(`snappy: ${message}`);
    this.name = 'SnappyError';
  }
}

/** A block holds at most so much content, so that every position of it fits 16 bits. */
export const BLOCK_BYTES_MAX = 65_536;

const HASH_BITS_MIN = 8;
const HASH_BITS_MAX = 14;
/** The last so many bytes are never looked up: a match there could read past the end. */
const INPUT_MARGIN = 15;
const COPY_BYTES_MIN = 4;
/** Below this, setting up a typed array's copy costs more than a loop. */
const LOOP_BYTES_MAX = 48;

/** Where bytes with a hash were seen last, shared by all calls: they are synchronous. */
const positions = new Uint16Array(1 << HASH_BITS_MAX);

/** Room that compressBlock needs for so much content, however badly it compresses. */
export function compressedBytesMax(count: number): number {
  return 32 + count + Math.floor(count / 6);
}

/**
 * Hot path (bench: snappy). Compresses `source` from `start` to `end`, at most BLOCK_BYTES_MAX bytes, into `target` from `at`
 * on, which must have compressedBytesMax of room. Returns where the block ends.
 */
export function compressBlock(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): number {
  const contentAt = writeVarint(target, at, end - start);
  if (end - start <= INPUT_MARGIN + 1) return end === start ? contentAt : writeLiteral(source, start, end, target, contentAt);
  return compressContent(source, start, end, target, contentAt);
}

function compressContent(source: Uint8Array, start: number, end: number, target: Uint8Array, contentAt: number): number {
  let bits = HASH_BITS_MIN;
  while (bits < HASH_BITS_MAX && 1 << bits < end - start) bits += 1;
  const shift = 32 - bits;
  positions.fill(0, 0, 1 << bits);

  const last = end - INPUT_MARGIN;
  let written = contentAt;
  let literalAt = start;
  let at = start + 1;
  let hash = hashOf(load32(source, at), shift);
  for (;;) {
    // Looks for 4 bytes that came before, in longer and longer steps while nothing is found.
    let skip = 32;
    let next = at;
    let candidate = 0;
    do {
      at = next;
      next = at + (skip >>> 5);
      skip += skip >>> 5;
      if (next > last) return writeRest(source, literalAt, end, target, written);
      candidate = start + positions[hash]!;
      positions[hash] = at - start;
      hash = hashOf(load32(source, next), shift);
    } while (load32(source, at) !== load32(source, candidate));

    written = writeLiteral(source, literalAt, at, target, written);
    for (;;) {
      const matchAt = at;
      const offset = at - candidate;
      at = matchEnd(source, candidate + COPY_BYTES_MIN, at + COPY_BYTES_MIN, end);
      written = writeCopy(target, written, offset, at - matchAt);
      literalAt = at;
      if (at >= last) return writeRest(source, literalAt, end, target, written);
      // A copy often follows a copy directly.
      positions[hashOf(load32(source, at - 1), shift)] = at - 1 - start;
      const here = load32(source, at);
      const hereHash = hashOf(here, shift);
      candidate = start + positions[hereHash]!;
      positions[hereHash] = at - start;
      if (here !== load32(source, candidate)) break;
    }
    at += 1;
    hash = hashOf(load32(source, at), shift);
  }
}

function load32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function hashOf(value: number, shift: number): number {
  return Math.imul(value, 0x1e35a7bd) >>> shift;
}

function matchEnd(source: Uint8Array, candidate: number, at: number, end: number): number {
  let from = candidate;
  let to = at;
  while (to < end && source[from] === source[to]) {
    from += 1;
    to += 1;
  }
  return to;
}

function writeRest(source: Uint8Array, literalAt: number, end: number, target: Uint8Array, at: number): number {
  return literalAt < end ? writeLiteral(source, literalAt, end, target, at) : at;
}

function writeLiteral(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): number {
  const count = to - from;
  let next = at;
  if (count <= 60) {
    target[next++] = (count - 1) << 2;
  } else if (count <= 256) {
    target[next++] = 60 << 2;
    target[next++] = count - 1;
  } else {
    target[next++] = 61 << 2;
    target[next++] = count - 1;
    target[next++] = (count - 1) >>> 8;
  }
  if (count > LOOP_BYTES_MAX) target.set(source.subarray(from, to), next);
  else for (let index = 0; index < count; index += 1) target[next + index] = source[from + index]!;
  return next + count;
}

/** Long matches become several copies; none is shorter than 4 bytes, so that all have the shortest form possible. */
function writeCopy(target: Uint8Array, at: number, offset: number, length: number): number {
  let next = at;
  let left = length;
  while (left >= 68) {
    next = writeLongCopy(target, next, offset, 64);
    left -= 64;
  }
  if (left > 64) {
    next = writeLongCopy(target, next, offset, 60);
    left -= 60;
  }
  if (left >= 12 || offset >= 2048) return writeLongCopy(target, next, offset, left);
  target[next] = ((offset >>> 8) << 5) | ((left - 4) << 2) | 1;
  target[next + 1] = offset;
  return next + 2;
}

function writeLongCopy(target: Uint8Array, at: number, offset: number, length: number): number {
  target[at] = ((length - 1) << 2) | 2;
  target[at + 1] = offset;
  target[at + 2] = offset >>> 8;
  return at + 3;
}

function writeVarint(target: Uint8Array, at: number, value: number): number {
  let left = value;
  let next = at;
  for (; left >= 0x80; left >>>= 7) target[next++] = left | 0x80;
  target[next] = left;
  return next + 1;
}

/**
 * Hot path (bench: snappy). Decompresses the block from `start` to `end` into `target` from 0 on; returns the length of the
 * content. Throws SnappyError for a damaged block, and for one whose content is larger than `target` before touching it.
 */
export function decompressBlock(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let at = start;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= end || shift > 28) throw new SnappyError('damaged length of a block');
    const byte = source[at++]!;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (length > target.length) throw new SnappyError('a block is too large');
  decompressContent(source, at, end, target, length);
  return length;
}

function decompressContent(source: Uint8Array, start: number, end: number, target: Uint8Array, length: number): void {
  let at = start;
  let written = 0;
  while (at < end) {
    const tag = source[at]!;
    const kind = tag & 3;
    let count: number;
    if (kind === 0) {
      count = tag >>> 2;
      at += 1;
      if (count >= 60) {
        const sizeBytes = count - 59;
        if (at + sizeBytes > end) throw new SnappyError('a block ends inside an element');
        count = readLittleEndian(source, at, sizeBytes);
        at += sizeBytes;
      }
      count += 1;
      if (count > end - at || count > length - written) throw new SnappyError('a literal is too long');
      copyLiteral(source, at, count, target, written);
      at += count;
    } else {
      const sizeBytes = kind === 3 ? 4 : kind;
      if (at + 1 + sizeBytes > end) throw new SnappyError('a block ends inside an element');
      let offset = source[at + 1]!;
      if (kind === 1) offset |= (tag & 0xe0) << 3;
      else if (kind === 2) offset |= source[at + 2]! << 8;
      else offset = readLittleEndian(source, at + 1, sizeBytes);
      count = kind === 1 ? 4 + ((tag >>> 2) & 7) : 1 + (tag >>> 2);
      at += 1 + sizeBytes;
      if (offset === 0 || offset > written) throw new SnappyError('a copy from outside the block');
      if (count > length - written) throw new SnappyError('a copy is too long');
      copyWithin(target, written, offset, count);
    }
    written += count;
  }
  if (written !== length) throw new SnappyError('a block is shorter than it says');
}

function readLittleEndian(source: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let index = bytes - 1; index >= 0; index -= 1) value = value * 256 + source[at + index]!;
  return value;
}

function copyLiteral(source: Uint8Array, from: number, count: number, target: Uint8Array, to: number): void {
  if (count > LOOP_BYTES_MAX) target.set(source.subarray(from, from + count), to);
  else for (let index = 0; index < count; index += 1) target[to + index] = source[from + index]!;
}

/** Source and target may overlap: a short offset repeats what was just written. */
function copyWithin(target: Uint8Array, to: number, offset: number, count: number): void {
  const end = to + count;
  for (let index = to; index < end; index += 1) target[index] = target[index - offset]!;
}
