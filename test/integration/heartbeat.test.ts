// Heartbeats go out on their own clock; a connection that completes no command within two intervals is closed.
// The tests run side by side: nearly all of their time is waiting for a 1 s interval.

import { describe, expect, it } from 'vitest';

import { type Client, HEARTBEAT } from '../support/client.js';
import { sharedDaemon } from '../support/daemon.js';
import { delay, eventually } from '../support/eventually.js';

const INTERVAL_MS = 1_000;
/** Timers may fire late on a busy machine, but hardly ever early. */
const EARLY_MS = 60;
const LATE_MS = 600;

const daemon = sharedDaemon();

async function beating(): Promise<Client & Disposable> {
  const client = await daemon().connect();
  await client.identify({ heartbeat_interval: INTERVAL_MS });
  return client;
}

function expectBetween(value: number, from: number, to: number): void {
  expect(value).toBeGreaterThanOrEqual(from - EARLY_MS);
  expect(value).toBeLessThanOrEqual(to + LATE_MS);
}

describe.concurrent('heartbeats', () => {
  it('come once per interval, the first one interval after IDENTIFY', async ({ expect }) => {
    using client = await beating();
    const identifiedAtMs = client.lastByteAtMs;
    for (let beat = 1; beat <= 3; beat += 1) {
      const frame = await client.nextFrame();
      expect(frame.data.toString()).toBe(HEARTBEAT);
      expectBetween(frame.atMs - identifiedAtMs, beat * INTERVAL_MS, beat * INTERVAL_MS);
      client.write('NOP\n');
    }
  });

  it('come to busy connections, too', async ({ expect }) => {
    using client = await beating();
    await eventually(async () => {
      await client.publish('heartbeat-busy', 'x');
      expect(client.heartbeatsAtMs.length).toBeGreaterThanOrEqual(2);
    });
    const [first = 0, second = 0] = client.heartbeatsAtMs;
    expectBetween(second - first, INTERVAL_MS, INTERVAL_MS);
  });

  it('come to consumers and after CLS', async ({ expect }) => {
    using client = await beating();
    await client.subscribe('heartbeat-consumer', 'c', 1);
    expect((await client.nextFrame()).data.toString()).toBe(HEARTBEAT);
    client.write('CLS\n');
    expect(await client.nextResponse()).toBe('CLOSE_WAIT');
    expect((await client.nextFrame()).data.toString()).toBe(HEARTBEAT);
  });

  it('do not come within two seconds to a client that did not ask for them', async ({ expect }) => {
    using client = await daemon().connect();
    client.write('NOP\n');
    await delay(2 * INTERVAL_MS + LATE_MS);
    expect(client.heartbeatsAtMs).toHaveLength(0);
    expect(client.isOpen).toBe(true);
  });

  it('can be turned off, and the deadline with them', async ({ expect }) => {
    using client = await daemon().connect();
    await client.identify({ heartbeat_interval: INTERVAL_MS });
    await client.identify({ heartbeat_interval: -1 });
    await delay(2 * INTERVAL_MS + LATE_MS);
    expect(client.isOpen).toBe(true);
    await client.publish('heartbeat-off', 'x');
  });
});

describe.concurrent('the deadline of two intervals', () => {
  it('closes a silent connection without an error', async ({ expect }) => {
    using client = await beating();
    const identifiedAtMs = client.lastByteAtMs;
    await client.closed();
    expectBetween(client.closedAtMs - identifiedAtMs, 2 * INTERVAL_MS, 2 * INTERVAL_MS);
    for (const frame of client.waitingFrames) expect(frame.data.toString()).toBe(HEARTBEAT);
  });

  it('is not extended by bytes that complete no command', async ({ expect }) => {
    using client = await beating();
    const identifiedAtMs = client.lastByteAtMs;
    await eventually(() => {
      client.write('N');
      expect(client.isOpen).toBe(false);
    });
    expectBetween(client.closedAtMs - identifiedAtMs, 2 * INTERVAL_MS, 2 * INTERVAL_MS);
    for (const frame of client.waitingFrames) expect(frame.data.toString()).toBe(HEARTBEAT);
  });

  it('covers the body: an upload that stalls fails with an error', async ({ expect }) => {
    using client = await beating();
    const identifiedAtMs = client.lastByteAtMs;
    client.write('PUB heartbeat-stall\n\0\0\0\x0ahalf');
    expect(await client.nextError()).toBe('E_BAD_MESSAGE PUB failed to read message body');
    await client.closed();
    expectBetween(client.closedAtMs - identifiedAtMs, 2 * INTERVAL_MS, 2 * INTERVAL_MS);
  });

  it('covers the length: a client that stalls before it gets the error of the size', async ({ expect }) => {
    using client = await beating();
    client.write('MPUB heartbeat-stall\n\0');
    expect(await client.nextError()).toBe('E_BAD_BODY MPUB failed to read body size');
    await client.closed();
  });

  it('counts the silence before the command', async ({ expect }) => {
    using client = await beating();
    const identifiedAtMs = client.lastByteAtMs;
    await delay(1.5 * INTERVAL_MS);
    client.write('PUB heartbeat-late\n\0\0\0\x0ahalf');
    expect(await client.nextError()).toBe('E_BAD_MESSAGE PUB failed to read message body');
    await client.closed();
    expectBetween(client.closedAtMs - identifiedAtMs, 2 * INTERVAL_MS, 2 * INTERVAL_MS);
  });

  it.each([
    ['NOP', 'NOP\n', ''],
    ['PUB', 'PUB heartbeat-alive\n\0\0\0\x01x', ''],
    ['a FIN that fails', `FIN ${'0'.repeat(16)}\n`, 'SUB heartbeat-alive c\n'],
  ])('starts again with %s', async (_, bytes, first) => {
    using client = await beating();
    const identifiedAtMs = client.lastByteAtMs;
    client.write(first);
    await delay(1.5 * INTERVAL_MS);
    client.write(bytes);
    const writtenAtMs = performance.now();
    await client.closed();
    expectBetween(client.closedAtMs - writtenAtMs, 2 * INTERVAL_MS, 2 * INTERVAL_MS);
    expect(client.closedAtMs - identifiedAtMs).toBeGreaterThan(3 * INTERVAL_MS);
  });

  it('does not close a connection that answers its heartbeats', async ({ expect }) => {
    using client = await beating();
    for (let beat = 0; beat < 4; beat += 1) {
      expect((await client.nextFrame()).data.toString()).toBe(HEARTBEAT);
      client.write('NOP\n');
    }
    expect(client.isOpen).toBe(true);
  });

  it('ends the subscription of a consumer that went silent', async ({ expect }) => {
    using client = await beating();
    await client.subscribe('heartbeat-gone', 'c', 1);
    await client.closed();
    await eventually(async () => expect((await daemon().channel('heartbeat-gone', 'c')).client_count).toBe(0));
  });
});
