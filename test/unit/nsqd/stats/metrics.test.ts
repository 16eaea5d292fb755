// What /metrics says of a broker on a simulated disk: each figure against what was done to it.

import { describe, expect, it, vi } from 'vitest';

import { Tally } from '../../../../src/lib/metrics/tally.js';
import { EventLoopMonitor } from '../../../../src/nsqd/stats/event-loop.js';
import { MemoryMonitor } from '../../../../src/nsqd/stats/memory.js';
import { Metrics } from '../../../../src/nsqd/stats/metrics.js';
import { LATENCY_OFF } from '../../../../src/nsqd/stats/snapshot.js';
import type { LatencySource } from '../../../../src/nsqd/stats/snapshot.js';
import { DiskMeasures } from '../../../../src/nsqd/storage/measured-file-system.js';
import { type MetricFamily, parseMetrics, valuesOf } from '../../../support/metrics.js';
import { Scene } from '../broker/daemon-scene.js';

interface Settings {
  readonly entriesMax?: number;
  readonly latencies?: LatencySource;
}

async function scrape(scene: Scene, { entriesMax = 2000, latencies = LATENCY_OFF }: Settings = {}): Promise<string> {
  const eventLoop = new EventLoopMonitor();
  const metrics = new Metrics({
    version: '1.3.0', durability: 'disk', entriesMax, startTimeMs: 1_795_220_377_806,
    broker: scene.broker, disk: new DiskMeasures(), freeBytes: () => scene.fileSystem.freeBytes('/data'), eventLoop, memory: new MemoryMonitor(), latencies,
    connections: () => ({ open: 2, accepted: 5 }),
    tcpErrors: new Tally(['E_INVALID']), httpErrors: new Tally(), unreadyReasons: () => ['starting'],
  });
  try {
    return await metrics.text();
  } finally {
    eventLoop.stop();
  }
}

/** Values of the series that begin so, without the beginning. */
async function valuesBelow(prefix: string, scene: Scene, settings?: Settings): Promise<Record<string, number>> {
  const found = [...valuesOf(await scrape(scene, settings))].filter(([series]) => series.startsWith(prefix));
  return Object.fromEntries(found.map(([series, value]) => [series.slice(prefix.length), value]));
}

const CHANNEL = '{topic="t",channel="c"}';

