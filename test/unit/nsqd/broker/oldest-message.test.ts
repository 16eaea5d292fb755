// How old the oldest unfinished message is, in every place a message can be in; with it, walking a log without reading it.

import { describe, expect, it } from 'vitest';

import { walkLog } from '../../../../src/nsqd/broker/log-walk.js';
import { oldestOfChannel, oldestOfTopic } from '../../../../src/nsqd/broker/oldest-message.js';
import { BODY_OFFSET, recordBody, recordBytes } from '../../../../src/nsqd/storage/record.js';
import { Scene } from './daemon-scene.js';

/** Milliseconds since the oldest message of the channel was published; null when there is none. */
function age(scene: Scene): number | null {
  const publishedMs = oldestOfChannel(scene.channel());
  return publishedMs === null ? null : Math.round(scene.clock.wallMs() - publishedMs);
}

function topicAge(scene: Scene): number | null {
  const publishedMs = oldestOfTopic(scene.broker.getTopic('t'));
  return publishedMs === null ? null : Math.round(scene.clock.wallMs() - publishedMs);
}

/** Publishes a, b and c a second apart; another second later it returns. */
function sceneOfThree(settings = {}): Scene {
  const scene = new Scene(settings);
  scene.channel();
  for (const body of ['a', 'b', 'c']) {
    scene.publish([body]);
    scene.advance(1000);
  }
  return scene;
}

describe('the oldest message of a channel', () => {
  it('is none in an empty channel', () => {
    const scene = new Scene();
    scene.channel();
    expect(age(scene)).toBeNull();
  });

  it('is the first unread one', () => {
    expect(age(sceneOfThree())).toBe(3000);
  });

  it('may be in flight', () => {
    const scene = sceneOfThree();
    const client = scene.connect({ timeoutMs: 60_000 });
    scene.endTurn();
    const [, second, third] = client.deliveries;
    client.finish(third!);
    expect(age(scene)).toBe(3000);
    client.finish(client.deliveries[0]!);
    expect(age(scene)).toBe(2000);
    client.finish(second!);
    expect(age(scene)).toBeNull();
  });

  it('may have been given back, or put off', () => {
    const scene = sceneOfThree();
    const client = scene.connect({ timeoutMs: 60_000, ready: 2 });
    scene.endTurn();
    const [first, second] = client.deliveries;
    client.ready(0);
    client.requeue(second!, 0);
    client.requeue(first!, 5000);
    expect(scene.numbers()).toEqual({ depth: 2, inFlight: 0, deferred: 1 });
    expect(age(scene)).toBe(3000);
  });

  it('is not one whose publisher wants it to wait', () => {
    const scene = new Scene();
    scene.channel();
    scene.publish(['later'], { deferMs: 10_000 });
    scene.advance(1000);
    expect(age(scene)).toBeNull();
    scene.publish(['now']);
    scene.advance(500);
    expect(age(scene)).toBe(500);
    scene.advance(9000);
    expect(scene.numbers()).toMatchObject({ depth: 2, deferred: 0 });
    expect(age(scene)).toBe(10_500);
  });

  it('is found on disk, without bringing anything into memory', () => {
    const scene = sceneOfThree({ options: { maxBytesPerFile: 40 } }).crash();
    const { reader } = scene.channel().cursors[0]!;
    expect(reader.chunk?.bytes).toBeNull();
    expect(age(scene)).toBe(3000);
    expect(reader.chunk?.bytes).toBeNull();
  });

  it('is in the own queue that a restart has left', async () => {
    const scene = await sceneOfThree().restart();
    expect(age(scene)).toBe(3000);
    const client = scene.connect({ ready: 1, timeoutMs: 60_000 });
    scene.publish(['d']);
    client.finish(client.deliveries[0]!);
    scene.endTurn();
    expect(age(scene)).toBe(2000);
  });
});

describe('the oldest message of a topic', () => {
  it('is the first that waits for a channel and is due', () => {
    const scene = new Scene();
    scene.publish(['later'], { deferMs: 60_000 });
    expect(topicAge(scene)).toBeNull();
    scene.advance(1000);
    scene.publish(['now']);
    scene.advance(2000);
    expect(topicAge(scene)).toBe(2000);
    scene.channel();
    expect([topicAge(scene), age(scene)]).toEqual([null, 2000]);
  });
});

describe('walkLog', () => {
  function bodies(scene: Scene): string[] {
    const cursor = scene.channel().cursors.at(-1)!;
    const walk = walkLog(cursor.reader, cursor.limit.index, cursor.skips(), BODY_OFFSET + 10);
    return [...walk].map(({ bytes, start }) => Buffer.from(recordBody(bytes, start)).toString());
  }

  it.each([
    ['in memory', {}],
    ['on disk, in many files', { options: { memQueueSize: 0, maxBytesPerFile: 40 } }],
  ])('passes over what the channel skips: %s', (_, settings) => {
    const scene = new Scene(settings);
    scene.channel();
    scene.publish(['a', 'b']);
    scene.publish(['x'], { deferMs: 1000 });
    scene.publish(['y'], { deferMs: 1000 });
    scene.publish(['c']);
    scene.publish(['z'], { deferMs: 1000 });
    expect(bodies(scene)).toEqual(['a', 'b', 'c']);
    const { reader } = scene.channel().cursors[0]!;
    const before = { ...reader };
    expect(bodies(scene)).toEqual(['a', 'b', 'c']);
    expect({ ...reader }).toEqual(before);
  });

  it('reads no more of a record on disk than it is asked for', () => {
    const scene = new Scene({ options: { memQueueSize: 0, maxBytesPerFile: 40 } });
    scene.channel();
    for (const body of ['x', 'y'.repeat(1000), 'z']) scene.publish([body]);
    const cursor = scene.channel().cursors[0]!;
    const [, second] = walkLog(cursor.reader, cursor.limit.index, [], BODY_OFFSET);
    expect(second!.chunk.bytes).toBeNull();
    expect([second!.bytes.length, recordBytes(second!.bytes, second!.start)]).toEqual([BODY_OFFSET, BODY_OFFSET + 1000]);
  });
});
