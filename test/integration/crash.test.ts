// kill -9: in the default mode everything that was answered OK is still there. Stock nsqd promises none of this, so
// most of these tests are for nsqd-ts only.

import { describe, expect, it } from 'vitest';

import { messageList } from '../support/bytes.js';
import { type Client } from '../support/client.js';
import { bodiesOf, consume, drain, numbered } from '../support/consume.js';
import { Daemon, isStock } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { Prng, seedOfRun } from '../support/prng.js';

async function crash(daemon: Daemon): Promise<void> {
  expect(await daemon.kill()).toEqual({ code: null, signal: 'SIGKILL' });
  await daemon.restart();
}

describe.concurrent.each([
  ['by default', []],
  ['with --durability=fsync', ['--durability=fsync']],
])('kill -9 %s', (_, flags) => {
  it.skipIf(isStock)('keeps what is queued, at the topic and in channels', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags });
    using publisher = await daemon.connect();
    await publisher.publish('bare', 'one');
    publisher.command('MPUB bare', messageList(['two', 'three']));
    await publisher.expectOk();
    await daemon.command('/topic/create?topic=t');
    for (const channel of ['c', 'd']) await daemon.command(`/channel/create?topic=t&channel=${channel}`);
    await daemon.command('/mpub?topic=t', numbered(50).join('\n'));
    await daemon.command('/pub?topic=t', 'last');
    await crash(daemon);

    expect(await daemon.topic('bare')).toMatchObject({ depth: 3, channels: [] });
    expect(bodiesOf(await drain(daemon, 'bare', 'c'))).toEqual(['one', 'two', 'three']);
    for (const channel of ['c', 'd']) {
      expect(await daemon.channel('t', channel)).toMatchObject({ depth: 51 });
      expect(bodiesOf(await drain(daemon, 't', channel))).toEqual([...numbered(50), 'last']);
    }
  });

  it.skipIf(isStock)('keeps what is in flight, with the same ids', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags });
    await daemon.command('/mpub?topic=t', numbered(20).join('\n'));
    const client = await daemon.subscriber('t', 'c', 10);
    const before = await client.nextMessages(10);
    await crash(daemon);
    const after = await drain(daemon, 't', 'c');
    expect(new Set(bodiesOf(after))).toEqual(new Set(numbered(20)));
    const ids = new Set(after.map((message) => message.id));
    for (const message of before) expect(ids.has(message.id)).toBe(true);
  });

  it.skipIf(isStock)('keeps what was requeued, at once and with a delay', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags });
    await daemon.command('/mpub?topic=t', numbered(9).join('\n'));
    const client = await daemon.subscriber('t', 'c', 6);
    const messages = await client.nextMessages(6);
    client.command('RDY 0');
    for (const message of messages.slice(0, 3)) client.requeue(message, 0);
    for (const message of messages.slice(3)) client.requeue(message, 500);
    await client.expectQuiet();
    await crash(daemon);
    expect(new Set(bodiesOf(await drain(daemon, 't', 'c')))).toEqual(new Set(numbered(9)));
  });

  it.skipIf(isStock)('keeps deferred publishes', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags });
    using publisher = await daemon.connect();
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    for (const body of numbered(5)) {
      publisher.command('DPUB t 600', body);
      await publisher.expectOk();
    }
    publisher.command('DPUB bare 600', 'without a channel');
    await publisher.expectOk();
    await crash(daemon);
    expect(bodiesOf(await drain(daemon, 't', 'c')).toSorted()).toEqual(numbered(5));
    expect(bodiesOf(await drain(daemon, 'bare', 'c'))).toEqual(['without a channel']);
  });

  it.skipIf(isStock)('keeps what was published after the channel was emptied', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags });
    await daemon.command('/mpub?topic=t', numbered(20).join('\n'));
    await daemon.command('/channel/create?topic=t&channel=c');
    await daemon.command('/channel/empty?topic=t&channel=c');
    await daemon.command('/mpub?topic=t', 'new 1\nnew 2');
    await crash(daemon);
    const bodies = bodiesOf(await drain(daemon, 't', 'c'));
    expect(bodies).toEqual(expect.arrayContaining(['new 1', 'new 2']));
  });

  it.skipIf(isStock)('keeps topics and channels, their pauses, and what was deleted deleted', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags });
    for (const topic of ['kept', 'gone']) {
      await daemon.command(`/mpub?topic=${topic}`, 'a\nb');
      for (const channel of ['c', 'd']) await daemon.command(`/channel/create?topic=${topic}&channel=${channel}`);
    }
    await daemon.command('/channel/pause?topic=kept&channel=c');
    await daemon.command('/topic/delete?topic=gone');
    await daemon.command('/channel/delete?topic=kept&channel=d');
    await crash(daemon);
    const topics = (await daemon.stats()).topics ?? [];
    expect(topics.map((topic) => topic.topic_name)).toEqual(['kept']);
    expect(topics[0]?.channels).toMatchObject([{ channel_name: 'c', paused: true, depth: 2 }]);
    using client = await daemon.subscriber('gone', 'c', 1);
    await client.expectQuiet();
    expect(await daemon.channel('gone', 'c')).toMatchObject({ depth: 0, in_flight_count: 0 });
  });

  it.skipIf(isStock)('twice in a row keeps what came in between', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags });
    const expected: string[] = [];
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    for (let round = 0; round < 4; round += 1) {
      const bodies = numbered(10, `r${round}-`);
      expected.push(...bodies);
      await daemon.command('/mpub?topic=t', bodies.join('\n'));
      await crash(daemon);
    }
    expect(await daemon.channel('t', 'c')).toMatchObject({ depth: 40 });
    expect(bodiesOf(await drain(daemon, 't', 'c'))).toEqual(expected);
  });

  it.skipIf(isStock)('keeps what waits in several files', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags: [...flags, '--max-bytes-per-file=2000', '--mem-queue-size=10'] });
    await daemon.command('/mpub?topic=t', numbered(300).join('\n'));
    const client = await daemon.subscriber('t', 'c', 5);
    const finished = bodiesOf(await consume(client, 100));
    await crash(daemon);
    const rest = bodiesOf(await drain(daemon, 't', 'c'));
    expect(new Set([...finished, ...rest])).toEqual(new Set(numbered(300)));
  });

  it.skipIf(isStock)('under load loses nothing that was answered OK', async ({ expect }) => {
    const seed = seedOfRun();
    const prng = new Prng(seed);
    await using daemon = await Daemon.start({ flags: [...flags, '--max-bytes-per-file=20000', '--msg-timeout=1s'] });
    const acknowledged = new Set<string>();
    const finished = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      using publisher = await daemon.connect();
      using consumer = await daemon.subscriber('t', 'c', 20);
      const work = [publishBatches(publisher, `r${round}-`, acknowledged), answerAtRandom(consumer, prng, finished)];
      const target = acknowledged.size + prng.integer(200, 1_000);
      await eventually(() => expect(acknowledged.size).toBeGreaterThan(target));
      await crash(daemon);
      await Promise.all(work);
    }
    for (const message of await drain(daemon, 't', 'c')) finished.add(message.body.toString());
    const lost = [...acknowledged].filter((body) => !finished.has(body));
    expect(lost, `TEST_SEED=${seed}`).toEqual([]);
  });
});

