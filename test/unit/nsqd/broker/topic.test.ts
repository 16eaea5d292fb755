import { describe, expect, it } from 'vitest';

import { PublishError } from '../../../../src/nsqd/broker/publish-error.js';
import { Scene } from './daemon-scene.js';

const [A, B, C, D] = ['a', 'b', 'c', 'd'] as const;

function topicOf(scene: Scene, name = 't'): ReturnType<Scene['broker']['getTopic']> {
  return scene.broker.getTopic(name);
}

describe('a topic', () => {
  it('keeps what is published before it has a channel for the first one', () => {
    const scene = new Scene();
    scene.publish([A, B]);
    expect(topicOf(scene).depth()).toBe(2);
    const [first, second] = [scene.connect({ channel: 'c' }), scene.connect({ channel: 'd' })];
    scene.publish([C]);
    expect([first.taken(), second.taken(), topicOf(scene).depth()]).toEqual([[A, B, C], [C], 0]);
  });

  it('keeps again once its last channel is deleted', () => {
    const scene = new Scene();
    scene.connect();
    topicOf(scene).deleteChannel('c');
    scene.publish([A]);
    expect([topicOf(scene).depth(), scene.connect().taken()]).toEqual([1, []]);
    scene.endTurn();
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 1, deferred: 0 });
  });

  it('lets nothing flow while it is paused', () => {
    const scene = new Scene();
    const client = scene.connect();
    topicOf(scene).pause();
    scene.publish([A, B]);
    expect([client.taken(), topicOf(scene).depth()]).toEqual([[], 2]);
    topicOf(scene).unpause();
    scene.endTurn();
    expect([client.taken(), topicOf(scene).depth()]).toEqual([[A, B], 0]);
  });

  it('drops with empty what no channel has, and nothing else', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 0 });
    scene.publish([A]);
    topicOf(scene).pause();
    scene.publish([B, C]);
    topicOf(scene).empty();
    topicOf(scene).unpause();
    scene.publish([D]);
    client.ready(10);
    scene.endTurn();
    expect([topicOf(scene).depth(), client.taken()]).toEqual([0, [A, D]]);
  });

  it('counts messages and bytes, and takes back those it refused', async () => {
    const scene = new Scene();
    scene.publish(['12345', '1']);
    scene.gather(['refused']);
    const refused = topicOf(scene).committed();
    scene.fileSystem.failNth(1, { code: 'ENOSPC' }, 'write');
    scene.endTurn();
    await expect(refused).rejects.toThrow('write /data/t.diskqueue.000000.dat: no space left on device');
    expect([topicOf(scene).messageCount, topicOf(scene).messageBytes, topicOf(scene).depth()]).toEqual([2, 6, 2]);
    expect(scene.broker.healthError()).toContain('no space left on device');
    scene.publish(['ok']);
    expect(scene.broker.healthError()).toBeNull();
  });

  it('refuses what would leave less space than asked for, and takes it once there is room', async () => {
    const scene = new Scene({ options: { minFreeDiskBytes: 100 } });
    scene.publish([A]);
    scene.fileSystem.spareBytes = 99;
    scene.advance(100);
    scene.gather([B]);
    const refused = topicOf(scene).committed();
    scene.endTurn();
    await expect(refused).rejects.toThrow('99 bytes are free');
    expect([topicOf(scene).messageCount, topicOf(scene).depth()]).toEqual([1, 1]);
    expect(scene.broker.healthError()).toContain('99 bytes are free');
    scene.fileSystem.spareBytes = 1000;
    scene.advance(100);
    expect(scene.broker.healthError()).toBeNull();
    scene.publish([C]);
    expect(scene.connect().taken()).toEqual([]);
    scene.endTurn();
    expect(scene.numbers()).toEqual({ depth: 0, inFlight: 2, deferred: 0 });
  });

  it('refuses publishes once it is deleted', () => {
    const scene = new Scene();
    const topic = topicOf(scene);
    scene.broker.deleteTopic('t');
    expect(() => topic.publish(Buffer.from(A))).toThrow(PublishError);
    expect(() => topic.publish(Buffer.from(A))).toThrow('exiting');
  });
});

