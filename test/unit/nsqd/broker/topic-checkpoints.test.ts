// When the side file of a topic is written. What is in it, and what comes of it, is in restart.test.ts.

import { describe, expect, it } from 'vitest';

import { Scene } from './daemon-scene.js';

const STATE_PATH = '/data/t.nsqd-ts.state';
const OPTIONS = { syncTimeoutMs: 2000, maxMsgTimeoutMs: 3_600_000 };

function linesOf(scene: Scene): string[] {
  const content = scene.disk.content(STATE_PATH);
  return content === null ? [] : content.toString().trimEnd().split('\n');
}

/** One channel, and its snapshot on disk. */
function begun(): Scene {
  const scene = new Scene({ options: OPTIONS });
  scene.channel();
  scene.endTurn();
  return scene;
}

describe('the side file of a topic', () => {
  it.each([
    ['a channel comes', (scene: Scene) => scene.channel('t', 'd')],
    ['a channel goes', (scene: Scene) => scene.broker.getTopic('t').deleteChannel('c')],
    ['it is paused', (scene: Scene) => scene.broker.getTopic('t').pause()],
    ['it is emptied', (scene: Scene) => {
      scene.broker.getTopic('t').pause();
      scene.publish(['a']);
      scene.broker.getTopic('t').empty();
    }],
  ])('is written whole with the turn in which %s', (_what, change) => {
    const scene = begun();
    const before = scene.disk.content(STATE_PATH);
    change(scene);
    scene.endTurn();
    expect(linesOf(scene)).toHaveLength(1);
    expect(scene.disk.content(STATE_PATH)).not.toEqual(before);
  });

  it('is added to with the turn in which something was deferred, by its publisher or by a channel', () => {
    const scene = begun();
    const client = scene.connect({ timeoutMs: 60_000 });
    scene.publish(['a']);
    scene.publish(['later'], { deferMs: 1000 });
    scene.endTurn();
    client.requeue(client.deliveries[0]!, 5000);
    scene.endTurn();
    const [, ...changes] = linesOf(scene).map((line) => Object.keys(JSON.parse(line) as object).join());
    expect(changes).toEqual(['deferred', 'channel,held']);
  });

  it('says nothing of a publish that was refused', () => {
    const scene = begun();
    scene.publish(['a']);
    scene.gather(['later'], { deferMs: 1000 });
    scene.fileSystem.failNth(1, { code: 'ENOSPC' }, 'write');
    scene.endTurn();
    expect(linesOf(scene)).toHaveLength(1);
  });

  it('follows what is finished and taken within --sync-timeout', () => {
    const scene = begun();
    scene.connect({ timeoutMs: 60_000 });
    scene.publish(['a']);
    scene.advance(1999);
    expect(linesOf(scene)).toHaveLength(1);
    scene.advance(1);
    expect(linesOf(scene)).toHaveLength(2);
  });

  it('is written again when that failed, with everything', () => {
    const scene = begun();
    scene.publish(['a']);
    scene.fileSystem.failures = (_operation, path) => (path.startsWith(STATE_PATH) ? { code: 'EIO' } : null);
    scene.broker.getTopic('t').pause();
    scene.endTurn();
    expect(scene.broker.healthError()).toContain('input/output error');
    scene.fileSystem.failures = null;
    scene.channel('t', 'd');
    scene.endTurn();
    expect(linesOf(scene)).toHaveLength(1);
    expect(linesOf(scene)[0]).toContain('"name":"d"');
  });

  it('waits for the end of the turn it would come into', () => {
    const scene = begun();
    scene.publish(['a']);
    scene.broker.getTopic('t').checkpoints.take();
    scene.gather(['b']);
    const before = scene.disk.content(STATE_PATH);
    scene.broker.getTopic('t').checkpoints.take();
    expect(scene.disk.content(STATE_PATH)).toEqual(before);
    scene.endTurn();
    scene.advance(1);
    expect(scene.disk.content(STATE_PATH)).not.toEqual(before);
  });

  it('is not there for an ephemeral topic, even while a normal channel of it overflows to disk', () => {
    const scene = new Scene({ options: { ...OPTIONS, memQueueSize: 1 } });
    const [topic, channel] = ['t#ephemeral', 'c'];
    scene.channel(topic, channel);
    for (const body of ['a', 'b', 'c']) scene.publish([body], { topic });
    scene.publish(['later'], { topic, deferMs: 1000 });
    scene.advance(3000);
    expect(scene.disk.names('/data').filter((name) => name.endsWith('.state'))).toEqual([]);
    expect(scene.disk.names('/data').filter((name) => name.endsWith('.000000.dat'))).toHaveLength(1);
  });

  it('is not written any more once the topic is deleted', () => {
    const scene = begun();
    const topic = scene.broker.getTopic('t');
    scene.publish(['a']);
    scene.broker.deleteTopic('t');
    topic.checkpoints.changed();
    topic.checkpoints.take();
    scene.advance(10_000);
    expect(linesOf(scene)).toEqual([]);
  });
});
