// A clean stop loses nothing: what was queued, in flight or deferred is there after the next start.

import { describe, expect, it } from 'vitest';

import { messageList } from '../support/bytes.js';
import { bodiesOf, consume, drain, numbered } from '../support/consume.js';
import { Daemon, isStock } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { LATE_MS_MAX } from '../support/timing.js';

async function restart(daemon: Daemon): Promise<void> {
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  await daemon.restart();
}

describe.concurrent('after a clean stop', () => {
  it('queued messages are delivered unchanged, in order', async ({ expect }) => {
    await using daemon = await Daemon.start();
    using publisher = await daemon.connect();
    publisher.command('MPUB at-topic', messageList(numbered(500)));
    await publisher.expectOk();
    await daemon.command('/channel/create?topic=at-topic&channel=c');
    publisher.command('MPUB no-channel', messageList(numbered(500)));
    await publisher.expectOk();
    await restart(daemon);

    expect(await daemon.topic('no-channel')).toMatchObject({ depth: 500, message_count: 0, channels: [] });
    expect(await daemon.topic('at-topic')).toMatchObject({ depth: 0 });
    expect(await daemon.channel('at-topic', 'c')).toMatchObject({ depth: 500, message_count: 0, in_flight_count: 0 });
    for (const topic of ['at-topic', 'no-channel']) {
      using client = await daemon.subscriber(topic, 'c', 100);
      const messages = await consume(client, 500);
      expect(bodiesOf(messages)).toEqual(numbered(500));
      expect(messages.every((message) => message.attempts === 1)).toBe(true);
    }
  });

  it('messages that were in flight are delivered again, their attempts counted on', async ({ expect }) => {
    await using daemon = await Daemon.start();
    await daemon.command('/mpub?topic=t', 'a\nb\nc\nd');
    const client = await daemon.subscriber('t', 'c', 3);
    const before = await client.nextMessages(3);
    client.requeue(before[0] ?? (await client.nextMessage()), 0);
    const fourth = await client.nextMessage();
    client.destroy();
    await restart(daemon);

    const after = new Map((await drain(daemon, 't', 'c')).map((message) => [message.body.toString(), message]));
    expect([...after.keys()].toSorted()).toEqual(['a', 'b', 'c', 'd']);
    for (const message of [...before, fourth]) {
      expect(after.get(message.body.toString())).toMatchObject({ id: message.id, timestampNs: message.timestampNs });
    }
    expect(after.get('b')?.attempts).toBe(2);
    expect(after.get('c')?.attempts).toBe(2);
    const [requeued, untouched] = fourth.body.toString() === 'd' ? ['a', 'd'] : ['d', 'a'];
    expect([after.get(requeued)?.attempts, after.get(untouched)?.attempts].toSorted()).toEqual(
      fourth.body.toString() === 'd' ? [2, 2] : [1, 3],
    );
  });

  it('attempts grow over several restarts', async ({ expect }) => {
    await using daemon = await Daemon.start();
    await daemon.command('/pub?topic=t', 'x');
    for (let attempts = 1; attempts <= 4; attempts += 1) {
      using client = await daemon.subscriber('t', 'c', 1);
      expect((await client.nextMessage()).attempts).toBe(attempts);
      await restart(daemon);
    }
  });

  it('finished messages do not come back', async ({ expect }) => {
    await using daemon = await Daemon.start();
    await daemon.command('/mpub?topic=t', numbered(100).join('\n'));
    using client = await daemon.subscriber('t', 'c', 10);
    const finished = bodiesOf(await consume(client, 40));
    await client.expectQuiet().catch(() => undefined); // Deliveries may come between.
    client.destroy();
    await eventually(async () => expect((await daemon.channel('t', 'c')).client_count).toBe(0));
    await restart(daemon);
    const rest = bodiesOf(await drain(daemon, 't', 'c'));
    expect([...finished, ...rest].toSorted()).toEqual(numbered(100).toSorted());
  });

  it('deferred messages are there, and in nsqd-ts still not due', async ({ expect }) => {
    await using daemon = await Daemon.start();
    using publisher = await daemon.connect();
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    const sentAtMs = performance.now();
    publisher.command('DPUB t 4000', 'published');
    await publisher.expectOk();
    const client = await daemon.subscriber('t', 'c', 1);
    await publisher.publish('t', 'requeued');
    const message = await client.nextMessage();
    client.requeue(message, 4_000);
    await client.expectQuiet();
    expect(await daemon.channel('t', 'c')).toMatchObject({ deferred_count: 2 });
    await restart(daemon);

    if (!daemon.isStock) expect(await daemon.channel('t', 'c')).toMatchObject({ deferred_count: 2, depth: 0 });
    using next = await daemon.subscriber('t', 'c', 2);
    const after = await next.nextMessages(2);
    const attempts = Object.fromEntries(after.map((arrived) => [arrived.body.toString(), arrived.attempts]));
    expect(attempts).toEqual({ published: 1, requeued: 2 });
    for (const arrived of after) {
      // Stock nsqd forgets the delay: it delivers at once.
      if (!daemon.isStock) expect(arrived.atMs - sentAtMs).toBeGreaterThanOrEqual(4_000 - 5);
      expect(arrived.atMs - sentAtMs).toBeLessThan(4_000 + LATE_MS_MAX);
    }
  });

  it.skipIf(isStock)(
    'deferred messages whose time passed while the daemon was down come at once',
    async ({ expect }) => {
      await using daemon = await Daemon.start();
      using publisher = await daemon.connect();
      await daemon.command('/topic/create?topic=t');
      await daemon.command('/channel/create?topic=t&channel=c');
      publisher.command('DPUB t 300', 'x');
      await publisher.expectOk();
      const sentAtMs = performance.now();
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
      await eventually(() => expect(performance.now() - sentAtMs).toBeGreaterThan(400));
      await daemon.restart();
      using client = await daemon.subscriber('t', 'c', 1);
      expect((await client.nextMessage(LATE_MS_MAX)).body.toString()).toBe('x');
    },
  );

  it.skipIf(isStock)(
    'a message deferred at a topic without channels is there, and still not due',
    async ({ expect }) => {
      await using daemon = await Daemon.start();
      using publisher = await daemon.connect();
      const sentAtMs = performance.now();
      publisher.command('DPUB t 2000', 'x');
      await publisher.expectOk();
      await restart(daemon);
      using client = await daemon.subscriber('t', 'c', 1);
      const message = await client.nextMessage();
      expect(message.atMs - sentAtMs).toBeGreaterThanOrEqual(2_000 - 5);
      expect(message.atMs - sentAtMs).toBeLessThan(2_000 + LATE_MS_MAX + 1_000);
    },
  );

  it('topics, channels and their pauses are restored', async ({ expect }) => {
    await using daemon = await Daemon.start();
    for (const topic of ['plain', 'paused', 'bare']) await daemon.command(`/topic/create?topic=${topic}`);
    for (const topic of ['plain', 'paused']) {
      for (const channel of ['c', 'paused-c'])
        await daemon.command(`/channel/create?topic=${topic}&channel=${channel}`);
      await daemon.command(`/channel/pause?topic=${topic}&channel=paused-c`);
    }
    await daemon.command('/topic/pause?topic=paused');
    await daemon.command('/pub?topic=paused', 'kept at the topic');
    await restart(daemon);

    const topics = (await daemon.stats()).topics ?? [];
    const shape = topics.map((topic) => [
      topic.topic_name,
      topic.paused,
      topic.depth,
      topic.channels.map((channel) => `${channel.channel_name} ${channel.paused}`),
    ]);
    expect(shape).toEqual([
      ['bare', false, 0, []],
      ['paused', true, 1, ['c false', 'paused-c true']],
      ['plain', false, 0, ['c false', 'paused-c true']],
    ]);
    await daemon.command('/topic/unpause?topic=paused');
    expect(bodiesOf(await drain(daemon, 'paused', 'c'))).toEqual(['kept at the topic']);
  });

  it('deleted topics and channels stay deleted, with their messages', async ({ expect }) => {
    await using daemon = await Daemon.start();
    for (const topic of ['gone', 'kept']) {
      await daemon.command(`/mpub?topic=${topic}`, 'a\nb');
      for (const channel of ['c', 'd']) await daemon.command(`/channel/create?topic=${topic}&channel=${channel}`);
    }
    await daemon.command('/topic/delete?topic=gone');
    await daemon.command('/channel/delete?topic=kept&channel=c');
    await restart(daemon);
    expect((await daemon.stats()).topics?.map((topic) => topic.topic_name)).toEqual(['kept']);
    expect((await daemon.topic('kept')).channels.map((channel) => channel.channel_name)).toEqual(['d']);
    for (const channel of ['c', 'd']) await daemon.command(`/channel/create?topic=kept&channel=${channel}`);
    expect(await daemon.channel('kept', 'c')).toMatchObject({ depth: 0 });
    using client = await daemon.subscriber('gone', 'c', 1);
    await client.expectQuiet();
    expect(await daemon.channel('gone', 'c')).toMatchObject({ depth: 0, in_flight_count: 0 });
  });

  it('emptied channels stay empty, and take new messages', async ({ expect }) => {
    await using daemon = await Daemon.start();
    await daemon.command('/mpub?topic=t', 'a\nb\nc');
    await daemon.command('/channel/create?topic=t&channel=c');
    await eventually(async () => expect((await daemon.channel('t', 'c')).depth).toBe(3));
    await daemon.command('/channel/empty?topic=t&channel=c');
    await restart(daemon);
    expect(await daemon.channel('t', 'c')).toMatchObject({ depth: 0 });
    await daemon.command('/pub?topic=t', 'new');
    expect(bodiesOf(await drain(daemon, 't', 'c'))).toEqual(['new']);
  });

  it('each channel continues from its own place', async ({ expect }) => {
    await using daemon = await Daemon.start();
    await daemon.command('/topic/create?topic=t');
    for (const channel of ['all', 'half', 'none']) {
      await daemon.command(`/channel/create?topic=t&channel=${channel}`);
    }
    await daemon.command('/mpub?topic=t', numbered(100).join('\n'));
    using all = await daemon.subscriber('t', 'all', 10);
    await consume(all, 100);
    await all.expectQuiet();
    using half = await daemon.subscriber('t', 'half', 1);
    const first = bodiesOf(await consume(half, 50));
    half.command('RDY 0');
    await restart(daemon);
    expect((await daemon.channel('t', 'all')).depth).toBe(0);
    const rest = bodiesOf(await drain(daemon, 't', 'half'));
    expect(new Set([...first, ...rest])).toEqual(new Set(numbered(100)));
    expect(rest.length).toBeLessThanOrEqual(51);
    expect(bodiesOf(await drain(daemon, 't', 'none'))).toEqual(numbered(100));
  });
});

