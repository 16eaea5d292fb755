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

import { copyApart, copyBytes, copyWide, repeatWide } from './bytes-view.js';

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
/** Literals of up to so many bytes have their length in the tag; a copy is at most 4 bytes longer. */
const SHORT_LITERAL_BYTES_MAX = 60;
/** What one short element can make the fast paths read and write: a tag and 64 bytes. */
const FAST_BYTES = 65;

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
export function compressBlock(source: DataView, start: number, end: number, target: DataView, at: number): number {
  const contentAt = writeVarint(target, at, end - start);
  if (end - start <= INPUT_MARGIN + 1) return end === start ? contentAt : writeLiteral(source, start, end, end, target, contentAt);
  return compressContent(source, start, end, target, contentAt);
}

function compressContent(source: DataView, start: number, end: number, target: DataView, contentAt: number): number {
  let bits = HASH_BITS_MIN;
  while (bits < HASH_BITS_MAX && 1 << bits < end - start) bits += 1;
  const shift = 32 - bits;
  positions.fill(0, 0, 1 << bits);

  const last = end - INPUT_MARGIN;
  let written = contentAt;
  let literalAt = start;
  let at = start + 1;
  let hash = hashOf(source.getInt32(at, true), shift);
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
      hash = hashOf(source.getInt32(next, true), shift);
    } while (source.getInt32(at, true) !== source.getInt32(candidate, true));

    written = writeLiteral(source, literalAt, at, end, target, written);
    for (;;) {
      const matchAt = at;
      const offset = at - candidate;
      at = matchEnd(source, candidate + COPY_BYTES_MIN, at + COPY_BYTES_MIN, end);
      written = writeCopy(target, written, offset, at - matchAt);
      literalAt = at;
      if (at >= last) return writeRest(source, literalAt, end, target, written);
      // A copy often follows a copy directly.
      positions[hashOf(source.getInt32(at - 1, true), shift)] = at - 1 - start;
      const here = source.getInt32(at, true);
      const hereHash = hashOf(here, shift);
      candidate = start + positions[hereHash]!;
      positions[hereHash] = at - start;
      if (here !== source.getInt32(candidate, true)) break;
    }
    at += 1;
    hash = hashOf(source.getInt32(at, true), shift);
  }
}

function hashOf(value: number, shift: number): number {
  return Math.imul(value, 0x1e35a7bd) >>> shift;
}

/** Where the bytes from `at` on cease to be those from `candidate` on. */
function matchEnd(source: DataView, candidate: number, at: number, end: number): number {
  let from = candidate;
  let to = at;
  for (; to <= end - 4; from += 4, to += 4) {
    const difference = source.getInt32(from, true) ^ source.getInt32(to, true);
    if (difference !== 0) return to + (lowestBit(difference) >>> 3);
  }
  while (to < end && source.getUint8(from) === source.getUint8(to)) {
    from += 1;
    to += 1;
  }
  return to;
}

/** Of a value that is not 0. */
function lowestBit(value: number): number {
  return 31 - Math.clz32(value & -value);
}

function writeRest(source: DataView, literalAt: number, end: number, target: DataView, at: number): number {
  return literalAt < end ? writeLiteral(source, literalAt, end, end, target, at) : at;
}

function writeLiteral(source: DataView, from: number, to: number, end: number, target: DataView, at: number): number {
  const count = to - from;
  let next = at;
  if (count <= SHORT_LITERAL_BYTES_MAX) {
    target.setUint8(next++, (count - 1) << 2);
  } else if (count <= 256) {
    target.setUint8(next++, 60 << 2);
    target.setUint8(next++, count - 1);
  } else {
    target.setUint8(next++, 61 << 2);
    target.setUint16(next, count - 1, true);
    next += 2;
  }
  if (count <= SHORT_LITERAL_BYTES_MAX && from <= end - FAST_BYTES) copyWide(source, from, target, next, count);
  else copyApart(source, from, target, next, count);
  return next + count;
}

/** Long matches become several copies; none is shorter than 4 bytes, so that all have the shortest form possible. */
function writeCopy(target: DataView, at: number, offset: number, length: number): number {
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
  target.setUint8(next, ((offset >>> 8) << 5) | ((left - 4) << 2) | 1);
  target.setUint8(next + 1, offset);
  return next + 2;
}

function writeLongCopy(target: DataView, at: number, offset: number, length: number): number {
  target.setUint8(at, ((length - 1) << 2) | 2);
  target.setUint16(at + 1, offset, true);
  return at + 3;
}