/** Publishes batches until the connection ends; notes the bodies that were answered OK. */
async function publishBatches(publisher: Client, prefix: string, acknowledged: Set<string>): Promise<void> {
  for (let batch = 0; publisher.isOpen; batch += 1) {
    const bodies = numbered(7, `${prefix}${batch}-`);
    publisher.command('MPUB t', messageList(bodies));
    try {
      await publisher.expectOk();
    } catch {
      return; // The daemon went down with this batch unanswered.
    }
    for (const body of bodies) acknowledged.add(body);
  }
}

/** Finishes most messages, requeues some, forgets a few; notes the bodies for which FIN was sent. */
async function answerAtRandom(consumer: Client, prng: Prng, finished: Set<string>): Promise<void> {
  for (;;) {
    const message = await consumer.nextMessage().catch(() => undefined);
    if (message === undefined) return;
    const chance = prng.next();
    if (chance < 0.1) consumer.requeue(message, 0);
    else if (chance < 0.2) consumer.requeue(message, prng.integer(1, 300));
    else if (chance > 0.25) {
      finished.add(message.body.toString());
      consumer.finish(message);
    }
  }
}

describe.concurrent('--durability=memory', () => {
  // Stock nsqd has only this mode, and not the flag.
  const flags = isStock ? [] : ['--durability=memory'];

  it('loses what is in memory on kill -9', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags });
    await daemon.command('/mpub?topic=t', numbered(10).join('\n'));
    await daemon.command('/channel/create?topic=t&channel=c');
    await eventually(async () => expect((await daemon.channel('t', 'c')).depth).toBe(10));
    await crash(daemon);
    const topic = await daemon.findTopic('t');
    const depths = [topic?.depth ?? 0, ...(topic?.channels ?? []).map((channel) => channel.depth)];
    expect(
      depths.every((depth) => depth === 0),
      `${depths}`,
    ).toBe(true);
  });

  it('loses nothing on SIGTERM', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags });
    await daemon.command('/mpub?topic=t', numbered(100).join('\n'));
    const client = await daemon.subscriber('t', 'c', 10);
    await client.nextMessages(10);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await daemon.restart();
    expect(bodiesOf(await drain(daemon, 't', 'c')).toSorted()).toEqual(numbered(100).toSorted());
  });

  it('keeps on disk what does not fit in memory', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags: [...flags, '--mem-queue-size=10'] });
    await daemon.command('/mpub?topic=t', numbered(200).join('\n'));
    const topic = await daemon.topic('t');
    expect(topic.depth).toBe(200);
    expect(topic.backend_depth).toBeGreaterThanOrEqual(180);
    expect(bodiesOf(await drain(daemon, 't', 'c')).toSorted()).toEqual(numbered(200).toSorted());
  });
});
