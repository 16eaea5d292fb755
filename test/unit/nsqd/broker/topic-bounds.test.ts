// Bounded topics on a simulated clock and disk: what is refused, what is dropped, and what is neither.

import { describe, expect, it, vi } from 'vitest';

import type { BrokerOptions } from '../../../../src/nsqd/broker/context.js';
import type { FailurePlan } from '../../../support/sim-file-system.js';
import { Scene } from './daemon-scene.js';

/** Bytes of a record with a body of 70. */
const RECORD = 100;
const AGE_MS = 10_000;

function body(number: number): string {
  return `${number}`.padEnd(70, '.');
}

function bodies(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => body(from + index));
}

function numbersIn(texts: readonly string[]): number[] {
  return texts.map((text) => Number.parseInt(text, 10));
}

/** One message a turn. */
function publishEach(scene: Scene, from: number, to: number): void {
  for (const each of bodies(from, to)) scene.publish([each]);
}

function sceneOf(options: Partial<BrokerOptions>): Scene {
  return new Scene({ options });
}

describe('a topic that is full', () => {
  it('refuses publishes until there is room', () => {
    const scene = sceneOf({ maxTopicBytes: 10 * RECORD });
    const client = scene.connect({ ready: 3 });
    publishEach(scene, 1, 10);
    expect(() => scene.gather([body(11)])).toThrow('topic is full: 1000 of 1000 bytes');
    expect(() => scene.gather([body(11)])).toThrow('topic is full');
    client.finish(client.deliveries.shift()!);
    scene.advance(10);
    scene.publish([body(11)]);
    scene.advance(10);
    expect(() => scene.gather([body(12)])).toThrow('topic is full');
    client.ready(100);
    scene.endTurn();
    expect(numbersIn(client.taken())).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(scene.broker.findTopic('t')!.bounds!.refusedCount).toBe(3);
  });

  it('counts what its slowest channel has not finished, deferred messages included', () => {
    const scene = sceneOf({ maxTopicBytes: 10 * RECORD });
    const [fast, slow] = [scene.connect({ channel: 'fast' }), scene.connect({ channel: 'slow', timeoutMs: 900_000 })];
    publishEach(scene, 1, 10);
    for (const delivery of fast.deliveries) fast.finish(delivery);
    for (const delivery of slow.deliveries.splice(0, 5)) slow.requeue(delivery, 600_000);
    scene.advance(10);
    expect(() => scene.gather([body(11)])).toThrow('topic is full: 1000 of 1000 bytes');
    for (const delivery of slow.deliveries.splice(0)) slow.finish(delivery);
    scene.advance(10);
    publishEach(scene, 11, 15);
    expect(() => scene.gather([body(16)])).toThrow('topic is full');
  });

  it('without channels counts what it keeps for the first one', () => {
    const scene = sceneOf({ maxTopicBytes: 2 * RECORD });
    publishEach(scene, 1, 2);
    expect(() => scene.gather([body(3)])).toThrow('topic is full: 200 of 200 bytes');
    scene.broker.findTopic('t')!.empty();
    scene.advance(10);
    publishEach(scene, 3, 4);
  });

  it('takes a batch whole or not at all', () => {
    const scene = sceneOf({ maxTopicBytes: 3 * RECORD });
    scene.channel();
    scene.publish(bodies(1, 2));
    scene.publish(bodies(3, 6));
    expect(scene.numbers().depth).toBe(6);
    expect(() => scene.gather(bodies(7, 8))).toThrow('topic is full');
    scene.endTurn();
    expect(scene.numbers().depth).toBe(6);
  });

  it('is one topic: others have a bound of their own, or none', () => {
    const scene = sceneOf({ maxTopicBytes: RECORD, topicRules: [{ pattern: 'free.*', values: { maxTopicBytes: 0 } }] });
    publishEach(scene, 1, 1);
    scene.publish([body(1)], { topic: 'other' });
    for (let turn = 0; turn < 5; turn += 1) scene.publish([body(turn)], { topic: 'free.one' });
    expect(() => scene.gather([body(2)])).toThrow('topic is full');
    expect(scene.broker.findTopic('free.one')!.bounds).toBeNull();
  });

  it('is full again after a restart', async () => {
    const scene = sceneOf({ maxTopicBytes: 5 * RECORD });
    scene.channel();
    publishEach(scene, 1, 5);
    const next = await scene.restart();
    next.advance(10);
    expect(() => next.gather([body(6)])).toThrow('topic is full: 500 of 500 bytes');
  });

  it('keeps the dead letters of others waiting', () => {
    const scene = sceneOf({ maxAttempts: 1, topicRules: [{ pattern: '*.dead', values: { maxTopicBytes: RECORD } }] });
    const client = scene.connect();
    scene.publish([body(1)]);
    scene.publish([body(2)], { topic: 't.dead' });
    client.requeue(client.deliveries.shift()!, 0);
    scene.advance(1000);
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 0, deferred: 1 });
    const dead = scene.connect({ topic: 't.dead' });
    scene.endTurn();
    dead.finish(dead.deliveries.shift()!);
    scene.advance(1000);
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 0, deferred: 0 });
    expect(numbersIn(dead.taken())).toEqual([1]);
  });
});

