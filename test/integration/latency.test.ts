// End-to-end processing latency: measured at FIN, shown by both forms of /stats and by statsd.

import { describe, expect, it } from 'vitest';

import { Daemon } from '../support/daemon.js';
import { delay, eventually } from '../support/eventually.js';
import { StatsdServer } from '../support/statsd-server.js';

const PERCENTILES = '--e2e-processing-latency-percentile=0.99,0.5';
const HELD_MS = 150;
const NS_PER_MS = 1e6;

interface Latency {
  readonly count: number;
  readonly percentiles: ReadonlyArray<{ readonly quantile: number; readonly value: number }> | null;
}

async function latencyOf(daemon: Daemon, topic: string, channel?: string): Promise<Latency> {
  const found = channel === undefined ? await daemon.topic(topic) : await daemon.channel(topic, channel);
  return (found as unknown as { readonly e2e_processing_latency: Latency }).e2e_processing_latency;
}

/** Publishes, holds the message for a while, finishes it; resolves once the daemon has counted it, to the time all that took. */
async function process(daemon: Daemon, topic: string, channel: string, heldMs: number): Promise<number> {
  const startedAtMs = performance.now();
  using consumer = await daemon.subscriber(topic, channel, 1);
  await daemon.command(`/pub?topic=${topic}`, 'x');
  const message = await consumer.nextMessage();
  await delay(heldMs);
  consumer.finish(message);
  await consumer.expectQuiet();
  return performance.now() - startedAtMs;
}

describe('end-to-end latency', () => {
  it('is off, but present, without percentiles', async () => {
    await using daemon = await Daemon.start();
    await process(daemon, 't', 'c', 0);
    const off = { count: 0, percentiles: null };
    expect([await latencyOf(daemon, 't'), await latencyOf(daemon, 't', 'c')]).toEqual([off, off]);
  });

  it('is the time from publishing to FIN, for the channel and merged for the topic', async () => {
    await using daemon = await Daemon.start({ flags: [PERCENTILES] });
    const tookMs = await process(daemon, 't', 'slow', HELD_MS);
    const { count, percentiles } = await latencyOf(daemon, 't', 'slow');
    expect([count, percentiles?.map(({ quantile }) => quantile)]).toEqual([1, [0.99, 0.5]]);
    for (const { value } of percentiles ?? []) {
      expect(value).toBeGreaterThan((HELD_MS - 10) * NS_PER_MS);
      expect(value).toBeLessThan((tookMs + 10) * NS_PER_MS);
    }
    await daemon.command('/channel/create?topic=t&channel=idle');
    expect(await latencyOf(daemon, 't')).toEqual({ count, percentiles });
    const zeros = [{ quantile: 0.99, value: 0 }, { quantile: 0.5, value: 0 }];
    expect(await latencyOf(daemon, 't', 'idle')).toEqual({ count: 0, percentiles: zeros });
  });

  it('counts neither REQ nor timeouts', async () => {
    await using daemon = await Daemon.start({ flags: [PERCENTILES, '--msg-timeout=2500ms'] });
    using consumer = await daemon.subscriber('t', 'c', 1);
    await daemon.command('/pub?topic=t', 'x');
    consumer.requeue(await consumer.nextMessage(), 0);
    await consumer.nextMessage();
    const message = await consumer.nextMessage();
    expect((await latencyOf(daemon, 't', 'c')).count).toBe(0);
    consumer.finish(message);
    await eventually(async () => expect((await latencyOf(daemon, 't', 'c')).count).toBe(1));
  });

  it('has nothing for a topic without channels', async () => {
    await using daemon = await Daemon.start({ flags: [PERCENTILES] });
    await daemon.command('/topic/create?topic=t');
    expect(await latencyOf(daemon, 't')).toEqual({ count: 0, percentiles: null });
  });

  it('forgets what is older than the window', async () => {
    await using daemon = await Daemon.start({ flags: [PERCENTILES, '--e2e-processing-latency-window-time=4s'] });
    await process(daemon, 't', 'c', 0);
    expect((await latencyOf(daemon, 't', 'c')).count).toBe(1);
    await eventually(async () => expect((await latencyOf(daemon, 't', 'c')).count).toBe(0));
  });

  it('is printed by the text form of /stats', async () => {
    await using daemon = await Daemon.start({ flags: [PERCENTILES] });
    await process(daemon, 't', 'c', HELD_MS);
    const { body } = await daemon.get('/stats?include_clients=false');
    expect(body.match(/e2e%: \d+\.\dms, \d+\.\dms\n/g)).toHaveLength(2);
  });

  it('is sent to statsd, one gauge per percentile', async () => {
    using server = await StatsdServer.start();
    const statsd = [`--statsd-address=${server.address}`, '--statsd-interval=1500ms', '--statsd-prefix='];
    await using daemon = await Daemon.start({ flags: [PERCENTILES, ...statsd] });
    await process(daemon, 't', 'c', HELD_MS);
    const gauges = (): string[] => server.lines.filter((line) => line.includes('e2e_processing_latency'));
    const valueOf = (line: string): number => Number(/:(\d+)\|g$/.exec(line)?.[1]);
    // A push may have come before the message was finished.
    await server.until(() => gauges().some((line) => line.includes('channel') && valueOf(line) > 0));
    expect(gauges().map((line) => line.split(':')[0]).slice(0, 2)).toEqual([
      'topic.t.e2e_processing_latency_99', 'topic.t.e2e_processing_latency_50',
    ]);
    const firstValue = gauges().map(valueOf).find((value) => value > 0);
    expect(firstValue).toBeGreaterThan((HELD_MS - 10) * NS_PER_MS);
  });
});
