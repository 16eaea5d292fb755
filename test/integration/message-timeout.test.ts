// A message that is not answered in time goes back to the queue: when, to whom, and with which attempts.
// Side by side: the time goes into waiting for timeouts, and stock nsqd adds up to 5 s on a new channel.

import { describe, it } from 'vitest';

import { type Client, decodeMessage, type Frame, FrameType, type Message } from '../support/client.js';
import { sharedDaemon } from '../support/daemon.js';
import { delay, eventually } from '../support/eventually.js';
import { expectDueAfter, LATE_MS_MAX } from '../support/timing.js';

/** Long enough that a busy machine still answers, and touches, in time. */
const TIMEOUT_MS = 2_500;
const TIMEOUT_MAX_MS = 7_000;
const NEGOTIATED_MS = 3_000;

const daemon = sharedDaemon({ flags: [`--msg-timeout=${TIMEOUT_MS}ms`, `--max-msg-timeout=${TIMEOUT_MAX_MS}ms`] });

/** A consumer with one message in flight. `askedAtMs` was read before the daemon could deliver it. */
async function holding(topic: string): Promise<{ client: Client; askedAtMs: number }> {
  await daemon().command(`/pub?topic=${topic}`, 'body');
  const client = await daemon().connect();
  await client.subscribe(topic, 'c');
  const askedAtMs = performance.now();
  client.command('RDY 1');
  return { client, askedAtMs };
}

describe.concurrent('a message timeout', () => {
  it('brings the message back with one more attempt each time', async ({ expect }) => {
    const { client, askedAtMs } = await holding('timeout-attempts');
    using _client = client;
    let previous = await client.nextMessage();
    let earliestStartMs = askedAtMs;
    for (let attempts = 2; attempts <= 4; attempts += 1) {
      const message = await client.nextMessage();
      expect(message).toMatchObject({ id: previous.id, timestampNs: previous.timestampNs, attempts });
      // The first redelivery bounds the earliest start exactly; later ones follow the redelivery before.
      if (attempts === 2) expectDueAfter(message.atMs, TIMEOUT_MS, earliestStartMs, previous.atMs);
      earliestStartMs = previous.atMs;
      previous = message;
    }
    const channel = await daemon().channel('timeout-attempts', 'c');
    expect(channel).toMatchObject({ timeout_count: 3, requeue_count: 0, message_count: 1 });
    expect(channel.clients?.[0]).toMatchObject({ message_count: 4, in_flight_count: 1 });
  });

  it('makes the late FIN of a message that waits in the queue fail', async ({ expect }) => {
    const { client } = await holding('timeout-late');
    using _client = client;
    const message = await client.nextMessage();
    client.command('RDY 0');
    await eventually(async () => expect((await daemon().channel('timeout-late', 'c')).timeout_count).toBe(1));
    client.finish(message);
    expect(await client.nextError()).toBe(`E_FIN_FAILED FIN ${message.id} failed ID not in flight`);
    const channel = await daemon().channel('timeout-late', 'c');
    expect(channel).toMatchObject({ depth: 1, in_flight_count: 0 });
    expect(channel.clients?.[0]).toMatchObject({ in_flight_count: 0, finish_count: 0 });
  });

  it('makes the late FIN finish the second delivery when it went to the same consumer', async ({ expect }) => {
    const { client } = await holding('timeout-same');
    using _client = client;
    const first = await client.nextMessage();
    const second = await client.nextMessage();
    expect(second.id).toBe(first.id);
    client.finish(first);
    await client.expectQuiet();
    expect(await daemon().channel('timeout-same', 'c')).toMatchObject({ in_flight_count: 0, depth: 0 });
  });

  it('makes the late FIN fail when the message went to another consumer', async ({ expect }) => {
    const { client } = await holding('timeout-other');
    using slow = client;
    const message = await slow.nextMessage();
    slow.command('RDY 0');
    using other = await daemon().subscriber('timeout-other', 'c', 1, { msg_timeout: TIMEOUT_MAX_MS });
    expect(await other.nextMessage()).toMatchObject({ id: message.id, attempts: 2 });
    slow.finish(message);
    expect(await slow.nextError()).toBe(`E_FIN_FAILED FIN ${message.id} failed client does not own message`);
  });

  it('opens the window of the consumer again', async ({ expect }) => {
    await daemon().command('/mpub?topic=timeout-window', 'a\nb');
    using client = await daemon().subscriber('timeout-window', 'c', 1);
    const first = await client.nextMessage();
    const second = await client.nextMessage();
    expect(second.id).not.toBe(first.id);
    expect(second.attempts).toBe(1);
  });

  it('is the one negotiated by the consumer', async ({ expect }) => {
    await daemon().command('/pub?topic=timeout-negotiated', 'body');
    using client = await daemon().connect();
    await client.identify({ msg_timeout: NEGOTIATED_MS });
    await client.subscribe('timeout-negotiated', 'c');
    const askedAtMs = performance.now();
    client.command('RDY 1');
    const first = await client.nextMessage();
    const second = await client.nextMessage();
    expect(second.attempts).toBe(2);
    expectDueAfter(second.atMs, NEGOTIATED_MS, askedAtMs, first.atMs);
  });

  it('fires for all of many messages', async ({ expect }) => {
    const count = 500;
    await daemon().command('/mpub?topic=timeout-many', Array.from({ length: count }, (_, n) => `m${n}`).join('\n'));
    using client = await daemon().subscriber('timeout-many', 'c', count);
    const ids = new Set((await client.nextMessages(count)).map((message) => message.id));
    client.command('RDY 0');
    await eventually(async () => {
      expect(await daemon().channel('timeout-many', 'c')).toMatchObject({ depth: count, in_flight_count: 0 });
    });
    using other = await daemon().subscriber('timeout-many', 'c', count, { msg_timeout: TIMEOUT_MAX_MS });
    const again = await other.nextMessages(count);
    expect(new Set(again.map((message) => message.id))).toEqual(ids);
    expect(again.every((message) => message.attempts === 2)).toBe(true);
  });

  it('counts attempts for each channel of its own', async ({ expect }) => {
    using one = await daemon().subscriber('timeout-channels', 'one', 1);
    using two = await daemon().subscriber('timeout-channels', 'two', 1);
    await daemon().command('/pub?topic=timeout-channels', 'body');
    two.finish(await two.nextMessage());
    await one.nextMessage();
    expect((await one.nextMessage()).attempts).toBe(2);
    expect(await daemon().channel('timeout-channels', 'two')).toMatchObject({ timeout_count: 0, message_count: 1 });
  });

  it('that happens after the consumer has left counts as a timeout of the channel', async ({ expect }) => {
    const { client, askedAtMs } = await holding('timeout-gone');
    const message = await client.nextMessage();
    client.destroy();
    await eventually(async () => expect((await daemon().channel('timeout-gone', 'c')).client_count).toBe(0));
    expect((await daemon().channel('timeout-gone', 'c')).in_flight_count).toBe(1);
    using next = await daemon().subscriber('timeout-gone', 'c', 1);
    const again = await next.nextMessage();
    expect(again).toMatchObject({ id: message.id, attempts: 2 });
    expectDueAfter(again.atMs, TIMEOUT_MS, askedAtMs, message.atMs);
    expect((await daemon().channel('timeout-gone', 'c')).timeout_count).toBe(1);
  });
});

