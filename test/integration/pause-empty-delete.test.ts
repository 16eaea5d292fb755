// What operators do to topics and channels while consumers are connected: pause, unpause, empty, delete.

import { describe, expect, it } from 'vitest';

import { sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const daemon = sharedDaemon();

const channelPath = (action: string, topic: string): string => `/channel/${action}?topic=${topic}&channel=c`;

describe('a paused channel', () => {
  it('delivers nothing until it is unpaused', async () => {
    using client = await daemon().subscriber('pause-channel', 'c', 5);
    await daemon().command(channelPath('pause', 'pause-channel'));
    await daemon().command('/mpub?topic=pause-channel', 'a\nb\nc');
    await eventually(async () => expect((await daemon().channel('pause-channel', 'c')).depth).toBe(3));
    await client.expectQuiet();
    expect(await daemon().channel('pause-channel', 'c')).toMatchObject({ paused: true, depth: 3, in_flight_count: 0 });

    await daemon().command(channelPath('unpause', 'pause-channel'));
    await client.nextMessages(3);
    expect(await daemon().channel('pause-channel', 'c')).toMatchObject({ paused: false, in_flight_count: 3 });
  });

  it('still takes FIN, REQ and TOUCH', async () => {
    using client = await daemon().subscriber('pause-answers', 'c', 3);
    await daemon().command('/mpub?topic=pause-answers', 'a\nb\nc');
    const [finished, requeued, touched] = await client.nextMessages(3);
    await daemon().command(channelPath('pause', 'pause-answers'));
    if (!finished || !requeued || !touched) throw new Error('three messages were expected');
    client.finish(finished);
    client.requeue(requeued, 0);
    client.touch(touched);
    await client.expectQuiet();
    expect(await daemon().channel('pause-answers', 'c')).toMatchObject({ depth: 1, in_flight_count: 1 });
    await daemon().command(channelPath('unpause', 'pause-answers'));
    expect((await client.nextMessage()).id).toBe(requeued.id);
  });

  it('takes new consumers, who wait like the others', async () => {
    await daemon().command('/pub?topic=pause-join', 'x');
    await daemon().command(channelPath('create', 'pause-join'));
    await daemon().command(channelPath('pause', 'pause-join'));
    using client = await daemon().subscriber('pause-join', 'c', 1);
    await client.expectQuiet();
    expect((await daemon().channel('pause-join', 'c')).client_count).toBe(1);
    await daemon().command(channelPath('unpause', 'pause-join'));
    await client.nextMessage();
  });

  it('does not pause its sister channels', async () => {
    using client = await daemon().subscriber('pause-sister', 'other', 1);
    await daemon().command(channelPath('create', 'pause-sister'));
    await daemon().command(channelPath('pause', 'pause-sister'));
    await daemon().command('/pub?topic=pause-sister', 'x');
    await client.nextMessage();
  });

  it('may be paused twice and unpaused twice', async () => {
    await daemon().command('/topic/create?topic=pause-twice');
    await daemon().command(channelPath('create', 'pause-twice'));
    for (const action of ['pause', 'pause']) await daemon().command(channelPath(action, 'pause-twice'));
    expect((await daemon().channel('pause-twice', 'c')).paused).toBe(true);
    for (const action of ['unpause', 'unpause']) await daemon().command(channelPath(action, 'pause-twice'));
    expect((await daemon().channel('pause-twice', 'c')).paused).toBe(false);
  });
});

describe('a paused topic', () => {
  it('keeps what is published, while its channels deliver what they have', async () => {
    await daemon().command('/pub?topic=pause-topic', 'before');
    await daemon().command(channelPath('create', 'pause-topic'));
    await eventually(async () => expect((await daemon().channel('pause-topic', 'c')).depth).toBe(1));
    await daemon().command('/topic/pause?topic=pause-topic');
    await daemon().command('/mpub?topic=pause-topic', 'during 1\nduring 2');

    using client = await daemon().subscriber('pause-topic', 'c', 5);
    expect((await client.nextMessage()).body.toString()).toBe('before');
    await client.expectQuiet();
    expect(await daemon().topic('pause-topic')).toMatchObject({ paused: true, depth: 2, message_count: 3 });
    expect(await daemon().channel('pause-topic', 'c')).toMatchObject({ depth: 0, message_count: 1 });

    await daemon().command('/topic/unpause?topic=pause-topic');
    const bodies = (await client.nextMessages(2)).map((message) => message.body.toString());
    expect(bodies).toEqual(['during 1', 'during 2']);
    expect(await daemon().topic('pause-topic')).toMatchObject({ paused: false, depth: 0 });
  });

  it('gives all it kept to every channel that exists when it is unpaused', async () => {
    await daemon().command('/topic/create?topic=pause-channels');
    await daemon().command('/topic/pause?topic=pause-channels');
    await daemon().command('/mpub?topic=pause-channels', 'a\nb');
    using one = await daemon().subscriber('pause-channels', 'one', 5);
    using two = await daemon().subscriber('pause-channels', 'two', 5);
    await one.expectQuiet();
    await daemon().command('/topic/unpause?topic=pause-channels');
    for (const client of [one, two]) {
      expect((await client.nextMessages(2)).map((message) => message.body.toString())).toEqual(['a', 'b']);
    }
  });
});

describe('emptying a channel', () => {
  it('forgets what is queued, in flight and deferred; consumers stay', async () => {
    using client = await daemon().subscriber('empty-channel', 'c', 2);
    await daemon().command('/mpub?topic=empty-channel', 'a\nb\nc\nd\ne');
    const [kept, deferred] = await client.nextMessages(2);
    if (!kept || !deferred) throw new Error('two messages were expected');
    client.command('RDY 1');
    client.requeue(deferred, 60_000);
    await client.expectQuiet();
    expect(await daemon().channel('empty-channel', 'c')).toMatchObject({
      depth: 3,
      in_flight_count: 1,
      deferred_count: 1,
    });

    await daemon().command(channelPath('empty', 'empty-channel'));
    const channel = await daemon().channel('empty-channel', 'c');
    expect(channel).toMatchObject({ depth: 0, in_flight_count: 0, deferred_count: 0, client_count: 1 });
    expect(channel).toMatchObject({ message_count: 5, requeue_count: 1 });
    expect(channel.clients?.[0]).toMatchObject({ in_flight_count: 0 });
    client.finish(kept);
    expect(await client.nextError()).toBe(`E_FIN_FAILED FIN ${kept.id} failed ID not in flight`);

    await daemon().command('/mpub?topic=empty-channel', 'new 1\nnew 2');
    const first = await client.nextMessage();
    expect(first.body.toString()).toBe('new 1');
    await client.expectQuiet();
    expect((await daemon().channel('empty-channel', 'c')).clients?.[0]).toMatchObject({ in_flight_count: 1 });
    client.finish(first);
    expect((await client.nextMessage()).body.toString()).toBe('new 2');
  });

  it('leaves the other channels and the topic alone', async () => {
    await daemon().command('/topic/create?topic=empty-other');
    for (const name of ['c', 'd']) await daemon().command(`/channel/create?topic=empty-other&channel=${name}`);
    await daemon().command('/mpub?topic=empty-other', 'a\nb');
    await eventually(async () => expect((await daemon().channel('empty-other', 'd')).depth).toBe(2));
    await eventually(async () => expect((await daemon().channel('empty-other', 'c')).depth).toBe(2));
    await daemon().command('/topic/pause?topic=empty-other');
    await daemon().command('/pub?topic=empty-other', 'c');
    await daemon().command(channelPath('empty', 'empty-other'));
    expect((await daemon().channel('empty-other', 'c')).depth).toBe(0);
    expect((await daemon().channel('empty-other', 'd')).depth).toBe(2);
    expect((await daemon().topic('empty-other')).depth).toBe(1);
  });
});

describe('emptying a topic', () => {
  it('forgets what waits at the topic, not what its channels have', async () => {
    await daemon().command('/pub?topic=empty-topic', 'in the channel');
    await daemon().command(channelPath('create', 'empty-topic'));
    await eventually(async () => expect((await daemon().channel('empty-topic', 'c')).depth).toBe(1));
    await daemon().command('/topic/pause?topic=empty-topic');
    await daemon().command('/mpub?topic=empty-topic', 'x\ny');
    await daemon().command('/topic/empty?topic=empty-topic');
    expect(await daemon().topic('empty-topic')).toMatchObject({ depth: 0, message_count: 3 });
    await daemon().command('/topic/unpause?topic=empty-topic');
    await daemon().command('/pub?topic=empty-topic', 'after');
    using client = await daemon().subscriber('empty-topic', 'c', 5);
    const bodies = (await client.nextMessages(2)).map((message) => message.body.toString());
    expect(bodies).toEqual(['in the channel', 'after']);
  });
});

describe('deleting a channel', () => {
  it('closes its consumers without a frame; the channel is gone, others stay', async () => {
    using client = await daemon().subscriber('delete-channel', 'c', 1);
    using idle = await daemon().subscriber('delete-channel', 'c', 0);
    using other = await daemon().subscriber('delete-channel', 'd', 1);
    await daemon().command('/mpub?topic=delete-channel', 'a\nb');
    await client.nextMessage();
    await other.nextMessage();
    await daemon().command(channelPath('delete', 'delete-channel'));
    for (const gone of [client, idle]) {
      await gone.closed();
      expect(gone.waitingFrames).toHaveLength(0);
    }
    expect(await daemon().findChannel('delete-channel', 'c')).toBeUndefined();
    expect(await daemon().channel('delete-channel', 'd')).toMatchObject({
      depth: 1,
      in_flight_count: 1,
      client_count: 1,
    });
  });

  it('lets a channel of the same name begin empty', async () => {
    await daemon().command('/mpub?topic=delete-again', 'a\nb');
    await daemon().command(channelPath('create', 'delete-again'));
    await eventually(async () => expect((await daemon().channel('delete-again', 'c')).depth).toBe(2));
    await daemon().command(channelPath('delete', 'delete-again'));
    await daemon().command(channelPath('create', 'delete-again'));
    expect(await daemon().channel('delete-again', 'c')).toMatchObject({ depth: 0, message_count: 0 });
    await daemon().command('/pub?topic=delete-again', 'c');
    using client = await daemon().subscriber('delete-again', 'c', 5);
    expect((await client.nextMessage()).body.toString()).toBe('c');
  });
});

describe('deleting a topic', () => {
  it('closes the consumers of all its channels, and publishers go on', async () => {
    using publisher = await daemon().connect();
    await publisher.publish('delete-topic', 'x');
    using one = await daemon().subscriber('delete-topic', 'c', 1);
    using two = await daemon().subscriber('delete-topic', 'd', 1);
    await daemon().command('/topic/delete?topic=delete-topic');
    await one.closed();
    await two.closed();
    expect(await daemon().findTopic('delete-topic')).toBeUndefined();
    await publisher.publish('delete-topic', 'again');
    expect(await daemon().topic('delete-topic')).toMatchObject({ depth: 1, message_count: 1, channels: [] });
  });
});

it.each([
  ['/topic/delete?topic=nowhere', 'TOPIC_NOT_FOUND'],
  ['/topic/empty?topic=nowhere', 'TOPIC_NOT_FOUND'],
  ['/topic/pause?topic=nowhere', 'TOPIC_NOT_FOUND'],
  ['/channel/create?topic=nowhere&channel=c', 'TOPIC_NOT_FOUND'],
  ['/channel/delete?topic=somewhere&channel=nowhere', 'CHANNEL_NOT_FOUND'],
  ['/channel/pause?topic=somewhere&channel=nowhere', 'CHANNEL_NOT_FOUND'],
  ['/channel/empty?topic=somewhere&channel=nowhere', 'CHANNEL_NOT_FOUND'],
])('%s answers 404 %s', async (path, code) => {
  await daemon().command('/topic/create?topic=somewhere');
  expect(await daemon().post(path)).toMatchObject({ status: 404, body: JSON.stringify({ message: code }) });
});
