import { describe, expect, it } from 'vitest';

import { DeferredHeap } from '../../../../src/nsqd/broker/deferred-heap.js';
import type { HeldRecord } from '../../../../src/nsqd/broker/held-record.js';
import { Chunk } from '../../../../src/nsqd/storage/chunk.js';
import { Prng } from '../../../support/prng.js';

const CHUNK = new Chunk({ chunkDone: () => {}, loadChunk: () => new Uint8Array() }, null, 0, 0);

function record(dueMs: number, position = 0): HeldRecord {
  return { chunk: CHUNK, position, attempts: 0, dueMs, turn: 0, isWaiting: true, remembered: 0 };
}

describe('DeferredHeap', () => {
  it('is never due while it is empty', () => {
    const heap = new DeferredHeap();
    expect([heap.size, heap.firstDueMs(), heap.pop()]).toEqual([0, Infinity, undefined]);
  });

  it('gives back all records, those of one due time as well', () => {
    const heap = new DeferredHeap();
    for (const position of [1, 2, 3]) heap.push(record(5, position));
    expect([heap.pop(), heap.pop(), heap.pop(), heap.pop()].map((each) => each?.position).sort()).toEqual([1, 2, 3, undefined]);
  });

  it('forgets everything with clear', () => {
    const heap = new DeferredHeap();
    heap.push(record(1));
    heap.clear();
    expect([heap.size, heap.firstDueMs(), heap.values()]).toEqual([0, Infinity, []]);
  });

  it('does what a sorted list does, over many random operations', () => {
    const prng = new Prng(11);
    const heap = new DeferredHeap();
    const oracle: number[] = [];
    for (let step = 0; step < 5000; step += 1) {
      if (prng.next() < 0.55) {
        const dueMs = prng.integer(0, 500);
        heap.push(record(dueMs));
        oracle.push(dueMs);
        oracle.sort((a, b) => a - b);
      } else if (heap.pop()?.dueMs !== oracle.shift()) {
        throw new Error(`step ${step}: another record was first`);
      }
      if (heap.size !== oracle.length || heap.firstDueMs() !== (oracle[0] ?? Infinity)) throw new Error(`step ${step}: another state`);
    }
    expect(heap.values().map(({ dueMs }) => dueMs).sort((a, b) => a - b)).toEqual(oracle);
  });
});

describe('the earliest of a heap', () => {
  it.each([0, 1, 3, 100, 1000])('are the same as those of a sorted list: %i of 500', (countMax) => {
    const heap = new DeferredHeap();
    const dues = Array.from({ length: 500 }, (_, index) => (index * 7919) % 503);
    for (const dueMs of dues) heap.push({ dueMs } as HeldRecord);
    const sorted = dues.toSorted((a, b) => a - b);
    expect(heap.earliest(countMax).map(({ dueMs }) => dueMs)).toEqual(sorted.slice(0, countMax));
    expect(heap.size).toBe(500);
  });
});