describe('Metrics', () => {
  it('counts a channel through a message\'s life', async () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 3, timeoutMs: 1000 });
    scene.publish(['a', 'bb', 'ccc', 'dddd', 'e']);
    scene.publish(['later'], { deferMs: 60_000 });
    const [first, second] = client.deliveries;
    client.finish(first!);
    client.requeue(second!, 30_000);
    client.ready(0);
    scene.advance(1000);
    const values = valuesOf(await scrape(scene));
    const of = (name: string): number | undefined => values.get(`nsqd_channel_${name}${CHANNEL}`);
    expect(['depth', 'in_flight', 'deferred', 'clients'].map(of)).toEqual([3, 0, 2, 1]);
    expect(['messages_total', 'finishes_total', 'requeues_total', 'timeouts_total'].map(of)).toEqual([6, 1, 1, 1]);
    expect(values.get('nsqd_topic_messages_total{topic="t"}')).toBe(6);
    expect(values.get('nsqd_topic_message_bytes_total{topic="t"}')).toBe(16);
    expect(values.get('nsqd_topic_disk_files{topic="t"}')).toBe(1);
    expect(values.get('nsqd_topic_disk_bytes{topic="t"}')).toBe(6 * 30 + 16);
    scene.channel().pause();
    expect(await valuesBelow('nsqd_channel_paused', scene)).toEqual({ [CHANNEL]: 1 });
  });

  it('shows files of a channel\'s own queue with the topic', async () => {
    const before = new Scene();
    before.channel();
    before.publish(['a', 'b']);
    const scene = await before.restart();
    expect(await valuesBelow('nsqd_topic_disk_', scene)).toEqual({ 'bytes{topic="t"}': 62, 'files{topic="t"}': 1 });
  });

  it('says how messages were grouped', async () => {
    const scene = new Scene();
    scene.publish(['a']);
    scene.publish(['b', 'c', 'd']);
    const values = await valuesBelow('nsqd_publish_group_messages', scene);
    expect(values).toMatchObject({ _sum: 4, _count: 2, '_bucket{le="1"}': 1, '_bucket{le="2"}': 1, '_bucket{le="5"}': 2 });
  });

  it('counts what was refused, by reason', async () => {
    const scene = new Scene();
    scene.publish(['kept']);
    scene.fileSystem.failures = (operation) => (operation === 'write' ? { code: 'ENOSPC' } : null);
    scene.publish(['a', 'b']);
    scene.fileSystem.failures = null;
    const topic = scene.broker.getTopic('t');
    topic.stop();
    expect(() => topic.publish(Buffer.from('c'))).toThrow('exiting');
    expect(await valuesBelow('nsqd_publish_refusals_total', scene)).toMatchObject({ '{reason="disk"}': 2, '{reason="exiting"}': 1 });
    expect(await valuesBelow('nsqd_topic_messages_total', scene)).toEqual({ '{topic="t"}': 1 });
    expect(await valuesBelow('nsqd_healthy', scene)).toEqual({ '': 0 });
  });

  it('counts what a failed flush takes back', async () => {
    const scene = new Scene({ options: { durability: 'fsync' } });
    scene.publish(['kept']);
    await new Promise((resolve) => setImmediate(resolve));
    scene.fileSystem.failures = (operation) => (operation === 'fdatasync' ? { code: 'EIO' } : null);
    scene.publish(['a', 'b']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await valuesBelow('nsqd_publish_refusals_total', scene)).toMatchObject({ '{reason="disk"}': 2, '{reason="exiting"}': 0 });
  });

  it('counts what full ephemeral topics and channels drop', async () => {
    const scene = new Scene({ options: { memQueueSize: 2 } });
    scene.publish(['a', 'b', 'c'], { topic: 'e#ephemeral' });
    scene.channel('t', 'c#ephemeral');
    scene.publish(['a', 'b', 'c', 'd', 'e']);
    expect(await valuesBelow('nsqd_topic_overflow_drops_total', scene)).toEqual({ '{topic="e#ephemeral"}': 1, '{topic="t"}': 0 });
    expect(await valuesBelow('nsqd_channel_overflow_drops_total', scene)).toEqual({ '{topic="t",channel="c#ephemeral"}': 3 });
  });

  it('lists as many topics and channels as it may, those created first', async () => {
    const scene = new Scene();
    for (const topic of ['z', 'b', 'a']) for (const channel of ['y', 'x']) scene.channel(topic, channel);
    const listed = async (entriesMax: number): Promise<string[]> => {
      const values = { ...await valuesBelow('nsqd_topic_depth', scene, { entriesMax }), ...await valuesBelow('nsqd_channel_depth', scene, { entriesMax }) };
      return Object.keys(values);
    };
    expect(await listed(5)).toEqual([
      '{topic="z"}', '{topic="b"}', '{topic="z",channel="y"}', '{topic="z",channel="x"}', '{topic="b",channel="y"}',
    ]);
    expect(await valuesBelow('nsqd_metrics_omitted', scene, { entriesMax: 5 })).toEqual({ '{kind="topic"}': 1, '{kind="channel"}': 3 });
    expect(await listed(0)).toEqual([]);
    expect(await valuesBelow('nsqd_metrics_omitted', scene, { entriesMax: 0 })).toEqual({ '{kind="topic"}': 3, '{kind="channel"}': 6 });
    expect((await listed(9)).length).toBe(9);
    expect(await valuesBelow('nsqd_topics', scene)).toEqual({ '': 3 });
    expect(await valuesBelow('nsqd_channels', scene)).toEqual({ '': 6 });
  });

  it('lets the event loop turn while it looks at many topics', async () => {
    const scene = new Scene();
    for (let count = 0; count < 3000; count += 1) scene.broker.getTopic(`t${count}`);
    // As on a machine that takes a millisecond for each.
    let nowMs = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (nowMs += 1));
    let turns = 0;
    const count = (): void => {
      turns += 1;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const values = await valuesBelow('nsqd_topic_depth', scene, { entriesMax: 3000 });
    clearImmediate(timer);
    vi.restoreAllMocks();
    expect(Object.keys(values).length).toBe(3000);
    expect(turns).toBeGreaterThan(100);
  });

  it('leaves out an age that cannot be read', async () => {
    const before = new Scene({ options: { maxBytesPerFile: 40 } });
    before.channel();
    before.publish(['a', 'b']);
    const scene = before.crash();
    scene.fileSystem.failures = (operation) => (operation === 'read' ? { code: 'EIO' } : null);
    expect(await valuesBelow('nsqd_channel_oldest_message_age', scene)).toEqual({});
    expect(await valuesBelow('nsqd_channel_depth', scene)).toEqual({ [CHANNEL]: 2 });
  });

  it('shows latencies where they are measured, in seconds', async () => {
    const scene = new Scene();
    scene.channel();
    const latency = { count: 1, percentiles: [{ quantile: 0.99, value: 5_000_000 }, { quantile: 1, value: 2e9 }] };
    const latencies = { ofTopic: () => latency, ofChannel: () => latency };
    expect(await valuesBelow('nsqd_channel_e2e_latency_seconds', scene, { latencies })).toEqual({
      '{topic="t",channel="c",quantile="0.99"}': 0.005, '{topic="t",channel="c",quantile="1"}': 2,
    });
  });

  it('keeps to the conventions for names', async () => {
    const scene = new Scene();
    scene.channel();
    const families: MetricFamily[] = parseMetrics(await scrape(scene));
    const misnamed = families.filter(({ name, type }) => {
      return !/^(nsqd|process)_[a-z0-9]+(_[a-z0-9]+)*$/.test(name) || (type === 'counter') !== name.endsWith('_total')
        || /(_ms|_millis|_us|_ns|_kb|_mb|_count|_sum|_bucket)(_|$)/.test(name);
    });
    expect(misnamed).toEqual([]);
    expect(families.filter(({ help }) => !help.endsWith('.'))).toEqual([]);
  });
});
