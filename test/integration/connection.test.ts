// The connection itself: the magic, fragments, the line limit, and what the end of either direction does.

import { describe, expect, it } from 'vitest';

import { command, hex, joined, sized } from '../support/bytes.js';
import { FrameType } from '../support/client.js';
import { converse, okFrame, WRITE_MODES } from '../support/conversation.js';
import { sharedDaemon } from '../support/daemon.js';
import { delay, eventually } from '../support/eventually.js';

const LINE_BYTES_MAX = 16_384;
const BAD_MAGIC_ANSWER = hex('00 00 00 12 00 00 00 01 45 5f 42 41 44 5f 50 52 4f 54 4f 43 4f 4c');

const daemon = sharedDaemon();

describe('the magic', () => {
  it.each(['  V1', 'GET ', 'V2  ', '\n\n\n\n', '    '])('%j is refused with one error frame', async (magic) => {
    using client = await daemon().connect({ magic });
    await client.closed();
    expect(client.receivedBytes).toEqual(BAD_MAGIC_ANSWER);
  });

  it('may come in pieces', async () => {
    using client = await daemon().connect({ magic: '' });
    await client.writeByteByByte('  V2NOP\nPUB magic\n\0\0\0\x01x');
    await client.expectOk();
  });

  it('cut off by the end of the connection gives no answer', async () => {
    using client = await daemon().connect({ magic: '  V' });
    client.halfClose();
    await client.closed();
    expect(client.receivedBytes).toHaveLength(0);
  });

  it('gives no answer by itself', async () => {
    using client = await daemon().connect();
    client.write('NOP\n');
    client.halfClose();
    await client.closed();
    expect(client.receivedBytes).toHaveLength(0);
  });
});

describe('a command line', () => {
  /** `PUB line-limit ` + filling + LF, of exactly so many bytes. */
  const lineOf = (bytes: number): string => `PUB line-limit ${'x'.repeat(bytes - 16)}\n`;

  it.each(WRITE_MODES)('of 16384 bytes with its end is accepted: %s', async (mode) => {
    const send = joined(lineOf(LINE_BYTES_MAX), sized('x'));
    await converse(daemon(), { name: 'limit', send, answers: ['OK'] }, mode);
  });

  it('of one byte more closes the connection without a frame', async () => {
    using client = await daemon().connect();
    client.write(lineOf(LINE_BYTES_MAX + 1));
    await client.closed();
    expect(client.receivedBytes).toHaveLength(0);
  });

  it('that never ends closes the connection as soon as it is too long', async () => {
    using client = await daemon().connect();
    client.write('x'.repeat(LINE_BYTES_MAX));
    await client.closed();
    expect(client.receivedBytes).toHaveLength(0);
  });

  it('counts for itself: many short lines in one piece are fine', async () => {
    using client = await daemon().connect();
    client.write(joined('NOP\n'.repeat(10_000), command('PUB short-lines', 'x')));
    await client.expectOk();
  });

  it('cut off by the end of the connection is dropped silently', async () => {
    using client = await daemon().connect();
    client.write(joined(command('PUB cut-line', 'x'), 'PUB cut-line-2'));
    client.halfClose();
    await client.closed();
    expect(client.receivedBytes).toEqual(okFrame);
  });
});

describe('a command', () => {
  const bytes = joined('PUB split\n', sized('body'));

  it.each(Array.from(bytes, (_, index) => index).slice(1))('split after byte %i is one command', async (at) => {
    using client = await daemon().connect();
    client.write(bytes.subarray(0, at));
    await new Promise((resolve) => setImmediate(resolve));
    client.write(bytes.subarray(at));
    client.halfClose();
    await client.closed();
    expect(client.receivedBytes).toEqual(okFrame);
  });

  it('is answered in order when hundreds come in one piece', async () => {
    using client = await daemon().connect();
    client.write('SUB pipeline pipeline\n');
    await client.expectOk();
    const bodies = Array.from({ length: 500 }, (_, index) => `body ${index}`);
    client.write(joined(...bodies.map((body) => command('PUB pipeline', body)), `FIN ${'0'.repeat(16)}\n`));
    for (const _ of bodies) await client.expectOk();
    expect(await client.nextError()).toBe(`E_FIN_FAILED FIN ${'0'.repeat(16)} failed ID not in flight`);
    await eventually(async () => expect((await daemon().channel('pipeline', 'pipeline')).depth).toBe(500));
  });
});

describe('a half-closed connection', () => {
  it('gets the answers to everything sent before', async () => {
    using client = await daemon().connect();
    client.write(joined(...Array.from({ length: 50 }, () => command('PUB half', 'x')), 'NOP\n'));
    client.halfClose();
    await client.closed();
    expect(client.receivedBytes).toEqual(joined(...Array.from({ length: 50 }, () => okFrame)));
    expect((await daemon().topic('half')).message_count).toBe(50);
  });

  it('of a consumer that sends CLS and stops is answered CLOSE_WAIT', async () => {
    using client = await daemon().connect();
    client.write('SUB half-consumer c\nRDY 1\nCLS\n');
    client.halfClose();
    await client.expectOk();
    expect(await client.nextResponse()).toBe('CLOSE_WAIT');
    expect(await client.closed()).toBe('end');
    await eventually(async () => expect((await daemon().channel('half-consumer', 'c')).client_count).toBe(0));
  });
});

