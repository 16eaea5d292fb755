import { describe, expect, it } from 'vitest';

import { viewOf } from '../../../../src/lib/compress/bytes-view.js';
import {
  BLOCK_BYTES_MAX, compressBlock, compressedBytesMax, decompressBlock, SnappyError,
} from '../../../../src/lib/compress/snappy-block.js';
import { Prng, seedOfRun } from '../../../support/prng.js';
import { anyContent } from './content.js';

function decompress(block: Buffer, bytesMax = BLOCK_BYTES_MAX): string {
  const target = Buffer.alloc(bytesMax);
  return target.toString('latin1', 0, decompressBlock(viewOf(block), 0, block.length, viewOf(target)));
}

function compress(content: Buffer): Buffer {
  const target = Buffer.alloc(compressedBytesMax(content.length));
  return target.subarray(0, compressBlock(viewOf(content), 0, content.length, viewOf(target), 0));
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const FORTY = '\xff'.repeat(40);

describe('decompressing', () => {
  it.each([
    ['nothing', '\x00', ''],
    ['a literal', '\x03\x08\xff\xff\xff', '\xff\xff\xff'],
    ['a literal of 40', `\x28\x9c${FORTY}`, FORTY],
    ['a literal with 1 byte of length', '\x03\xf0\x02\xff\xff\xff', '\xff\xff\xff'],
    ['a literal with 2 bytes of length', '\x03\xf4\x02\x00\xff\xff\xff', '\xff\xff\xff'],
    ['a literal with 3 bytes of length', '\x03\xf8\x02\x00\x00\xff\xff\xff', '\xff\xff\xff'],
    ['a literal with 4 bytes of length', '\x03\xfc\x02\x00\x00\x00\xff\xff\xff', '\xff\xff\xff'],
    ['a copy of 4 at 4', '\x08\x0cabcd\x01\x04', 'abcdabcd'],
    ['a copy of 4 at 2', '\x08\x0cabcd\x01\x02', 'abcdcdcd'],
    ['a copy of 4 at 1', '\x08\x0cabcd\x01\x01', 'abcddddd'],
    ['a copy of 9 at 4', '\x0d\x0cabcd\x15\x04', 'abcdabcdabcda'],
    ['a copy with 2 bytes of offset', '\x06\x0cabcd\x06\x03\x00', 'abcdbc'],
    ['a copy with 4 bytes of offset', '\x06\x0cabcd\x07\x03\x00\x00\x00', 'abcdbc'],
  ])('%s', (_, block, content) => {
    expect(decompress(bytes(block))).toBe(content);
  });

  it.each([
    ['no length', ''],
    ['half a length', '\xff'],
    ['a length without end', '\xff\xff\xff\xff\xff\xff\x00'],
    ['a length beyond the room', '\x81\x80\x04'],
    ['a literal beyond the length', '\x02\x08\xff\xff\xff'],
    ['a literal beyond the block', '\x03\x08\xff\xff'],
    ['a literal without its length', '\x01\xf0'],
    ['a literal without half its length', '\x01\xf4\x00'],
    ['a huge literal', '\x01\xfc\xff\xff\xff\xff'],
    ['a copy without offset', '\x04\x01'],
    ['a copy with half an offset', '\x04\x02\x00'],
    ['a copy with most of an offset', '\x04\x03\x00\x00\x00'],
    ['a copy at 0', '\x08\x0cabcd\x01\x00'],
    ['a copy from before the block', '\x08\x0cabcd\x01\x05'],
    ['a copy from far before the block', '\x08\x0cabcd\x0f\xff\xff\xff\xff'],
    ['a copy beyond the length', '\x07\x0cabcd\x01\x04'],
    ['less content than said', '\x09\x0cabcd\x01\x04'],
    ['bytes behind the content', '\x03\x08\xff\xff\xff\x00\x00'],
  ])('refuses %s', (_, block) => {
    expect(() => decompress(bytes(block))).toThrow(SnappyError);
  });

  it('does not take more than the room it is given', () => {
    const block = compress(Buffer.alloc(1000, 'x'));
    expect(decompress(block, 1000)).toBe('x'.repeat(1000));
    expect(() => decompress(block, 999)).toThrow('too large');
  });

  it('survives any change of any byte', () => {
    const prng = new Prng(seedOfRun());
    const block = compress(anyContent(prng, 300));
    for (let at = 0; at < block.length; at += 1) {
      const damaged = Buffer.from(block);
      damaged[at] = prng.integer(0, 255);
      try {
        decompress(damaged);
      } catch (error) {
        expect(error, `seed ${prng.seed}`).toBeInstanceOf(SnappyError);
      }
    }
  });
});

describe('compressing', () => {
  it('gives back any content', () => {
    const prng = new Prng(seedOfRun());
    const sizes = [0, 1, 15, 16, 17, 18, 60, 61, 255, 256, 257, 4096, 65_535, 65_536];
    for (let count = 0; count < 150; count += 1) {
      const content = anyContent(prng, count < sizes.length ? sizes[count]! : prng.integer(0, 3000));
      expect(decompress(compress(content)) === content.toString('latin1'), `seed ${prng.seed}, ${count}`).toBe(true);
    }
  });

  it('makes repetitions small', () => {
    expect(compress(Buffer.alloc(65_536, 'a')).length).toBeLessThan(65_536 / 20);
    expect(compress(Buffer.alloc(10_000, '{"id":17,"name":"x"}')).length).toBeLessThan(10_000 / 15);
  });

  it('needs no more room than it says, at any place of both buffers', () => {
    const prng = new Prng(seedOfRun());
    for (const size of [1, 16, 17, 100, 1000, 65_536]) {
      const source = prng.bytes(size + 7);
      const room = compressedBytesMax(size);
      const target = Buffer.alloc(room + 12);
      const end = compressBlock(viewOf(source), 7, 7 + size, viewOf(target), 5);
      expect(end).toBeLessThanOrEqual(5 + room);
      expect(decompress(target.subarray(5, end))).toBe(source.toString('latin1', 7));
    }
  });
});
