import { describe, expect, it } from 'vitest';

import type { DeferredPublish } from '../../../../src/nsqd/broker/held-record.js';
import { TopicBacklog } from '../../../../src/nsqd/broker/topic-backlog.js';
import type { ReleaseTarget } from '../../../../src/nsqd/broker/topic-backlog.js';
import type { MessageLog } from '../../../../src/nsqd/storage/message-log.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { append, openLog, publish } from '../storage/logs.js';

/** A channel that writes down what it hears. */
class Heard implements ReleaseTarget {
  readonly calls: unknown[] = [];

  released(from: number, deferred: readonly DeferredPublish[], end: { readonly index: number }): void {
    this.calls.push({ released: [from, end.index], deferred: deferred.map(({ index }) => index) });
  }

  skip(from: { readonly index: number }, to: { readonly index: number }): void {
    this.calls.push({ skip: [from.index, to.index] });
  }
}

function scene(): { log: MessageLog; backlog: TopicBacklog; clock: FakeClock; defer: (body: string, delayMs: number) => void } {
  const { log } = openLog();
  const clock = new FakeClock();
  const backlog = new TopicBacklog(log, null, clock);
  const defer = (body: string, delayMs: number): void => {
    append(log, body);
    const place = { chunk: log.tail!, position: 0, bytes: 0, index: log.tailIndex - 1 };
    backlog.defer({ ...place, dueMs: clock.monotonicMs() + delayMs });
  };
  return { log, backlog, clock, defer };
}

describe('the backlog of a topic', () => {
  it('is what was committed and not released', () => {
    const { log, backlog } = scene();
    publish(log, 'a', 'b');
    append(log, 'c');
    expect(backlog.depth()).toBe(2);
    log.commit();
    expect(backlog.depth()).toBe(3);
  });

  it('releases what is kept to every channel, once', () => {
    const { log, backlog } = scene();
    const channels = [new Heard(), new Heard()];
    publish(log, 'a', 'b');
    backlog.keep(log.end());
    publish(log, 'not synced yet');
    backlog.releaseTo(channels);
    backlog.releaseTo(channels);
    expect(channels.map(({ calls }) => calls)).toEqual([[{ released: [0, 2], deferred: [] }], [{ released: [0, 2], deferred: [] }]]);
    expect(backlog.depth()).toBe(1);
  });

  it('begins where a former run had released up to', () => {
    const { log } = openLog();
    publish(log, 'a', 'b');
    const place = log.end();
    publish(log, 'c');
    expect(new TopicBacklog(log, place, new FakeClock()).depth()).toBe(1);
  });

  it('gives delays to the channels, but for those that are over', () => {
    const { log, backlog, clock, defer } = scene();
    const channel = new Heard();
    defer('soon', 10);
    publish(log, 'now');
    defer('later', 1000);
    log.commit();
    backlog.keep(log.end());
    clock.advance(10);
    backlog.releaseTo([channel]);
    expect([channel.calls, backlog.deferred]).toEqual([[{ released: [0, 3], deferred: [2] }], []]);
  });

  it('keeps delays of what is not kept yet', () => {
    const { log, backlog, defer } = scene();
    const channel = new Heard();
    defer('a', 100);
    log.commit();
    backlog.keep(log.end());
    defer('b', 100);
    log.commit();
    backlog.releaseTo([channel]);
    expect([channel.calls, backlog.deferred.map(({ index }) => index)]).toEqual([[{ released: [0, 1], deferred: [0] }], [1]]);
  });

  it('forgets the delays of a turn that failed, and no others', () => {
    const { log, backlog, defer } = scene();
    defer('a', 100);
    log.commit();
    defer('b', 100);
    log.directory.fileSystem.write = () => {
      throw new Error('no space');
    };
    expect(() => log.commit()).toThrow('no space');
    backlog.takeBack();
    expect(backlog.deferred.map(({ index }) => index)).toEqual([0]);
  });

  it('drops up to a place what no channel then gets, with its delays', () => {
    const { log, backlog, defer } = scene();
    const channel = new Heard();
    defer('a', 100);
    log.commit();
    const place = log.end();
    defer('b', 100);
    log.commit();
    expect([backlog.drop(place, [channel]), backlog.drop(place, [channel])]).toEqual([true, false]);
    expect([channel.calls, backlog.depth(), backlog.deferred.map(({ index }) => index)]).toEqual([[{ skip: [0, 1] }], 1, [1]]);
  });
});
