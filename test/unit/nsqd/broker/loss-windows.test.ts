// The windows in which stock nsqd loses acknowledged messages, delivers them twice or leaves litter (storage.md 13), one test
// for each that can be opened on a simulated disk. The README's table names them; test/faults/mutations.mjs removes what
// keeps each of them closed, and expects its test to fail.

import { describe, expect, it } from 'vitest';

import { checkQueues } from '../../../sim/clean-queues.js';
import { encodeRecord, storedMessages } from '../../../support/data-directory.js';
import { Prng } from '../../../support/prng.js';
import { SimDisk } from '../../../support/sim-file-system.js';
import type { FailurePlan } from '../../../support/sim-file-system.js';
import { Scene } from './daemon-scene.js';
import type { Client } from './daemon-scene.js';

const BODIES = [...'abcde'];
/** Every one of them loses something else of what was not synced. */
const POWER_FAILURES = 25;
const LISTED = '{"topics":[{"name":"t","paused":false,"channels":[{"name":"c","paused":false}]}],"version":"1.3.0"}';

const fullDisk: FailurePlan = (operation) =>
  ['open', 'write', 'rename', 'link', 'truncate'].includes(operation) ? { code: 'ENOSPC' } : null;

function sorted(client: Client): string[] {
  return client.taken().sort();
}

/** Records with different ids, those of one `first` the same again. */
function recordsOf(bodies: readonly string[], first = 0): Buffer {
  const all = storedMessages([...Array.from({ length: first }, () => ''), ...bodies]);
  return Buffer.concat(all.slice(first).map(encodeRecord));
}

function checkpoint(scene: Scene): void {
  scene.endTurn();
  scene.broker.getTopic('t').checkpoints.take();
}

/** All that the next process delivers of channel `c`, deferred messages included. */
function deliveredBy(next: Scene, channel = 'c'): string[] {
  const client = next.connect({ channel, timeoutMs: 600_000 });
  for (let round = 0; round < 3; round += 1) next.advance(10_000);
  next.broker.alarmClock.stop();
  return sorted(client);
}

async function publishUntilAnswered(scene: Scene, bodies: readonly string[]): Promise<void> {
  scene.gather(bodies);
  const answer = scene.broker.getTopic('t').committed();
  scene.endTurn();
  await answer;
}

/** The process that starts after power was lost: each `seed` loses something else of what was not synced. */
function powerFailure(scene: Scene, seed: number): Scene {
  scene.fileSystem.die();
  scene.disk.losePower(new Prng(seed));
  return scene.crash();
}

function dataFiles(disk: SimDisk): string[] {
  return disk.names('/data').filter((name) => /\.diskqueue\.\d+\.dat/.test(name));
}