describe('a topic that drops', () => {
  const options = { maxTopicBytes: 32 * RECORD, topicOverflow: 'drop-oldest' } as const;

  it('loses the oldest messages of the channels that are behind, and only there', () => {
    const scene = sceneOf(options);
    const [fast, slow] = [scene.connect({ channel: 'fast' }), scene.channel('t', 'slow')];
    for (let number = 1; number <= 100; number += 1) {
      scene.publish([body(number)]);
      for (const delivery of fast.deliveries.splice(0)) expect(fast.finish(delivery)).toBe('done');
    }
    expect(scene.channel('t', 'fast').finishCount).toBe(100);
    expect(slow.droppedCount + slow.depth()).toBe(100);
    expect(slow.depth()).toBeLessThan(32);
    expect(slow.depth()).toBeGreaterThanOrEqual(30);
    const client = scene.connect({ channel: 'slow' });
    scene.endTurn();
    expect(numbersIn(client.taken())).toEqual(Array.from({ length: slow.inFlightCount }, (_, index) => 101 - slow.inFlightCount + index));
    expect(scene.channel('t', 'fast').droppedCount).toBe(0);
  });

  it('loses what waits for its first channel', () => {
    const scene = sceneOf(options);
    publishEach(scene, 1, 50);
    scene.publish([body(51)], { deferMs: 1 });
    const { bounds } = scene.broker.findTopic('t')!;
    expect(scene.broker.findTopic('t')!.depth() + bounds!.droppedCount).toBe(51);
    const client = scene.connect();
    scene.advance(5);
    const taken = numbersIn(client.taken());
    expect(taken).toEqual(Array.from({ length: taken.length }, (_, index) => 52 - taken.length + index));
    expect(taken.length).toBeLessThan(32);
  });

  it('loses delayed messages with the others while its first channel has yet to come, and never those of a channel', () => {
    const scene = sceneOf(options);
    scene.publish([body(0)], { deferMs: 3_600_000 });
    publishEach(scene, 1, 40);
    const topic = scene.broker.findTopic('t')!;
    expect(topic.deferred).toEqual([]);
    expect(topic.bounds!.droppedCount).toBe(41 - topic.depth());
    const channel = scene.channel();
    scene.publish([body(100)], { deferMs: 3_600_000 });
    publishEach(scene, 101, 200);
    expect(channel.deferredCount).toBe(1);
    expect(topic.bounds!.droppedCount + channel.droppedCount + channel.depth() + 1).toBe(142);
  });

  it('keeps what is in flight, and refuses when that is most of the bound', () => {
    const scene = sceneOf(options);
    const client = scene.connect({ timeoutMs: 900_000 });
    publishEach(scene, 1, 32);
    expect(client.deliveries).toHaveLength(32);
    expect(() => scene.gather([body(33)])).toThrow('topic is full');
    for (const delivery of client.deliveries.splice(0)) client.finish(delivery);
    scene.advance(10);
    publishEach(scene, 33, 33);
    expect(scene.channel().droppedCount).toBe(0);
  });

  it('remembers across a restart and a crash what is gone', async () => {
    const scene = sceneOf(options);
    scene.channel();
    publishEach(scene, 1, 60);
    scene.broker.findTopic('t')!.checkpoints.take();
    const { depth } = scene.numbers();
    const afterCrash = scene.crash();
    expect(afterCrash.numbers().depth).toBe(depth);
    const next = await afterCrash.restart();
    const client = next.connect();
    next.endTurn();
    expect(numbersIn(client.taken())[0]).toBe(61 - depth);
  });

  it('comes down to a bound that was lowered, from files', async () => {
    const scene = sceneOf({ memQueueSize: 0, maxBytesPerFile: 1000 });
    scene.channel();
    publishEach(scene, 1, 100);
    const next = await scene.restart({ options: { ...options, memQueueSize: 0, maxBytesPerFile: 1000 } });
    next.advance(1);
    expect(next.numbers().depth).toBeLessThan(32);
    const client = next.connect();
    next.endTurn();
    expect(numbersIn(client.taken()).at(-1)).toBe(100);
  });
});

