// A channel's queue of its own: what is made of one that is found. How messages are moved to one is in stragglers.test.ts.

import { describe, expect, it } from 'vitest';

import { encodeRecord, storedMessages } from '../../../support/data-directory.js';
import { SimDisk } from '../../../support/sim-file-system.js';
import { Scene } from './daemon-scene.js';

const DATA_PATH = '/data/t:c.diskqueue.000000.dat';
const META_PATH = '/data/t:c.diskqueue.meta.dat';

function ownFiles({ disk }: Scene): string[] {
  return disk.names('/data').filter((name) => name.startsWith('t:c.diskqueue'));
}

/** As stock nsqd leaves a channel with these messages. */
function leave(disk: SimDisk, ...bodies: readonly string[]): void {
  const records = Buffer.concat(storedMessages(bodies).map(encodeRecord));
  disk.put(DATA_PATH, records);
  disk.put(META_PATH, `${bodies.length}\n0,0\n0,${records.length}\n`);
}

function diskWith(...bodies: readonly string[]): SimDisk {
  const disk = new SimDisk();
  disk.put('/data/nsqd.dat', '{"topics":[{"name":"t","channels":[{"name":"c"}]}]}');
  leave(disk, ...bodies);
  return disk;
}

describe('the own queue of a channel', () => {
  it('is read before what the topic releases', () => {
    const scene = new Scene({ disk: diskWith('a', 'b') });
    scene.publish(['c']);
    const client = scene.connect();
    scene.endTurn();
    expect(client.taken()).toEqual(['a', 'b', 'c']);
  });

  it('waits for a channel of its name', () => {
    const disk = diskWith('a');
    disk.put('/data/nsqd.dat', '{"topics":[{"name":"t","channels":[]}]}');
    const scene = new Scene({ disk });
    const client = scene.connect();
    scene.endTurn();
    expect(client.taken()).toEqual(['a']);
  });

  it('goes once everything in it is finished, with its files', () => {
    const scene = new Scene({ disk: diskWith('a', 'b') });
    const client = scene.connect({ timeoutMs: 60_000 });
    scene.endTurn();
    client.finish(client.deliveries[0]!);
    scene.advance(10_000);
    expect([ownFiles(scene).length > 0, scene.channel().ownCursor === null]).toEqual([true, false]);
    client.finish(client.deliveries[1]!);
    scene.advance(10_000);
    expect([ownFiles(scene), scene.channel().ownCursor]).toEqual([[], null]);
  });

  it('goes with its channel', () => {
    const scene = new Scene({ disk: diskWith('a', 'b') });
    scene.broker.getTopic('t').deleteChannel('c');
    expect(ownFiles(scene)).toEqual([]);
  });

  it('is not read again when its files could not be removed before a crash', () => {
    const scene = new Scene({ disk: diskWith('a') });
    const client = scene.connect({ timeoutMs: 60_000 });
    scene.endTurn();
    scene.advance(3000);
    scene.fileSystem.failures = (operation) => (operation === 'remove' ? { code: 'EIO' } : null);
    client.finish(client.deliveries[0]!);
    scene.advance(3000);
    expect([scene.channel().ownCursor, ownFiles(scene).length > 0]).toEqual([null, true]);
    const next = scene.crash();
    expect([next.numbers(), ownFiles(next)]).toEqual([{ depth: 0, inFlight: 0, deferred: 0 }, []]);
  });

  it('counts whole when another nsqd has written it since', () => {
    const scene = new Scene({ disk: diskWith('a') });
    scene.connect({ timeoutMs: 60_000 });
    scene.advance(3000);
    scene.fileSystem.die();
    leave(scene.disk, 'x', 'y');
    const next = scene.crash();
    const client = next.connect();
    next.endTurn();
    expect(client.taken()).toEqual(['x', 'y']);
  });
});
