// Snappy's framing format: a stream of chunks (tcp-protocol 9.5), encoded and decoded piece by piece. Pure: bytes in, bytes
// out. Each direction of a connection is a stream of its own.
//
//   | type 1 | length 3, little-endian | data |
//
//   0xff  stream identifier: sNaPpY        first in the stream, and again whenever the sender likes
//   0x00  compressed    | masked CRC-32C of the content 4 | snappy block |
//   0x01  uncompressed  | masked CRC-32C of the content 4 | content |
//   0x80 to 0xfe        skipped
//   0x02 to 0x7f        an error

import { copyApart, viewOf } from './bytes-view.js';
import { crc32c, maskChecksum } from './crc32c.js';
import { BLOCK_BYTES_MAX, compressBlock, compressedBytesMax, decompressBlock, SnappyError } from './snappy-block.js';

const TYPE_COMPRESSED = 0x00;
const TYPE_UNCOMPRESSED = 0x01;
const TYPE_SKIPPABLE_FIRST = 0x80;
const TYPE_IDENTIFIER = 0xff;

const HEADER_BYTES = 4;
const CHECKSUM_BYTES = 4;
const IDENTIFIER = Buffer.from('sNaPpY', 'latin1');
const IDENTIFIER_CHUNK = Buffer.from([TYPE_IDENTIFIER, IDENTIFIER.length, 0, 0, ...IDENTIFIER]);
/** Longer chunks, skippable ones included, are refused before their data is looked at. */
export const CHUNK_DATA_BYTES_MAX = CHECKSUM_BYTES + compressedBytesMax(BLOCK_BYTES_MAX);
/** What compressing a block may need for a moment, before it is found to be smaller as it was. */
const SLACK_BYTES = compressedBytesMax(BLOCK_BYTES_MAX) - BLOCK_BYTES_MAX;

/** Content of compressed chunks, shared by all decoders: it is handed on before another chunk is decoded. */
const content = Buffer.allocUnsafeSlow(BLOCK_BYTES_MAX);
const contentView = viewOf(content);

export class SnappyEncoder {
  #isBegun = false;

  /** Room that the next `encode` of so many bytes needs. */
  bytesMax(count: number): number {
    const heads = Math.ceil(count / BLOCK_BYTES_MAX) * (HEADER_BYTES + CHECKSUM_BYTES);
    return IDENTIFIER_CHUNK.length + heads + count + SLACK_BYTES;
  }

  /** Hot path (bench: snappy). Writes `source` as chunks into `target` from 0 on; returns how many bytes they take. */
  encode(source: Uint8Array, target: Uint8Array): number {
    let at = 0;
    if (!this.#isBegun) {
      this.#isBegun = true;
      target.set(IDENTIFIER_CHUNK);
      at = IDENTIFIER_CHUNK.length;
    }
    const sourceView = viewOf(source);
    const targetView = viewOf(target);
    for (let start = 0; start < source.length; start += BLOCK_BYTES_MAX) {
      at = encodeChunk(sourceView, start, Math.min(start + BLOCK_BYTES_MAX, source.length), targetView, at);
    }
    return at;
  }
}

/** A chunk stays uncompressed unless that saves an eighth. */
function encodeChunk(source: DataView, start: number, end: number, target: DataView, at: number): number {
  const dataAt = at + HEADER_BYTES + CHECKSUM_BYTES;
  const count = end - start;
  let type = TYPE_COMPRESSED;
  let chunkEnd = compressBlock(source, start, end, target, dataAt);
  if (chunkEnd - dataAt >= count - Math.floor(count / 8)) {
    type = TYPE_UNCOMPRESSED;
    copyApart(source, start, target, dataAt, count);
    chunkEnd = dataAt + count;
  }
  target.setUint32(at, ((chunkEnd - dataAt + CHECKSUM_BYTES) << 8) | type, true);
  target.setUint32(at + HEADER_BYTES, maskChecksum(crc32c(source, start, end)), true);
  return chunkEnd;
}

/** Takes the stream in pieces of any size. After an error the decoder is of no more use. */
export class SnappyDecoder {
  readonly #onContent: (content: Buffer) => void;
  #isBegun = false;
  /** A chunk of which a part has arrived, its header included. */
  #partial: Buffer | null = null;
  #partialBytes = 0;

  /** `onContent` gets the content of each chunk, never empty, valid during the call only. */
  constructor(onContent: (content: Buffer) => void) {
    this.#onContent = onContent;
  }

