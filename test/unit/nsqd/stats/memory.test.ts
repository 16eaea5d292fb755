import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';

import { memoryFields, MemoryMonitor } from '../../../../src/nsqd/stats/memory.js';
import { eventually } from '../../../support/eventually.js';

function pauses(monitor: MemoryMonitor): number[] {
  const { gcPauseUsec100, gcPauseUsec99, gcPauseUsec95, gcTotalRuns } = monitor.sample();
  return [gcPauseUsec100, gcPauseUsec99, gcPauseUsec95, gcTotalRuns];
}

function monitorOf(durationsMs: readonly number[]): MemoryMonitor {
  const monitor = new MemoryMonitor();
  for (const durationMs of durationsMs) monitor.recordPause(durationMs);
  return monitor;
}

describe('MemoryMonitor', () => {
  it.each<[number[], number[]]>([
    [[], [0, 0, 0, 0]],
    [[1.5], [1500, 1500, 1500, 1]],
    [[2, 1, 0.0009], [2000, 2000, 2000, 3]],
    [Array.from({ length: 100 }, (_, index) => index + 1), [100_000, 100_000, 96_000, 100]],
  ])('computes the percentiles of %j', (durationsMs, expected) => {
    expect(pauses(monitorOf(durationsMs))).toEqual(expected);
  });

  it('remembers the latest 256 pauses', () => {
    const monitor = monitorOf([1000, ...Array.from({ length: 256 }, () => 1)]);
    expect(pauses(monitor)).toEqual([1000, 1000, 1000, 257]);
  });

  it('samples integers that are not negative', () => {
    for (const [name, value] of memoryFields(new MemoryMonitor().sample())) {
      expect([name, Number.isInteger(value) && value >= 0]).toEqual([name, true]);
    }
  });

  it('counts collections between start and stop, each monitor for itself', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const first = new MemoryMonitor();
    const second = new MemoryMonitor();
    first.start();
    second.start();
    second.stop();
    await eventually(() => {
      collect();
      expect(first.sample().gcTotalRuns).toBeGreaterThan(0);
    });
    expect(second.sample().gcTotalRuns).toBe(0);
    first.stop();
  });
});
