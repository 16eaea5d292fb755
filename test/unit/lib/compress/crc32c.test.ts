import { describe, expect, it } from 'vitest';

import { viewOf } from '../../../../src/lib/compress/bytes-view.js';
import { crc32c, maskChecksum } from '../../../../src/lib/compress/crc32c.js';
import { Prng, seedOfRun } from '../../../support/prng.js';

const ASCENDING = Buffer.from(Array.from({ length: 32 }, (_, index) => index));

describe('CRC-32C', () => {
  // RFC 3720, B.4.
  it.each<readonly [string, Buffer, number]>([
    ['nothing', Buffer.alloc(0), 0],
    ['digits', Buffer.from('123456789'), 0xe3069283],
    ['32 bytes of zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['32 ascending bytes', ASCENDING, 0x46dd794e],
    ['32 descending bytes', Buffer.from(ASCENDING).reverse(), 0x113fdb5c],
  ])('of %s', (_, bytes, expected) => {
    expect(crc32c(viewOf(bytes), 0, bytes.length)).toBe(expected);
  });

  it('is masked as in the framing format', () => {
    expect(maskChecksum(0xe3069283)).toBe(0xc78ab0e5);
    expect(maskChecksum(0)).toBe(0xa282ead8);
  });

  it('agrees with one byte a step for every length and place', () => {
    const prng = new Prng(seedOfRun());
    const bytes = prng.bytes(300);
    for (let count = 0; count < 200; count += 1) {
      const start = prng.integer(0, 300);
      const end = prng.integer(start, 300);
      expect(crc32c(viewOf(bytes), start, end), `seed ${prng.seed}`).toBe(slowCrc32c(bytes.subarray(start, end)));
    }
  });
});

function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (crc ^ byte) >>> 0;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? ((crc >>> 1) ^ 0x82f63b78) >>> 0 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
