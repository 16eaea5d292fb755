import { describe, expect, it } from 'vitest';

import { CHUNK_BYTES_MAX, ChunkPool, ChunkSizes } from '../../../../src/nsqd/storage/chunk.js';

const FIRST_BYTES = 16 * 1024;

describe('the sizes of chunks', () => {
  it('double while they fill up within a second each, up to a bound', () => {
    const sizes = new ChunkSizes();
    const taken = Array.from({ length: 8 }, (_, index) => sizes.next(5000 + 900 * index));
    expect(taken).toEqual([1, 2, 4, 8, 16, 32, 64, 64].map((factor) => factor * FIRST_BYTES));
    expect(taken.at(-1)).toBe(CHUNK_BYTES_MAX);
  });

  it('stay when it takes longer, and begin anew when it takes very long or the log was quiet', () => {
    const sizes = new ChunkSizes();
    sizes.next(0);
    expect([sizes.next(500), sizes.next(2000), sizes.next(12_001)]).toEqual([2 * FIRST_BYTES, 2 * FIRST_BYTES, FIRST_BYTES]);
    sizes.next(12_500);
    sizes.restart();
    expect(sizes.next(12_600)).toBe(FIRST_BYTES);
  });
});

describe('the pool of chunks', () => {
  it('counts what is in use, and is over budget with more', () => {
    const pool = new ChunkPool(100);
    const buffers = [pool.acquire(60), pool.acquire(40)];
    expect([pool.usedBytes, pool.isOverBudget()]).toEqual([100, false]);
    buffers.push(pool.acquire(1));
    expect(pool.isOverBudget()).toBe(true);
    for (const buffer of buffers) pool.release(buffer);
    expect(pool.usedBytes).toBe(0);
  });

  it('gives a large buffer out again', () => {
    const pool = new ChunkPool(CHUNK_BYTES_MAX);
    const buffer = pool.acquire(CHUNK_BYTES_MAX);
    pool.release(buffer);
    expect(pool.acquire(CHUNK_BYTES_MAX - 1)).toBe(buffer);
  });
});
