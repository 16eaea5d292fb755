import { describe, expect, it } from 'vitest';

import { Histogram, LATENCY_BOUNDS } from '../../../../src/lib/metrics/histogram.js';
import { Tally } from '../../../../src/lib/metrics/tally.js';

describe('Histogram', () => {
  it('counts a value at a bound below it, and those beyond the last in the total only', () => {
    const histogram = new Histogram([1, 5, 10]);
    for (const value of [0, 1, 1.01, 5, 10, 10.5, 1000]) histogram.observe(value);
    expect(histogram.cumulativeCounts()).toEqual([2, 4, 5]);
    expect(histogram.count).toBe(7);
    expect(histogram.sum).toBeCloseTo(1027.51, 9);
  });

  it('is empty at first', () => {
    const histogram = new Histogram([1]);
    expect([histogram.cumulativeCounts(), histogram.count, histogram.sum]).toEqual([[0], 0, 0]);
  });

  it('has rising bounds for latencies', () => {
    expect(LATENCY_BOUNDS).toEqual([...LATENCY_BOUNDS].sort((a, b) => a - b));
  });
});

describe('Tally', () => {
  it('shows the words it was given from the start, and others once they come', () => {
    const tally = new Tally(['known']);
    expect([...tally.entries()]).toEqual([['known', 0]]);
    tally.add('known');
    tally.add('new', 3);
    tally.add('new', 2);
    expect([...tally.entries()]).toEqual([['known', 1], ['new', 5]]);
  });
});
