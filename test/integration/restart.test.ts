// A clean stop loses nothing: what was queued, in flight or deferred is there after the next start.

import { describe, expect, it } from 'vitest';

import { describeAcrossStop, type Scenario } from '../support/across-stop.js';
import { messageList } from '../support/bytes.js';
import { type Client } from '../support/client.js';
import { bodiesOf, consume, drain, leave, numbered } from '../support/consume.js';
import { Daemon, isStock } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { LATE_MS_MAX } from '../support/timing.js';

async function restart(daemon: Daemon): Promise<void> {
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  await daemon.restart();
}

async function create(daemon: Daemon, topic: string, ...channels: readonly string[]): Promise<void> {
  await daemon.command(`/topic/create?topic=${topic}`);
  for (const channel of channels) await daemon.command(`/channel/create?topic=${topic}&channel=${channel}`);
}

const queued: Scenario[] = [
  {
    name: 'delivers what waited in a channel unchanged, in order',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c');
      await daemon.command(`/mpub?topic=${topic}`, numbered(500).join('\n'));
      return async () => {
        expect(await daemon.topic(topic)).toMatchObject({ depth: 0, message_count: 0 });
        expect(await daemon.channel(topic, 'c')).toMatchObject({ depth: 500, message_count: 0, in_flight_count: 0 });
        using client = await daemon.subscriber(topic, 'c', 100);
        const messages = await consume(client, 500);
        expect(bodiesOf(messages)).toEqual(numbered(500));
        expect(messages.every((message) => message.attempts === 1)).toBe(true);
      };
    },
  },
  {
    name: 'delivers what waited at a topic without channels unchanged, in order',
    arrange: async (daemon, topic) => {
      await daemon.command(`/mpub?topic=${topic}`, numbered(500).join('\n'));
      return async () => {
        expect(await daemon.topic(topic)).toMatchObject({ depth: 500, message_count: 0, channels: [] });
        using client = await daemon.subscriber(topic, 'c', 100);
        expect(bodiesOf(await consume(client, 500))).toEqual(numbered(500));
      };
    },
  },
  {
    name: 'does not bring back what was finished',
    arrange: async (daemon, topic) => {
      await daemon.command(`/mpub?topic=${topic}`, numbered(100).join('\n'));
      const client = await daemon.subscriber(topic, 'c', 1);
      const finished = bodiesOf(await consume(client, 40));
      client.command('RDY 0');
      await eventually(async () => {
        expect((await daemon.channel(topic, 'c')).clients?.[0]).toMatchObject({ finish_count: 40 });
      });
      return async () => {
        const rest = bodiesOf(await drain(daemon, topic, 'c'));
        expect([...finished, ...rest].toSorted()).toEqual(numbered(100).toSorted());
      };
    },
  },
  {
    name: 'lets each channel go on from its own place',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'all', 'half', 'none');
      await daemon.command(`/mpub?topic=${topic}`, numbered(100).join('\n'));
      expect(await drain(daemon, topic, 'all')).toHaveLength(100);
      using half = await daemon.subscriber(topic, 'half', 1);
      const first = bodiesOf(await consume(half, 49));
      const last = await half.nextMessage();
      half.command('RDY 0');
      half.finish(last);
      await leave(half);
      return async () => {
        expect((await daemon.channel(topic, 'all')).depth).toBe(0);
        const rest = bodiesOf(await drain(daemon, topic, 'half'));
        expect([...first, last.body.toString(), ...rest].toSorted()).toEqual(numbered(100).toSorted());
        expect(bodiesOf(await drain(daemon, topic, 'none')).toSorted()).toEqual(numbered(100).toSorted());
      };
    },
  },
];

const inFlight: Scenario[] = [
  {
    name: 'redelivers what was in flight, with its attempts counted on',
    arrange: async (daemon, topic) => {
      await daemon.command(`/mpub?topic=${topic}`, 'a\nb\nc');
      const client = await daemon.subscriber(topic, 'c', 1);
      const once = await client.nextMessage();
      client.command('RDY 2');
      let twice = await client.nextMessage();
      client.requeue(twice, 0);
      // The requeued message and the third one come in any order: requeue until it is the one that came back.
      while (twice.attempts < 2) {
        const next = await client.nextMessage();
        if (next.attempts < 2) client.requeue(next, 0);
        twice = next;
      }
      client.command('RDY 0');
      return async () => {
        const after = new Map((await drain(daemon, topic, 'c')).map((message) => [message.id, message]));
        expect(after.size).toBe(3);
        expect(after.get(once.id)).toMatchObject({ attempts: 2, timestampNs: once.timestampNs, body: once.body });
        expect(after.get(twice.id)).toMatchObject({ attempts: 3, timestampNs: twice.timestampNs, body: twice.body });
      };
    },
  },
  {
    name: 'redelivers what was requeued, with its attempts counted on',
    arrange: async (daemon, topic) => {
      await daemon.command(`/pub?topic=${topic}`, 'x');
      const client = await daemon.subscriber(topic, 'c', 1);
      const message = await client.nextMessage();
      client.command('RDY 0');
      client.requeue(message, 0);
      await client.expectQuiet();
      return async () => {
        const [again] = await drain(daemon, topic, 'c');
        expect(again).toMatchObject({ id: message.id, attempts: 2, timestampNs: message.timestampNs });
      };
    },
  },
];

