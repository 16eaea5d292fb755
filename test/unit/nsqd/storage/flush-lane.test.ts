import { describe, expect, it } from 'vitest';

import { FlushLane, flushesAtOnceMax } from '../../../../src/nsqd/storage/flush-lane.js';

function scene(atOnceMax: number): { lane: FlushLane; begun: string[]; ends: Map<string, () => void>; add: (name: string) => void } {
  const lane = new FlushLane(atOnceMax);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const add = (name: string): void => lane.run((isOver) => {
    begun.push(name);
    ends.set(name, isOver);
  });
  return { lane, begun, ends, add };
}

describe('FlushLane', () => {
  it('begins the next when one is over, in the order in which they came', () => {
    const { begun, ends, add } = scene(1);
    for (const name of ['a', 'b', 'c']) add(name);
    expect(begun).toEqual(['a']);
    ends.get('a')!();
    expect(begun).toEqual(['a', 'b']);
    ends.get('b')!();
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  it('runs as many as allowed', () => {
    const { begun, ends, add } = scene(2);
    for (const name of ['a', 'b', 'c', 'd']) add(name);
    expect(begun).toEqual(['a', 'b']);
    ends.get('b')!();
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  it('goes on behind many that are over at once', () => {
    const { lane, begun, ends, add } = scene(1);
    add('first');
    for (let count = 0; count < 100_000; count += 1) lane.run((isOver) => isOver());
    add('last');
    expect(begun).toEqual(['first']);
    ends.get('first')!();
    expect(begun).toEqual(['first', 'last']);
  });

  it('lets all run that a publisher waits for', () => {
    const { begun, add } = scene(flushesAtOnceMax('fsync'));
    for (const name of ['a', 'b', 'c']) add(name);
    expect(begun).toEqual(['a', 'b', 'c']);
  });
});
