// The wall clock stepping below a broker: everything that waits goes by the monotonic clock, and ids go on rising.

import { describe, expect, it } from 'vitest';

import { Scene } from './daemon-scene.js';

const HOUR_MS = 3_600_000;

describe.each([
  ['back an hour', -HOUR_MS],
  ['forward a day', 24 * HOUR_MS],
])('a wall clock that steps %s', (_name, stepMs) => {
  it('moves no timeout, delay or checkpoint', () => {
    const scene = new Scene();
    const client = scene.connect({ timeoutMs: 1000 });
    scene.publish(['a']);
    scene.publish(['later'], { deferMs: 1500 });
    scene.clock.stepWall(stepMs);
    scene.advance(999);
    expect(client.taken()).toEqual(['a']);
    scene.advance(1);
    const [again] = client.deliveries.splice(0);
    expect([again?.body, again?.attempts]).toEqual(['a', 2]);
    client.requeue(again!, 200);
    scene.advance(199);
    expect(client.taken()).toEqual([]);
    scene.advance(1);
    expect(client.taken()).toEqual(['a']);
    scene.advance(300);
    expect(client.taken()).toEqual(['later']);
  });

  it('lets ids rise on, in the same process and in the next', () => {
    let scene = new Scene();
    scene.channel();
    scene.publish(['a', 'b']);
    scene.clock.stepWall(stepMs);
    scene.publish(['c', 'd']);
    scene = scene.crash();
    scene.publish(['e']);
    scene.clock.stepWall(-stepMs);
    scene.publish(['f']);
    scene = scene.crash();
    scene.publish(['g']);
    const client = scene.connect();
    scene.endTurn();
    const ids = client.deliveries.map(({ id }) => id.toString());
    expect(client.taken()).toEqual([...'abcdefg']);
    expect(ids).toEqual([...new Set(ids)].sort());
  });
});

describe('a wall clock that stands still', () => {
  it('gives more ids than one of its ticks has, all different and rising', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 20_000 });
    const bodies = Array.from({ length: 10_000 }, (_, index) => `${index}`);
    for (let at = 0; at < bodies.length; at += 1000) scene.publish(bodies.slice(at, at + 1000));
    const ids = client.deliveries.map(({ id }) => id.toString());
    expect(ids.length).toBe(bodies.length);
    expect(ids).toEqual([...new Set(ids)].sort());
  });
});
