// The client's side of compression. Deflate is node:zlib's; snappy is the project's own, which unit tests compare with
// published vectors and the interop tests with other implementations.

import { constants, createInflateRaw, deflateRawSync } from 'node:zlib';

import { SnappyDecoder, SnappyEncoder } from '../../src/lib/compress/snappy-frame.js';

export interface Codec {
  encode(bytes: Buffer): Buffer;
  /** What was decoded goes to the callback given at the start, perhaps later. */
  decode(bytes: Buffer): void;
  /** Calls back once everything has been decoded. */
  settle(callback: () => void): void;
}

export function newCodec(kind: 'snappy' | 'deflate', onDecoded: (bytes: Buffer) => void): Codec {
  return kind === 'snappy' ? new SnappyCodec(onDecoded) : new DeflateCodec(onDecoded);
}

class SnappyCodec implements Codec {
  readonly #encoder = new SnappyEncoder();
  readonly #decoder: SnappyDecoder;

  constructor(onDecoded: (bytes: Buffer) => void) {
    this.#decoder = new SnappyDecoder((content) => onDecoded(Buffer.from(content)));
  }

  encode(bytes: Buffer): Buffer {
    const target = Buffer.alloc(this.#encoder.bytesMax(bytes.length));
    return target.subarray(0, this.#encoder.encode(bytes, target));
  }

  decode(bytes: Buffer): void {
    this.#decoder.decode(bytes);
  }

  settle(callback: () => void): void {
    callback();
  }
}

class DeflateCodec implements Codec {
  readonly #inflater = createInflateRaw();

  constructor(onDecoded: (bytes: Buffer) => void) {
    this.#inflater.on('data', onDecoded);
  }

  /** Blocks that refer to nothing before them, and end at a byte, can follow each other in one stream. */
  encode(bytes: Buffer): Buffer {
    return deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
  }

  decode(bytes: Buffer): void {
    this.#inflater.write(bytes);
  }

  settle(callback: () => void): void {
    this.#inflater.flush(callback);
  }
}
