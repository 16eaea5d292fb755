// What a broker finds after a crash or a clean stop of the one before it. Each case here was, or could have been, a loss.

import { describe, expect, it } from 'vitest';

import { checkQueues } from '../../../sim/clean-queues.js';
import { decodeRecords } from '../../../support/data-directory.js';
import { SimDisk } from '../../../support/sim-file-system.js';
import { recordsOf } from '../storage/logs.js';
import { Scene } from './daemon-scene.js';
import type { Client } from './daemon-scene.js';

const [A, B, C, D] = ['a', 'b', 'c', 'd'] as const;

function bodies(client: Client): string[] {
  return client.taken().sort();
}

function checkpoint(scene: Scene, topic = 't'): void {
  scene.endTurn();
  scene.broker.getTopic(topic).checkpoints.take();
}

describe('a start', () => {
  it('names the queues on disk that are nobody\'s, and takes them up when somebody comes', () => {
    const disk = new SimDisk();
    disk.put('/data/nsqd.dat', '{"topics":null,"version":"1.3.0"}');
    disk.put('/data/orphan.diskqueue.000000.dat', recordsOf(A));
    disk.put('/data/orphan:c.diskqueue.000000.dat', recordsOf(B));
    const scene = new Scene({ disk });
    expect(scene.log.join('\n')).toContain(
      '2 queues on disk belong to no topic or channel, and wait for one of their name: orphan, orphan:c',
    );
    const client = scene.connect({ topic: 'orphan' });
    scene.endTurn();
    // They have the same id: one after the other.
    client.finish(client.deliveries[0]!);
    scene.advance(1000);
    expect(bodies(client)).toEqual([A, B]);
  });
});

