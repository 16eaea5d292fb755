import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { AlarmClock } from '../../../../src/lib/time/alarm-clock.js';
import type { Alarm } from '../../../../src/lib/time/alarm-clock.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { Prng } from '../../../support/prng.js';

let clock: FakeClock;
let alarms: AlarmClock;
let rung: string[];

beforeEach(() => {
  vi.useFakeTimers();
  clock = new FakeClock(0);
  alarms = new AlarmClock(clock);
  rung = [];
});

afterEach(() => {
  alarms.stop();
  vi.useRealTimers();
});

function alarm(name: string): Alarm {
  return alarms.newAlarm((nowMs) => rung.push(`${name}@${nowMs}`));
}

/** Both clocks, the injected one and that of the timers. */
function advance(milliseconds: number): void {
  clock.advance(milliseconds);
  vi.advanceTimersByTime(milliseconds);
}

describe('AlarmClock', () => {
  it('rings at the deadline, not before, and once', () => {
    alarm('a').setFor(50);
    advance(49);
    expect(rung).toEqual([]);
    advance(1);
    expect(rung).toEqual(['a@50']);
    advance(100);
    expect(rung).toEqual(['a@50']);
  });

  it('never rings early when the timer does: a deadline between two milliseconds waits for the next', () => {
    alarm('a').setFor(10.5);
    advance(10);
    expect(rung).toEqual([]);
    advance(1);
    expect(rung).toEqual(['a@11']);
  });

  it('rings all that are due in the order of their deadlines', () => {
    for (const [name, at] of [['c', 30], ['a', 10], ['b', 20], ['d', 40]] as const) alarm(name).setFor(at);
    clock.advance(35);
    alarms.ringDue();
    expect(rung).toEqual(['a@35', 'b@35', 'c@35']);
  });

  it('lets the event loop have its turn when much is due at once', () => {
    for (const [index, name] of ['a', 'b', 'c', 'd'].entries()) {
      const slow = alarms.newAlarm((nowMs) => {
        rung.push(`${name}@${nowMs}`);
        clock.advance(3);
      });
      slow.setFor(9 + (index + 1) / 10);
    }
    setTimeout(() => rung.push('another timer'), 11);
    advance(10);
    expect(rung).toEqual(['a@10', 'b@13']);
    vi.advanceTimersByTime(2);
    expect(rung).toEqual(['a@10', 'b@13', 'another timer', 'c@16', 'd@19']);
  });

  it('moves, brings forward and cancels', () => {
    const [moved, brought, kept, cancelled] = [alarm('moved'), alarm('brought'), alarm('kept'), alarm('cancelled')];
    for (const each of [moved, brought, kept, cancelled]) each.setFor(20);
    moved.setFor(40);
    brought.setNoLaterThan(10);
    kept.setNoLaterThan(30);
    cancelled.cancel();
    expect(cancelled.isSet).toBe(false);
    advance(10);
    advance(10);
    advance(20);
    expect(rung).toEqual(['brought@10', 'kept@20', 'moved@40']);
  });

  it('rings what an alarm sets while ringing', () => {
    const again = alarms.newAlarm((nowMs) => {
      rung.push(`again@${nowMs}`);
      if (nowMs < 30) again.setFor(nowMs + 10);
    });
    again.setFor(10);
    for (let step = 0; step < 5; step += 1) advance(10);
    expect(rung).toEqual(['again@10', 'again@20', 'again@30']);
  });

  it('holds one timer however many alarms there are, and none once it has found nothing to do', () => {
    const [a, b] = [alarm('a'), alarm('b')];
    a.setFor(10);
    b.setFor(20);
    expect(vi.getTimerCount()).toBe(1);
    a.cancel();
    b.cancel();
    advance(20);
    expect(rung).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('rings nothing after stop', () => {
    alarm('a').setFor(10);
    alarms.stop();
    advance(10);
    expect([rung, vi.getTimerCount()]).toEqual([[], 0]);
  });

  it('waits for deadlines beyond what a timer can wait', () => {
    alarm('far').setFor(2 ** 31 + 1000);
    advance(2 ** 31 - 1);
    expect(rung).toEqual([]);
    advance(1001);
    expect(rung).toHaveLength(1);
  });

  it('stays usable when an alarm throws', () => {
    alarms.newAlarm(() => {
      throw new Error('of an alarm');
    }).setFor(10);
    alarm('a').setFor(20);
    clock.advance(10);
    expect(() => alarms.ringDue()).toThrow('of an alarm');
    advance(10);
    expect(rung).toEqual(['a@20']);
  });

  it('rings like a sorted list, over many random operations', () => {
    const prng = new Prng(3);
    const deadlines = new Map<number, number>();
    const due: number[] = [];
    const all = Array.from({ length: 40 }, (_, index) => alarms.newAlarm(() => due.push(index)));
    for (let step = 0; step < 3000; step += 1) {
      const index = prng.integer(0, all.length - 1);
      const at = clock.monotonicMs() + prng.integer(0, 50);
      if (prng.next() < 0.2) {
        all[index]!.cancel();
        deadlines.delete(index);
      } else {
        all[index]!.setFor(at);
        deadlines.set(index, at);
      }
      if (step % 5 > 0) continue;
      clock.advance(prng.integer(0, 20));
      alarms.ringDue();
      const expected = [...deadlines].filter(([, deadline]) => deadline <= clock.monotonicMs());
      expect([...due].sort((a, b) => a - b)).toEqual(expected.map(([each]) => each).sort((a, b) => a - b));
      expect(due.map((each) => deadlines.get(each)!)).toEqual(expected.map(([, deadline]) => deadline).sort((a, b) => a - b));
      for (const each of due.splice(0)) deadlines.delete(each);
    }
  });
});