describe.concurrent('a clean stop under load', () => {
  it('loses nothing that was answered OK', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags: ['--mem-queue-size=100'] });
    const acknowledged = new Set<string>();
    const finished = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      using publisher = await daemon.connect();
      using consumer = await daemon.subscriber('t', 'c', 20);
      const publishing = publishUntilClosed(publisher, `r${round}-`, acknowledged);
      const consuming = (async () => {
        for (;;) {
          const message = await consumer.nextMessage();
          finished.add(message.body.toString());
          consumer.finish(message);
        }
      })().catch(() => undefined); // Ends with the connection.
      const target = acknowledged.size + 400;
      await eventually(() => expect(acknowledged.size).toBeGreaterThan(target));
      await restart(daemon);
      await publishing;
      await consuming;
    }
    for (const message of await drain(daemon, 't', 'c')) finished.add(message.body.toString());
    const lost = [...acknowledged].filter((body) => !finished.has(body));
    expect(lost).toEqual([]);
  });
});

/** Publishes one by one until the connection ends; notes the bodies that were answered OK. */
async function publishUntilClosed(
  publisher: Awaited<ReturnType<Daemon['connect']>>,
  prefix: string,
  acknowledged: Set<string>,
): Promise<void> {
  for (let index = 0; publisher.isOpen; index += 1) {
    const body = `${prefix}${index}`;
    try {
      await publisher.publish('t', body);
      acknowledged.add(body);
    } catch {
      return; // The daemon went down with this publish unanswered.
    }
  }
}
