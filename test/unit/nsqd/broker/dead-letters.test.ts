// What becomes of messages that were delivered often enough: when they move, under which name, and what a failing disk or a
// crash in between makes of them.

import { describe, expect, it } from 'vitest';

import { isValidName } from '../../../../src/lib/protocol/names.js';
import { deadLetterRuleOf, deadLetterTopicName } from '../../../../src/nsqd/broker/dead-letters.js';
import { DEFAULTS } from '../../../../src/nsqd/options.js';
import { Prng } from '../../../support/prng.js';
import { Scene } from './daemon-scene.js';
import type { Client, SceneSettings } from './daemon-scene.js';

const DEAD = { topic: 't.dead' };
/** Every one of them loses something else of what was not synced. */
const POWER_FAILURES = 25;

function sceneWith(maxAttempts: number, settings: SceneSettings = {}): Scene {
  return new Scene({ ...settings, options: { maxAttempts, ...settings.options } });
}

/** Takes everything it is offered and gives it back, until nothing comes any more. */
function failAll(scene: Scene, client: Client, delayMs = 0): void {
  for (scene.endTurn(); client.deliveries.length > 0; scene.endTurn()) {
    for (const delivery of client.deliveries.splice(0)) expect(client.requeue(delivery, delayMs)).toBe('done');
  }
}

function bodies(scene: Scene, topic = 't.dead'): string[] {
  const client = scene.connect({ topic });
  scene.endTurn();
  const taken = client.deliveries.map(({ body }) => body);
  for (const delivery of client.deliveries) client.finish(delivery);
  return taken;
}

describe('a message', () => {
  it('moves when it is requeued at its last attempt, and not before', () => {
    const scene = sceneWith(2);
    const client = scene.connect();
    scene.publish(['a']);
    client.requeue(client.deliveries.shift()!, 0);
    scene.endTurn();
    expect(scene.broker.findTopic('t.dead')).toBeUndefined();
    const second = client.deliveries.shift()!;
    expect(second.attempts).toBe(2);
    client.requeue(second, 0);
    scene.endTurn();
    expect(client.taken()).toEqual([]);
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 0, deferred: 0 });
    expect([scene.channel().deadLetterCount, scene.channel().requeueCount]).toEqual([1, 2]);
    expect(scene.broker.findTopic('t.dead')!.depth()).toBe(1);
    expect(bodies(scene)).toEqual(['a']);
  });

  it('moves at once although its consumer asks for a delay', () => {
    const scene = sceneWith(1);
    const client = scene.connect();
    scene.publish(['a']);
    client.requeue(client.deliveries.shift()!, 5000);
    scene.endTurn();
    expect(bodies(scene)).toEqual(['a']);
  });

  it('moves when it times out', () => {
    const scene = sceneWith(1);
    scene.connect({ timeoutMs: 1000 });
    scene.publish(['a']);
    scene.advance(1000);
    expect([scene.channel().timeoutCount, scene.channel().deadLetterCount]).toEqual([1, 1]);
    expect(bodies(scene)).toEqual(['a']);
  });

  it('moves when its consumer leaves and gives it back', () => {
    const scene = sceneWith(1, { options: { requeueOnDisconnect: true } });
    const client = scene.connect();
    scene.publish(['a']);
    client.disconnect();
    scene.endTurn();
    expect(bodies(scene)).toEqual(['a']);
  });

  it('goes with its channel when that is deleted under its consumer', () => {
    const scene = sceneWith(1, { options: { requeueOnDisconnect: true } });
    scene.connect();
    scene.publish(['a']);
    scene.broker.findTopic('t')!.deleteChannel('c');
    scene.endTurn();
    expect([...scene.broker.topics.keys()]).toEqual(['t']);
  });

  it('stays when the daemon closes its consumer in order to stop', async () => {
    const scene = sceneWith(1, { options: { requeueOnDisconnect: true } });
    const client = scene.connect();
    scene.publish(['a']);
    scene.broker.prepareStop();
    client.disconnect();
    const next = await scene.restart();
    expect([bodies(next, 't'), next.broker.findTopic('t.dead')]).toEqual([['a'], undefined]);
  });

  it('moves once for each channel that fails it', () => {
    const scene = sceneWith(1);
    const [first, second, third] = ['c', 'd', 'e'].map((channel) => scene.connect({ channel })) as [Client, Client, Client];
    scene.publish(['a']);
    failAll(scene, first);
    failAll(scene, second);
    third.finish(third.deliveries[0]!);
    scene.endTurn();
    expect(bodies(scene)).toEqual(['a', 'a']);
    expect(scene.channel('t', 'e').deadLetterCount).toBe(0);
  });

  it('comes back for ever without a limit', () => {
    const scene = sceneWith(0);
    const client = scene.connect();
    scene.publish(['a']);
    for (let attempts = 1; attempts < 50; attempts += 1) {
      client.requeue(client.deliveries.shift()!, 0);
      scene.endTurn();
    }
    expect(client.deliveries[0]!.attempts).toBe(50);
    expect([...scene.broker.topics.keys()]).toEqual(['t']);
  });

  it('of a dead letter topic never moves again', () => {
    const scene = sceneWith(1);
    const client = scene.connect(DEAD);
    scene.publish(['a'], DEAD);
    client.requeue(client.deliveries.shift()!, 0);
    scene.endTurn();
    expect(client.deliveries[0]!.attempts).toBe(2);
    expect([...scene.broker.topics.keys()]).toEqual(['t.dead']);
  });

  it('of an ephemeral topic moves to an ephemeral one', () => {
    const scene = sceneWith(1);
    const client = scene.connect({ topic: 't#ephemeral' });
    scene.publish(['a'], { topic: 't#ephemeral' });
    failAll(scene, client);
    expect(bodies(scene, 't.dead#ephemeral')).toEqual(['a']);
  });

  it('of an ephemeral channel moves like any other', () => {
    const scene = sceneWith(1);
    const client = scene.connect({ channel: 'c#ephemeral' });
    scene.publish(['a']);
    failAll(scene, client);
    expect(bodies(scene)).toEqual(['a']);
  });

  it('stays with its channel when that is emptied before the turn ends', () => {
    const scene = sceneWith(1);
    const client = scene.connect();
    scene.publish(['a']);
    client.requeue(client.deliveries.shift()!, 0);
    expect(scene.numbers().deferred).toBe(1);
    scene.channel().empty();
    scene.endTurn();
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 0, deferred: 0 });
    expect(scene.channel().deadLetterCount).toBe(0);
  });

  it.each(['memory', 'disk', 'fsync'] as const)('gives up its place in the files of its topic, durability %s', async (durability) => {
    const scene = sceneWith(1, { options: { durability } });
    const client = scene.connect();
    scene.publish(['a', 'b']);
    failAll(scene, client);
    const next = await scene.restart();
    expect(bodies(next, 't')).toEqual([]);
    expect(bodies(next)).toEqual(['a', 'b']);
  });
});

