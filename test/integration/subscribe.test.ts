// SUB: what it creates, the limit of consumers per channel, and sampling.

import { describe, expect, it } from 'vitest';

import { sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const lines = (count: number): string => Array.from({ length: count }, (_, index) => `m${index}`).join('\n');

describe('SUB', () => {
  const daemon = sharedDaemon();

  it('creates topic and channel', async () => {
    using client = await daemon().connect();
    await client.subscribe('sub-creates', 'c');
    const channel = await daemon().channel('sub-creates', 'c');
    expect(channel).toMatchObject({ client_count: 1, depth: 0, message_count: 0, paused: false });
    expect(channel.clients?.[0]).toMatchObject({ state: 3, ready_count: 0 });
  });

  it('shows the ready count in the statistics', async () => {
    using client = await daemon().subscriber('sub-ready', 'c', 17);
    await eventually(async () => {
      expect((await daemon().channel('sub-ready', 'c')).clients?.[0]?.ready_count).toBe(17);
    });
    expect(client.isOpen).toBe(true);
  });

  it('is over when the connection ends', async () => {
    const client = await daemon().subscriber('sub-ends', 'c', 1);
    client.destroy();
    await eventually(async () => expect((await daemon().channel('sub-ends', 'c')).client_count).toBe(0));
  });
});

describe('--max-channel-consumers', () => {
  const daemon = sharedDaemon({ flags: ['--max-channel-consumers=2'] });

  it('refuses the consumer that is too many, and only there', async () => {
    using first = await daemon().subscriber('limit', 'c', 1);
    using second = await daemon().subscriber('limit', 'c', 1);
    using third = await daemon().connect();
    third.write('SUB limit c\n');
    expect(await third.nextError()).toBe('E_SUB_FAILED SUB failed consumers for limit:c exceeds limit of 2');
    await third.closed();
    using other = await daemon().subscriber('limit', 'd', 1);
    expect((await daemon().channel('limit', 'c')).client_count).toBe(2);
    for (const client of [first, second, other]) expect(client.isOpen).toBe(true);
  });

  it('lets the next one in when one has left', async () => {
    const first = await daemon().subscriber('limit-left', 'c', 1);
    using second = await daemon().subscriber('limit-left', 'c', 1);
    first.destroy();
    await eventually(async () => expect((await daemon().channel('limit-left', 'c')).client_count).toBe(1));
    using third = await daemon().subscriber('limit-left', 'c', 1);
    expect([second.isOpen, third.isOpen]).toEqual([true, true]);
  });

  it('counts consumers that are closing', async () => {
    using first = await daemon().subscriber('limit-closing', 'c', 1);
    using second = await daemon().subscriber('limit-closing', 'c', 1);
    second.write('CLS\n');
    expect(await second.nextResponse()).toBe('CLOSE_WAIT');
    using third = await daemon().connect();
    third.write('SUB limit-closing c\n');
    expect(await third.nextError()).toContain('exceeds limit of 2');
    expect(first.isOpen).toBe(true);
  });
});

describe('sampling', () => {
  const daemon = sharedDaemon();

  it.each([
    [0, 2_000, 2_000, 2_000],
    [99, 2_000, 2_000, 2_000],
    // A rate of n keeps n + 1 percent: 51 % of 4000 are 2040, give or take six standard deviations.
    [50, 4_000, 1_850, 2_230],
    [1, 4_000, 27, 133],
  ])('at rate %i keeps what it promises', async (sampleRate, count, least, most) => {
    const topic = `sample-${sampleRate}`;
    await daemon().command(`/mpub?topic=${topic}`, lines(count));
    using client = await daemon().subscriber(topic, 'c', 2_500, { sample_rate: sampleRate, output_buffer_timeout: 25 });
    let received = 0;
    const ids = new Set<string>();
    await eventually(async () => {
      for (; client.waitingCount > 0; received += 1) {
        const message = await client.nextMessage();
        ids.add(message.id);
        client.finish(message);
      }
      expect(await daemon().channel(topic, 'c')).toMatchObject({ depth: 0, in_flight_count: 0, message_count: count });
    });
    expect(received).toBeGreaterThanOrEqual(least);
    expect(received).toBeLessThanOrEqual(most);
    expect(ids.size).toBe(received);
    expect((await daemon().channel(topic, 'c')).clients?.[0]).toMatchObject({ message_count: received });
  });
});
