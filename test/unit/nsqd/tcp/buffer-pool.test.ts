import { describe, expect, it } from 'vitest';

import { BufferPool } from '../../../../src/nsqd/tcp/buffer-pool.js';
import { DEFAULTS } from '../../../../src/nsqd/options.js';

/** Most that is gathered for a connection in one turn: what it had, and one more message of the largest size. */
const TURN_BYTES_MAX = 256 * 1024 + DEFAULTS.maxMsgSize;

describe('BufferPool', () => {
  it.each([1, 1024, 1025, 100_000, 300_000, DEFAULTS.maxMsgSize, TURN_BYTES_MAX])('reuses a buffer for %i bytes', (bytes) => {
    const pool = new BufferPool();
    const first = pool.acquire(bytes);
    expect(first.length).toBeGreaterThanOrEqual(bytes);
    pool.release(first);
    expect(pool.acquire(bytes)).toBe(first);
    expect(pool.acquire(bytes)).not.toBe(first);
  });

  it('keeps a few, and none of any other size', () => {
    const pool = new BufferPool();
    const many = Array.from({ length: 100 }, () => pool.acquire(TURN_BYTES_MAX));
    for (const buffer of many) pool.release(buffer);
    const again = Array.from({ length: 100 }, () => pool.acquire(TURN_BYTES_MAX));
    expect(again.filter((buffer) => many.includes(buffer))).toHaveLength(4);
    const large = pool.acquire(2 * TURN_BYTES_MAX);
    pool.release(large);
    expect(pool.acquire(2 * TURN_BYTES_MAX)).not.toBe(large);
  });

  it('grows a buffer with what is in it', () => {
    const pool = new BufferPool();
    const before = pool.acquire(10);
    before.set([1, 2, 3]);
    const after = pool.grow(before, 3, 5000);
    expect([...after.subarray(0, 3), after.length]).toEqual([1, 2, 3, 16 * 1024]);
    expect(pool.acquire(10)).toBe(before);
  });
});