describe('a dead letter topic that cannot be written', () => {
  it('is tried again until it can; the message is not delivered meanwhile', () => {
    const scene = sceneWith(1);
    const client = scene.connect();
    scene.publish(['a']);
    scene.fileSystem.failures = (operation, path) =>
      operation === 'write' && path.includes('t.dead') ? { code: 'ENOSPC' } : null;
    client.requeue(client.deliveries.shift()!, 0);
    scene.endTurn();
    for (let second = 0; second < 3; second += 1) scene.advance(1000);
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 0, deferred: 1 });
    expect([client.taken(), scene.channel().deadLetterCount]).toEqual([[], 0]);
    expect(scene.log.join('\n')).toContain('CHANNEL(c): dead letters stay, t.dead does not take them - ');
    scene.fileSystem.failures = null;
    scene.advance(1000);
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 0, deferred: 0 });
    expect(bodies(scene)).toEqual(['a']);
  });

  it('leaves the messages to the next start', async () => {
    const scene = sceneWith(1);
    const client = scene.connect();
    scene.publish(['a', 'b']);
    scene.fileSystem.failures = (operation, path) =>
      operation === 'write' && path.includes('t.dead') ? { code: 'ENOSPC' } : null;
    failAll(scene, client);
    scene.fileSystem.failures = null;
    const next = await scene.restart();
    const again = next.connect();
    next.endTurn();
    expect(again.deliveries.map(({ body, attempts }) => [body, attempts])).toEqual([['a', 2], ['b', 2]]);
    failAll(next, again);
    expect(bodies(next)).toEqual(['a', 'b']);
  });
});

