// FIN, REQ and TOUCH: who may answer a message, what each answer does, and what it says when it cannot.

import { describe, expect, it } from 'vitest';

import { command, joined } from '../support/bytes.js';
import { type Client, type Message } from '../support/client.js';
import { sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const COMMANDS = ['FIN', 'REQ', 'TOUCH'] as const;
type Answer = (typeof COMMANDS)[number];

const daemon = sharedDaemon({ flags: ['--max-req-timeout=4s'] });

function answer(client: Client, name: Answer, id: string): void {
  client.command(name === 'REQ' ? `REQ ${id} 0` : `${name} ${id}`);
}

function failure(name: Answer, id: string, reason: string): string {
  return `E_${name}_FAILED ${name} ${id} failed ${reason}`;
}

async function delivered(topic: string, client: Client, body = 'body'): Promise<Message> {
  await daemon().command(`/pub?topic=${topic}`, body);
  return client.nextMessage();
}

describe.each(COMMANDS)('%s', (name) => {
  const topic = `answer-${name.toLowerCase()}`;

  it('gives no answer when it succeeds', async () => {
    using client = await daemon().subscriber(`${topic}-silent`, 'c', 1);
    const message = await delivered(`${topic}-silent`, client);
    client.command('RDY 0');
    answer(client, name, message.id);
    await client.expectQuiet();
  });

  it('of a message that another consumer holds fails and changes nothing', async () => {
    using owner = await daemon().subscriber(`${topic}-other`, 'c', 1);
    const message = await delivered(`${topic}-other`, owner);
    using other = await daemon().subscriber(`${topic}-other`, 'c', 1);
    answer(other, name, message.id);
    expect(await other.nextError()).toBe(failure(name, message.id, 'client does not own message'));
    expect(await daemon().channel(`${topic}-other`, 'c')).toMatchObject({ in_flight_count: 1, requeue_count: 0 });
    owner.finish(message);
    await owner.expectQuiet();
    expect(await daemon().channel(`${topic}-other`, 'c')).toMatchObject({ in_flight_count: 0, depth: 0 });
  });

  it('of a message that is finished fails', async () => {
    using client = await daemon().subscriber(`${topic}-finished`, 'c', 1);
    const message = await delivered(`${topic}-finished`, client);
    client.finish(message);
    answer(client, name, message.id);
    expect(await client.nextError()).toBe(failure(name, message.id, 'ID not in flight'));
  });

  it('of a message that is queued again fails', async () => {
    using client = await daemon().subscriber(`${topic}-queued`, 'c', 1);
    const message = await delivered(`${topic}-queued`, client);
    client.command('RDY 0');
    client.requeue(message, 0);
    answer(client, name, message.id);
    expect(await client.nextError()).toBe(failure(name, message.id, 'ID not in flight'));
    expect(await daemon().channel(`${topic}-queued`, 'c')).toMatchObject({ depth: 1, in_flight_count: 0 });
  });

  it('of a message that is deferred fails', async () => {
    using client = await daemon().subscriber(`${topic}-deferred`, 'c', 1);
    const message = await delivered(`${topic}-deferred`, client);
    client.requeue(message, 4_000);
    answer(client, name, message.id);
    expect(await client.nextError()).toBe(failure(name, message.id, 'ID not in flight'));
    expect(await daemon().channel(`${topic}-deferred`, 'c')).toMatchObject({ deferred_count: 1 });
  });

  it('of a message of another channel fails', async () => {
    using left = await daemon().subscriber(`${topic}-channels`, 'left', 1);
    using right = await daemon().subscriber(`${topic}-channels`, 'right', 1);
    const message = await delivered(`${topic}-channels`, left);
    const copy = await right.nextMessage();
    expect(copy.id).toBe(message.id);
    left.finish(message);
    answer(left, name, copy.id);
    expect(await left.nextError()).toBe(failure(name, copy.id, 'ID not in flight'));
    right.finish(copy);
    await right.expectQuiet();
  });

  it('of a message delivered to an earlier connection of the same client fails', async () => {
    const settings = { client_id: 'same', hostname: 'same' };
    const before = await daemon().subscriber(`${topic}-reconnect`, 'c', 1, settings);
    const message = await delivered(`${topic}-reconnect`, before);
    before.destroy();
    using after = await daemon().subscriber(`${topic}-reconnect`, 'c', 1, settings);
    answer(after, name, message.id);
    expect(await after.nextError()).toBe(failure(name, message.id, 'client does not own message'));
  });

  it('accepts surplus parameters', async () => {
    using client = await daemon().subscriber(`${topic}-surplus`, 'c', 1);
    const message = await delivered(`${topic}-surplus`, client);
    client.command('RDY 0');
    client.command(`${name} ${message.id} 0 surplus`);
    await client.expectQuiet();
  });
});

describe('FIN', () => {
  it('takes the message out of the channel for good', async () => {
    using client = await daemon().subscriber('fin', 'c', 1);
    client.finish(await delivered('fin', client));
    await client.expectQuiet();
    const channel = await daemon().channel('fin', 'c');
    expect(channel).toMatchObject({ depth: 0, in_flight_count: 0, deferred_count: 0, message_count: 1 });
    expect(channel.clients?.[0]).toMatchObject({ finish_count: 1, in_flight_count: 0, message_count: 1 });
  });

  it('works in any order, in one piece', async () => {
    await daemon().command('/mpub?topic=fin-order', Array.from({ length: 100 }, (_, n) => `m${n}`).join('\n'));
    using client = await daemon().subscriber('fin-order', 'c', 100);
    const messages = await client.nextMessages(100);
    messages.sort((left, right) => left.body.compare(right.body));
    client.write(joined(...messages.map((message) => command(`FIN ${message.id}`))));
    await client.expectQuiet();
    expect(await daemon().channel('fin-order', 'c')).toMatchObject({ in_flight_count: 0, depth: 0 });
  });
});

describe('REQ', () => {
  it('with delay 0 brings the message back at once with one more attempt', async () => {
    using client = await daemon().subscriber('req', 'c', 1);
    let message = await delivered('req', client);
    const { id, timestampNs } = message;
    for (let attempts = 1; attempts <= 5; attempts += 1) {
      expect(message).toMatchObject({ id, timestampNs, attempts });
      client.requeue(message, 0);
      message = await client.nextMessage();
    }
    const channel = await daemon().channel('req', 'c');
    expect(channel).toMatchObject({ requeue_count: 5, timeout_count: 0, message_count: 1 });
    expect(channel.clients?.[0]).toMatchObject({ requeue_count: 5, message_count: 6, in_flight_count: 1 });
  });

  it('lets another consumer have the message', async () => {
    using first = await daemon().subscriber('req-other', 'c', 1);
    const message = await delivered('req-other', first);
    first.command('RDY 0');
    first.requeue(message, 0);
    using second = await daemon().subscriber('req-other', 'c', 1);
    expect(await second.nextMessage()).toMatchObject({ id: message.id, attempts: 2 });
  });

  it.each([
    ['longer than the maximum is cut to it', '3600000', 'deferred'],
    ['that overflows below zero is none', '9300000000000', 'queued'],
    ['that is empty is none', '', 'queued'],
    ['that wraps around 64 bits is taken as it wraps', '18446744073709551616', 'queued'],
  ])('with a delay %s', async (_, delayText, place) => {
    const topic = `req-clamp-${delayText}`;
    using client = await daemon().subscriber(topic, 'c', 1);
    const message = await delivered(topic, client);
    client.command('RDY 0');
    client.command(`REQ ${message.id} ${delayText}`);
    await client.expectQuiet();
    const counts = place === 'deferred' ? { deferred_count: 1, depth: 0 } : { deferred_count: 0, depth: 1 };
    expect(await daemon().channel(topic, 'c')).toMatchObject({ ...counts, in_flight_count: 0, requeue_count: 1 });
    client.command('RDY 1');
    expect(await client.nextMessage()).toMatchObject({ id: message.id, attempts: 2 });
  });
});

describe('TOUCH', () => {
  it('keeps the message in flight and counts nothing', async () => {
    using client = await daemon().subscriber('touch', 'c', 2);
    const message = await delivered('touch', client);
    for (let repeat = 0; repeat < 10; repeat += 1) client.touch(message);
    await client.expectQuiet();
    const channel = await daemon().channel('touch', 'c');
    expect(channel).toMatchObject({ in_flight_count: 1, requeue_count: 0, timeout_count: 0 });
    client.finish(message);
    await client.expectQuiet();
    expect((await daemon().channel('touch', 'c')).in_flight_count).toBe(0);
  });
});

it('an id is 16 bytes as sent: another case does not name the same message', async () => {
  using client = await daemon().subscriber('id-case', 'c', 1);
  let message = await delivered('id-case', client);
  // Some ids are digits only.
  while (!/[a-f]/.test(message.id)) {
    client.finish(message);
    message = await delivered('id-case', client);
  }
  const upper = message.id.toUpperCase();
  expect(upper).not.toBe(message.id);
  client.command(`FIN ${upper}`);
  expect(await client.nextError()).toBe(failure('FIN', upper, 'ID not in flight'));
  client.finish(message);
  await client.expectQuiet();
});

it('two topics may use equal ids: each answer is for its own channel', async () => {
  using client = await daemon().subscriber('own-channel', 'c', 1);
  const message = await delivered('own-channel', client);
  using stranger = await daemon().subscriber('own-channel-2', 'c', 1);
  stranger.finish(message);
  expect(await stranger.nextError()).toBe(failure('FIN', message.id, 'ID not in flight'));
  await eventually(async () => expect((await daemon().channel('own-channel', 'c')).in_flight_count).toBe(1));
});