async function touchUntilFrame(client: Client, message: Message): Promise<Frame> {
  while (client.waitingCount === 0) {
    client.touch(message);
    await delay(100);
  }
  return client.nextFrame();
}

describe.concurrent('TOUCH', () => {
  it('moves the timeout', async ({ expect }) => {
    const { client } = await holding('touch-moves');
    using _client = client;
    const message = await client.nextMessage();
    let touchedAtMs = 0;
    for (let index = 1; index <= 3; index += 1) {
      await eventually(() => expect(performance.now() - message.atMs).toBeGreaterThan(index * (TIMEOUT_MS / 2.5)));
      touchedAtMs = performance.now();
      client.touch(message);
    }
    await client.expectQuiet();
    const again = await client.nextMessage();
    expect(again.attempts).toBe(2);
    expectDueAfter(again.atMs, TIMEOUT_MS, touchedAtMs, performance.now());
  });

  it('cannot hold a message longer than the maximum', async ({ expect }) => {
    const { client, askedAtMs } = await holding('touch-cap');
    using _client = client;
    const message = await client.nextMessage();
    let frame = await touchUntilFrame(client, message);
    // Between the timeout and the redelivery a TOUCH fails.
    while (frame.type === FrameType.error) frame = await client.nextFrame();
    const again = decodeMessage(frame);
    expect(again).toMatchObject({ id: message.id, attempts: 2 });
    expectDueAfter(again.atMs, TIMEOUT_MAX_MS, askedAtMs, message.atMs);
  });

  it('starts from a new cap after the redelivery', async ({ expect }) => {
    const { client } = await holding('touch-again');
    using _client = client;
    const first = await client.nextMessage();
    await client.nextMessage();
    const touchedAtMs = performance.now();
    client.touch(first);
    const third = await client.nextMessage();
    expect(third.attempts).toBe(3);
    expectDueAfter(third.atMs, TIMEOUT_MS, touchedAtMs, performance.now());
  });
});

describe.concurrent('a default timeout above the maximum', () => {
  const generous = sharedDaemon({ flags: ['--msg-timeout=30s', '--max-msg-timeout=600ms'] });

  it('is shortened by TOUCH', async ({ expect }) => {
    await generous().command('/pub?topic=touch-shortens', 'body');
    using client = await generous().subscriber('touch-shortens', 'c', 1);
    const message = await client.nextMessage();
    client.touch(message);
    const again = await client.nextMessage(600 + LATE_MS_MAX + 1_000);
    expect(again).toMatchObject({ id: message.id, attempts: 2 });
  });
});
