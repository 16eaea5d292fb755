// Messages that outlast their file: they are moved, and nobody notices but the disk.

import { describe, expect, it } from 'vitest';

import { CrashError } from '../../../support/sim-file-system.js';
import type { SimDisk } from '../../../support/sim-file-system.js';
import { Scene } from './daemon-scene.js';
import type { SceneSettings } from './daemon-scene.js';

const FILE_BYTES = 1000;
const HOUR_MS = 3_600_000;
const OPTIONS = { maxBytesPerFile: FILE_BYTES, maxMsgTimeoutMs: 2 * HOUR_MS, syncTimeoutMs: 10 };

function bytesOn(disk: SimDisk): number {
  const data = disk.names('/data').filter((name) => /\.\d{6}\.dat$/.test(name));
  return data.reduce((sum, name) => sum + disk.content(`/data/${name}`)!.length, 0);
}

/** Ten files' worth of messages, of which one per file comes back in an hour, and all others are finished. */
function leaveStragglers(settings: SceneSettings = {}): Scene {
  return addStragglers(new Scene({ ...settings, options: { ...OPTIONS, ...settings.options } }), 0);
}

function addStragglers(scene: Scene, first: number): Scene {
  const client = scene.connect({ ready: 1000, timeoutMs: HOUR_MS });
  for (let file = first; file < first + 10; file += 1) {
    scene.publish(Array.from({ length: 10 }, (_, index) => `${file}.${index}`.padEnd(60, '.')));
    scene.endTurn();
  }
  for (const delivery of client.deliveries.splice(0)) {
    if (delivery.body.includes('.3')) client.requeue(delivery, HOUR_MS);
    else client.finish(delivery);
  }
  client.disconnect();
  scene.endTurn();
  return scene;
}