describe('what is not acknowledged yet', () => {
  function fsyncScene(options: Partial<BrokerOptions>): Scene {
    const scene = sceneOf({ durability: 'fsync', ...options });
    scene.endTurn();
    scene.fileSystem.holdsSyncs = true;
    return scene;
  }

  function flush(scene: Scene): void {
    while (scene.fileSystem.pendingSyncs > 0) scene.fileSystem.completeSyncs();
  }

  it('is not dropped for being the oldest of a full topic', () => {
    const scene = fsyncScene({ maxTopicBytes: 32 * RECORD, topicOverflow: 'drop-oldest' });
    scene.publish(bodies(1, 10));
    scene.publish(bodies(11, 60));
    const topic = scene.broker.findTopic('t')!;
    // The first flush covers the first ten; the others wait for the next one.
    scene.fileSystem.completeSyncs();
    while (topic.kept.index === 0) scene.fileSystem.completeSyncs();
    expect([topic.kept.index, topic.bounds!.droppedCount, topic.depth()]).toEqual([10, 10, 50]);
    flush(scene);
    expect(topic.bounds!.droppedCount).toBe(60 - topic.depth());
    expect(topic.depth()).toBe(31);
  });

  it('is not dropped for its age', () => {
    const scene = fsyncScene({ maxTopicAgeMs: AGE_MS });
    scene.publish([body(1)]);
    flush(scene);
    scene.publish([body(2)]);
    scene.advance(AGE_MS + 200);
    const topic = scene.broker.findTopic('t')!;
    expect([topic.bounds!.expiredCount, topic.depth()]).toEqual([1, 1]);
    flush(scene);
    scene.advance(AGE_MS + 200);
    expect([topic.bounds!.expiredCount, topic.depth()]).toEqual([2, 0]);
  });
});

describe('what was dropped before the disk failed', () => {
  const options = { maxBytesPerFile: 5 * RECORD, memQueueSize: 0 } as const;
  const bounded = { ...options, maxTopicBytes: 16 * RECORD, topicOverflow: 'drop-oldest' } as const;

  /** The start finds the file with this number, and nobody can read it afterwards. */
  function unreadableOnceFound(fileNumber: number): FailurePlan {
    const name = `t.diskqueue.${String(fileNumber).padStart(6, '0')}.dat`;
    let opened = 0;
    return (operation, path) => {
      if (operation !== 'open' || !path.endsWith(name)) return null;
      opened += 1;
      return opened > 1 ? { code: 'EIO' } : null;
    };
  }

  it('is counted in its channel, and the rest is dropped once it can be read', () => {
    const scene = sceneOf(options);
    scene.channel();
    publishEach(scene, 1, 40);
    const next = scene.crash({ options: bounded, failures: unreadableOnceFound(2) });
    const channel = next.channel();
    next.advance(1);
    expect([channel.droppedCount, channel.depth()]).toEqual([10, 30]);
    next.fileSystem.failures = null;
    next.advance(1000);
    expect(channel.depth()).toBeLessThan(16);
    expect(channel.droppedCount).toBe(40 - channel.depth());
  });

  it('is counted among what came back', () => {
    const scene = sceneOf({ ...options, maxBytesPerFile: RECORD });
    const client = scene.connect();
    publishEach(scene, 1, 3);
    scene.broker.findTopic('t')!.checkpoints.take();
    expect(client.deliveries).toHaveLength(3);
    const next = scene.crash({ options: { ...options, maxBytesPerFile: RECORD, maxTopicAgeMs: AGE_MS } });
    const channel = next.channel();
    expect([...channel.held.returnedRecords()]).toHaveLength(3);
    next.fileSystem.failures = (operation, path) =>
      operation === 'read' && path.endsWith('t.diskqueue.000001.dat') ? { code: 'EIO' } : null;
    next.advance(AGE_MS + 200);
    expect([channel.expiredCount, channel.depth()]).toEqual([1, 2]);
    next.fileSystem.failures = null;
    next.advance(1000);
    expect([channel.expiredCount, channel.depth()]).toEqual([3, 0]);
  });
});