describe('a crash', () => {
  it('L1: before the first sync of a queue loses nothing', () => {
    const scene = new Scene();
    scene.publish(BODIES);
    // What stock nsqd would go by: its metadata names the file before the first message counts.
    expect(scene.disk.content('/data/t.diskqueue.meta.dat')?.toString()).toMatch(/^\d+\n0,0\n/);
    const next = scene.crash();
    next.publish(['f']);
    expect(deliveredBy(next.crash())).toEqual([...BODIES, 'f']);
  });

  it('L1: loses nothing even if the metadata never reached the disk', () => {
    const disk = new SimDisk();
    disk.put('/data/nsqd.dat', LISTED);
    disk.put('/data/t.diskqueue.000000.dat', recordsOf(BODIES));
    const scene = new Scene({ disk });
    scene.publish(['f']);
    expect(deliveredBy(scene.crash())).toEqual([...BODIES, 'f']);
  });

  it('L2: after emptying loses nothing that came since', () => {
    const scene = new Scene();
    const channel = scene.channel();
    scene.publish(BODIES);
    channel.empty();
    checkpoint(scene);
    expect(dataFiles(scene.disk)).toEqual([]);
    const withoutState: FailurePlan = (_operation, path) => (path.includes('.state.') ? { code: 'ENOSPC' } : null);
    const next = scene.crash({ failures: withoutState });
    next.publish(['f']);
    expect(deliveredBy(next.crash())).toEqual(['f']);
  });

  it('L3: loses nothing that is queued, at topics and in channels', () => {
    const scene = new Scene();
    scene.channel('t', 'c');
    scene.channel('t', 'd');
    scene.publish(BODIES);
    scene.publish(BODIES, { topic: 'u' });
    const next = scene.crash();
    expect([next.numbers('t', 'c').depth, next.numbers('t', 'd').depth, next.broker.getTopic('u').depth()]).toEqual([5, 5, 5]);
    expect(deliveredBy(next)).toEqual(BODIES);
  });

  it('L4: loses nothing that is in flight, attempts included', () => {
    const scene = new Scene({ options: { memQueueSize: 0 } });
    scene.connect({ ready: 5 });
    scene.publish(BODIES);
    checkpoint(scene);
    const next = scene.crash();
    const later = next.connect({ timeoutMs: 60_000 });
    next.endTurn();
    expect(later.deliveries.map(({ body, attempts }) => [body, attempts]).sort()).toEqual(BODIES.map((body) => [body, 2]));
  });

  it('L5: loses nothing that is deferred, published so or requeued', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 1 });
    scene.publish(['a', 'b']);
    scene.publish(['later'], { deferMs: 5000 });
    client.requeue(client.deliveries[0]!, 5000);
    checkpoint(scene);
    expect(deliveredBy(scene.crash())).toEqual(['a', 'b', 'later']);
  });

  it.each([
    ['in a channel', true, {}],
    ['at a topic without channels', false, {}],
    ['on disk only', true, { memQueueSize: 0 }],
  ])('L6: keeps due times %s', (_name, hasChannel, options) => {
    const scene = new Scene({ options });
    if (hasChannel) scene.channel();
    scene.publish(['later'], { deferMs: 5000 });
    const next = scene.crash();
    const client = next.connect();
    next.advance(4990);
    expect(client.taken()).toEqual([]);
    next.advance(10);
    expect(client.taken()).toEqual(['later']);
  });

  it('L10: and another one right after the start lose nothing', () => {
    let scene = new Scene({ options: { maxBytesPerFile: 70 } });
    scene.channel();
    const expected: string[] = [];
    for (const body of [...'abcdefgh']) {
      scene.publish([body]);
      expected.push(body);
      scene = scene.crash();
    }
    expect(deliveredBy(scene)).toEqual(expected);
  });

  it('L17: at the moment of the answer finds topic and channel again', () => {
    const scene = new Scene();
    scene.channel();
    scene.gather(BODIES);
    let isAnswered = false;
    scene.broker.turn.join({
      settled: () => {
        isAnswered = true;
        scene.fileSystem.die();
      },
    });
    expect(() => scene.endTurn()).not.toThrow();
    expect(isAnswered).toBe(true);
    const next = scene.crash();
    expect([...next.broker.topics.keys(), ...next.broker.getTopic('t').channels.keys()]).toEqual(['t', 'c']);
    expect(deliveredBy(next)).toEqual(BODIES);
  });

  it('L17: at the moment of the answer finds an empty topic and channel again', () => {
    const scene = new Scene();
    scene.broker.getTopic('t');
    scene.endTurn();
    scene.channel();
    scene.broker.turn.join({ settled: () => scene.fileSystem.die() });
    scene.endTurn();
    const next = scene.crash();
    expect([...next.broker.topics.values()].map(({ name, channels }) => [name, ...channels.keys()])).toEqual([['t', 'c']]);
  });

  it('D2: brings each message of each channel once', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 2 });
    scene.channel('t', 'd');
    scene.publish(BODIES);
    for (const delivery of client.deliveries) client.finish(delivery);
    client.disconnect();
    checkpoint(scene);
    scene.publish(['f']);
    const next = scene.crash();
    expect([next.numbers('t', 'c').depth, next.numbers('t', 'd').depth, next.broker.getTopic('t').depth()]).toEqual([4, 6, 0]);
    expect(deliveredBy(next, 'c')).toEqual([...'cdef']);
  });

  it('D5: never brings old messages from behind new ones', () => {
    const disk = new SimDisk();
    disk.put('/data/nsqd.dat', LISTED);
    disk.put('/data/t:c.diskqueue.000000.dat', recordsOf(BODIES));
    disk.put('/data/t:c.diskqueue.meta.dat', `0\n0,${recordsOf(BODIES).length}\n0,${recordsOf(BODIES).length}\n`);
    let scene = new Scene({ disk });
    scene.publish(['f', 'g']);
    scene = scene.crash();
    scene = scene.crash();
    expect(deliveredBy(scene)).toEqual(['f', 'g']);
  });

  it('B4: does not bring back what was deleted', () => {
    const scene = new Scene();
    scene.channel('t', 'c');
    scene.channel('t', 'd');
    scene.publish(BODIES);
    scene.publish(BODIES, { topic: 'u' });
    scene.broker.getTopic('t').deleteChannel('d');
    scene.endTurn();
    scene.broker.deleteTopic('u');
    scene.endTurn();
    const next = scene.crash();
    expect([...next.broker.topics.values()].map(({ name, channels }) => [name, ...channels.keys()])).toEqual([['t', 'c']]);
    expect(scene.disk.names('/data').filter((name) => name.startsWith('u.'))).toEqual([]);
  });
});