describe('a crash', () => {
  it('loses nothing of what was committed, whatever state it was in', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 3 });
    scene.publish([...'abcde']);
    client.finish(client.deliveries[0]!);
    client.requeue(client.deliveries[1]!, 5000);
    checkpoint(scene);
    const next = scene.crash();
    const later = next.connect();
    next.endTurn();
    expect([bodies(later), next.numbers()]).toEqual([[C, D, 'e'], { depth: 0, inFlight: 3, deferred: 1 }]);
    next.advance(5000);
    expect(later.taken()).toContain(B);
  });

  it('brings again what was finished since the last checkpoint, and nothing older', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 4 });
    scene.publish([A, B, C]);
    client.finish(client.deliveries[0]!);
    checkpoint(scene);
    client.finish(client.deliveries[1]!);
    scene.endTurn();
    const next = scene.crash();
    const later = next.connect();
    next.endTurn();
    expect(bodies(later)).toEqual([B, C]);
  });

  it('does not bring back a deferred message that was finished before its place in the log was reached', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 0 });
    scene.publish([A, B]);
    scene.publish([C], { deferMs: 100 });
    scene.advance(100);
    scene.publish([D]);
    client.ready(1);
    for (const expected of [A, B, C]) {
      scene.endTurn();
      const [delivery] = client.deliveries.splice(0);
      expect(delivery!.body).toBe(expected);
      if (expected === C) client.ready(0);
      client.finish(delivery!);
    }
    checkpoint(scene);
    const next = scene.crash();
    const later = next.connect();
    next.endTurn();
    expect(later.taken()).toEqual([D]);
  });

  it('keeps due times, attempts and the channels\' places', () => {
    const scene = new Scene();
    const client = scene.connect({ channel: 'c' });
    scene.channel('t', 'd');
    scene.publish([A, B]);
    scene.publish([C], { deferMs: 3000 });
    client.requeue(client.deliveries[0]!, 2000);
    scene.endTurn();
    const next = scene.crash();
    const later = next.connect({ channel: 'c', timeoutMs: 60_000 });
    next.advance(1999);
    expect(later.taken()).toEqual([B]);
    next.advance(1);
    expect(later.deliveries.map(({ body, attempts }) => [body, attempts])).toEqual([[A, 2]]);
    next.advance(1000);
    expect([later.taken(), next.numbers('t', 'd')]).toEqual([[A, C], { depth: 3, inFlight: 0, deferred: 0 }]);
  });

  it('leaves a message that was refused where it belongs: nowhere', () => {
    const scene = new Scene();
    scene.channel();
    scene.publish([A]);
    scene.gather([B, C]);
    scene.fileSystem.failNth(1, { code: 'ESHORT', written: 0.7 }, 'write');
    scene.endTurn();
    const next = scene.crash();
    const client = next.connect();
    next.endTurn();
    expect(client.taken()).toEqual([A]);
  });

  it('in the first turn of a run does not undo the checkpoint of the run before', () => {
    const scene = new Scene();
    const client = scene.connect();
    scene.publish([A, B]);
    client.finish(client.deliveries[0]!);
    checkpoint(scene);
    scene.fileSystem.die();
    for (let operation = 1; operation < 40; operation += 1) {
      const disk = copyOf(scene.disk);
      const dying = tryScene(disk, operation);
      dying?.broker.alarmClock.stop();
      const next = new Scene({ disk });
      const later = next.connect();
      next.endTurn();
      expect(bodies(later)).toEqual([B]);
      next.broker.alarmClock.stop();
    }
  });

  it('between cutting the topic\'s queue and its metadata does not hide what comes next', async () => {
    const scene = new Scene();
    const client = scene.connect();
    scene.publish([A]);
    client.finish(client.deliveries[0]!);
    checkpoint(scene);
    client.disconnect();
    scene.broker.getTopic('t').deleteChannel('c');
    scene.endTurn();
    const operations = await operationsOfStop(scene);
    for (let operation = 1; operation <= operations; operation += 1) {
      const disk = copyOf(scene.disk);
      const stopping = new Scene({ disk });
      stopping.fileSystem.crashAt = stopping.fileSystem.operations + operation;
      await stopping.stop().catch(() => false);
      const next = new Scene({ disk });
      next.publish([B]);
      const last = next.crash();
      const later = last.connect();
      last.endTurn();
      expect(bodies(later)).toEqual([B]);
      last.broker.alarmClock.stop();
    }
  });

  it('after the creation of a channel whose metadata could not be written finds the channel all the same', () => {
    const scene = new Scene();
    scene.channel('t', 'c');
    scene.publish([A]);
    scene.fileSystem.failures = (operation, path) => (operation === 'open' && path.includes('nsqd.dat') ? { code: 'ENOSPC' } : null);
    scene.channel('t', 'd');
    scene.publish([B]);
    const next = scene.crash();
    expect([...next.broker.getTopic('t').channels.keys()]).toEqual(['c', 'd']);
    expect([next.numbers('t', 'c').depth, next.numbers('t', 'd').depth]).toEqual([2, 1]);
  });

  it('finds what was published to a topic whose deleted namesake left its side file behind', () => {
    const scene = new Scene();
    const client = scene.connect();
    scene.publish([A, B, C]);
    for (const delivery of client.deliveries) client.finish(delivery);
    checkpoint(scene);
    scene.fileSystem.failures = (operation, path) => (operation === 'remove' && path.endsWith('.state') ? { code: 'EIO' } : null);
    scene.broker.deleteTopic('t');
    scene.publish([D]);
    expect(scene.disk.names('/data')).toContain('t.nsqd-ts.state');
    const next = scene.crash();
    const later = next.connect();
    next.endTurn();
    expect(later.taken()).toEqual([D]);
  });

  it('with the power gone, that lost a checkpoint but kept the one behind it, loses no message of the lost one', () => {
    const path = '/data/t.nsqd-ts.state';
    const scene = new Scene();
    scene.connect({ ready: 3 });
    checkpoint(scene);
    const lines: Buffer[] = [];
    for (const body of [A, B, C]) {
      const { length } = scene.disk.content(path)!;
      scene.publish([body]);
      checkpoint(scene);
      lines.push(scene.disk.content(path)!.subarray(length));
    }
    const whole = scene.disk.content(path)!;
    const lost = whole.indexOf(lines[0]!);
    scene.disk.put(path, Buffer.concat([whole.subarray(0, lost), Buffer.alloc(lines[0]!.length), ...lines.slice(1)]));
    const next = scene.crash();
    const later = next.connect();
    next.endTurn();
    expect(bodies(later)).toEqual([A, B, C]);
  });

  it('gives ids on from where they were, even if the clock was stepped back', () => {
    const scene = new Scene();
    const first = scene.connect();
    scene.publish([A]);
    const { id } = first.deliveries[0]!;
    scene.clock.stepWall(-3_600_000);
    const next = scene.crash();
    const later = next.connect({ ready: 0 });
    next.publish([B]);
    later.ready(2);
    next.endTurn();
    const ids = later.deliveries.map((delivery) => delivery.id.toString());
    expect(ids[0]).toBe(id.toString());
    expect(ids[1]! > ids[0]!).toBe(true);
  });
});

describe('files that cannot be opened', () => {
  it('keep a topic from starting, and are there for the next attempt', () => {
    const disk = new SimDisk();
    disk.put('/data/t.diskqueue.000000.dat', recordsOf(A, B));
    const scene = new Scene({ disk });
    // `nsqd.dat` is missing: the topic was found by its files. Another one is found when somebody asks for it.
    expect(scene.broker.getTopic('t').depth()).toBe(2);
    disk.put('/data/u.diskqueue.000000.dat', recordsOf(C));
    disk.put('/data/nsqd.dat', '{"topics":null,"version":"1.3.0"}');
    const next = scene.crash();
    next.fileSystem.failNth(1, { code: 'EIO' }, 'read');
    expect(() => next.broker.getTopic('u')).toThrow('input/output error');
    expect([next.broker.findTopic('u'), next.broker.getTopic('u').depth()]).toEqual([undefined, 1]);
  });
});