describe('a deferred publish', () => {
  it.each([
    ['with a channel', (scene: Scene) => scene.channel(), () => {}],
    ['while the topic is paused', (scene: Scene) => {
      scene.channel();
      topicOf(scene).pause();
    }, (scene: Scene) => topicOf(scene).unpause()],
    ['before there is a channel', () => {}, () => {}],
  ])('is delivered when it is due, counted from publishing: %s', (_name, prepare, release) => {
    const scene = new Scene();
    prepare(scene);
    scene.publish([A], { deferMs: 500 });
    scene.publish([B]);
    scene.advance(200);
    release(scene);
    const client = scene.connect();
    scene.advance(299);
    expect([client.taken(), scene.numbers()]).toEqual([[B], { depth: 0, inFlight: 1, deferred: 1 }]);
    scene.advance(1);
    expect(client.taken()).toEqual([A]);
  });

  it('that is due before it is released is like any other', () => {
    const scene = new Scene();
    scene.publish([A], { deferMs: 100 });
    scene.advance(200);
    const client = scene.connect();
    scene.endTurn();
    expect(client.taken()).toEqual([A]);
  });

  it('of a turn that fails is forgotten', () => {
    const scene = new Scene();
    const client = scene.connect();
    scene.gather([A], { deferMs: 100 });
    scene.fileSystem.failNth(1, { code: 'EIO' }, 'write');
    scene.endTurn();
    scene.advance(1000);
    expect([client.taken(), scene.numbers()]).toEqual([[], { depth: 0, inFlight: 0, deferred: 0 }]);
  });
});

describe('an ephemeral topic', () => {
  it('never touches the disk, and keeps as much as memory is for', () => {
    const scene = new Scene({ options: { memQueueSize: 2 } });
    scene.publish([A, B, C], { topic: 'e#ephemeral' });
    expect([topicOf(scene, 'e#ephemeral').depth(), topicOf(scene, 'e#ephemeral').messageCount]).toEqual([2, 3]);
    const client = scene.connect({ topic: 'e#ephemeral', channel: 'c#ephemeral' });
    scene.endTurn();
    expect([client.taken(), scene.disk.names('/data')]).toEqual([[A, B], ['nsqd.dat']]);
  });

  it('goes with its last channel', () => {
    const scene = new Scene();
    scene.connect({ topic: 'e#ephemeral', channel: 'c#ephemeral' }).disconnect();
    expect(scene.broker.findTopic('e#ephemeral')).toBeUndefined();
  });
});

describe('deleting', () => {
  it('a channel closes its consumers and removes what it alone held', () => {
    const scene = new Scene({ options: { maxBytesPerFile: 31 } });
    const client = scene.connect({ ready: 1 });
    scene.publish([A, B, C]);
    topicOf(scene).deleteChannel('c');
    scene.endTurn();
    expect([client.consumer.isOpen, scene.broker.getTopic('t').channels.size]).toEqual([false, 0]);
    expect(scene.disk.names('/data').filter((name) => /\d\.dat$/.test(name))).toHaveLength(1);
  });

  it('a topic in the turn of its publishes leaves no file', () => {
    const scene = new Scene();
    scene.connect();
    scene.publish([A]);
    scene.gather([B]);
    scene.broker.deleteTopic('t');
    scene.advance(10_000);
    expect(scene.disk.names('/data')).toEqual(['nsqd.dat']);
  });

  it('and creating it again begins anew', () => {
    const scene = new Scene();
    scene.connect();
    scene.publish([A]);
    scene.broker.deleteTopic('t');
    scene.publish([B]);
    const client = scene.connect();
    scene.endTurn();
    expect(client.taken()).toEqual([B]);
  });

  it('does not fail with the disk', () => {
    const scene = new Scene();
    scene.connect();
    scene.publish([A]);
    scene.fileSystem.failures = (operation) => (operation === 'remove' ? { code: 'EIO' } : null);
    expect([topicOf(scene).deleteChannel('c'), scene.broker.deleteTopic('t')]).toEqual([true, true]);
  });

  it('what does not exist is false', () => {
    const scene = new Scene();
    expect([scene.broker.deleteTopic('t'), topicOf(scene).deleteChannel('c')]).toEqual([false, false]);
  });
});
