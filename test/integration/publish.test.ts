// Publishing over TCP and HTTP: all or nothing, sizes up to the limits, and everything reaches TCP consumers unchanged.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { command, hex, joined, messageList, mpubBody, sized, u32 } from '../support/bytes.js';
import { sharedDaemon } from '../support/daemon.js';
import { Prng, seedOfRun } from '../support/prng.js';

const MESSAGE_BYTES_MAX = 1_048_576;
const BODY_BYTES_MAX = 5_242_880;

const daemon = sharedDaemon();

async function received(topic: string, count: number): Promise<Buffer[]> {
  using client = await daemon().subscriber(topic, 'c', 2_500);
  const bodies: Buffer[] = [];
  while (bodies.length < count) {
    const message = await client.nextMessage();
    client.finish(message);
    bodies.push(message.body);
  }
  await client.expectQuiet();
  return bodies;
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('MPUB', () => {
  it('queues all messages in order with one answer', async () => {
    using client = await daemon().connect();
    client.command('MPUB mpub', messageList(['one', 'two', 'three']));
    await client.expectOk();
    await client.expectQuiet();
    expect((await received('mpub', 3)).map(String)).toEqual(['one', 'two', 'three']);
  });

  it.each([
    ['an empty message', joined(u32(3), sized('a'), sized('b'), u32(0))],
    ['a message too big', joined(u32(3), sized('a'), sized('b'), u32(MESSAGE_BYTES_MAX + 1))],
    ['a negative size', joined(u32(3), sized('a'), sized('b'), hex('ff ff ff ff'))],
  ])('with %s at its end queues nothing, but creates the topic', async (name, list) => {
    const topic = `mpub-${name.replaceAll(' ', '-')}`;
    using client = await daemon().connect();
    client.write(joined(`MPUB ${topic}\n`, u32(list.length), list));
    expect(await client.nextError()).toMatch(/^E_BAD_MESSAGE MPUB /);
    expect(await daemon().topic(topic)).toMatchObject({ depth: 0, message_count: 0 });
  });

  it('cut off in its last message queues nothing', async () => {
    using client = await daemon().connect();
    client.write(joined('MPUB mpub-cut\n', mpubBody(['one', 'two']).subarray(0, -1)));
    client.halfClose();
    expect(await client.nextError()).toBe('E_BAD_MESSAGE MPUB failed to read message body');
    expect(await daemon().topic('mpub-cut')).toMatchObject({ depth: 0, message_count: 0 });
  });

  it('goes by its count: a declared length that is too small does not matter', async () => {
    using client = await daemon().connect();
    client.write(joined('MPUB mpub-small\n', u32(1), messageList(['abc', 'z']), command('PUB mpub-small', 'next')));
    await client.expectOk();
    await client.expectOk();
    expect((await received('mpub-small', 3)).map(String)).toEqual(['abc', 'z', 'next']);
  });

  it('goes by its count: bytes behind the last message are the next command', async () => {
    using client = await daemon().connect();
    const surplus = command('PUB mpub-surplus', 'surplus');
    const list = messageList(['abc']);
    client.write(joined('MPUB mpub-surplus\n', u32(list.length + surplus.length), list, surplus));
    await client.expectOk();
    await client.expectOk();
    expect((await received('mpub-surplus', 2)).map(String)).toEqual(['abc', 'surplus']);
  });

  it('goes by its count: a declared length that is too big is not waited for', async () => {
    using client = await daemon().connect();
    client.write(joined('MPUB mpub-big\n', u32(BODY_BYTES_MAX), messageList(['abc'])));
    await client.expectOk();
  });

  it('of an absurd count with nothing behind it takes no memory', async () => {
    const before = daemon().residentBytes();
    const clients = await Promise.all(Array.from({ length: 20 }, () => daemon().connect()));
    for (const client of clients) client.write(joined('MPUB mpub-absurd\n', u32(BODY_BYTES_MAX), u32(1_048_575)));
    for (const client of clients) {
      client.halfClose();
      expect(await client.nextError()).toBe('E_BAD_MESSAGE MPUB failed to read message(0) body size');
    }
    const grownBytes = daemon().residentBytes() - before;
    // Stock nsqd allocates by the count; nsqd-ts must not.
    if (!daemon().isStock) expect(grownBytes).toBeLessThan(40 * 1_048_576);
  });

  it('of the largest body arrives complete', async () => {
    const bodies = Array.from({ length: 5 }, (_, index) => Buffer.alloc(MESSAGE_BYTES_MAX - 8, index + 1));
    using client = await daemon().connect();
    client.command('MPUB mpub-largest', messageList(bodies));
    await client.expectOk();
    expect((await received('mpub-largest', 5)).map(digest)).toEqual(bodies.map(digest));
  });

  it('of 20000 small messages arrives complete', async () => {
    const bodies = Array.from({ length: 20_000 }, (_, index) => `message ${index}`);
    using client = await daemon().connect();
    client.command('MPUB mpub-many', messageList(bodies));
    await client.expectOk();
    const arrived = (await received('mpub-many', bodies.length)).map(String);
    if (!daemon().isStock) expect(arrived).toEqual(bodies); // Stock nsqd mixes memory and disk.
    expect(arrived.toSorted()).toEqual(bodies.toSorted());
  });
});

describe('a message', () => {
  it.each([1, 2, 16_000, 16_384, 65_535, 65_536, 65_537, MESSAGE_BYTES_MAX - 1, MESSAGE_BYTES_MAX])(
    'of %i bytes arrives unchanged',
    async (bytes) => {
      const body = new Prng(bytes).bytes(bytes);
      using client = await daemon().connect();
      await client.publish(`size-${bytes}`, body);
      const [arrived = Buffer.alloc(0)] = await received(`size-${bytes}`, 1);
      expect(arrived.length).toBe(bytes);
      expect(digest(arrived)).toBe(digest(body));
    },
  );

  it('may hold any byte', async () => {
    const body = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    using client = await daemon().connect();
    await client.publish('any-byte', body);
    expect(await received('any-byte', 1)).toEqual([body]);
  });

  it('of any size arrives unchanged, in order, however it was published', async () => {
    const seed = seedOfRun();
    const prng = new Prng(seed);
    const bodies = Array.from({ length: 400 }, () =>
      prng.bytes(prng.pick([1, 10, 100, 1_000, 20_000]) + prng.integer(0, 9)),
    );
    using client = await daemon().connect();
    for (let index = 0; index < bodies.length;) {
      const batch = bodies.slice(index, index + prng.integer(1, 20));
      const [first = Buffer.alloc(0)] = batch;
      client.write(batch.length === 1 ? command('PUB mixed', first) : command('MPUB mixed', messageList(batch)));
      await client.expectOk();
      index += batch.length;
    }
    const arrived = await received('mixed', bodies.length);
    expect(arrived.map(digest), `TEST_SEED=${seed}`).toEqual(bodies.map(digest));
  });

  it('whose body comes in many pieces arrives unchanged', async () => {
    const body = new Prng(7).bytes(50_000);
    using client = await daemon().connect();
    const bytes = command('PUB pieces', body);
    for (let offset = 0; offset < bytes.length; offset += 777) {
      client.write(bytes.subarray(offset, offset + 777));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.expectOk();
    expect((await received('pieces', 1)).map(digest)).toEqual([digest(body)]);
  });
});

describe('a rejected publish', () => {
  it('leaves no topic behind', async () => {
    using client = await daemon().connect();
    client.write(joined('PUB rejected\n', u32(0)));
    await client.nextError();
    expect(await daemon().findTopic('rejected')).toBeUndefined();
  });

  it('cut off in its body leaves no topic behind', async () => {
    using client = await daemon().connect();
    client.write(joined('DPUB rejected-cut 100\n', u32(10), 'half'));
    client.halfClose();
    await client.nextError();
    expect(await daemon().findTopic('rejected-cut')).toBeUndefined();
  });
});

describe('HTTP', () => {
  it('/pub reaches TCP consumers byte by byte', async () => {
    const body = new Prng(11).bytes(10_000);
    expect(await daemon().post('/pub?topic=http-pub', body)).toEqual({ status: 200, body: 'OK' });
    expect(await received('http-pub', 1)).toEqual([body]);
  });

  it('/mpub reaches them line by line, without empty lines', async () => {
    expect(await daemon().post('/mpub?topic=http-mpub', 'one\n\ntwo\r\n\nthree')).toEqual({ status: 200, body: 'OK' });
    expect((await received('http-mpub', 3)).map(String)).toEqual(['one', 'two\r', 'three']);
  });

  it('/mpub?binary=true reaches them as counted', async () => {
    const list = messageList(['one', 'with\nline', Buffer.of(0, 255)]);
    expect(await daemon().post('/mpub?topic=http-binary&binary=true', list)).toEqual({ status: 200, body: 'OK' });
    expect(await received('http-binary', 3)).toEqual([
      Buffer.from('one'),
      Buffer.from('with\nline'),
      Buffer.of(0, 255),
    ]);
  });

  it('/pub to a connected consumer is delivered at once', async () => {
    using client = await daemon().subscriber('http-live', 'c', 1);
    await daemon().command('/pub?topic=http-live', 'live');
    expect((await client.nextMessage()).body.toString()).toBe('live');
  });

  it.each([
    ['/pub?topic=http-bad', '', 400, 'MSG_EMPTY'],
    ['/pub', 'x', 400, 'MISSING_ARG_TOPIC'],
    ['/pub?topic=bad!', 'x', 400, 'INVALID_TOPIC'],
    ['/pub?topic=http-bad&defer=-1', 'x', 400, 'INVALID_DEFER'],
    ['/pub?topic=http-bad&defer=3600001', 'x', 400, 'INVALID_DEFER'],
    ['/pub?topic=http-bad', 'x'.repeat(MESSAGE_BYTES_MAX + 1), 413, 'MSG_TOO_BIG'],
    ['/mpub?topic=http-bad', `ok\n${'x'.repeat(MESSAGE_BYTES_MAX + 1)}`, 413, 'MSG_TOO_BIG'],
    ['/mpub?topic=http-bad&binary=true', joined(u32(2), sized('ok'), u32(0)), 413, 'BAD_MESSAGE'],
    ['/mpub?topic=http-bad&binary=true', joined(u32(2), sized('ok')), 413, 'BAD_MESSAGE'],
    ['/mpub?topic=http-bad&binary=true', u32(0), 413, 'BAD_BODY'],
  ])('%s is refused whole (%#)', async (path, body, status, message) => {
    expect(await daemon().post(path, body)).toEqual({ status, body: JSON.stringify({ message }) });
    const topic = await daemon().findTopic('http-bad');
    expect(topic?.message_count ?? 0).toBe(0);
  });
});
