// kill -9: in the default mode everything that was answered OK is still there. Stock nsqd promises none of this, so
// most of these tests are for nsqd-ts only.

import { describe, expect, it } from 'vitest';

import { describeAcrossStop, type Scenario } from '../support/across-stop.js';
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

async function create(daemon: Daemon, topic: string, ...channels: readonly string[]): Promise<void> {
  await daemon.command(`/topic/create?topic=${topic}`);
  for (const channel of channels) await daemon.command(`/channel/create?topic=${topic}&channel=${channel}`);
}

const promises: readonly Scenario[] = [
  {
    name: 'keeps what waits at a topic without channels',
    arrange: async (daemon, topic) => {
      using publisher = await daemon.connect();
      await publisher.publish(topic, 'one');
      publisher.command(`MPUB ${topic}`, messageList(['two', 'three']));
      await publisher.expectOk();
      await daemon.command(`/pub?topic=${topic}`, 'four');
      return async () => {
        expect(await daemon.topic(topic)).toMatchObject({ depth: 4, channels: [] });
        expect(bodiesOf(await drain(daemon, topic, 'c'))).toEqual(['one', 'two', 'three', 'four']);
      };
    },
  },
  {
    name: 'keeps what waits in channels',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c', 'd');
      await daemon.command(`/mpub?topic=${topic}`, numbered(50).join('\n'));
      return async () => {
        for (const channel of ['c', 'd']) {
          expect(await daemon.channel(topic, channel)).toMatchObject({ depth: 50 });
          expect(bodiesOf(await drain(daemon, topic, channel))).toEqual(numbered(50));
        }
      };
    },
  },
  {
    name: 'keeps a message answered OK in the very moment of the crash',
    arrange: async (daemon, topic) => {
      using publisher = await daemon.connect();
      await publisher.publish(`${topic}-new`, 'x');
      return async () => expect(bodiesOf(await drain(daemon, `${topic}-new`, 'c'))).toEqual(['x']);
    },
  },
  {
    name: 'keeps what is in flight, with the same ids',
    arrange: async (daemon, topic) => {
      await daemon.command(`/mpub?topic=${topic}`, numbered(20).join('\n'));
      const client = await daemon.subscriber(topic, 'c', 10);
      const before = await client.nextMessages(10);
      return async () => {
        const after = await drain(daemon, topic, 'c');
        expect(new Set(bodiesOf(after))).toEqual(new Set(numbered(20)));
        const ids = new Set(after.map((message) => message.id));
        for (const message of before) expect(ids.has(message.id)).toBe(true);
      };
    },
  },
  {
    name: 'keeps what was requeued, at once and with a delay',
    arrange: async (daemon, topic) => {
      await daemon.command(`/mpub?topic=${topic}`, numbered(9).join('\n'));
      const client = await daemon.subscriber(topic, 'c', 6);
      const messages = await client.nextMessages(6);
      client.command('RDY 0');
      for (const message of messages.slice(0, 3)) client.requeue(message, 0);
      for (const message of messages.slice(3)) client.requeue(message, 500);
      await client.expectQuiet();
      return async () => expect(new Set(bodiesOf(await drain(daemon, topic, 'c')))).toEqual(new Set(numbered(9)));
    },
  },
  {
    name: 'keeps deferred publishes',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c');
      using publisher = await daemon.connect();
      for (const body of numbered(5)) {
        publisher.command(`DPUB ${topic} 600`, body);
        await publisher.expectOk();
      }
      await daemon.command(`/pub?topic=${topic}-bare&defer=600`, 'without a channel');
      return async () => {
        expect(bodiesOf(await drain(daemon, topic, 'c')).toSorted()).toEqual(numbered(5));
        expect(bodiesOf(await drain(daemon, `${topic}-bare`, 'c'))).toEqual(['without a channel']);
      };
    },
  },
  {
    name: 'keeps what was published after the channel was emptied',
    arrange: async (daemon, topic) => {
      await daemon.command(`/mpub?topic=${topic}`, numbered(20).join('\n'));
      await create(daemon, topic, 'c');
      await daemon.command(`/channel/empty?topic=${topic}&channel=c`);
      await daemon.command(`/mpub?topic=${topic}`, 'new 1\nnew 2');
      return async () => {
        const bodies = bodiesOf(await drain(daemon, topic, 'c'));
        expect(bodies).toEqual(expect.arrayContaining(['new 1', 'new 2']));
      };
    },
  },
  {
    name: 'keeps what was published after the topic was emptied',
    arrange: async (daemon, topic) => {
      await daemon.command(`/mpub?topic=${topic}`, numbered(20).join('\n'));
      await daemon.command(`/topic/empty?topic=${topic}`);
      await daemon.command(`/mpub?topic=${topic}`, 'new 1\nnew 2');
      return async () => {
        const bodies = bodiesOf(await drain(daemon, topic, 'c'));
        expect(bodies).toEqual(expect.arrayContaining(['new 1', 'new 2']));
      };
    },
  },
  {
    name: 'keeps what was published after topic and channel were deleted and created again',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c');
      await daemon.command(`/mpub?topic=${topic}`, numbered(20).join('\n'));
      await daemon.command(`/topic/delete?topic=${topic}`);
      await create(daemon, topic, 'c');
      await daemon.command(`/mpub?topic=${topic}`, 'new 1\nnew 2');
      return async () => expect(bodiesOf(await drain(daemon, topic, 'c'))).toEqual(['new 1', 'new 2']);
    },
  },
  {
    name: 'keeps topics, channels and their pauses',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c', 'd');
      await create(daemon, `${topic}-bare`);
      await daemon.command(`/channel/pause?topic=${topic}&channel=c`);
      await daemon.command(`/topic/pause?topic=${topic}-bare`);
      using client = await daemon.connect();
      await client.subscribe(`${topic}-sub`, 'c');
      return async () => {
        expect(await daemon.channel(topic, 'c')).toMatchObject({ paused: true });
        expect(await daemon.channel(topic, 'd')).toMatchObject({ paused: false });
        expect(await daemon.topic(`${topic}-bare`)).toMatchObject({ paused: true, channels: [] });
        expect(await daemon.channel(`${topic}-sub`, 'c')).toMatchObject({ depth: 0 });
      };
    },
  },
  {
    name: 'keeps deleted topics and channels deleted',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c', 'd');
      await daemon.command(`/mpub?topic=${topic}`, 'a\nb');
      await create(daemon, `${topic}-gone`, 'c');
      await daemon.command(`/mpub?topic=${topic}-gone`, 'a\nb');
      await daemon.command(`/topic/delete?topic=${topic}-gone`);
      await daemon.command(`/channel/delete?topic=${topic}&channel=d`);
      return async () => {
        expect((await daemon.topic(topic)).channels.map((channel) => channel.channel_name)).toEqual(['c']);
        expect(await daemon.findTopic(`${topic}-gone`)).toBeUndefined();
        using client = await daemon.subscriber(`${topic}-gone`, 'c', 1);
        await client.expectQuiet();
        expect(await daemon.channel(`${topic}-gone`, 'c')).toMatchObject({ depth: 0, in_flight_count: 0 });
      };
    },
  },
  {
    name: 'delivers at most the unsynced part of what was finished again',
    arrange: async (daemon, topic) => {
      await daemon.command(`/mpub?topic=${topic}`, numbered(300).join('\n'));
      const client = await daemon.subscriber(topic, 'c', 5);
      const finished = bodiesOf(await consume(client, 100));
      return async () => {
        const rest = bodiesOf(await drain(daemon, topic, 'c'));
        expect(new Set([...finished, ...rest])).toEqual(new Set(numbered(300)));
        expect(new Set(rest).size).toBe(rest.length);
      };
    },
  },
];