describe('CLS', () => {
  it('stops deliveries but leaves the connection open for what is in flight', async () => {
    using publisher = await daemon().connect();
    using client = await daemon().subscriber('closing', 'c', 2);
    await publisher.publish('closing', 'first');
    const message = await client.nextMessage();
    client.write('CLS\n');
    expect(await client.nextResponse()).toBe('CLOSE_WAIT');
    await publisher.publish('closing', 'second');

    client.touch(message);
    client.finish(message);
    await client.expectQuiet();
    const channel = await daemon().channel('closing', 'c');
    expect(channel).toMatchObject({ depth: 1, in_flight_count: 0, client_count: 1 });
    expect(channel.clients?.[0]).toMatchObject({ state: 4, ready_count: 0, finish_count: 1 });
    expect(client.isOpen).toBe(true);
  });

  it('lets what is in flight be requeued for others', async () => {
    using publisher = await daemon().connect();
    using leaving = await daemon().subscriber('closing-requeue', 'c', 1);
    await publisher.publish('closing-requeue', 'body');
    const message = await leaving.nextMessage();
    leaving.write('CLS\n');
    expect(await leaving.nextResponse()).toBe('CLOSE_WAIT');
    using staying = await daemon().subscriber('closing-requeue', 'c', 1);
    leaving.requeue(message, 0);
    const again = await staying.nextMessage();
    expect(again).toMatchObject({ id: message.id, attempts: 2 });
  });
});

describe('a fatal error', () => {
  it('comes after the messages delivered before', async () => {
    using publisher = await daemon().connect();
    await publisher.publish('fatal-order', 'body');
    using client = await daemon().subscriber('fatal-order', 'c', 1);
    await eventually(async () => expect((await daemon().channel('fatal-order', 'c')).in_flight_count).toBe(1));
    client.write('HELO\n');
    expect((await client.nextFrame()).type).toBe(FrameType.message);
    expect(await client.nextError()).toBe('E_INVALID invalid command HELO');
    await client.closed();
  });

  it('closes one connection, not the others', async () => {
    using bystander = await daemon().connect();
    using client = await daemon().connect();
    client.write('HELO\n');
    await client.closed();
    await bystander.publish('fatal-bystander', 'x');
  });

  it('reaches a client that has sent a large body behind it', async () => {
    using client = await daemon().connect();
    client.write(joined('PUB fatal-body\n', hex('00 10 00 01'), Buffer.alloc(1_000)));
    expect(await client.nextError()).toBe('E_BAD_MESSAGE PUB message too big 1048577 > 1048576');
    await client.closed();
  });
});

describe('publishing and subscribing on one connection', () => {
  it('works both ways', async () => {
    using client = await daemon().subscriber('both-ways', 'c', 10);
    client.command('PUB both-ways', 'to myself');
    const frames = [await client.nextReply(), await client.nextReply()];
    expect(frames.map((frame) => frame.type).sort()).toEqual([FrameType.response, FrameType.message]);
  });
});

describe('a message frame', () => {
  it('has size, type, timestamp, attempts, id and body where clients look for them', async () => {
    const beforeNs = BigInt(Date.now()) * 1_000_000n;
    using publisher = await daemon().connect();
    await publisher.publish('frame-layout', 'hello');
    using client = await daemon().connect();
    client.write('SUB frame-layout c\nRDY 1\n');
    await client.expectOk();
    await client.nextMessage();
    const afterNs = BigInt(Date.now() + 1) * 1_000_000n;

    const bytes = client.receivedBytes.subarray(okFrame.length);
    expect(bytes).toHaveLength(4 + 30 + 5);
    expect(bytes.readUInt32BE(0)).toBe(35);
    expect(bytes.readUInt32BE(4)).toBe(2);
    const timestampNs = bytes.readBigInt64BE(8);
    expect(timestampNs >= beforeNs - 1_000_000n && timestampNs <= afterNs, `${timestampNs}`).toBe(true);
    expect(bytes.readUInt16BE(16)).toBe(1);
    expect(bytes.toString('latin1', 18, 34)).toMatch(/^[0-9a-f]{16}$/);
    expect(bytes.toString('latin1', 34)).toBe('hello');
  });

  it('carries an id made of time, node and sequence', async () => {
    using publisher = await daemon().connect();
    await publisher.publish('id-layout', 'x');
    using client = await daemon().subscriber('id-layout', 'c', 1);
    const message = await client.nextMessage();
    const id = BigInt(`0x${message.id}`);
    const unit = (id >> 22n) + 1_288_834_974_288n;
    const differenceMs = Number(unit - (message.timestampNs >> 20n));
    expect(Math.abs(differenceMs)).toBeLessThan(1_000);
    expect(id >> 63n).toBe(0n);
  });
});

it('without the magic a connection may wait as long as it likes', async () => {
  using client = await daemon().connect({ magic: '' });
  await delay(1_200);
  expect(client.isOpen).toBe(true);
  client.write(joined('  V2', command('PUB late-magic', 'x')));
  await client.expectOk();
});
