// What happens to messages in flight when their consumer is gone: they wait for their timeout, or, on request, come
// back at once.

import { describe, expect, it } from 'vitest';

import { isStock, sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { expectDueAfter, LATE_MS_MAX } from '../support/timing.js';

const lines = 'a\nb\nc';

/** Long enough that a busy machine sees the state in between. */
const TIMEOUT_MS = 4_000;

describe.concurrent('by default', () => {
  const daemon = sharedDaemon({ flags: [`--msg-timeout=${TIMEOUT_MS}ms`] });

  it.for(['is cut off', 'says CLS and leaves', 'made a fatal error'])(
    'what is in flight to a consumer that %s comes back when it times out',
    async (manner, { expect }) => {
      const topic = `gone-${manner.replaceAll(' ', '-')}`;
      await daemon().command(`/mpub?topic=${topic}`, lines);
      const leaving = await daemon().connect();
      await leaving.subscribe(topic, 'c');
      const askedAtMs = performance.now();
      leaving.command('RDY 3');
      const messages = await leaving.nextMessages(3);
      if (manner === 'says CLS and leaves') leaving.write('CLS\n');
      if (manner === 'made a fatal error') leaving.write('HELO\n');
      else leaving.halfClose();
      await leaving.closed();
      leaving.destroy();

      await eventually(async () => expect((await daemon().channel(topic, 'c')).client_count).toBe(0));
      expect(await daemon().channel(topic, 'c')).toMatchObject({ in_flight_count: 3, depth: 0, timeout_count: 0 });
      using next = await daemon().subscriber(topic, 'c', 3);
      const again = await next.nextMessages(3);
      expect(again.map((message) => message.id).toSorted()).toEqual(messages.map((message) => message.id).toSorted());
      for (const message of again) {
        expect(message.attempts).toBe(2);
        expectDueAfter(message.atMs, TIMEOUT_MS, askedAtMs, messages[2]?.atMs);
      }
      expect(await daemon().channel(topic, 'c')).toMatchObject({ timeout_count: 3, requeue_count: 0 });
    },
  );
});

describe('with --requeue-on-disconnect', () => {
  // A flag of nsqd-ts; stock nsqd refuses it and does not start.
  const daemon = sharedDaemon({ flags: isStock ? [] : ['--requeue-on-disconnect'] });

  it.skipIf(isStock)('what was in flight comes back at once', async () => {
    const leaving = await daemon().subscriber('back-at-once', 'c', 3);
    await daemon().command('/mpub?topic=back-at-once', lines);
    const messages = await leaving.nextMessages(3);
    const [finished] = messages;
    if (finished === undefined) throw new Error('a message was expected');
    leaving.finish(finished);
    await leaving.expectQuiet();
    leaving.destroy();
    const leftAtMs = performance.now();
    using next = await daemon().subscriber('back-at-once', 'c', 3);
    const again = await next.nextMessages(2);
    for (const message of again) {
      expect(message.attempts).toBe(2);
      expect(message.atMs - leftAtMs).toBeLessThan(LATE_MS_MAX);
    }
    expect(again.map((message) => message.id).toSorted()).toEqual(
      messages
        .slice(1)
        .map(({ id }) => id)
        .toSorted(),
    );
    await next.expectQuiet();
    expect(await daemon().channel('back-at-once', 'c')).toMatchObject({ in_flight_count: 2, depth: 0 });
  });

  it.skipIf(isStock)('what was deferred stays deferred', async () => {
    const leaving = await daemon().subscriber('stays-deferred', 'c', 1);
    await daemon().command('/pub?topic=stays-deferred', 'x');
    leaving.requeue(await leaving.nextMessage(), 60_000);
    await leaving.expectQuiet();
    leaving.destroy();
    await eventually(async () => expect((await daemon().channel('stays-deferred', 'c')).client_count).toBe(0));
    expect(await daemon().channel('stays-deferred', 'c')).toMatchObject({ deferred_count: 1, depth: 0 });
  });
});
