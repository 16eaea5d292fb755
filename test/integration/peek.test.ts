// GET /channel/peek and /topic/peek on a whole daemon: what an operator sees, and that consumers do not notice.

import { describe, expect, it } from 'vitest';

import { isStock, sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

interface Message {
  readonly id: string;
  readonly timestamp: number;
  readonly attempts: number;
  readonly body_size: number;
  readonly body?: string;
}

interface Peek {
  readonly depth: number;
  readonly queued: readonly Message[];
  readonly in_flight: readonly (Message & { readonly client_id: string; readonly remote_address: string; readonly age_ms: number })[];
  readonly deferred: readonly (Message & { readonly due_in_ms: number })[];
}

const daemon = sharedDaemon();

async function peek(path: string): Promise<Peek> {
  const { status, body } = await daemon().get(path);
  expect([status, body]).toEqual([200, expect.any(String)]);
  return JSON.parse(body) as Peek;
}

describe.skipIf(isStock)('/channel/peek', () => {
  it('shows messages queued, in flight with their client, and deferred', async () => {
    using client = await daemon().subscriber('peek', 'c', 1, { client_id: 'looked-at' });
    await daemon().command('/mpub?topic=peek', 'one\ntwo\nthree\n');
    await daemon().command('/pub?topic=peek&defer=60000', 'later');
    const message = await client.nextMessage();
    const seen = await peek('/channel/peek?topic=peek&channel=c&body=text');
    expect(seen).toMatchObject({ topic_name: 'peek', channel_name: 'c', depth: 2, in_flight_count: 1, deferred_count: 1, paused: false });
    expect(seen.queued.map(({ body, attempts, body_size: size }) => [body, attempts, size])).toEqual([['two', 0, 3], ['three', 0, 5]]);
    expect(seen.in_flight).toMatchObject([{ id: message.id, attempts: 1, body: 'one', client_id: 'looked-at' }]);
    expect(seen.in_flight[0]!.remote_address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(seen.deferred).toMatchObject([{ attempts: 0, body: 'later' }]);
    expect(seen.deferred[0]!.due_in_ms).toBeGreaterThan(50_000);
    expect(Math.abs(Date.now() - seen.queued[0]!.timestamp / 1e6)).toBeLessThan(60_000);
    client.finish(message);
    expect((await client.nextMessage()).body.toString()).toBe('two');
  });

  it('shows a backlog on disk again and again, and it is delivered whole', async () => {
    const bodies = Array.from({ length: 500 }, (_, index) => `${index}-${'x'.repeat(5000)}`);
    await daemon().command('/topic/create?topic=peek-disk');
    await daemon().command('/channel/create?topic=peek-disk&channel=c');
    await daemon().command('/mpub?topic=peek-disk', bodies.join('\n'));
    for (let count = 0; count < 3; count += 1) {
      const { depth, queued } = await peek('/channel/peek?topic=peek-disk&channel=c&count=100&body=text&body_bytes=16384');
      expect([depth, queued.length, queued.map(({ body }) => body)]).toEqual([500, 100, bodies.slice(0, 100)]);
    }
    using client = await daemon().subscriber('peek-disk', 'c', 500);
    for (const body of bodies) {
      const message = await client.nextMessage();
      expect(message.body.toString() === body).toBe(true);
      client.finish(message);
    }
    await eventually(async () => expect(await daemon().channel('peek-disk', 'c')).toMatchObject({ depth: 0, in_flight_count: 0 }));
    expect((await peek('/channel/peek?topic=peek-disk&channel=c')).queued).toEqual([]);
  });

  it('leaves bodies out unless asked, and cuts them', async () => {
    await daemon().command('/topic/create?topic=peek-body');
    await daemon().command('/channel/create?topic=peek-body&channel=c');
    await daemon().command('/pub?topic=peek-body', Buffer.from([0xff, 0xfe, 0xfd]));
    const path = '/channel/peek?topic=peek-body&channel=c';
    expect(Object.keys((await peek(path)).queued[0]!)).toEqual(['id', 'timestamp', 'attempts', 'body_size']);
    expect((await peek(`${path}&body=text`)).queued).toMatchObject([{ body: '//79', body_encoding: 'base64' }]);
    expect((await peek(`${path}&body=base64&body_bytes=1`)).queued).toMatchObject([{ body: '/w==', body_truncated: true, body_size: 3 }]);
  });

  it.each([
    ['', 400, 'MISSING_ARG_TOPIC'],
    ['?topic=bad$', 400, 'INVALID_ARG_TOPIC'],
    ['?topic=peek-body', 400, 'MISSING_ARG_CHANNEL'],
    ['?topic=peek-body&channel=bad$', 400, 'INVALID_ARG_CHANNEL'],
    ['?topic=nope&channel=c', 404, 'TOPIC_NOT_FOUND'],
    ['?topic=peek-body&channel=nope', 404, 'CHANNEL_NOT_FOUND'],
    ['?topic=peek-body&channel=c&count=0', 400, 'INVALID_COUNT'],
    ['?topic=peek-body&channel=c&count=101', 400, 'INVALID_COUNT'],
    ['?topic=peek-body&channel=c&count=x', 400, 'INVALID_COUNT'],
    ['?topic=peek-body&channel=c&body=html', 400, 'INVALID_BODY'],
    ['?topic=peek-body&channel=c&body=text&body_bytes=-1', 400, 'INVALID_BODY_BYTES'],
    ['?topic=peek-body&channel=c&body=text&body_bytes=16385', 400, 'INVALID_BODY_BYTES'],
    ['?topic=%zz', 400, 'INVALID_REQUEST'],
  ])('refuses %s', async (query, status, code) => {
    expect(await daemon().get(`/channel/peek${query}`)).toEqual({ status, body: `{"message":"${code}"}` });
  });
});

describe.skipIf(isStock)('/topic/peek', () => {
  it('shows what no channel has yet', async () => {
    await daemon().command('/mpub?topic=peek-topic', 'one\ntwo\n');
    await daemon().command('/pub?topic=peek-topic&defer=60000', 'later');
    const seen = await peek('/topic/peek?topic=peek-topic&count=1&body=text');
    expect(seen).toMatchObject({ topic_name: 'peek-topic', depth: 3, paused: false, queued: [{ body: 'one' }], deferred: [{ body: 'later' }] });
    expect((await daemon().topic('peek-topic')).depth).toBe(3);
  });

  it.each([
    ['', 400, 'MISSING_ARG_TOPIC'],
    ['?topic=bad$', 400, 'INVALID_TOPIC'],
    ['?topic=nope', 404, 'TOPIC_NOT_FOUND'],
    ['?topic=peek-topic&count=', 400, 'INVALID_COUNT'],
  ])('refuses %s', async (query, status, code) => {
    expect(await daemon().get(`/topic/peek${query}`)).toEqual({ status, body: `{"message":"${code}"}` });
  });
});