/** Not early; and not much later than it is due or, when that was during the restart, than the start. */
function expectDue(atMs: number, sentAtMs: number, delayMs: number, readyAtMs: number): void {
  expect(atMs - sentAtMs).toBeGreaterThanOrEqual(delayMs - 5);
  expect(atMs).toBeLessThan(Math.max(sentAtMs + delayMs, readyAtMs) + LATE_MS_MAX);
}

const deferred: Scenario[] = [
  {
    name: 'keeps deferred messages, if only as queued ones',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c');
      const client = await daemon.subscriber(topic, 'c', 1);
      await daemon.command(`/pub?topic=${topic}`, 'requeued');
      const message = await client.nextMessage();
      client.command('RDY 0');
      client.requeue(message, 500);
      await client.expectQuiet();
      await daemon.command(`/pub?topic=${topic}&defer=500`, 'published');
      return async () => {
        const messages = await drain(daemon, topic, 'c');
        const attempts = Object.fromEntries(messages.map((arrived) => [arrived.body.toString(), arrived.attempts]));
        expect(attempts).toEqual({ published: 1, requeued: 2 });
      };
    },
  },
  {
    // Stock nsqd forgets the delay and delivers at once.
    isSkipped: isStock,
    name: 'keeps deferred messages deferred',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c');
      const client = await daemon.subscriber(topic, 'c', 1);
      await daemon.command(`/pub?topic=${topic}`, 'requeued');
      client.requeue(await client.nextMessage(), 600_000);
      await client.expectQuiet();
      await daemon.command(`/pub?topic=${topic}&defer=600000`, 'published');
      return async () => {
        using next = await daemon.subscriber(topic, 'c', 5);
        await next.expectQuiet();
        expect(await daemon.channel(topic, 'c')).toMatchObject({ deferred_count: 2, depth: 0, in_flight_count: 0 });
      };
    },
  },
  {
    isSkipped: isStock,
    name: 'delivers deferred messages when they are due',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c');
      const delaysMs = [2_000, 3_000];
      const sentAtMs = performance.now();
      for (const delayMs of delaysMs) await daemon.command(`/pub?topic=${topic}&defer=${delayMs}`, `${delayMs}`);
      return async () => {
        using client = await daemon.subscriber(topic, 'c', 2);
        const readyAtMs = performance.now();
        for (const message of await client.nextMessages(2)) {
          expectDue(message.atMs, sentAtMs, Number(message.body.toString()), readyAtMs);
        }
      };
    },
  },
  {
    isSkipped: isStock,
    name: 'delivers messages deferred at a topic without channels when they are due',
    arrange: async (daemon, topic) => {
      const sentAtMs = performance.now();
      await daemon.command(`/pub?topic=${topic}&defer=2500`, 'x');
      return async () => {
        using client = await daemon.subscriber(topic, 'c', 2);
        const readyAtMs = performance.now();
        expectDue((await client.nextMessage()).atMs, sentAtMs, 2_500, readyAtMs);
      };
    },
  },
];

const administration: Scenario[] = [
  {
    name: 'restores topics, channels and their pauses',
    arrange: async (daemon, topic) => {
      await create(daemon, `${topic}-plain`, 'c', 'paused');
      await create(daemon, `${topic}-paused`, 'c');
      await create(daemon, `${topic}-bare`);
      await daemon.command(`/channel/pause?topic=${topic}-plain&channel=paused`);
      await daemon.command(`/topic/pause?topic=${topic}-paused`);
      await daemon.command(`/pub?topic=${topic}-paused`, 'kept at the topic');
      return async () => {
        expect(await daemon.topic(`${topic}-bare`)).toMatchObject({ paused: false, depth: 0, channels: [] });
        expect(await daemon.topic(`${topic}-plain`)).toMatchObject({ paused: false, depth: 0 });
        expect(await daemon.channel(`${topic}-plain`, 'c')).toMatchObject({ paused: false });
        expect(await daemon.channel(`${topic}-plain`, 'paused')).toMatchObject({ paused: true });
        expect(await daemon.topic(`${topic}-paused`)).toMatchObject({ paused: true, depth: 1 });
        await daemon.command(`/topic/unpause?topic=${topic}-paused`);
        expect(bodiesOf(await drain(daemon, `${topic}-paused`, 'c'))).toEqual(['kept at the topic']);
      };
    },
  },
  {
    name: 'keeps deleted topics deleted, with their messages',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c', 'd');
      await daemon.command(`/mpub?topic=${topic}`, 'a\nb');
      await daemon.command(`/topic/delete?topic=${topic}`);
      return async () => {
        expect(await daemon.findTopic(topic)).toBeUndefined();
        using client = await daemon.subscriber(topic, 'c', 1);
        await client.expectQuiet();
        expect(await daemon.channel(topic, 'c')).toMatchObject({ depth: 0, in_flight_count: 0 });
      };
    },
  },
  {
    name: 'keeps deleted channels deleted, with their messages',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c', 'd');
      await daemon.command(`/mpub?topic=${topic}`, 'a\nb');
      await eventually(async () => expect((await daemon.channel(topic, 'd')).depth).toBe(2));
      await daemon.command(`/channel/delete?topic=${topic}&channel=c`);
      return async () => {
        expect((await daemon.topic(topic)).channels.map((channel) => channel.channel_name)).toEqual(['d']);
        await daemon.command(`/channel/create?topic=${topic}&channel=c`);
        expect(await daemon.channel(topic, 'c')).toMatchObject({ depth: 0 });
        expect(bodiesOf(await drain(daemon, topic, 'd'))).toEqual(['a', 'b']);
      };
    },
  },
  {
    name: 'keeps emptied channels empty, and delivers what comes then',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c');
      await daemon.command(`/mpub?topic=${topic}`, 'a\nb\nc');
      await eventually(async () => expect((await daemon.channel(topic, 'c')).depth).toBe(3));
      await daemon.command(`/channel/empty?topic=${topic}&channel=c`);
      return async () => {
        expect(await daemon.channel(topic, 'c')).toMatchObject({ depth: 0 });
        await daemon.command(`/pub?topic=${topic}`, 'new');
        expect(bodiesOf(await drain(daemon, topic, 'c'))).toEqual(['new']);
      };
    },
  },
];

