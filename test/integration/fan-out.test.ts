// From topic to channels: every channel gets every message, the first one also what was published before, in order.

import { describe, expect, it } from 'vitest';

import { messageList } from '../support/bytes.js';
import { type Client } from '../support/client.js';
import { sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const daemon = sharedDaemon();

function bodies(count: number, prefix = 'm'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

async function publishAll(topic: string, all: readonly string[]): Promise<void> {
  using client = await daemon().connect();
  client.command(`MPUB ${topic}`, messageList(all));
  await client.expectOk();
}

/** Receives and finishes so many messages. */
async function consume(client: Client, count: number): Promise<string[]> {
  const received: string[] = [];
  while (received.length < count) {
    const message = await client.nextMessage();
    client.finish(message);
    received.push(message.body.toString());
  }
  return received;
}

describe('fan-out', () => {
  it('gives every channel its own copy with equal id and timestamp', async () => {
    const consumers = await Promise.all(['a', 'b', 'c', 'd'].map((name) => daemon().subscriber('copies', name, 1)));
    await daemon().command('/pub?topic=copies', 'body');
    const messages = await Promise.all(consumers.map((client) => client.nextMessage()));
    expect(new Set(messages.map((message) => message.id)).size).toBe(1);
    expect(new Set(messages.map((message) => message.timestampNs)).size).toBe(1);
    for (const message of messages) expect(message).toMatchObject({ attempts: 1, body: Buffer.from('body') });
    for (const client of consumers) client.destroy();
  });

  it('keeps a channel without consumers filling while another one is read', async () => {
    using reader = await daemon().subscriber('slow-sister', 'read', 50);
    await daemon().command('/channel/create?topic=slow-sister&channel=unread');
    await publishAll('slow-sister', bodies(200));
    await consume(reader, 200);
    await reader.expectQuiet();
    expect(await daemon().channel('slow-sister', 'read')).toMatchObject({ depth: 0, in_flight_count: 0 });
    expect(await daemon().channel('slow-sister', 'unread')).toMatchObject({ depth: 200, message_count: 200 });
    expect(await daemon().topic('slow-sister')).toMatchObject({ depth: 0, message_count: 200 });
  });

  it('changes nothing in other channels when one finishes, requeues or is emptied', async () => {
    using one = await daemon().subscriber('independent', 'one', 10);
    await daemon().command('/channel/create?topic=independent&channel=two');
    await daemon().command('/channel/create?topic=independent&channel=three');
    await publishAll('independent', bodies(10));
    const messages = await one.nextMessages(10);
    for (const message of messages.slice(0, 5)) one.finish(message);
    for (const message of messages.slice(5)) one.requeue(message, 60_000);
    await one.expectQuiet();
    await daemon().command('/channel/empty?topic=independent&channel=three');
    using two = await daemon().subscriber('independent', 'two', 1);
    expect((await consume(two, 10)).toSorted()).toEqual(bodies(10));
    expect(await daemon().channel('independent', 'three')).toMatchObject({ depth: 0 });
  });
});

describe('the backlog of a topic', () => {
  it('goes to its first channel', async () => {
    await publishAll('backlog', bodies(100));
    expect(await daemon().topic('backlog')).toMatchObject({ depth: 100, message_count: 100, channels: [] });
    using client = await daemon().subscriber('backlog', 'first', 10);
    expect(await consume(client, 100)).toEqual(bodies(100));
    expect(await daemon().topic('backlog')).toMatchObject({ depth: 0, message_count: 100 });
  });

  it('does not go to channels created later', async () => {
    await publishAll('backlog-later', bodies(10));
    await daemon().command('/channel/create?topic=backlog-later&channel=first');
    await eventually(async () => expect((await daemon().channel('backlog-later', 'first')).depth).toBe(10));
    using late = await daemon().subscriber('backlog-later', 'second', 10);
    await daemon().command('/pub?topic=backlog-later', 'new');
    expect(await consume(late, 1)).toEqual(['new']);
    await late.expectQuiet();
    expect(await daemon().channel('backlog-later', 'second')).toMatchObject({ depth: 0, message_count: 1 });
    expect(await daemon().channel('backlog-later', 'first')).toMatchObject({ depth: 11 });
  });

  it('accumulates again when the last channel is deleted', async () => {
    await daemon().command('/topic/create?topic=backlog-again');
    await daemon().command('/channel/create?topic=backlog-again&channel=c');
    await daemon().command('/channel/delete?topic=backlog-again&channel=c');
    await publishAll('backlog-again', bodies(5));
    expect(await daemon().topic('backlog-again')).toMatchObject({ depth: 5, channels: [] });
    using client = await daemon().subscriber('backlog-again', 'd', 5);
    expect(await consume(client, 5)).toEqual(bodies(5));
  });

  it('goes to a channel created over HTTP, and waits there', async () => {
    await publishAll('backlog-http', bodies(7));
    await daemon().command('/channel/create?topic=backlog-http&channel=c');
    await eventually(async () => {
      expect(await daemon().channel('backlog-http', 'c')).toMatchObject({ depth: 7, message_count: 7 });
    });
    expect((await daemon().topic('backlog-http')).depth).toBe(0);
  });
});

describe('order', () => {
  it('of messages in memory is the order of publishing', async () => {
    using client = await daemon().subscriber('order', 'c', 100);
    for (let batch = 0; batch < 10; batch += 1) await publishAll('order', bodies(300, `${batch}-`));
    const expected = Array.from({ length: 10 }, (_, batch) => bodies(300, `${batch}-`)).flat();
    expect(await consume(client, 3_000)).toEqual(expected);
  });

  it('of ids is the order of publishing', async () => {
    await publishAll('order-ids', bodies(6_000));
    using client = await daemon().subscriber('order-ids', 'c', 2_500);
    const ids: string[] = [];
    while (ids.length < 6_000) {
      const message = await client.nextMessage();
      client.finish(message);
      ids.push(message.id);
    }
    expect(new Set(ids).size).toBe(6_000);
    expect(ids).toEqual(ids.toSorted());
  });

  it('puts a requeued message behind those that wait', async () => {
    await publishAll('order-requeue', bodies(3));
    using client = await daemon().subscriber('order-requeue', 'c', 1);
    const first = await client.nextMessage();
    if (!daemon().isStock) {
      // Stock nsqd appends to the queue; nsqd-ts may serve returned messages fairly with new ones: not before all.
      client.requeue(first, 0);
      const rest = [first.body.toString()];
      rest.push(...(await consume(client, 3)));
      expect(rest.slice(1).toSorted()).toEqual(bodies(3));
      return;
    }
    client.requeue(first, 0);
    expect(await consume(client, 3)).toEqual(['m1', 'm2', 'm0']);
  });
});

describe('counters', () => {
  it('of a topic count messages and body bytes', async () => {
    using client = await daemon().connect();
    await client.publish('counters', 'four');
    await client.publish('counters', 'seventeen bytes!!');
    await publishAll('counters', ['a', 'bb', 'ccc']);
    await daemon().command('/pub?topic=counters', 'x');
    expect(await daemon().topic('counters')).toMatchObject({
      message_count: 6,
      message_bytes: 4 + 17 + 6 + 1,
      depth: 6,
    });
  });
});