const scenarios = promises.map((scenario) => ({ ...scenario, isSkipped: isStock }));

describeAcrossStop('kill -9 in the default mode', { end: crash }, scenarios);
describeAcrossStop('kill -9 twice', { end: (daemon) => crash(daemon).then(() => crash(daemon)) }, scenarios);
describeAcrossStop(
  'kill -9 with --durability=fsync, small files and little memory',
  { end: crash, flags: ['--durability=fsync', '--mem-queue-size=3', '--max-bytes-per-file=1000'] },
  scenarios,
);

describe.concurrent('kill -9', () => {
  it.skipIf(isStock)('several times keeps what came in between', async ({ expect }) => {
    await using daemon = await Daemon.start();
    const expected: string[] = [];
    await create(daemon, 't', 'c');
    for (let round = 0; round < 3; round += 1) {
      const bodies = numbered(10, `r${round}-`);
      expected.push(...bodies);
      await daemon.command('/mpub?topic=t', bodies.join('\n'));
      await crash(daemon);
    }
    expect(await daemon.channel('t', 'c')).toMatchObject({ depth: 30 });
    expect(bodiesOf(await drain(daemon, 't', 'c'))).toEqual(expected);
  });

  it.skipIf(isStock)('and a clean stop in turn lose nothing', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags: ['--max-bytes-per-file=500'] });
    const expected = new Set<string>();
    const received = new Set<string>();
    await create(daemon, 't', 'c');
    for (let round = 0; round < 4; round += 1) {
      for (const body of numbered(30, `r${round}-`)) expected.add(body);
      await daemon.command('/mpub?topic=t', numbered(30, `r${round}-`).join('\n'));
      using client = await daemon.subscriber('t', 'c', 4);
      for (const body of bodiesOf(await consume(client, 15))) received.add(body);
      if (round % 2 === 0) await daemon.stop();
      else await daemon.kill();
      await daemon.restart();
    }
    for (const body of bodiesOf(await drain(daemon, 't', 'c'))) received.add(body);
    expect(received).toEqual(expected);
  });

  it.skipIf(isStock)('under load loses nothing that was answered OK', async ({ expect }) => {
    const seed = seedOfRun();
    const prng = new Prng(seed);
    await using daemon = await Daemon.start({ flags: ['--max-bytes-per-file=20000', '--msg-timeout=1s'] });
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
