import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { EventLoopMonitor } from '../../../../src/nsqd/stats/event-loop.js';
import { eventually } from '../../../support/eventually.js';

describe('EventLoopMonitor', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('measures nothing until it is asked', () => {
    const monitor = new EventLoopMonitor();
    expect([monitor.isMeasuring, vi.getTimerCount()]).toEqual([false, 0]);
  });

  it('looks twice a second', () => {
    const monitor = new EventLoopMonitor();
    monitor.asked();
    monitor.asked();
    vi.advanceTimersByTime(1000);
    expect([monitor.delaySeconds.count, monitor.delaySeconds.sum]).toEqual([2, 0]);
  });

  it('goes to sleep five minutes after the last question', () => {
    const monitor = new EventLoopMonitor();
    monitor.asked();
    vi.advanceTimersByTime(200_000);
    monitor.asked();
    vi.advanceTimersByTime(299_000);
    expect(monitor.isMeasuring).toBe(true);
    vi.advanceTimersByTime(2000);
    expect([monitor.isMeasuring, vi.getTimerCount()]).toEqual([false, 0]);
    monitor.asked();
    expect(monitor.isMeasuring).toBe(true);
  });

  it('can be stopped', () => {
    const monitor = new EventLoopMonitor();
    monitor.asked();
    monitor.stop();
    expect([monitor.isMeasuring, vi.getTimerCount()]).toEqual([false, 0]);
  });
});

describe('EventLoopMonitor on a real loop', () => {
  it('sees a loop that is blocked', async () => {
    const monitor = new EventLoopMonitor();
    const startedAtMs = performance.now();
    monitor.asked();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 800);
    await eventually(() => expect(monitor.delaySeconds.count).toBeGreaterThanOrEqual(1));
    monitor.stop();
    expect(monitor.delaySeconds.sum).toBeGreaterThan(0.25);
    expect(monitor.delaySeconds.sum).toBeLessThan((performance.now() - startedAtMs) / 1000);
  });
});