describe('a power failure', () => {
  const options = { durability: 'fsync' } as const;

  it('L7: loses nothing that was answered OK', async () => {
    for (let seed = 1; seed <= POWER_FAILURES; seed += 1) {
      const scene = new Scene({ options });
      scene.channel();
      for (const body of BODIES) await publishUntilAnswered(scene, [body]);
      expect(deliveredBy(powerFailure(scene, seed)), `seed ${seed}`).toEqual(BODIES);
    }
  });

  it('L7: is not answered for before the flush that covers it is done', async () => {
    const scene = new Scene({ options });
    scene.channel();
    scene.endTurn();
    scene.fileSystem.completeSyncs();
    scene.fileSystem.holdsSyncs = true;
    scene.gather(BODIES);
    let isAnswered = false;
    const answer = scene.broker.getTopic('t').committed().then(() => (isAnswered = true));
    scene.endTurn();
    await new Promise((resolve) => setImmediate(resolve));
    expect(isAnswered).toBe(false);
    while (scene.fileSystem.pendingSyncs > 0) scene.fileSystem.completeSyncs();
    await answer;
    expect(isAnswered).toBe(true);
  });

  it('L8: loses no file whose messages were answered OK, rolled ones included', async () => {
    for (let seed = 1; seed <= POWER_FAILURES; seed += 1) {
      const scene = new Scene({ options: { ...options, maxBytesPerFile: 40 } });
      scene.channel();
      scene.endTurn();
      await publishUntilAnswered(scene, BODIES);
      expect(deliveredBy(powerFailure(scene, seed)), `seed ${seed}`).toEqual(BODIES);
    }
  });

  it('L8: loses no topic or channel whose creation was answered', async () => {
    for (let seed = 1; seed <= POWER_FAILURES; seed += 1) {
      const scene = new Scene({ options });
      scene.broker.getTopic('t');
      const answer = scene.broker.settled();
      scene.endTurn();
      await answer;
      expect([...powerFailure(scene, seed).broker.topics.keys()], `seed ${seed}`).toEqual(['t']);
    }
  });

  it.each([
    ['in channels', 'c', {}],
    ['in files of a channel that are links', 'c', { linkBytesMin: 0, options: { maxBytesPerFile: 70 } }],
    ['at a topic', null, {}],
    ['in memory only', 'c', { options: { durability: 'memory' } }],
    ['in memory only, at a topic', null, { options: { durability: 'memory' } }],
  ] as const)('L8a: after a clean stop loses nothing %s', async (_name, channel, settings) => {
    for (let seed = 1; seed <= POWER_FAILURES; seed += 1) {
      const scene = new Scene(settings);
      if (channel !== null) scene.connect({ ready: 2 });
      scene.publish(BODIES);
      expect(await scene.stop()).toBe(true);
      scene.disk.losePower(new Prng(seed));
      expect(deliveredBy(scene.crash()), `seed ${seed}`).toEqual(BODIES);
    }
  });
});