describe('a crash', () => {
  it.each(['disk', 'fsync'] as const)('at any call loses nothing on the way, durability %s', (durability) => {
    let crashAt = 1;
    for (; ; crashAt += 1) {
      const scene = sceneWith(1, { options: { durability, syncTimeoutMs: 5 } });
      const client = scene.connect();
      scene.publish(['a', 'b']);
      scene.fileSystem.crashAt = scene.fileSystem.operations + crashAt;
      try {
        failAll(scene, client);
        scene.advance(10);
      } catch {
        // The process is dead.
      }
      const survived = !scene.fileSystem.isDead;
      const next = scene.crash({ crashAt: 0 });
      expect([...new Set([...bodies(next, 't'), ...bodies(next)])].sort(), `crash at call ${crashAt}`).toEqual(['a', 'b']);
      if (survived) break;
    }
    expect(crashAt).toBeGreaterThan(5);
  });
});

describe('a checkpoint between giving a message up and having written it', () => {
  it('keeps it in its channel over a crash', () => {
    const scene = sceneWith(1);
    const client = scene.connect();
    scene.publish(['a']);
    client.requeue(client.deliveries.shift()!, 0);
    scene.broker.findTopic('t')!.checkpoints.take();
    const next = scene.crash();
    expect([bodies(next, 't'), bodies(next)]).toEqual([['a'], []]);
  });

  it('keeps it in its channel over a power failure while its flush is under way', () => {
    for (let seed = 1; seed <= POWER_FAILURES; seed += 1) {
      const scene = sceneWith(1, { options: { durability: 'fsync' } });
      const client = scene.connect();
      scene.publish(['a']);
      scene.broker.getTopic('t.dead');
      scene.endTurn();
      scene.fileSystem.holdsSyncs = true;
      client.requeue(client.deliveries.shift()!, 0);
      scene.endTurn();
      scene.broker.findTopic('t')!.checkpoints.take();
      scene.fileSystem.die();
      scene.disk.losePower(new Prng(seed));
      const next = scene.crash();
      expect(bodies(next, 't'), `power failure ${seed}`).toEqual(['a']);
      expect([[], ['a']], `power failure ${seed}`).toContainEqual(bodies(next));
    }
  });

  it('lets it go once it is written: a crash does not repeat it', () => {
    const scene = sceneWith(1);
    const client = scene.connect();
    scene.publish(['a']);
    failAll(scene, client);
    scene.broker.findTopic('t')!.checkpoints.take();
    const next = scene.crash();
    expect([bodies(next, 't'), bodies(next)]).toEqual([[], ['a']]);
  });
});

describe('the rule of a topic', () => {
  const options = { ...DEFAULTS, maxAttempts: 5 };

  it('is off by default, and by a table of the topic', () => {
    expect(deadLetterRuleOf(DEFAULTS, 't')).toBeNull();
    const topicRules = [{ pattern: 'quiet*', values: { maxAttempts: 0 } }];
    expect(deadLetterRuleOf({ ...options, topicRules }, 'quiet.one')).toBeNull();
    expect(deadLetterRuleOf({ ...options, topicRules }, 't')).toEqual({ maxAttempts: 5, topicName: 't.dead' });
  });

  it('knows dead letter topics by every suffix that is in use', () => {
    const topicRules = [{ pattern: 'orders', values: { deadLetterTopicSuffix: '-failed' } }];
    for (const name of ['orders-failed', 'x.dead', 'x.dead#ephemeral']) {
      expect(deadLetterRuleOf({ ...options, topicRules }, name)).toBeNull();
    }
    expect(deadLetterRuleOf({ ...options, topicRules }, 'orders')?.topicName).toBe('orders-failed');
  });
});

describe('the name of a dead letter topic', () => {
  const long = 'n'.repeat(64);

  it.each([
    ['t', '.dead', 't.dead'], ['t#ephemeral', '.dead', 't.dead#ephemeral'],
    ['n'.repeat(59), '.dead', `${'n'.repeat(59)}.dead`],
  ])('of %s with %s', (topic, suffix, name) => {
    expect(deadLetterTopicName(topic, suffix)).toBe(name);
  });

  it.each([long, `${'n'.repeat(60)}abcd`, `${'n'.repeat(54)}#ephemeral`])('of %s stays valid', (topic) => {
    for (const suffix of ['.dead', 's'.repeat(32)]) {
      const name = deadLetterTopicName(topic, suffix);
      expect(isValidName(name)).toBe(true);
      expect(name).toHaveLength(64);
      expect(deadLetterRuleOf({ ...DEFAULTS, maxAttempts: 1, deadLetterTopicSuffix: suffix }, name)).toBeNull();
    }
  });

  it('tells apart long names that begin alike', () => {
    expect(deadLetterTopicName(`${'n'.repeat(63)}a`, '.dead')).not.toBe(deadLetterTopicName(`${'n'.repeat(63)}b`, '.dead'));
  });
});
