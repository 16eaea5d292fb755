import { describe, expect, it } from 'vitest';

import {
  readInt32, recordAttempts, recordBody, recordBytes, recordId, writeAttempts, writeInt32,
} from '../../../../src/nsqd/storage/record.js';
import { hex } from '../../../support/bytes.js';

/** The first record of the worked example (storage.md 11), behind three other bytes. */
const EXAMPLE = hex('ffffff 0000001f 18e9e76c10b072de 0000 31386132376136666165653035303030 68656c6c6f ff');

describe('a record', () => {
  it('is read field by field', () => {
    expect(recordBytes(EXAMPLE, 3)).toBe(35);
    expect(recordAttempts(EXAMPLE, 3)).toBe(0);
    expect(recordId(EXAMPLE, 3)).toBe('18a27a6faee05000');
    expect(Buffer.from(recordBody(EXAMPLE, 3)).toString()).toBe('hello');
  });

  it.each([[0, '0000'], [1, '0001'], [258, '0102'], [65535, 'ffff'], [65536, '0000']])('keeps %i attempts', (attempts, digits) => {
    const bytes = Buffer.from(EXAMPLE);
    writeAttempts(bytes, 3, attempts);
    expect(bytes.subarray(15, 17)).toEqual(hex(digits));
    expect(Buffer.concat([bytes.subarray(0, 15), hex('0000'), bytes.subarray(17)])).toEqual(EXAMPLE);
    expect(recordAttempts(bytes, 3)).toBe(attempts & 0xffff);
  });
});

describe('32-bit integers', () => {
  it.each([[0, '00000000'], [1, '00000001'], [0x01020304, '01020304'], [2 ** 31 - 1, '7fffffff'], [-1, 'ffffffff'], [-(2 ** 31), '80000000']])(
    '%i is %s',
    (value, digits) => {
      const bytes = Buffer.alloc(6);
      writeInt32(bytes, 1, value);
      expect(bytes.subarray(1, 5)).toEqual(hex(digits));
      expect(readInt32(bytes, 1)).toBe(value);
    },
  );
});
