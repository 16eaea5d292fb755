// Damaged snappy and deflate streams: an error or content, never more content than the format can hold, and the same
// whether the bytes come in one piece or in many.

import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { viewOf } from '../../src/lib/compress/bytes-view.js';
import { CONTENT_BYTES_PER_CALL, InflateError, Inflater } from '../../src/lib/compress/inflate.js';
import { BLOCK_BYTES_MAX, compressBlock, compressedBytesMax, decompressBlock, SnappyError } from '../../src/lib/compress/snappy-block.js';
import { SnappyDecoder, SnappyEncoder } from '../../src/lib/compress/snappy-frame.js';
import { fuzz, mutated, pieces } from '../support/fuzz.js';
import type { Prng } from '../support/prng.js';

/** A call stops soon after its bound: at the end of the window. */
const SLACK_BYTES = 64 * 1024;

/** Repetitive, random or both. */
function content(prng: Prng): Buffer {
  const parts = Array.from({ length: prng.integer(1, 4) }, () => {
    const piece = prng.bytes(prng.integer(1, 200));
    return Buffer.concat(Array.from({ length: prng.integer(1, 100) }, () => piece));
  });
  return Buffer.concat(parts);
}

/** What came out, and whether it ended in an error of the expected kind. */
function decoded(parts: readonly Buffer[], newDecoder: (onContent: (bytes: Buffer) => void) => (bytes: Buffer) => void): { bytes: Buffer; isDamaged: boolean } {
  const chunks: Buffer[] = [];
  const decode = newDecoder((bytes) => chunks.push(Buffer.from(bytes)));
  let isDamaged = false;
  try {
    for (const part of parts) decode(part);
  } catch (error) {
    if (!(error instanceof SnappyError) && !(error instanceof InflateError)) throw error;
    isDamaged = true;
  }
  return { bytes: Buffer.concat(chunks), isDamaged };
}

function inflateAll(onContent: (bytes: Buffer) => void): (bytes: Buffer) => void {
  let count = 0;
  const inflater = new Inflater((bytes) => {
    count += bytes.length;
    onContent(bytes);
  });
  return (bytes) => {
    for (let at = 0; at < bytes.length && !inflater.hasEnded;) {
      count = 0;
      const end = inflater.inflate(bytes, at);
      expect(count, 'bytes decoded by one call').toBeLessThanOrEqual(CONTENT_BYTES_PER_CALL + SLACK_BYTES);
      expect(end > at || count > 0, 'progress').toBe(true);
      at = end;
    }
  };
}

function snappyDecoder(onContent: (bytes: Buffer) => void): (bytes: Buffer) => void {
  const decoder = new SnappyDecoder(onContent);
  return (bytes) => decoder.decode(bytes);
}

describe('compression', () => {
  it('decodes or refuses damaged snappy blocks, within the target', async () => {
    await fuzz({ name: 'snappy block', share: 0.02 }, (prng, note) => {
      const source = content(prng).subarray(0, BLOCK_BYTES_MAX);
      const block = Buffer.alloc(compressedBytesMax(source.length));
      const valid = block.subarray(0, compressBlock(viewOf(source), 0, source.length, viewOf(block), 0));
      const damaged = mutated(prng, valid);
      note(damaged);
      const room = Buffer.alloc(BLOCK_BYTES_MAX + 16, 0xaa);
      const target = room.subarray(0, BLOCK_BYTES_MAX);
      try {
        expect(decompressBlock(viewOf(damaged), 0, damaged.length, viewOf(target))).toBeLessThanOrEqual(BLOCK_BYTES_MAX);
      } catch (error) {
        if (!(error instanceof SnappyError)) throw error;
      }
      expect(room.subarray(BLOCK_BYTES_MAX).every((byte) => byte === 0xaa), 'bytes behind the target').toBe(true);
    });
  });

  it('decodes or refuses damaged snappy streams, however they are cut', async () => {
    await fuzz({ name: 'snappy stream', share: 0.02 }, (prng, note) => {
      const encoder = new SnappyEncoder();
      const frames = Array.from({ length: prng.integer(1, 3) }, () => {
        const source = content(prng);
        const target = Buffer.alloc(encoder.bytesMax(source.length));
        return target.subarray(0, encoder.encode(source, target));
      });
      const damaged = mutated(prng, Buffer.concat(frames), [Buffer.from('ff060000734e61507059', 'hex'), Buffer.from('00ffffff', 'hex'), Buffer.from('fe0000ff', 'hex')]);
      note(damaged);
      const whole = decoded([damaged], snappyDecoder);
      const cut = decoded(pieces(prng, damaged, 20), snappyDecoder);
      expect(cut.isDamaged).toBe(whole.isDamaged);
      expect(cut.bytes.equals(whole.bytes)).toBe(true);
    });
  });

  it('decodes or refuses damaged deflate streams, however they are cut, a bounded amount at a time', async () => {
    await fuzz({ name: 'deflate stream', share: 0.03 }, (prng, note) => {
      const source = content(prng);
      const damaged = mutated(prng, deflateRawSync(source, { level: prng.integer(0, 9), strategy: prng.integer(0, 4) }));
      note(damaged);
      const whole = decoded([damaged], inflateAll);
      const cut = decoded(pieces(prng, damaged, 20), inflateAll);
      expect(cut.isDamaged).toBe(whole.isDamaged);
      expect(cut.bytes.equals(whole.bytes)).toBe(true);
    });
  });
});
