import { afterEach, describe, expect, it, vi } from 'vitest';

import { Turn } from '../../../../src/nsqd/broker/turn.js';
import type { Commit, TurnTopic } from '../../../../src/nsqd/broker/turn.js';
import { StorageError } from '../../../../src/nsqd/storage/file-system.js';
import type { LogPosition } from '../../../../src/nsqd/storage/log-reader.js';
import { FakeClock } from '../../../support/fake-clock.js';

const FAILURE = new StorageError('write', '/x', 'ENOSPC', 'no space left on device');

class FakeTopic implements TurnTopic {
  readonly #name: string;
  readonly #events: string[];
  commitFailure: Error | null = null;
  syncs: ((error: StorageError | null) => void)[] = [];
  #index = 0;

  constructor(name: string, events: string[]) {
    this.#name = name;
    this.#events = events;
  }

  commit(): LogPosition {
    this.#events.push(`${this.#name} commit`);
    if (this.commitFailure !== null) throw this.commitFailure;
    this.#index += 1;
    return { chunk: null, position: 0, index: this.#index };
  }

  release(end: LogPosition): void {
    this.#events.push(`${this.#name} release ${end.index}`);
  }

  sync(done: (error: StorageError | null) => void): void {
    this.#events.push(`${this.#name} sync`);
    this.syncs.push(done);
  }
}

interface TurnScene {
  readonly turn: Turn;
  readonly events: string[];
  readonly topic: FakeTopic;
  readonly clock: FakeClock;
  readonly join: (name: string) => void;
}

function scene(isSynced = false): TurnScene {
  const events: string[] = [];
  const clock = new FakeClock();
  const turn = new Turn({ clock, isSynced, commitMetadata: () => events.push('metadata') });
  const topic = new FakeTopic('t', events);
  const join = (name: string): void => {
    turn.join({ settled: (commit: Commit) => events.push(`${name} ${commit.failures.get(topic)?.message ?? 'ok'}`) });
  };
  return { turn, events, topic, clock, join };
}

afterEach(() => vi.useRealTimers());

describe('the end of a turn', () => {
  it('commits, settles, delivers and flushes, in this order', () => {
    const { turn, events, topic, join } = scene();
    turn.touchOutput({ flush: () => events.push('flush') });
    turn.touchChannel({ pump: () => events.push('pump') });
    turn.touchTopic(topic);
    join('publisher');
    turn.end();
    expect(events).toEqual(['t commit', 'metadata', 't release 1', 'publisher ok', 'pump', 'flush']);
  });

  it('does everything once', () => {
    const { turn, events, topic, join } = scene();
    turn.touchTopic(topic);
    join('publisher');
    turn.end();
    events.length = 0;
    turn.end();
    expect(events).toEqual(['metadata']);
  });

  it('comes by itself when something was touched, once', () => {
    vi.useFakeTimers({ toFake: ['setImmediate'] });
    const { turn, events } = scene();
    turn.touchChannel({ pump: () => events.push('a') });
    turn.touchChannel({ pump: () => events.push('b') });
    vi.runAllTimers();
    expect(events).toEqual(['metadata', 'a', 'b']);
  });

  it('tells the publishers of a topic that could not commit, and only them', () => {
    const { turn, events, topic, join } = scene();
    const other = new FakeTopic('u', events);
    topic.commitFailure = FAILURE;
    turn.touchTopic(topic);
    turn.touchTopic(other);
    join('publisher');
    turn.end();
    expect(events).toEqual(['t commit', 'u commit', 'metadata', 'u release 1', 'publisher write /x: no space left on device']);
  });

  it('leaves what is asked for while it ends to the next', () => {
    const { turn, events } = scene();
    turn.touchChannel({ pump: () => turn.touchChannel({ pump: () => events.push('later') }) });
    turn.end();
    expect(events).toEqual(['metadata']);
    turn.end();
    expect(events).toEqual(['metadata', 'metadata', 'later']);
  });
});

describe('a synced turn', () => {
  it('settles once its topics are on the medium', () => {
    const { turn, events, topic, join } = scene(true);
    turn.touchTopic(topic);
    join('publisher');
    turn.end();
    expect([events, turn.isSyncing]).toEqual([['t commit', 'metadata', 't sync'], true]);
    topic.syncs[0]!(null);
    expect([events.slice(3), turn.isSyncing]).toEqual([['t release 1', 'publisher ok'], false]);
  });

  it('shares one sync among the turns that were written during another', () => {
    const { turn, events, topic, join } = scene(true);
    for (const name of ['first', 'second', 'third']) {
      turn.touchTopic(topic);
      join(name);
      turn.end();
    }
    expect(topic.syncs).toHaveLength(1);
    topic.syncs[0]!(null);
    expect(topic.syncs).toHaveLength(2);
    topic.syncs[1]!(null);
    expect(events.filter((event) => event.endsWith('ok') || event.includes('release'))).toEqual([
      't release 1', 'first ok', 't release 2', 'second ok', 't release 3', 'third ok',
    ]);
  });

  it('tells publishers that their sync failed, and releases nothing of it', () => {
    const { turn, events, topic, join } = scene(true);
    turn.touchTopic(topic);
    join('publisher');
    turn.end();
    topic.syncs[0]!(FAILURE);
    expect(events.slice(3)).toEqual(['publisher write /x: no space left on device']);
  });

  it('does not wait when nothing was published', () => {
    const { turn, events, join } = scene(true);
    join('administrator');
    turn.end();
    expect(events).toEqual(['metadata', 'administrator ok']);
  });
});

describe('the clocks of a turn', () => {
  it('stand still until it ends', () => {
    const { turn, clock } = scene();
    const [monotonic, wall] = [turn.nowMs(), turn.wallMs()];
    clock.advance(5);
    expect([turn.nowMs(), turn.wallMs()]).toEqual([monotonic, wall]);
    turn.end();
    expect([turn.nowMs(), turn.wallMs()]).toEqual([monotonic + 5, wall + 5]);
  });
});