describe('a message that is too old', () => {
  it('is dropped where it waits, and counted; younger ones stay', () => {
    const scene = sceneOf({ maxTopicAgeMs: AGE_MS });
    scene.channel();
    scene.publish([body(1)]);
    scene.advance(AGE_MS / 2);
    scene.publish([body(2)]);
    scene.advance(AGE_MS / 2 - 1);
    expect(scene.numbers().depth).toBe(2);
    scene.advance(200);
    expect([scene.numbers().depth, scene.channel().expiredCount]).toEqual([1, 1]);
    const client = scene.connect();
    scene.endTurn();
    expect(numbersIn(client.taken())).toEqual([2]);
  });

  it('is dropped while its topic has no channel', () => {
    const scene = sceneOf({ maxTopicAgeMs: AGE_MS });
    scene.publish([body(1)]);
    scene.advance(AGE_MS + 200);
    expect([scene.broker.findTopic('t')!.depth(), scene.broker.findTopic('t')!.bounds!.expiredCount]).toEqual([0, 1]);
  });

  it('may be finished while it is in flight, and is dropped when it comes back', () => {
    const scene = sceneOf({ maxTopicAgeMs: AGE_MS });
    const client = scene.connect({ timeoutMs: 900_000 });
    scene.publish([body(1), body(2)]);
    scene.advance(2 * AGE_MS);
    const [first, second] = client.deliveries.splice(0);
    expect(client.finish(first!)).toBe('done');
    client.ready(0);
    client.requeue(second!, 0);
    scene.advance(AGE_MS / 10);
    expect([scene.numbers(), scene.channel().expiredCount]).toEqual([{ depth: 0, inFlight: 0, deferred: 0 }, 1]);
  });

  it('is not dropped because the wall clock was set forward', () => {
    const scene = sceneOf({ maxTopicAgeMs: AGE_MS });
    scene.channel();
    scene.publish([body(1)]);
    scene.clock.stepWall(86_400_000);
    scene.advance(AGE_MS - 100);
    expect(scene.numbers().depth).toBe(1);
    scene.advance(300);
    expect(scene.numbers().depth).toBe(0);
  });

  it('is not dropped because the wall clock had been set back, and is set right again', () => {
    const scene = sceneOf({ maxTopicAgeMs: AGE_MS });
    scene.publish([body(1)]);
    scene.advance(AGE_MS / 2);
    scene.clock.stepWall(-3_600_000);
    scene.publish([body(2)]);
    scene.clock.stepWall(3_600_000);
    scene.advance(AGE_MS / 2 + 200);
    // The first one is old enough, unless by the clock that was set back.
    const client = scene.connect();
    scene.endTurn();
    expect(numbersIn(client.taken())).toContain(2);
  });

  it('is not dropped because the wall clock was set right while its flush was under way', () => {
    const scene = sceneOf({ durability: 'fsync', maxTopicAgeMs: AGE_MS });
    scene.publish([body(1)]);
    scene.advance(AGE_MS / 2);
    scene.fileSystem.holdsSyncs = true;
    scene.clock.stepWall(-3_600_000);
    scene.publish([body(2)]);
    scene.clock.stepWall(3_600_000);
    while (scene.fileSystem.pendingSyncs > 0) scene.fileSystem.completeSyncs();
    scene.advance(AGE_MS / 2 + 200);
    const client = scene.connect();
    scene.endTurn();
    expect(numbersIn(client.taken())).toContain(2);
  });

  it('is dropped by the next start', async () => {
    const scene = sceneOf({ maxTopicAgeMs: AGE_MS });
    scene.channel();
    scene.publish([body(1)]);
    await scene.stop();
    scene.clock.advance(2 * AGE_MS);
    const next = scene.crash();
    next.advance(1);
    expect([next.numbers().depth, next.channel().expiredCount]).toEqual([0, 1]);
  });

  it('costs nothing once it is gone: no alarm is left', () => {
    const scene = sceneOf({ maxTopicAgeMs: AGE_MS, syncTimeoutMs: 10 });
    const client = scene.connect();
    scene.publish([body(1)]);
    client.finish(client.deliveries.shift()!);
    scene.advance(3 * AGE_MS);
    const schedule = vi.spyOn(scene.broker.alarmClock, 'schedule');
    for (let round = 0; round < 5; round += 1) scene.advance(3 * AGE_MS);
    expect(schedule.mock.calls.filter(([, deadlineMs]) => deadlineMs !== Infinity)).toEqual([]);
  });
});