describe('files that are not as the metadata says', () => {
  it('L9: lose nothing that is published then, if data is missing', () => {
    const disk = new SimDisk();
    disk.put('/data/nsqd.dat', LISTED);
    disk.put('/data/t.diskqueue.000000.dat', recordsOf(['a']));
    disk.put('/data/t.diskqueue.meta.dat', '7\n0,0\n0,700\n');
    const scene = new Scene({ disk });
    scene.publish(['b', 'c']);
    const next = scene.crash();
    next.publish(['d']);
    expect(deliveredBy(next.crash())).toEqual([...'abcd']);
  });

  it('L16: lose nothing if the metadata is unreadable', () => {
    const disk = new SimDisk();
    disk.put('/data/nsqd.dat', LISTED);
    for (const queue of ['t', 't:c']) disk.put(`/data/${queue}.diskqueue.meta.dat`, '\0\0\0');
    disk.put('/data/t.diskqueue.000000.dat', recordsOf(['a', 'b']));
    disk.put('/data/t:c.diskqueue.000003.dat', recordsOf(['c', 'd'], 2));
    const scene = new Scene({ disk });
    scene.publish(['e']);
    expect(deliveredBy(scene.crash())).toEqual([...'abcde']);
  });
});

describe('a full disk', () => {
  it('L11: keeps no backlog from a channel that is created then', () => {
    const scene = new Scene();
    scene.publish(BODIES);
    scene.fileSystem.failures = fullDisk;
    const client = scene.connect({ timeoutMs: 60_000 });
    scene.gather(['refused']);
    scene.endTurn();
    expect(client.taken()).toEqual(BODIES);
    scene.fileSystem.failures = null;
    expect(deliveredBy(scene.crash())).toEqual(BODIES);
  });

  it('L12: loses no message that times out', () => {
    const scene = new Scene({ options: { memQueueSize: 0 } });
    const client = scene.connect({ timeoutMs: 1000 });
    scene.publish(BODIES);
    expect(client.taken()).toEqual(BODIES);
    scene.fileSystem.failures = fullDisk;
    scene.advance(1000);
    expect(sorted(client)).toEqual(BODIES);
    scene.fileSystem.failures = null;
    expect(deliveredBy(scene.crash())).toEqual(BODIES);
  });

  it('L13: loses no deferred message that becomes due', () => {
    const scene = new Scene({ options: { memQueueSize: 0 } });
    const client = scene.connect({ timeoutMs: 60_000 });
    scene.publish(BODIES, { deferMs: 1000 });
    scene.fileSystem.failures = fullDisk;
    scene.advance(1000);
    expect(sorted(client)).toEqual(BODIES);
    scene.fileSystem.failures = null;
    expect(deliveredBy(scene.crash())).toEqual(BODIES);
  });

  it('L14: loses no message that is requeued, and refuses no REQ', () => {
    const scene = new Scene({ options: { memQueueSize: 0 } });
    const client = scene.connect({ timeoutMs: 60_000 });
    scene.publish(BODIES);
    scene.fileSystem.failures = fullDisk;
    const outcomes = client.deliveries.splice(0).map((delivery, index) => client.requeue(delivery, index % 2 === 0 ? 0 : 500));
    expect(outcomes).toEqual(BODIES.map(() => 'done'));
    scene.advance(500);
    expect(sorted(client)).toEqual(BODIES);
    scene.fileSystem.failures = null;
    expect(deliveredBy(scene.crash())).toEqual(BODIES);
  });

  it('L20: at the clean stop is told, and nothing is thrown away', async () => {
    const scene = new Scene();
    scene.connect({ ready: 2 });
    scene.publish(BODIES);
    scene.publish(['later'], { deferMs: 1000 });
    scene.fileSystem.failures = fullDisk;
    expect(await scene.stop()).toBe(false);
    expect(deliveredBy(scene.crash())).toEqual([...BODIES, 'later']);
  });

  it('B3: does not keep the daemon from starting and delivering', () => {
    const scene = new Scene();
    scene.channel();
    scene.publish(BODIES);
    // Files can be read, and nothing else.
    const next = scene.crash({ failures: (operation, path) => (operation === 'open' && !path.includes('.tmp') ? null : fullDisk(operation, path)) });
    expect(next.broker.healthError()).toMatch(/no space left on device/);
    expect(deliveredBy(next)).toEqual(BODIES);
  });

  it('D3: takes back the whole of a batch that did not fit', async () => {
    const scene = new Scene({ options: { maxBytesPerFile: 70 } });
    scene.channel();
    scene.publish(['a']);
    scene.gather([...'bcdef']);
    const answer = scene.broker.getTopic('t').committed();
    scene.fileSystem.failNth(2, { code: 'ENOSPC', written: 0.5 }, 'write');
    scene.endTurn();
    await expect(answer).rejects.toThrow('no space left on device');
    scene.publish([...'bcdef']);
    expect(deliveredBy(scene.crash())).toEqual([...'abcdef']);
  });
});

