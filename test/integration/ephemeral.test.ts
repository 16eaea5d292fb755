// Names with #ephemeral: deleted when nobody uses them any more, dropped beyond the memory queue, never on disk.

import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { readTopics } from '../support/data-directory.js';
import { Daemon, sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const QUEUE_SIZE = 5;

const daemon = sharedDaemon({ flags: [`--mem-queue-size=${QUEUE_SIZE}`] });

const quoted = (name: string): string => encodeURIComponent(name);
const lines = (count: number): string => Array.from({ length: count }, (_, index) => `m${index}`).join('\n');

describe('an ephemeral channel', () => {
  it('is deleted when its last consumer leaves', async () => {
    const first = await daemon().subscriber('eph-last', 'c#ephemeral', 1);
    const second = await daemon().subscriber('eph-last', 'c#ephemeral', 1);
    first.destroy();
    await eventually(async () => expect((await daemon().channel('eph-last', 'c#ephemeral')).client_count).toBe(1));
    second.destroy();
    await eventually(async () => expect(await daemon().findChannel('eph-last', 'c#ephemeral')).toBeUndefined());
    expect(await daemon().findTopic('eph-last')).toBeDefined();
  });

  it('takes what is in flight and deferred with it', async () => {
    const client = await daemon().subscriber('eph-in-flight', 'c#ephemeral', 2);
    await daemon().command('/mpub?topic=eph-in-flight', 'a\nb');
    const [, deferred] = await client.nextMessages(2);
    if (!deferred) throw new Error('two messages were expected');
    client.requeue(deferred, 60_000);
    await client.expectQuiet();
    client.destroy();
    await eventually(async () => expect(await daemon().findChannel('eph-in-flight', 'c#ephemeral')).toBeUndefined());
    using next = await daemon().subscriber('eph-in-flight', 'c#ephemeral', 5);
    await next.expectQuiet();
    expect(await daemon().channel('eph-in-flight', 'c#ephemeral')).toMatchObject({
      depth: 0,
      in_flight_count: 0,
      deferred_count: 0,
    });
  });

  it('that never had a consumer stays', async () => {
    await daemon().command('/topic/create?topic=eph-unused');
    await daemon().command(`/channel/create?topic=eph-unused&channel=${quoted('c#ephemeral')}`);
    await daemon().command('/pub?topic=eph-unused', 'x');
    await eventually(async () => expect((await daemon().channel('eph-unused', 'c#ephemeral')).depth).toBe(1));
  });

  it('drops what does not fit in memory, and counts it', async () => {
    await daemon().command('/topic/create?topic=eph-overflow');
    await daemon().command(`/channel/create?topic=eph-overflow&channel=${quoted('c#ephemeral')}`);
    await daemon().command('/mpub?topic=eph-overflow', lines(20));
    await eventually(async () => {
      const channel = await daemon().channel('eph-overflow', 'c#ephemeral');
      expect(channel).toMatchObject({ depth: QUEUE_SIZE, backend_depth: 0, message_count: 20 });
    });
    using client = await daemon().subscriber('eph-overflow', 'c#ephemeral', 20);
    const messages = await client.nextMessages(QUEUE_SIZE);
    if (!daemon().isStock) {
      // Stock nsqd may reorder at the moment its memory queue is full; the oldest are kept in both.
      expect(messages.map((message) => message.body.toString())).toEqual(lines(QUEUE_SIZE).split('\n'));
    }
    await client.expectQuiet();
    expect(client.waitingFrames).toHaveLength(0);
    expect(await daemon().channel('eph-overflow', 'c#ephemeral')).toMatchObject({ depth: 0, in_flight_count: 5 });
  });

  it('does not take from its persistent sister what it drops itself', async () => {
    await daemon().command('/topic/create?topic=eph-sister');
    await daemon().command(`/channel/create?topic=eph-sister&channel=${quoted('c#ephemeral')}`);
    await daemon().command('/channel/create?topic=eph-sister&channel=kept');
    await daemon().command('/mpub?topic=eph-sister', lines(50));
    using client = await daemon().subscriber('eph-sister', 'kept', 50);
    const bodies = (await client.nextMessages(50)).map((message) => message.body.toString());
    expect(bodies.toSorted()).toEqual(lines(50).split('\n').toSorted());
  });

  it('starts anew for the next consumer', async () => {
    const first = await daemon().subscriber('eph-anew', 'c#ephemeral', 0);
    await daemon().command('/pub?topic=eph-anew', 'old');
    await eventually(async () => expect((await daemon().channel('eph-anew', 'c#ephemeral')).depth).toBe(1));
    first.destroy();
    await eventually(async () => expect(await daemon().findChannel('eph-anew', 'c#ephemeral')).toBeUndefined());
    using second = await daemon().subscriber('eph-anew', 'c#ephemeral', 5);
    await daemon().command('/pub?topic=eph-anew', 'new');
    expect((await second.nextMessage()).body.toString()).toBe('new');
  });
});

describe('an ephemeral topic', () => {
  it('is deleted with its last channel', async () => {
    const client = await daemon().subscriber('gone#ephemeral', 'c#ephemeral', 1);
    await daemon().command(`/pub?topic=${quoted('gone#ephemeral')}`, 'x');
    await client.nextMessage();
    client.destroy();
    await eventually(async () => expect(await daemon().findTopic('gone#ephemeral')).toBeUndefined());
  });

  it('is deleted when its last channel is deleted by hand', async () => {
    await daemon().command(`/topic/create?topic=${quoted('by-hand#ephemeral')}`);
    await daemon().command(`/channel/create?topic=${quoted('by-hand#ephemeral')}&channel=c`);
    await daemon().command(`/channel/delete?topic=${quoted('by-hand#ephemeral')}&channel=c`);
    await eventually(async () => expect(await daemon().findTopic('by-hand#ephemeral')).toBeUndefined());
  });

  it('stays as long as a persistent channel exists', async () => {
    const client = await daemon().subscriber('stays#ephemeral', 'kept', 1);
    client.destroy();
    await eventually(async () => expect((await daemon().channel('stays#ephemeral', 'kept')).client_count).toBe(0));
    expect(await daemon().findTopic('stays#ephemeral')).toBeDefined();
  });

  it('that never had a channel stays', async () => {
    await daemon().command(`/pub?topic=${quoted('unused#ephemeral')}`, 'x');
    expect((await daemon().topic('unused#ephemeral')).depth).toBe(1);
  });

  it('drops what does not fit in memory, answers OK and counts it', async () => {
    using client = await daemon().connect();
    for (let index = 0; index < 12; index += 1) await client.publish('overflow#ephemeral', `m${index}`);
    const topic = await daemon().topic('overflow#ephemeral');
    expect(topic).toMatchObject({ depth: QUEUE_SIZE, backend_depth: 0, message_count: 12 });
  });
});

it('nothing ephemeral is on disk, before or after a clean stop', async () => {
  await using own = await Daemon.start({ flags: ['--mem-queue-size=2'] });
  const ephemeral = quoted('t#ephemeral');
  await own.command(`/topic/create?topic=${ephemeral}`);
  await own.command(`/channel/create?topic=${ephemeral}&channel=${quoted('c#ephemeral')}`);
  await own.command('/topic/create?topic=kept');
  await own.command(`/channel/create?topic=kept&channel=${quoted('c#ephemeral')}`);
  await own.command(`/mpub?topic=${ephemeral}`, lines(10));
  await own.command('/mpub?topic=kept', lines(10));
  await eventually(async () => expect((await own.channel('kept', 'c#ephemeral')).message_count).toBe(10));
  expect(readdirSync(own.dataPath).filter((name) => name.includes('#ephemeral'))).toEqual([]);
  await own.stop();
  expect(readdirSync(own.dataPath).filter((name) => name.includes('#ephemeral'))).toEqual([]);
  expect(readTopics(own.dataPath)).toEqual([{ name: 'kept', paused: false, channels: null }]);
});

it('a restart forgets ephemeral topics and channels', async () => {
  await using own = await Daemon.start();
  await own.command(`/topic/create?topic=${quoted('t#ephemeral')}`);
  await own.command('/topic/create?topic=kept');
  await own.command(`/channel/create?topic=kept&channel=${quoted('c#ephemeral')}`);
  await own.stop();
  await own.restart();
  expect((await own.stats()).topics?.map((topic) => topic.topic_name)).toEqual(['kept']);
  expect((await own.topic('kept')).channels).toEqual([]);
});