function stragglers(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${first + index}.3`.padEnd(60, '.'));
}

const STRAGGLERS = stragglers(0, 10);

describe('stragglers', () => {
  it('do not keep the files of what is finished', () => {
    const scene = leaveStragglers();
    expect(bytesOn(scene.disk)).toBeGreaterThan(8 * FILE_BYTES);
    scene.advance(20);
    expect(bytesOn(scene.disk)).toBeLessThan(2 * FILE_BYTES);
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 0, deferred: 10 });
  });

  it('keep due time, attempts and id', () => {
    const scene = leaveStragglers();
    scene.advance(20);
    const client = scene.connect();
    scene.advance(HOUR_MS - 21);
    expect(client.taken()).toEqual([]);
    scene.advance(1);
    expect(client.deliveries.map(({ attempts }) => attempts)).toEqual(Array.from({ length: 10 }, () => 2));
    expect(client.deliveries.map(({ body }) => body).sort()).toEqual(STRAGGLERS);
    for (const delivery of client.deliveries) expect(client.finish(delivery)).toBe('done');
    scene.advance(20);
    expect(bytesOn(scene.disk)).toBe(0);
    expect(scene.disk.names('/data').filter((name) => name.startsWith('t:'))).toEqual([]);
  });

  it('keep their consumer while they are in flight, and come back in the order in which they were', () => {
    const scene = new Scene({ options: OPTIONS });
    const client = scene.connect({ ready: 100, timeoutMs: HOUR_MS });
    scene.publish(Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(60, '.')));
    scene.endTurn();
    const [kept, finished] = [client.deliveries.filter((_, index) => index % 10 === 0), client.deliveries.filter((_, index) => index % 10 > 0)];
    for (const delivery of finished) client.finish(delivery);
    scene.advance(20);
    expect(bytesOn(scene.disk)).toBeLessThan(2 * FILE_BYTES);
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 10, deferred: 0 });
    client.ready(0);
    client.deliveries.length = 0;
    for (const delivery of kept) expect(client.requeue(delivery, 0)).toBe('done');
    scene.endTurn();
    client.ready(100);
    scene.endTurn();
    expect(client.deliveries.map(({ body, attempts }) => [Number.parseInt(body, 10), attempts])).toEqual(
      Array.from({ length: 10 }, (_, index) => [index * 10, 2]),
    );
  });

  it('of each channel are its own', () => {
    const scene = new Scene({ options: OPTIONS });
    const clients = ['c', 'd'].map((channel) => scene.connect({ channel, ready: 1000, timeoutMs: HOUR_MS }));
    scene.publish(Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(60, '.')));
    scene.endTurn();
    clients.forEach((client, which) => client.deliveries.splice(0).forEach((delivery, index) => {
      if (index % 20 === which) client.requeue(delivery, HOUR_MS);
      else client.finish(delivery);
    }));
    scene.advance(20);
    expect(bytesOn(scene.disk)).toBeLessThan(3 * FILE_BYTES);
    scene.advance(HOUR_MS);
    expect(clients.map(({ deliveries }) => deliveries.map(({ body }) => Number.parseInt(body, 10)).sort((a, b) => a - b)))
      .toEqual([[0, 20, 40, 60, 80], [1, 21, 41, 61, 81]]);
  });

  it('of an ephemeral channel go to memory', () => {
    const scene = new Scene({ options: OPTIONS });
    const client = scene.connect({ channel: 'e#ephemeral', ready: 1000, timeoutMs: HOUR_MS });
    scene.publish(Array.from({ length: 100 }, (_, index) => `${index}`.padEnd(60, '.')));
    scene.endTurn();
    client.deliveries.splice(0).forEach((delivery, index) => {
      if (index % 20 === 0) client.requeue(delivery, HOUR_MS);
      else client.finish(delivery);
    });
    scene.advance(20);
    expect([bytesOn(scene.disk), scene.disk.names('/data').filter((name) => name.includes('ephemeral'))]).toEqual([0, []]);
    scene.advance(HOUR_MS);
    expect(client.taken()).toHaveLength(5);
  });

  it('are moved again when most of those moved with them are finished', () => {
    const scene = leaveStragglers({ options: { maxBytesPerFile: 300 } });
    scene.advance(20);
    const client = scene.connect({ timeoutMs: HOUR_MS });
    scene.advance(HOUR_MS);
    const all = client.deliveries.splice(0);
    expect(all).toHaveLength(10);
    client.requeue(all[0]!, HOUR_MS);
    for (const delivery of all.slice(1)) client.finish(delivery);
    scene.advance(20);
    expect(bytesOn(scene.disk)).toBeLessThan(300);
    scene.advance(HOUR_MS);
    expect(client.taken()).toEqual([all[0]!.body]);
  });

  it('survive a clean stop, and leave files that any nsqd can read', async () => {
    const scene = leaveStragglers();
    scene.advance(20);
    const next = await scene.restart();
    expect(next.numbers()).toEqual({ depth: 0, inFlight: 0, deferred: 10 });
    expect(next.disk.content('/data/t:c.diskqueue.meta.dat')?.toString()).toMatch(/^10\n/);
  });

  it('are there once when some could not be read at first', () => {
    const scene = leaveStragglers();
    scene.fileSystem.failNth(3, { code: 'EIO' }, 'read');
    scene.advance(20);
    expect(scene.fileSystem.failed).toHaveLength(1);
    scene.publish(['x'.padEnd(60, '.')]);
    scene.advance(20);
    expect(bytesOn(scene.disk)).toBeLessThan(2 * FILE_BYTES);
    expect(scene.numbers()).toEqual({ depth: 1, inFlight: 0, deferred: 10 });
  });

  it('stay where they are while the disk takes nothing, and go once it does', () => {
    const scene = leaveStragglers();
    scene.fileSystem.failures = (operation) => (operation === 'write' ? { code: 'ENOSPC' } : null);
    scene.advance(20);
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 0, deferred: 10 });
    scene.fileSystem.failures = null;
    scene.advance(2000);
    scene.advance(20);
    expect(bytesOn(scene.disk)).toBeLessThan(2 * FILE_BYTES);
    expect(scene.crash().numbers()).toEqual({ depth: 0, inFlight: 0, deferred: 10 });
  });
});

describe('a crash while stragglers are moved', () => {
  const all = stragglers(10, 20);

  it('repeats none of a channel that the side file could not be told of', () => {
    const scene = new Scene({ options: OPTIONS });
    scene.publish(['first']);
    scene.advance(20);
    const isSideFile = (path: string): boolean => path.includes('.nsqd-ts.');
    scene.fileSystem.failures = (_operation, path) => (isSideFile(path) ? { code: 'ENOSPC' } : null);
    addStragglers(scene, 0);
    scene.advance(20);
    const next = scene.crash();
    const client = next.connect({ ready: 1 });
    next.endTurn();
    const found: string[] = [];
    while (client.deliveries.length > 0) {
      for (const delivery of client.deliveries.splice(0)) {
        found.push(delivery.body);
        client.finish(delivery);
      }
      next.endTurn();
    }
    expect(found.filter((body) => STRAGGLERS.includes(body)).sort()).toEqual(STRAGGLERS);
  });

  it.each([
    ['disk', false], ['fsync', false], ['disk', true], ['fsync', true],
  ] as const)('neither loses nor repeats one, whatever call it happens in: %s, others moved before: %s', (durability, hasEarlier) => {
    const expected = hasEarlier ? all : all.slice(0, 10);
    let crashes = 0;
    for (let call = 1; call < 1000; call += 1) {
      const scene = addStragglers(new Scene({ options: { ...OPTIONS, durability } }), 10);
      if (hasEarlier) {
        scene.advance(20);
        addStragglers(scene, 20);
      }
      scene.fileSystem.crashAt = scene.fileSystem.operations + call;
      try {
        scene.advance(20);
        scene.advance(20);
      } catch (error) {
        if (!(error instanceof CrashError)) throw error;
      }
      if (!scene.fileSystem.isDead) break;
      crashes += 1;
      const next = scene.crash();
      const client = next.connect({ ready: 1000, timeoutMs: HOUR_MS });
      next.advance(HOUR_MS + 100);
      next.advance(HOUR_MS / 2);
      const found = client.deliveries.map(({ body }) => body).filter((body) => all.includes(body)).sort();
      expect({ call, found }).toEqual({ call, found: expected });
    }
    expect(crashes).toBeGreaterThan(15);
  });
});
