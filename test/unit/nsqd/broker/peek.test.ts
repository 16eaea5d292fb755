// Looking at messages in every place they can be in, and that looking changes nothing.

import { describe, expect, it } from 'vitest';

import { type ChannelPeek, peekChannel, peekTopic, type TopicPeek } from '../../../../src/nsqd/broker/peek.js';
import { StorageError } from '../../../../src/nsqd/storage/file-system.js';
import { Scene } from './daemon-scene.js';

const LIMITS = { countMax: 10, bodyBytesMax: 100 };

function peek(scene: Scene, limits = LIMITS): ChannelPeek {
  return peekChannel(scene.channel(), limits, scene.clock.monotonicMs());
}

function topicPeek(scene: Scene, limits = LIMITS): TopicPeek {
  return peekTopic(scene.broker.getTopic('t'), limits, scene.clock.monotonicMs());
}

const bodies = (messages: readonly { body: Buffer }[]): string[] => messages.map(({ body }) => body.toString());

/** A reader's place and what is in memory: what looking must not change. */
function stateOf(scene: Scene): unknown {
  const channel = scene.channel();
  const cursors = channel.cursors.map(({ reader }) => [
    reader.chunk, reader.position, reader.index, reader.chunk?.bytes, reader.chunk?.held, reader.recordsOnDiskOnly(),
  ]);
  return [cursors, scene.numbers(), channel.messageCount, channel.globalMessageCount, channel.backendDepth()];
}

describe('peekChannel', () => {
  it('finds messages queued, in flight and deferred', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 2, timeoutMs: 60_000 });
    scene.publish(['a', 'b', 'c', 'd']);
    scene.publish(['later'], { deferMs: 5000 });
    scene.advance(1500);
    client.requeue(client.deliveries[0]!, 30_000);
    scene.endTurn();
    const { queued, inFlight, deferred } = peek(scene);
    expect(bodies(queued)).toEqual(['d']);
    expect(inFlight.map(({ body, attempts, ageMs, timeoutInMs, owner }) => [String(body), attempts, ageMs, timeoutInMs, owner]))
      .toEqual([['b', 1, 1500, 58_500, client.consumer], ['c', 1, 0, 60_000, client.consumer]]);
    expect(deferred.map(({ body, attempts, dueInMs }) => [String(body), attempts, dueInMs]))
      .toEqual([['later', 0, 3500], ['a', 1, 30_000]]);
    expect(inFlight[0]!.id).toBe(client.deliveries[1]!.id.toString('latin1'));
  });

  it('tells when a message was published, and how large it is', () => {
    const scene = new Scene();
    scene.channel();
    scene.publish(['x'.repeat(1000)]);
    const [message] = peek(scene, { countMax: 1, bodyBytesMax: 7 }).queued;
    expect(message).toMatchObject({ bodyBytes: 1000, attempts: 0, body: Buffer.from('xxxxxxx') });
    expect(Number(message!.timestampNs / 1_000_000n)).toBe(scene.clock.wallMs());
  });

  it.each([
    ['in memory', {}, false],
    ['on disk', { options: { maxBytesPerFile: 40 } }, true],
  ])('disturbs nothing: %s', (_, settings, isOnDisk) => {
    let scene = new Scene(settings);
    scene.channel();
    scene.publish(['a', 'b']);
    scene.publish(['skipped'], { deferMs: 60_000 });
    scene.publish(['c']);
    if (isOnDisk) scene = scene.crash();
    const before = stateOf(scene);
    for (let count = 0; count < 3; count += 1) expect(bodies(peek(scene).queued)).toEqual(['a', 'b', 'c']);
    expect(stateOf(scene)).toEqual(before);
    const client = scene.connect();
    scene.endTurn();
    expect(client.taken()).toEqual(['a', 'b', 'c']);
  });

  it('shows queued messages in the order in which they will come', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 3, timeoutMs: 60_000 });
    scene.publish(['a', 'b', 'c', 'd', 'e']);
    client.ready(0);
    const [first, second, third] = client.deliveries.splice(0);
    client.requeue(second!, 0);
    scene.publish(['f']);
    client.requeue(first!, 0);
    client.requeue(third!, 0);
    scene.publish(['g']);
    const expected = peek(scene, { countMax: 100, bodyBytesMax: 10 }).queued;
    client.ready(100);
    scene.endTurn();
    expect(expected.length).toBe(7);
    expect(client.deliveries.map(({ body, attempts }) => [body, attempts]))
      .toEqual(expected.map(({ body, attempts }) => [body.toString(), attempts + 1]));
  });

  it('keeps to its number for each kind, and shows those that matter first', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 5, timeoutMs: 60_000 });
    for (let index = 0; index < 5; index += 1) {
      scene.publish([`flight${index}`]);
      scene.advance(10);
    }
    scene.publish(['q0', 'q1', 'q2', 'q3']);
    for (const deferMs of [500, 100, 400, 200, 300]) scene.publish([`due${deferMs}`], { deferMs });
    client.extend(client.deliveries[0]!);
    const { queued, inFlight, deferred } = peek(scene, { countMax: 3, bodyBytesMax: 100 });
    expect([queued, inFlight, deferred].map(bodies)).toEqual([
      ['q0', 'q1', 'q2'], ['flight0', 'flight1', 'flight2'], ['due100', 'due200', 'due300'],
    ]);
  });

  it('sees clients with different timeouts together', () => {
    const scene = new Scene();
    scene.connect({ ready: 1, timeoutMs: 60_000 });
    scene.publish(['a']);
    scene.advance(10);
    scene.connect({ ready: 1, timeoutMs: 1000 });
    scene.publish(['b']);
    expect(bodies(peek(scene).inFlight)).toEqual(['a', 'b']);
  });

  it('reads the own queue that a restart has left first', async () => {
    const before = new Scene();
    before.channel();
    before.publish(['a', 'b']);
    const scene = await before.restart();
    scene.publish(['c']);
    expect(bodies(peek(scene).queued)).toEqual(['a', 'b', 'c']);
  });

  it('says so when the disk cannot be read', () => {
    const before = new Scene({ options: { maxBytesPerFile: 40 } });
    before.channel();
    before.publish(['a']);
    const scene = before.crash();
    scene.fileSystem.failures = (operation) => (operation === 'read' ? { code: 'EIO' } : null);
    expect(() => peek(scene)).toThrow(StorageError);
  });

  it('finds nothing in an empty channel', () => {
    const scene = new Scene();
    scene.channel();
    expect(peek(scene)).toEqual({ queued: [], inFlight: [], deferred: [] });
  });
});

describe('peekTopic', () => {
  it('shows what no channel has yet', () => {
    const scene = new Scene();
    scene.publish(['a']);
    scene.publish(['later'], { deferMs: 5000 });
    scene.publish(['b', 'c']);
    scene.advance(1000);
    const { queued, deferred } = topicPeek(scene, { countMax: 2, bodyBytesMax: 100 });
    expect(bodies(queued)).toEqual(['a', 'b']);
    expect(deferred.map(({ body, dueInMs }) => [String(body), dueInMs])).toEqual([['later', 4000]]);
    scene.channel();
    expect(topicPeek(scene)).toEqual({ queued: [], deferred: [] });
    expect(bodies(peek(scene).queued)).toEqual(['a', 'b', 'c']);
  });
});
