// What lies between the load generator's bytes and its socket: nothing, TLS, snappy or deflate. A layer encodes what is
// sent, once or at every write, and hands on what it decoded before it returns, so that jobs need not know of it.

import { constants, deflateRawSync } from 'node:zlib';

import { Inflater } from '../../../dist/lib/compress/inflate.js';
import { SnappyDecoder, SnappyEncoder } from '../../../dist/lib/compress/snappy-frame.js';

const IDENTIFY_OF = {
  plain: {},
  tls: { tls_v1: true },
  snappy: { snappy: true },
  deflate: { deflate: true, deflate_level: 6 },
};
const STORED_BLOCK_BYTES_MAX = 65_535;
/** Without it Go's decoder keeps back what came before. */
const EMPTY_BLOCK = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** What IDENTIFY asks for, to get the layer. */
export function identifyOf(layer) {
  return layer === 'plain' ? {} : { feature_negotiation: true, ...IDENTIFY_OF[layer] };
}

/** `onDecoded(buffer, end)` gets plain bytes, valid during the call only. */
export function newCodec(layer, onDecoded) {
  if (layer === 'snappy') return new SnappyCodec(onDecoded);
  if (layer === 'deflate') return new DeflateCodec(onDecoded);
  return new PlainCodec(onDecoded);
}

class PlainCodec {
  constructor(onDecoded) {
    this.decode = onDecoded;
  }

  encode(bytes) {
    return bytes;
  }

  encodeRepeatable(bytes) {
    return bytes;
  }
}

class SnappyCodec {
  #encoder = new SnappyEncoder(); // The stream begins with what it encodes first.
  #decoder;

  constructor(onDecoded) {
    this.#decoder = new SnappyDecoder((content) => onDecoded(content, content.length));
  }

  encode(bytes) {
    return encodeSnappy(this.#encoder, bytes);
  }

  /** Chunks refer to nothing before them; only the head of the stream must not be repeated. */
  encodeRepeatable(bytes) {
    const encoder = new SnappyEncoder();
    encodeSnappy(encoder, Buffer.alloc(1));
    return encodeSnappy(encoder, bytes);
  }

  decode(buffer, end) {
    this.#decoder.decode(buffer.subarray(0, end));
  }
}

function encodeSnappy(encoder, bytes) {
  const target = Buffer.allocUnsafe(encoder.bytesMax(bytes.length));
  return target.subarray(0, encoder.encode(bytes, target));
}

class DeflateCodec {
  #inflater;

  constructor(onDecoded) {
    this.#inflater = new Inflater((content) => onDecoded(content, content.length));
  }

  /** Stored, because compressing what is sent at every write would take time from what is measured. */
  encode(bytes) {
    const blocks = [];
    for (let at = 0; at < bytes.length; at += STORED_BLOCK_BYTES_MAX) {
      const content = bytes.subarray(at, at + STORED_BLOCK_BYTES_MAX);
      const head = Buffer.alloc(5);
      head.writeUInt16LE(content.length, 1);
      head.writeUInt16LE(content.length ^ 0xffff, 3);
      blocks.push(head, content);
    }
    return Buffer.concat([...blocks, EMPTY_BLOCK]);
  }

  /** Blocks that refer to nothing before them and end at a byte can follow each other any number of times. */
  encodeRepeatable(bytes) {
    return deflateRawSync(bytes, { level: 6, finishFlush: constants.Z_SYNC_FLUSH });
  }

  /** In this call and not on zlib's threads, which would compete with the daemon unseen. */
  decode(buffer, end) {
    const bytes = buffer.subarray(0, end);
    let at = 0;
    do at = this.#inflater.inflate(bytes, at);
    while (this.#inflater.hasMore);
  }
}
