// Heartbeats go out on their own clock; a connection that completes no command within two intervals is closed.
// The tests run side by side: nearly all of their time is waiting for an interval.

import { describe, it } from 'vitest';

import { type Client, HEARTBEAT } from '../support/client.js';
import { sharedDaemon } from '../support/daemon.js';
import { delay, eventually } from '../support/eventually.js';
import { expectElapsed } from '../support/timing.js';

/** Long enough that a busy machine still answers in time. */
const INTERVAL_MS = 2_500;

const daemon = sharedDaemon();

/** A client with this interval. The interval began after `beforeMs` and before `afterMs`. */
interface Beating extends Disposable {
  readonly client: Client;
  readonly beforeMs: number;
  readonly afterMs: number;
}

async function beating(): Promise<Beating> {
  const client = await daemon().connect();
  const beforeMs = performance.now();
  await client.identify({ heartbeat_interval: INTERVAL_MS });
  return { client, beforeMs, afterMs: performance.now(), [Symbol.dispose]: () => client.destroy() };
}

describe.concurrent('heartbeats', () => {
  it('come once per interval, the first one interval after IDENTIFY', async ({ expect }) => {
    using beat = await beating();
    const { client, beforeMs, afterMs } = beat;
    for (let count = 1; count <= 3; count += 1) {
      const frame = await client.nextFrame();
      expect(frame.data.toString()).toBe(HEARTBEAT);
      expectElapsed(frame.atMs, count * INTERVAL_MS, beforeMs, afterMs);
      client.write('NOP\n');
    }
  });

  it('come to busy connections, too', async ({ expect }) => {
    using beat = await beating();
    const { client, beforeMs, afterMs } = beat;
    await eventually(async () => {
      await client.publish('heartbeat-busy', 'x');
      expect(client.heartbeatsAtMs.length).toBeGreaterThanOrEqual(2);
    });
    const [first = 0, second = 0] = client.heartbeatsAtMs;
    expectElapsed(first, INTERVAL_MS, beforeMs, afterMs);
    expectElapsed(second, 2 * INTERVAL_MS, beforeMs, afterMs);
  });

  it('come to consumers and after CLS', async ({ expect }) => {
    using beat = await beating();
    const { client } = beat;
    await client.subscribe('heartbeat-consumer', 'c', 1);
    expect((await client.nextFrame()).data.toString()).toBe(HEARTBEAT);
    client.write('CLS\n');
    expect(await client.nextResponse()).toBe('CLOSE_WAIT');
    expect((await client.nextFrame()).data.toString()).toBe(HEARTBEAT);
  });

  it('do not come within two intervals to a client that did not ask for them', async ({ expect }) => {
    using client = await daemon().connect();
    client.write('NOP\n');
    await delay(2.5 * INTERVAL_MS);
    expect(client.heartbeatsAtMs).toHaveLength(0);
    expect(client.isOpen).toBe(true);
  });

  it('can be turned off, and the deadline with them', async ({ expect }) => {
    using client = await daemon().connect();
    await client.identify({ heartbeat_interval: INTERVAL_MS });
    await client.identify({ heartbeat_interval: -1 });
    await delay(2.5 * INTERVAL_MS);
    expect(client.isOpen).toBe(true);
    await client.publish('heartbeat-off', 'x');
  });
});

describe.concurrent('the deadline of two intervals', () => {
  it('closes a silent connection without an error', async ({ expect }) => {
    using beat = await beating();
    const { client, beforeMs, afterMs } = beat;
    await client.closed();
    expectElapsed(client.closedAtMs, 2 * INTERVAL_MS, beforeMs, afterMs);
    for (const frame of client.waitingFrames) expect(frame.data.toString()).toBe(HEARTBEAT);
  });

  it('is not extended by bytes that complete no command', async ({ expect }) => {
    using beat = await beating();
    const { client, beforeMs, afterMs } = beat;
    await eventually(() => {
      client.write('N');
      expect(client.isOpen).toBe(false);
    });
    expectElapsed(client.closedAtMs, 2 * INTERVAL_MS, beforeMs, afterMs);
    for (const frame of client.waitingFrames) expect(frame.data.toString()).toBe(HEARTBEAT);
  });

  it('covers the body: an upload that stalls fails with an error', async ({ expect }) => {
    using beat = await beating();
    const { client, beforeMs, afterMs } = beat;
    client.write('PUB heartbeat-stall\n\0\0\0\x0ahalf');
    expect(await client.nextError()).toBe('E_BAD_MESSAGE PUB failed to read message body');
    await client.closed();
    expectElapsed(client.closedAtMs, 2 * INTERVAL_MS, beforeMs, afterMs);
  });

  it('covers the length: a client that stalls before it gets the error of the size', async ({ expect }) => {
    using beat = await beating();
    const { client } = beat;
    client.write('MPUB heartbeat-stall\n\0');
    expect(await client.nextError()).toBe('E_BAD_BODY MPUB failed to read body size');
    await client.closed();
  });

  it('counts the silence before the command', async ({ expect }) => {
    using beat = await beating();
    const { client, beforeMs, afterMs } = beat;
    await delay(INTERVAL_MS);
    const writtenAtMs = performance.now();
    client.write('PUB heartbeat-late\n\0\0\0\x0ahalf');
    expect(await client.nextError()).toBe('E_BAD_MESSAGE PUB failed to read message body');
    await client.closed();
    expectElapsed(client.closedAtMs, 2 * INTERVAL_MS, beforeMs, afterMs);
    // Not two intervals from here.
    expect(client.closedAtMs - writtenAtMs).toBeLessThan(2 * INTERVAL_MS);
  });

  it.each([
    ['NOP', 'NOP\n', ''],
    ['PUB', 'PUB heartbeat-alive\n\0\0\0\x01x', ''],
    ['a FIN that fails', `FIN ${'0'.repeat(16)}\n`, 'SUB heartbeat-alive c\n'],
  ])('starts again with %s', async (_, bytes, first) => {
    using beat = await beating();
    const { client } = beat;
    client.write(first);
    await delay(INTERVAL_MS);
    const writtenAtMs = performance.now();
    client.write(bytes);
    await client.closed();
    expectElapsed(client.closedAtMs, 2 * INTERVAL_MS, writtenAtMs, writtenAtMs);
  });

  it('does not close a connection that answers its heartbeats', async ({ expect }) => {
    using beat = await beating();
    const { client } = beat;
    for (let count = 0; count < 4; count += 1) {
      expect((await client.nextFrame()).data.toString()).toBe(HEARTBEAT);
      client.write('NOP\n');
    }
    expect(client.isOpen).toBe(true);
  });

  it('ends the subscription of a consumer that went silent', async ({ expect }) => {
    using beat = await beating();
    const { client } = beat;
    await client.subscribe('heartbeat-gone', 'c', 1);
    await client.closed();
    await eventually(async () => expect((await daemon().channel('heartbeat-gone', 'c')).client_count).toBe(0));
  });
});
