// Draining on a simulated clock: who is refused, what is waited for, and how it ends.

import { describe, expect, it } from 'vitest';

import { Scene } from './daemon-scene.js';
import type { SceneSettings } from './daemon-scene.js';

interface DrainingScene {
  readonly scene: Scene;
  readonly changes: boolean[];
  ends(): number;
}

function drainingScene(settings: SceneSettings = {}): DrainingScene {
  const scene = new Scene(settings);
  const changes: boolean[] = [];
  let ends = 0;
  scene.broker.drain.onChange = (isOn) => changes.push(isOn);
  scene.broker.drain.onEnded = () => {
    ends += 1;
  };
  return { scene, changes, ends: () => ends };
}

describe('draining', () => {
  it('refuses publishers of old topics, and of new ones, which it does not create', () => {
    const { scene, changes } = drainingScene();
    scene.publish(['a']);
    scene.broker.drain.start(0);
    for (const topic of ['t', 'new']) {
      expect(() => scene.gather(['b'], { topic })).toThrow(expect.objectContaining({ name: 'PublishError', message: 'draining' }));
    }
    expect([changes, scene.broker.drain.isOn]).toEqual([[true], true]);
    expect([...scene.broker.topics.keys()]).toEqual(['t']);
  });

  it('ends when everything is finished, not before', () => {
    const { scene, ends } = drainingScene();
    const client = scene.connect();
    scene.publish(['a']);
    scene.publish(['b'], { deferMs: 500 });
    scene.broker.drain.start(0);
    scene.advance(100);
    expect([ends(), scene.broker.drain.messagesLeft()]).toEqual([0, 2]);
    client.finish(client.deliveries.shift()!);
    scene.advance(300);
    expect(ends()).toBe(0);
    scene.advance(200);
    expect(client.deliveries.map(({ body }) => body)).toEqual(['b']);
    expect(ends()).toBe(0);
    client.finish(client.deliveries.shift()!);
    scene.advance(50);
    scene.advance(5000);
    expect([ends(), scene.broker.drain.isOn]).toEqual([1, true]);
    expect(scene.log.at(-1)).toContain('DRAIN: everything is delivered');
  });

  it('waits for channels without consumers until the time is up', () => {
    const { scene, ends } = drainingScene();
    scene.channel();
    scene.publish(['a']);
    scene.broker.drain.start(1000);
    scene.advance(999);
    expect(ends()).toBe(0);
    scene.advance(1);
    expect(ends()).toBe(1);
    expect(scene.log.at(-1)).toContain('DRAIN: time is up, messages left: t:c 1');
  });

  it('does not wait for topics without channels', () => {
    const { scene, ends } = drainingScene();
    scene.publish(['a']);
    scene.broker.drain.start(0);
    scene.advance(50);
    expect([ends(), scene.broker.findTopic('t')!.depth()]).toEqual([1, 1]);
  });

  it('can be taken back until it has ended', () => {
    const { scene, changes, ends } = drainingScene();
    scene.channel();
    scene.publish(['a']);
    scene.broker.drain.start(1000);
    scene.advance(900);
    expect(scene.broker.drain.cancel()).toBe(true);
    scene.advance(5000);
    scene.publish(['b']);
    expect([changes, ends(), scene.numbers().depth]).toEqual([[true, false], 0, 2]);
    scene.broker.drain.start(10);
    scene.advance(10);
    expect([scene.broker.drain.cancel(), scene.broker.drain.isOn, ends()]).toEqual([false, true, 1]);
  });

  it('lets dead letters through', () => {
    const { scene, ends } = drainingScene({ options: { maxAttempts: 1 } });
    const client = scene.connect();
    scene.publish(['a']);
    scene.broker.drain.start(0);
    client.requeue(client.deliveries.shift()!, 0);
    scene.advance(50);
    expect([ends(), scene.broker.findTopic('t.dead')!.depth()]).toEqual([1, 1]);
  });
});
