import { describe, expect, it } from 'vitest';

import { RingBuffer } from '../../../../src/lib/collections/ring-buffer.js';
import { Prng } from '../../../support/prng.js';

describe('RingBuffer', () => {
  it('is empty at first', () => {
    const buffer = new RingBuffer<number>();
    expect([buffer.length, buffer.peek(), buffer.shift(), [...buffer.values()]]).toEqual([0, undefined, undefined, []]);
  });

  it('keeps the order when it grows while its content wraps around', () => {
    const buffer = new RingBuffer<number>();
    for (let item = 0; item < 8; item += 1) buffer.push(item);
    for (let count = 0; count < 5; count += 1) buffer.shift();
    for (let item = 8; item < 20; item += 1) buffer.push(item);
    expect([...buffer.values()]).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  });

  it('forgets everything with clear', () => {
    const buffer = new RingBuffer<number>();
    buffer.push(1);
    buffer.clear();
    buffer.push(2);
    expect([...buffer.values()]).toEqual([2]);
  });

  it('does what an array does, over many random operations', () => {
    const prng = new Prng(7);
    const buffer = new RingBuffer<number>();
    const oracle: number[] = [];
    for (let step = 0; step < 20_000; step += 1) {
      if (prng.next() < (step % 4000 < 2000 ? 0.6 : 0.4)) {
        buffer.push(step);
        oracle.push(step);
      } else {
        if (buffer.shift() !== oracle.shift()) throw new Error(`step ${step}: another item`);
      }
      if (buffer.length !== oracle.length || buffer.peek() !== oracle[0]) throw new Error(`step ${step}: another state`);
    }
    expect([...buffer.values()]).toEqual(oracle);
  });
});