  /** Hot path (bench: snappy). Throws SnappyError where the stream is damaged; what came before was handed on. */
  decode(bytes: Buffer): void {
    const view = viewOf(bytes);
    let at = 0;
    while (at < bytes.length) {
      if (this.#partialBytes > 0) {
        at = this.#completePartial(bytes, at);
        continue;
      }
      const end = bytes.length - at >= HEADER_BYTES ? at + this.#chunkBytes(bytes, at) : Infinity;
      if (end > bytes.length) {
        this.#keepPartial(bytes, at, end - at);
        return;
      }
      this.#readChunk(bytes, view, at, end);
      at = end;
    }
  }

  /** Length of the chunk whose header is at `at`, header included. Limits come before memory. */
  #chunkBytes(bytes: Buffer, at: number): number {
    const length = bytes.readUIntLE(at + 1, 3);
    const type = bytes[at]!;
    if (!this.#isBegun && type !== TYPE_IDENTIFIER) throw new SnappyError('the stream does not begin with its identifier');
    if (length > CHUNK_DATA_BYTES_MAX) throw new SnappyError('a chunk is too long');
    if (type === TYPE_IDENTIFIER && length !== IDENTIFIER.length) throw new SnappyError('damaged stream identifier');
    if (type <= TYPE_UNCOMPRESSED && length < CHECKSUM_BYTES) throw new SnappyError('a chunk without a checksum');
    if (type > TYPE_UNCOMPRESSED && type < TYPE_SKIPPABLE_FIRST) throw new SnappyError(`unknown chunk type ${type}`);
    return HEADER_BYTES + length;
  }

  /** Returns where the bytes that belong to the partial chunk end. */
  #completePartial(bytes: Buffer, at: number): number {
    if (this.#partialBytes < HEADER_BYTES) {
      const end = this.#append(bytes, at, HEADER_BYTES);
      if (this.#partialBytes < HEADER_BYTES) return end;
      this.#reserve(this.#chunkBytes(this.#partial!, 0));
      return this.#finishPartial(end);
    }
    return this.#finishPartial(this.#append(bytes, at, this.#chunkBytes(this.#partial!, 0)));
  }

  #finishPartial(end: number): number {
    const partial = this.#partial!;
    const chunkBytes = this.#chunkBytes(partial, 0);
    if (this.#partialBytes < chunkBytes) return end;
    this.#partial = null;
    this.#partialBytes = 0;
    this.#readChunk(partial, viewOf(partial), 0, chunkBytes);
    return end;
  }

  #keepPartial(bytes: Buffer, at: number, chunkBytes: number): void {
    this.#reserve(chunkBytes === Infinity ? HEADER_BYTES : chunkBytes);
    this.#append(bytes, at, Infinity);
  }

  #reserve(capacity: number): void {
    const before = this.#partial;
    this.#partial = Buffer.allocUnsafeSlow(capacity);
    before?.copy(this.#partial, 0, 0, this.#partialBytes);
  }

  /** Appends until the partial chunk has `upTo` bytes. */
  #append(bytes: Buffer, at: number, upTo: number): number {
    const count = Math.min(bytes.length - at, upTo - this.#partialBytes);
    bytes.copy(this.#partial!, this.#partialBytes, at, at + count);
    this.#partialBytes += count;
    return at + count;
  }

  /** The chunk is whole and its header has been checked. `view` shows the same as `bytes`. */
  #readChunk(bytes: Buffer, view: DataView, at: number, end: number): void {
    const type = bytes[at]!;
    const dataAt = at + HEADER_BYTES;
    const bodyAt = dataAt + CHECKSUM_BYTES;
    if (type === TYPE_IDENTIFIER) {
      if (IDENTIFIER.compare(bytes, dataAt, end) !== 0) throw new SnappyError('damaged stream identifier');
      this.#isBegun = true;
    } else if (type === TYPE_COMPRESSED) {
      const length = decompressBlock(view, bodyAt, end, contentView);
      checkContent(contentView, 0, length, view.getUint32(dataAt, true));
      if (length > 0) this.#onContent(content.subarray(0, length));
    } else if (type === TYPE_UNCOMPRESSED) {
      if (end - bodyAt > BLOCK_BYTES_MAX) throw new SnappyError('a chunk is too long');
      checkContent(view, bodyAt, end, view.getUint32(dataAt, true));
      if (end > bodyAt) this.#onContent(bytes.subarray(bodyAt, end));
    }
  }
}

function checkContent(bytes: DataView, start: number, end: number, checksum: number): void {
  if (maskChecksum(crc32c(bytes, start, end)) !== checksum) throw new SnappyError('wrong checksum');
}
