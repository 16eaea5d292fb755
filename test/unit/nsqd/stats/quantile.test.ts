import { describe, expect, it } from 'vitest';

import { QuantileStream, QuantileWindow } from '../../../../src/nsqd/stats/quantile.js';

const USUAL = [1, 0.99, 0.95];

function ascending(targets: readonly number[], count: number): QuantileStream {
  const stream = new QuantileStream(targets);
  for (let value = 1; value <= count; value += 1) stream.insert(value);
  return stream;
}

/** As a window is queried: through the samples of the stream, merged into a fresh one. */
function queried(stream: QuantileStream, targets: readonly number[]): number[] {
  const merged = new QuantileStream(targets);
  merged.merge(stream.samples());
  return targets.map((target) => merged.query(target));
}

describe('QuantileStream', () => {
  it.each([
    [USUAL, 0, [0, 0, 0]],
    [USUAL, 1, [1, 1, 1]],
    [USUAL, 10, [10, 10, 10]],
    [USUAL, 50, [50, 50, 50]],
    [USUAL, 100, [100, 100, 98]],
    [USUAL, 200, [200, 200, 194]],
    [USUAL, 499, [499, 499, 481]],
    [USUAL, 500, [500, 500, 490]],
    [USUAL, 501, [501, 501, 490]],
    [USUAL, 1000, [1000, 1000, 980]],
    [USUAL, 10_000, [10_000, 10_000, 9593]],
    [[0.5], 2, [2]],
    [[0.5], 10, [7]],
    [[0.5], 100, [52]],
    [[0.5], 1000, [518]],
    [[1], 12_345, [12_345]],
  ])('gives the numbers of stock nsqd for %j over 1..%i', (targets, count, expected) => {
    expect(queried(ascending(targets, count), targets)).toEqual(expected);
  });

  it('finds ranks within two percent whatever the order', () => {
    const values = Array.from({ length: 20_000 }, (_, index) => (index * 7919) % 20_000);
    const stream = new QuantileStream([0.9, 0.5]);
    for (const value of values) stream.insert(value);
    const [high = 0, middle = 0] = queried(stream, [0.9, 0.5]);
    expect(Math.abs(high - 18_000)).toBeLessThan(400);
    expect(Math.abs(middle - 10_000)).toBeLessThan(400);
  });

  it('keeps few of many samples', () => {
    const stream = ascending(USUAL, 100_000);
    expect(stream.samples().length).toBeLessThan(1500);
    expect(stream.count()).toBe(100_000);
  });

  it('merges streams as if all had gone into one', () => {
    const [low, high] = [new QuantileStream([0.5]), new QuantileStream([0.5])];
    for (let value = 1; value <= 5000; value += 1) (value % 2 === 0 ? low : high).insert(value);
    const merged = new QuantileStream([0.5]);
    merged.merge(low.samples());
    merged.merge(high.samples());
    expect(merged.count()).toBe(5000);
    expect(Math.abs(merged.query(0.5) - 2500)).toBeLessThan(100);
  });
});

describe('QuantileWindow', () => {
  function contents(window: QuantileWindow, nowMs: number): { count: number; largest: number } {
    const merged = new QuantileStream([1]);
    window.mergeInto(merged, nowMs);
    return { count: merged.count(), largest: merged.query(1) };
  }

  it.each([
    ['keeps samples for half a window', 1500, { count: 2, largest: 9 }],
    ['drops the older half first', 2500, { count: 1, largest: 4 }],
    ['is empty after a whole window', 4100, { count: 0, largest: 0 }],
    ['is empty after a long silence', 1e12, { count: 0, largest: 0 }],
  ])('%s', (_, atMs, expected) => {
    const window = new QuantileWindow([1], 2000, 0);
    window.insert(9, 100);
    window.insert(4, 1100);
    expect(contents(window, atMs)).toEqual(expected);
  });

  it('starts again after a silence', () => {
    const window = new QuantileWindow([1], 2, 0);
    window.insert(9, 1);
    window.insert(7, 1e9);
    expect(contents(window, 1e9)).toEqual({ count: 1, largest: 7 });
  });
});
