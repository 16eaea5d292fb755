// RDY is a window: at most so many messages are in flight to a consumer, however many are waiting.

import { describe, expect, it } from 'vitest';

import { type Client, type Message } from '../support/client.js';
import { type Daemon, sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { expectElapsed } from '../support/timing.js';

const daemon = sharedDaemon();

async function publish(target: Daemon, topic: string, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, index) => `m${index}`).join('\n');
  await target.command(`/mpub?topic=${topic}`, lines);
}

/** Waits for these numbers, then makes sure that nothing more is on its way. */
async function expectSettled(client: Client, topic: string, inFlight: number, depth: number): Promise<void> {
  await eventually(async () => {
    expect(await daemon().channel(topic, 'c')).toMatchObject({ in_flight_count: inFlight, depth });
  });
  await client.expectQuiet();
  expect(await daemon().channel(topic, 'c')).toMatchObject({ in_flight_count: inFlight, depth });
}

describe('the window', () => {
  it('is closed until the first RDY', async () => {
    await publish(daemon(), 'window-closed', 3);
    using client = await daemon().connect();
    await client.subscribe('window-closed', 'c');
    await expectSettled(client, 'window-closed', 0, 3);
    client.write('RDY 1\n');
    await client.nextMessage();
  });

  it.each([1, 2, 5, 2_500])('of %i is filled and not overfilled', async (ready) => {
    const topic = `window-${ready}`;
    await publish(daemon(), topic, ready + 3);
    using client = await daemon().subscriber(topic, 'c', ready);
    await client.nextMessages(ready);
    await expectSettled(client, topic, ready, 3);
  });

  it('lets one more through for each FIN and each REQ', async () => {
    await publish(daemon(), 'window-moves', 5);
    using client = await daemon().subscriber('window-moves', 'c', 2);
    const [first, second] = (await client.nextMessages(2)) as [Message, Message];
    client.finish(first);
    const third = await client.nextMessage();
    await expectSettled(client, 'window-moves', 2, 2);
    client.requeue(second, 60_000);
    const fourth = await client.nextMessage();
    await expectSettled(client, 'window-moves', 2, 1);
    expect(new Set([first.id, second.id, third.id, fourth.id]).size).toBe(4);
  });

  it('stays open for a consumer that answers everything: RDY is sent once', async () => {
    const count = 300;
    await publish(daemon(), 'window-steady', count);
    using client = await daemon().subscriber('window-steady', 'c', 3);
    for (let index = 0; index < count; index += 1) client.finish(await client.nextMessage());
    await expectSettled(client, 'window-steady', 0, 0);
  });

  it('is not moved by TOUCH or by a FIN that fails', async () => {
    await publish(daemon(), 'window-touch', 3);
    using client = await daemon().subscriber('window-touch', 'c', 1);
    client.touch(await client.nextMessage());
    client.write(`FIN ${'0'.repeat(16)}\n`);
    await client.nextError();
    await expectSettled(client, 'window-touch', 1, 2);
  });

  it('does not grow when RDY is repeated', async () => {
    await publish(daemon(), 'window-repeat', 5);
    using client = await daemon().subscriber('window-repeat', 'c', 2);
    await client.nextMessages(2);
    client.write('RDY 2\nRDY 2\n');
    await expectSettled(client, 'window-repeat', 2, 3);
  });

  it('grows at once', async () => {
    await publish(daemon(), 'window-grows', 5);
    using client = await daemon().subscriber('window-grows', 'c', 1);
    await client.nextMessage();
    client.write('RDY 4\n');
    await client.nextMessages(3);
    await expectSettled(client, 'window-grows', 4, 1);
  });

  it('that shrinks recalls nothing, and holds new messages back', async () => {
    await publish(daemon(), 'window-shrinks', 6);
    using client = await daemon().subscriber('window-shrinks', 'c', 4);
    const messages = await client.nextMessages(4);
    client.write('RDY 2\n');
    for (const message of messages.slice(0, 2)) client.finish(message);
    await expectSettled(client, 'window-shrinks', 2, 2);
    client.finish(messages[2] as Message);
    await client.nextMessage();
    await expectSettled(client, 'window-shrinks', 2, 1);
  });

  it('of 0 stops deliveries, and another RDY starts them', async () => {
    await publish(daemon(), 'window-zero', 3);
    using client = await daemon().subscriber('window-zero', 'c', 1);
    const message = await client.nextMessage();
    client.write('RDY 0\n');
    client.finish(message);
    await expectSettled(client, 'window-zero', 0, 2);
    client.write('RDY 2\n');
    await client.nextMessages(2);
  });
});

describe('several consumers of a channel', () => {
  it('share the messages, each message going to one of them', async () => {
    const count = 60;
    using first = await daemon().subscriber('shared', 'c', 1);
    using second = await daemon().subscriber('shared', 'c', 1);
    using third = await daemon().subscriber('shared', 'c', 1);
    await publish(daemon(), 'shared', count);
    const ids: string[] = [];
    const shares = [first, second, third].map(async (client) => {
      let share = 0;
      while (ids.length < count) {
        const message = await client.nextMessage().catch(() => undefined);
        if (message === undefined) break;
        ids.push(message.id);
        share += 1;
        client.finish(message);
      }
      return share;
    });
    await eventually(() => expect(ids).toHaveLength(count));
    for (const client of [first, second, third]) client.destroy();
    for (const share of await Promise.all(shares)) expect(share).toBeGreaterThan(0);
    expect(new Set(ids).size).toBe(count);
  });

  it('do not wait for one whose window is full', async () => {
    using stuck = await daemon().subscriber('one-stuck', 'c', 1);
    await publish(daemon(), 'one-stuck', 1);
    await stuck.nextMessage();
    using working = await daemon().subscriber('one-stuck', 'c', 1);
    await publish(daemon(), 'one-stuck', 20);
    for (let index = 0; index < 20; index += 1) working.finish(await working.nextMessage());
    await working.expectQuiet();
    expect(await daemon().channel('one-stuck', 'c')).toMatchObject({ in_flight_count: 1, depth: 0 });
  });
});

/** Longer than any wait in a test: what comes earlier was not flushed by it. */
const NEVER_MS = 30_000;

describe('flushing', () => {
  it('with RDY 1 sends every message at once', async () => {
    using client = await daemon().subscriber('flush-one', 'c', 1, { output_buffer_timeout: NEVER_MS });
    for (let index = 0; index < 5; index += 1) {
      await publish(daemon(), 'flush-one', 1);
      client.finish(await client.nextMessage());
    }
  });

  it('with a wide window sends a lone message within the output buffer timeout', async () => {
    using client = await daemon().subscriber('flush-wide', 'c', 200, { output_buffer_timeout: 100 });
    for (let index = 0; index < 3; index += 1) {
      const sentAtMs = performance.now();
      await publish(daemon(), 'flush-wide', 1);
      const message = await client.nextMessage();
      expectElapsed(message.atMs, 0, sentAtMs, sentAtMs + 100);
      client.finish(message);
    }
  });

  it('with a full window sends what was buffered', async () => {
    await publish(daemon(), 'flush-full', 3);
    using client = await daemon().subscriber('flush-full', 'c', 3, { output_buffer_timeout: NEVER_MS });
    await client.nextMessages(3);
  });
});