function writeVarint(target: DataView, at: number, value: number): number {
  let left = value;
  let next = at;
  for (; left >= 0x80; left >>>= 7) target.setUint8(next++, left | 0x80);
  target.setUint8(next, left);
  return next + 1;
}

/**
 * By tag, what the fast path needs to know of an element; 0 for those that are not for it.
 *
 *   | bytes of offset behind the tag | offset, bits 8 to 10 | bytes of content |
 *    12                            11 10                   8 7               0
 */
const ELEMENTS = Uint16Array.from({ length: 256 }, (_, tag) => describeElement(tag));

function describeElement(tag: number): number {
  switch (tag & 3) {
    case 0: return tag >>> 2 < SHORT_LITERAL_BYTES_MAX ? (tag >>> 2) + 1 : 0;
    case 1: return (1 << 11) | ((tag >>> 5) << 8) | (4 + ((tag >>> 2) & 7));
    case 2: return (2 << 11) | ((tag >>> 2) + 1);
    default: return 0;
  }
}

/**
 * Decompresses the block from `start` to `end` into `target` from 0 on; returns the length of the content. Throws SnappyError
 * for a damaged block, and for one whose content is larger than `target` before touching it. The bytes of `target` behind the
 * content are undefined.
 */
export function decompressBlock(source: DataView, start: number, end: number, target: DataView): number {
  let at = start;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    if (at >= end || shift > 28) throw new SnappyError('damaged length of a block');
    const byte = source.getUint8(at++);
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (length > target.byteLength) throw new SnappyError('a block is too large');
  decompressContent(source, at, end, target, length | 0); // For V8, powers have made it a floating point number.
  return length;
}

/** Hot path (bench: snappy). Short elements are taken without a closer look, while any of them fits; the others one by one. */
function decompressContent(source: DataView, start: number, end: number, target: DataView, length: number): void {
  const atLast = end - FAST_BYTES;
  const writtenLast = length - FAST_BYTES;
  let at = start;
  let written = 0;
  for (;;) {
    while (at <= atLast && written <= writtenLast) {
      const tag = source.getUint8(at);
      const element = ELEMENTS[tag]!;
      const count = element & 0xff;
      if (count === 0) break;
      if ((tag & 3) === 0) {
        copyWide(source, at + 1, target, written, count);
        at += 1 + count;
      } else {
        const offsetBytes = element >>> 11;
        const offset = (element & 0x700) | (source.getUint16(at + 1, true) & (0xffff >>> (16 - 8 * offsetBytes)));
        if (offset === 0 || offset > written) break;
        repeatWide(target, written, offset, count);
        at += 1 + offsetBytes;
      }
      written += count;
    }
    if (at === end) break;
    const tag = source.getUint8(at);
    const contentAt = at + 1 + numberBytes(tag);
    if (contentAt > end) throw new SnappyError('a block ends inside an element');
    const count = contentBytes(source, at, tag);
    if ((tag & 3) === 0) {
      if (count > end - contentAt || count > length - written) throw new SnappyError('a literal is too long');
      copyApart(source, contentAt, target, written, count);
      at = contentAt + count;
    } else {
      const offset = offsetOf(source, at, tag);
      if (offset === 0 || offset > written) throw new SnappyError('a copy from outside the block');
      if (count > length - written) throw new SnappyError('a copy is too long');
      copyBytes(target, written - offset, target, written, count);
      at = contentAt;
    }
    written += count;
  }
  if (written !== length) throw new SnappyError('a block is shorter than it says');
}

/** How many bytes of length or offset follow a tag. */
function numberBytes(tag: number): number {
  const kind = tag & 3;
  if (kind === 0) return Math.max(0, (tag >>> 2) - SHORT_LITERAL_BYTES_MAX + 1);
  return kind === 3 ? 4 : kind;
}

function contentBytes(source: DataView, at: number, tag: number): number {
  if ((tag & 3) === 1) return 4 + ((tag >>> 2) & 7);
  const isLong = (tag & 3) === 0 && tag >>> 2 >= SHORT_LITERAL_BYTES_MAX;
  return 1 + (isLong ? readLittleEndian(source, at + 1, numberBytes(tag)) : tag >>> 2);
}

function offsetOf(source: DataView, at: number, tag: number): number {
  const low = readLittleEndian(source, at + 1, numberBytes(tag));
  return (tag & 3) === 1 ? ((tag >>> 5) << 8) | low : low;
}

function readLittleEndian(source: DataView, at: number, bytes: number): number {
  let value = 0;
  for (let index = bytes - 1; index >= 0; index -= 1) value = value * 256 + source.getUint8(at + index);
  return value;
}