describe('a clean stop', () => {
  function queuesOf(scene: Scene): Record<string, string[]> {
    return Object.fromEntries(checkQueues(scene.disk, '/data', () => true));
  }

  async function stopped(settings: ConstructorParameters<typeof Scene>[0]): Promise<Scene> {
    const scene = new Scene(settings);
    const client = scene.connect({ ready: 4, timeoutMs: 60_000 });
    scene.channel('t', 'd');
    scene.publish([...'abcdefghij']);
    client.finish(client.deliveries[0]!);
    client.requeue(client.deliveries[1]!, 0);
    client.requeue(client.deliveries[2]!, 4000);
    client.consumer.readyCount = 0;
    scene.publish(['k'], { deferMs: 5000 });
    scene.broker.getTopic('t').pause();
    scene.publish(['l', 'm']);
    client.disconnect();
    expect(await scene.stop()).toBe(true);
    return scene;
  }

  const modes = [
    ['copies a small backlog', { options: { maxBytesPerFile: 100 } }],
    ['links a large one', { options: { maxBytesPerFile: 100 }, linkBytesMin: 0 }],
    ['copies a large one without links', { options: { maxBytesPerFile: 100 }, linkBytesMin: 0, hasLinks: false }],
    ['puts all into one file', { linkBytesMin: 0 }],
    ['writes what was in memory only', { options: { durability: 'memory', maxBytesPerFile: 100 } }],
    ['links what was in memory only', { options: { durability: 'memory', maxBytesPerFile: 100 }, linkBytesMin: 0 }],
  ] as const;

  it.each(modes)('leaves exact queues: %s', async (_name, settings) => {
    const queues = queuesOf(await stopped(settings));
    expect(queues['t:c']!.sort()).toEqual([...'bcdefghijk']);
    expect(queues['t:d']!.sort()).toEqual([...'abcdefghijk']);
    expect(queues['t']).toEqual(['l', 'm']);
  });

  it.each(modes)('is read back, attempts and due times included: %s', async (_name, settings) => {
    const next = (await stopped(settings)).crash();
    expect(next.broker.getTopic('t').isPaused).toBe(true);
    expect([next.numbers('t', 'c'), next.numbers('t', 'd')]).toEqual([{ depth: 8, inFlight: 0, deferred: 2 }, { depth: 10, inFlight: 0, deferred: 1 }]);
    const client = next.connect({ timeoutMs: 60_000 });
    next.endTurn();
    const attempts = new Map(client.deliveries.map((delivery) => [delivery.body, delivery.attempts]));
    expect([attempts.get('b'), attempts.get('d'), attempts.get('j')]).toEqual([2, 2, 1]);
    expect(bodies(client)).toEqual([...'bdefghij']);
    next.advance(3999);
    expect(client.taken()).toEqual([]);
    next.advance(1);
    expect(client.deliveries.map(({ body, attempts: count }) => [body, count])).toEqual([['c', 2]]);
    next.advance(1000);
    expect(client.deliveries.map(({ body }) => body)).toEqual(['c', 'k']);
  });

  it('makes no delay shorter, not by a fraction of a millisecond', async () => {
    const scene = new Scene();
    const client = scene.connect();
    scene.clock.advance(0.25);
    scene.publish([A]);
    client.requeue(client.deliveries[0]!, 4000);
    const next = await scene.restart();
    const later = next.connect();
    next.advance(3999.875);
    expect(later.taken()).toEqual([]);
    next.advance(1);
    expect(later.taken()).toEqual([A]);
  });

  it.each(modes)('twice in a row keeps the queues exact: %s', async (_name, settings) => {
    const again = await (await stopped(settings)).crash().restart();
    await again.stop();
    const queues = queuesOf(again);
    expect([queues['t:c']!.sort().join(''), queues['t:d']!.sort().join(''), queues['t']]).toEqual(['bcdefghijk', 'abcdefghijk', ['l', 'm']]);
  });

  it('shares the file of a link, and never adds to it', async () => {
    const scene = new Scene({ options: { maxBytesPerFile: 62 }, linkBytesMin: 0 });
    scene.channel('t', 'c');
    scene.channel('t', 'd');
    scene.publish([...'abcdef']);
    await scene.stop();
    const shared = scene.disk.entries.get('/data/t:c.diskqueue.000000.dat');
    expect(shared).toBe(scene.disk.entries.get('/data/t:d.diskqueue.000000.dat'));
    const next = scene.crash();
    next.publish(['g']);
    await next.stop();
    expect(decodeRecords(shared!.bytes()).map(({ body }) => body.toString())).toEqual([A, B]);
    expect(queuesOf(next)['t:c']).toEqual([...'abcdefg']);
  });

  it('does not link a file that ends with a piece of a refused message, closed since or not', async () => {
    const scene = new Scene({ linkBytesMin: 0 });
    scene.channel();
    scene.publish([A]);
    const { fileSystem } = scene;
    for (const body of [B, C]) {
      fileSystem.failures = (operation) => (operation === 'write' || operation === 'truncate' ? { code: 'ENOSPC', written: 0.5 } : null);
      scene.publish([body]);
      fileSystem.failures = null;
      checkpoint(scene);
    }
    expect(scene.disk.content('/data/t.diskqueue.000000.dat')!.length).toBeGreaterThan(recordsOf(A).length);
    await scene.stop();
    expect(queuesOf(scene)['t:c']).toEqual([A]);
  });

  it('does not link what has left its place in the log', async () => {
    const scene = new Scene({ options: { maxBytesPerFile: 62 }, linkBytesMin: 0 });
    const client = scene.connect({ ready: 0 });
    scene.publish([A], { deferMs: 100 });
    scene.publish([B], { deferMs: 100 });
    scene.advance(100);
    scene.publish([C, D]);
    client.ready(1);
    scene.endTurn();
    // The first is in flight, the second waits in the queue; the cursor is in front of both.
    await scene.stop();
    expect(queuesOf(scene)['t:c']!.sort()).toEqual([A, B, C, D]);
  });

  it('does not write over a wholly read file that stock nsqd left', async () => {
    const disk = new SimDisk();
    disk.put('/data/nsqd.dat', '{"topics":[{"name":"t","paused":false,"channels":[{"name":"c","paused":false}]}],"version":"1.3.0"}');
    disk.put('/data/t:c.diskqueue.000000.dat', recordsOf(A, 'a longer one than what follows'));
    disk.put('/data/t:c.diskqueue.meta.dat', '0\n0,91\n0,91\n');
    const scene = new Scene({ disk });
    scene.publish([B]);
    await scene.stop();
    expect(queuesOf(scene)['t:c']).toEqual([B]);
  });

  it('that could not write everything says so, and loses nothing', async () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 1 });
    scene.publish([A, B, C]);
    client.disconnect();
    scene.fileSystem.failNth(2, { code: 'ENOSPC' }, 'write');
    expect(await scene.stop()).toBe(false);
    const next = scene.crash();
    const later = next.connect({ timeoutMs: 60_000 });
    for (let count = 0; count < 5; count += 1) {
      next.advance(1000);
      for (const delivery of later.deliveries) later.finish(delivery);
    }
    expect([...new Set(later.taken())].sort()).toEqual([A, B, C]);
  });

  it('killed at any moment loses nothing, and never makes a message of none', async () => {
    const settings = { options: { maxBytesPerFile: 62 }, linkBytesMin: 0 };
    const scene = new Scene(settings);
    const client = scene.connect({ ready: 2 });
    scene.publish([...'abcdef']);
    client.finish(client.deliveries[0]!);
    checkpoint(scene);
    const operations = await operationsOfStop(scene);
    for (let operation = 1; operation <= operations; operation += 1) {
      const disk = copyOf(scene.disk);
      const stopping = new Scene({ ...settings, disk });
      stopping.fileSystem.crashAt = stopping.fileSystem.operations + operation;
      await stopping.stop().catch(() => false);
      stopping.broker.alarmClock.stop();
      const next = new Scene({ ...settings, disk });
      const later = next.connect({ timeoutMs: 60_000 });
      for (let count = 0; count < 4; count += 1) {
        next.advance(1000);
        for (const delivery of later.deliveries) later.finish(delivery);
      }
      expect([...new Set(later.taken())].sort().join('')).toBe('bcdef');
      next.broker.alarmClock.stop();
    }
  });
});

function copyOf(disk: SimDisk): SimDisk {
  const copy = new SimDisk();
  const names = disk.names('/data');
  for (const name of names) copy.put(`/data/${name}`, disk.content(`/data/${name}`)!);
  return copy;
}

function tryScene(disk: SimDisk, crashAt: number): Scene | null {
  try {
    return new Scene({ disk, crashAt });
  } catch {
    return null;
  }
}

/** How many calls a clean stop makes of what the disk holds now. */
async function operationsOfStop(scene: Scene): Promise<number> {
  const probe = new Scene({ disk: copyOf(scene.disk) });
  const before = probe.fileSystem.operations;
  await probe.stop();
  return probe.fileSystem.operations - before + 5;
}