describe('a clean stop', () => {
  it('L6: keeps due times', async () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 1 });
    scene.publish(['requeued']);
    client.requeue(client.deliveries.splice(0)[0]!, 5000);
    scene.publish(['later'], { deferMs: 5000 });
    const next = await scene.restart();
    const later = next.connect();
    next.advance(4990);
    expect(later.taken()).toEqual([]);
    next.advance(10);
    expect(sorted(later)).toEqual(['later', 'requeued']);
  });

  it('L18: leaves what a normal channel of an ephemeral topic has for when both are created again, as stock nsqd does', async () => {
    const scene = new Scene();
    scene.channel('t#ephemeral', 'c');
    scene.publish(BODIES, { topic: 't#ephemeral' });
    const next = await scene.restart();
    expect(next.broker.findTopic('t#ephemeral')).toBeUndefined();
    const client = next.connect({ topic: 't#ephemeral', channel: 'c' });
    next.endTurn();
    expect(client.taken()).toEqual(BODIES);
  });

  it('L19: answers no publish after the flush, and flushes what is queued, in flight and requeued', async () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 3, timeoutMs: 60_000 });
    scene.publish(BODIES);
    client.requeue(client.deliveries[0]!, 0);
    client.extend(client.deliveries[1]!);
    expect(await scene.stop()).toBe(true);
    expect(() => scene.broker.getTopic('t').publish(Buffer.from('too late'))).toThrow('exiting');
    expect(client.requeue(client.deliveries[2]!, 0)).toBe('exiting');
    expect(checkQueues(scene.disk, '/data', () => true).get('t:c')?.sort()).toEqual(BODIES);
  });
});

describe('litter', () => {
  it('B1: a consumer that keeps up leaves no file behind, and none set aside', () => {
    const scene = new Scene({ options: { maxBytesPerFile: 100 } });
    const client = scene.connect();
    for (let count = 0; count < 60; count += 1) {
      scene.publish([`message ${count}`]);
      for (const delivery of client.deliveries.splice(0)) client.finish(delivery);
      expect(dataFiles(scene.disk).length).toBeLessThanOrEqual(2);
    }
    expect(scene.disk.names('/data').filter((name) => name.endsWith('.bad'))).toEqual([]);
  });

  it('B5: a drained queue has no file', () => {
    const scene = new Scene();
    const client = scene.connect();
    scene.publish(BODIES);
    for (const delivery of client.deliveries.splice(0)) client.finish(delivery);
    checkpoint(scene);
    expect(dataFiles(scene.disk)).toEqual([]);
  });
});
