// Deferred publishes and requeues with a delay: never early, hardly late, also on channels that were just created.

import { describe, expect, it } from 'vitest';

import { command, joined } from '../support/bytes.js';
import { isStock, sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { expectDueAfter } from '../support/timing.js';

const daemon = sharedDaemon();

describe.concurrent('DPUB', () => {
  it.for([0, 1, 100, 350, 1_000])('of %i ms on a new channel comes when it is due', async (delayMs, { expect }) => {
    const topic = `dpub-${delayMs}`;
    using publisher = await daemon().connect();
    using client = await daemon().subscriber(topic, 'c', 1);
    const sentAtMs = performance.now();
    publisher.command(`DPUB ${topic} ${delayMs}`, 'later');
    await publisher.expectOk();
    const answeredAtMs = performance.now();
    const message = await client.nextMessage();
    expectDueAfter(message.atMs, delayMs, sentAtMs, answeredAtMs);
    expect(message.attempts).toBe(1);
    expect(message.body.toString()).toBe('later');
  });

  it('waits outside of the queue', async ({ expect }) => {
    using publisher = await daemon().connect();
    using client = await daemon().subscriber('dpub-counts', 'c', 1);
    publisher.command('DPUB dpub-counts 60000', 'later');
    await publisher.expectOk();
    await eventually(async () => {
      const channel = await daemon().channel('dpub-counts', 'c');
      expect(channel).toMatchObject({ deferred_count: 1, depth: 0, in_flight_count: 0, message_count: 1 });
    });
    await client.expectQuiet();
    expect(await daemon().topic('dpub-counts')).toMatchObject({ depth: 0, message_count: 1, message_bytes: 5 });
  });

  it('lets later messages pass', async ({ expect }) => {
    using publisher = await daemon().connect();
    using client = await daemon().subscriber('dpub-overtaken', 'c', 1);
    publisher.command('DPUB dpub-overtaken 2000', 'deferred');
    await publisher.expectOk();
    await publisher.publish('dpub-overtaken', 'direct');
    const first = await client.nextMessage();
    expect(first.body.toString()).toBe('direct');
    client.finish(first);
    expect((await client.nextMessage()).body.toString()).toBe('deferred');
  });

  it('comes in the order of the due times', async ({ expect }) => {
    using publisher = await daemon().connect();
    using client = await daemon().subscriber('dpub-order', 'c', 10);
    const delaysMs = [900, 300, 600];
    publisher.write(joined(...delaysMs.map((delayMs) => command(`DPUB dpub-order ${delayMs}`, `after ${delayMs}`))));
    for (const _ of delaysMs) await publisher.expectOk();
    const bodies = (await client.nextMessages(3)).map((message) => message.body.toString());
    if (!daemon().isStock) expect(bodies).toEqual(['after 300', 'after 600', 'after 900']);
    expect(bodies.toSorted()).toEqual(['after 300', 'after 600', 'after 900']);
  });

  it('is deferred in every channel', async () => {
    using publisher = await daemon().connect();
    using one = await daemon().subscriber('dpub-channels', 'one', 1);
    using two = await daemon().subscriber('dpub-channels', 'two', 1);
    const sentAtMs = performance.now();
    publisher.command('DPUB dpub-channels 500', 'x');
    await publisher.expectOk();
    const answeredAtMs = performance.now();
    for (const client of [one, two]) expectDueAfter((await client.nextMessage()).atMs, 500, sentAtMs, answeredAtMs);
  });

  it('stays in its channel while that is paused, and comes after', async ({ expect }) => {
    using publisher = await daemon().connect();
    using client = await daemon().subscriber('dpub-paused', 'c', 1);
    publisher.command('DPUB dpub-paused 2500', 'x');
    await publisher.expectOk();
    await eventually(async () => {
      expect(await daemon().channel('dpub-paused', 'c')).toMatchObject({ deferred_count: 1 });
    });
    await daemon().command('/channel/pause?topic=dpub-paused&channel=c');
    await eventually(async () => {
      expect(await daemon().channel('dpub-paused', 'c')).toMatchObject({ deferred_count: 0, depth: 1 });
    });
    await client.expectQuiet();
    await daemon().command('/channel/unpause?topic=dpub-paused&channel=c');
    await client.nextMessage();
  });
});

describe.concurrent('POST /pub?defer', () => {
  it('defers like DPUB', async () => {
    using client = await daemon().subscriber('http-defer', 'c', 1);
    const sentAtMs = performance.now();
    await daemon().command('/pub?topic=http-defer&defer=500', 'x');
    expectDueAfter((await client.nextMessage()).atMs, 500, sentAtMs, performance.now());
  });
});

describe.skipIf(isStock)('POST /mpub?defer', () => {
  it('delays a whole batch', async ({ expect }) => {
    using client = await daemon().subscriber('mpub-defer', 'c', 10);
    const startMs = performance.now();
    await daemon().command('/mpub?topic=mpub-defer&defer=2500', 'a\nb\nc\n');
    expect(await daemon().channel('mpub-defer', 'c')).toMatchObject({ deferred_count: 3, depth: 0 });
    const bodies = [];
    for (let count = 0; count < 3; count += 1) {
      bodies.push((await client.nextMessage()).body.toString());
      expect(performance.now() - startMs).toBeGreaterThanOrEqual(2_499);
    }
    expect(bodies.toSorted()).toEqual(['a', 'b', 'c']);
  });

  it('publishes nothing when one message is refused', async ({ expect }) => {
    const answer = await daemon().post('/mpub?topic=mpub-defer-bad&defer=500', `a\n${'x'.repeat(1_048_577)}\n`);
    expect(answer).toEqual({ status: 413, body: '{"message":"MSG_TOO_BIG"}' });
    expect(await daemon().topic('mpub-defer-bad')).toMatchObject({ depth: 0, message_count: 0 });
  });
});

describe.concurrent('a deferred publish before the first channel', () => {
  it('is delivered to it, not early', async ({ expect }) => {
    using publisher = await daemon().connect();
    const sentAtMs = performance.now();
    publisher.command('DPUB dpub-no-channel 700', 'x');
    await publisher.expectOk();
    const answeredAtMs = performance.now();
    expect(await daemon().topic('dpub-no-channel')).toMatchObject({ depth: 1 });
    using client = await daemon().subscriber('dpub-no-channel', 'c', 1);
    const subscribedAtMs = performance.now();
    const message = await client.nextMessage();
    // Stock nsqd counts from the hand-over to the channel, nsqd-ts from the publish.
    expectDueAfter(message.atMs, 700, sentAtMs, daemon().isStock ? subscribedAtMs : answeredAtMs);
  });
});

describe.concurrent('REQ with a delay', () => {
  it.for([1, 100, 350, 1_000])('of %i ms comes back when it is due', async (delayMs, { expect }) => {
    const topic = `req-delay-${delayMs}`;
    await daemon().command(`/pub?topic=${topic}`, 'x');
    using client = await daemon().subscriber(topic, 'c', 1);
    const message = await client.nextMessage();
    const sentAtMs = performance.now();
    client.requeue(message, delayMs);
    const again = await client.nextMessage();
    expectDueAfter(again.atMs, delayMs, sentAtMs);
    expect(again).toMatchObject({ id: message.id, attempts: 2 });
  });

  it('counts as deferred, and as requeued at once', async ({ expect }) => {
    await daemon().command('/pub?topic=req-delay-counts', 'x');
    using client = await daemon().subscriber('req-delay-counts', 'c', 1);
    client.requeue(await client.nextMessage(), 60_000);
    await client.expectQuiet();
    const channel = await daemon().channel('req-delay-counts', 'c');
    expect(channel).toMatchObject({ deferred_count: 1, depth: 0, in_flight_count: 0, requeue_count: 1 });
    expect(channel.clients?.[0]).toMatchObject({ requeue_count: 1, in_flight_count: 0 });
  });

  it('survives the disconnect of its consumer', async ({ expect }) => {
    await daemon().command('/pub?topic=req-delay-gone', 'x');
    const leaving = await daemon().subscriber('req-delay-gone', 'c', 1);
    const message = await leaving.nextMessage();
    const sentAtMs = performance.now();
    leaving.requeue(message, 500);
    await leaving.expectQuiet();
    leaving.destroy();
    using next = await daemon().subscriber('req-delay-gone', 'c', 1);
    const again = await next.nextMessage();
    expectDueAfter(again.atMs, 500, sentAtMs);
    expect(again).toMatchObject({ id: message.id, attempts: 2 });
  });
});

describe.concurrent('many deferred messages', () => {
  it('all come, none early', async ({ expect }) => {
    const count = 300;
    using publisher = await daemon().connect();
    using client = await daemon().subscriber('dpub-many', 'c', count);
    const due = new Map<string, number>();
    for (let index = 0; index < count; index += 1) {
      const delayMs = 100 + ((index * 37) % 600);
      due.set(`m${index}`, performance.now() + delayMs);
      publisher.command(`DPUB dpub-many ${delayMs}`, `m${index}`);
    }
    for (let index = 0; index < count; index += 1) await publisher.expectOk();
    for (let index = 0; index < count; index += 1) {
      const message = await client.nextMessage();
      const dueAtMs = due.get(message.body.toString());
      expect(due.delete(message.body.toString()), `${message.body} is new`).toBe(true);
      expect(message.atMs).toBeGreaterThanOrEqual((dueAtMs ?? Infinity) - 3);
    }
    expect(due.size).toBe(0);
  });
});

describe.skipIf(isStock)('--max-defer-timeout', () => {
  const own = sharedDaemon({ flags: ['--max-defer-timeout=2h', '--max-req-timeout=1s'] });

  it('bounds DPUB', async () => {
    using client = await own().connect();
    client.command('DPUB bounded 7200000', 'x');
    await client.expectOk();
    client.command('DPUB bounded 7200001', 'x');
    expect(await client.nextError()).toBe('E_INVALID DPUB timeout 7200001 out of range 0-7200000');
  });

  it('bounds /pub?defer=', async () => {
    await own().command('/pub?topic=bounded&defer=7200000', 'x');
    expect((await own().post('/pub?topic=bounded&defer=7200001', 'x')).status).toBe(400);
  });

  it('leaves REQ to --max-req-timeout', async () => {
    await own().command('/pub?topic=requeued', 'x');
    using client = await own().subscriber('requeued', 'c', 1);
    client.requeue(await client.nextMessage(), 3_600_000);
    expect(await client.nextMessage()).toMatchObject({ attempts: 2 });
  });
});