describeAcrossStop('a clean stop and start', { end: restart }, [
  ...queued,
  ...inFlight,
  ...deferred,
  ...administration,
]);

describeAcrossStop(
  'a clean stop and start with small files and little memory',
  { end: restart, flags: ['--mem-queue-size=3', '--max-bytes-per-file=400'] },
  // Stock nsqd mixes memory and disk: it keeps no order then.
  [
    ...queued.map((scenario) => ({ ...scenario, isSkipped: isStock && scenario.name.includes('in order') })),
    ...inFlight,
  ],
);

describe.concurrent('several clean stops', () => {
  it.skipIf(isStock)('deliver at once what became due while the daemon was down', async ({ expect }) => {
    await using daemon = await Daemon.start();
    await create(daemon, 't', 'c');
    const client = await daemon.subscriber('t', 'c', 1);
    await daemon.command('/pub?topic=t', 'requeued');
    const message = await client.nextMessage();
    client.command('RDY 0');
    client.requeue(message, 300);
    await client.expectQuiet();
    await daemon.command('/pub?topic=t&defer=300', 'published');
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    const stoppedAtMs = performance.now();
    await eventually(() => expect(performance.now() - stoppedAtMs).toBeGreaterThan(400));
    await daemon.restart();
    using next = await daemon.subscriber('t', 'c', 2);
    const readyAtMs = performance.now();
    const messages = await next.nextMessages(2);
    expect(bodiesOf(messages).toSorted()).toEqual(['published', 'requeued']);
    for (const { atMs } of messages) expect(atMs - readyAtMs).toBeLessThan(LATE_MS_MAX);
  });

  it('count attempts on', async ({ expect }) => {
    await using daemon = await Daemon.start();
    await daemon.command('/pub?topic=t', 'x');
    for (let attempts = 1; attempts <= 3; attempts += 1) {
      using client = await daemon.subscriber('t', 'c', 1);
      expect((await client.nextMessage()).attempts).toBe(attempts);
      await restart(daemon);
    }
  });

  it('under load lose nothing that was answered OK', async ({ expect }) => {
    await using daemon = await Daemon.start({ flags: ['--mem-queue-size=100'] });
    const acknowledged = new Set<string>();
    const finished = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      using publisher = await daemon.connect();
      using consumer = await daemon.subscriber('t', 'c', 20);
      const work = [publishUntilClosed(publisher, `r${round}-`, acknowledged), finishUntilClosed(consumer, finished)];
      const target = acknowledged.size + 300;
      await eventually(() => expect(acknowledged.size).toBeGreaterThan(target));
      await restart(daemon);
      await Promise.all(work);
    }
    for (const message of await drain(daemon, 't', 'c')) finished.add(message.body.toString());
    expect([...acknowledged].filter((body) => !finished.has(body))).toEqual([]);
  });
});

/** Publishes until the connection ends; notes the bodies that were answered OK. */
async function publishUntilClosed(publisher: Client, prefix: string, acknowledged: Set<string>): Promise<void> {
  for (let batch = 0; publisher.isOpen; batch += 1) {
    const bodies = numbered(5, `${prefix}${batch}-`);
    publisher.command('MPUB t', messageList(bodies));
    try {
      await publisher.expectOk();
    } catch {
      return; // The daemon went down with this publish unanswered.
    }
    for (const body of bodies) acknowledged.add(body);
  }
}

async function finishUntilClosed(consumer: Client, finished: Set<string>): Promise<void> {
  for (;;) {
    const message = await consumer.nextMessage().catch(() => undefined);
    if (message === undefined) return;
    finished.add(message.body.toString());
    consumer.finish(message);
  }
}
