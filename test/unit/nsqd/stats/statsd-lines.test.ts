import { describe, expect, it } from 'vitest';

import type { MemoryStats } from '../../../../src/nsqd/stats/memory.js';
import { takeSnapshot } from '../../../../src/nsqd/stats/snapshot.js';
import type { TopicSnapshot } from '../../../../src/nsqd/stats/snapshot.js';
import { packDatagrams, statsdLines } from '../../../../src/nsqd/stats/statsd-lines.js';
import { brokerOf, channel, scene, topic } from './fixtures.js';

const FORMAT = { prefix: 'p.', excludesEphemeral: false };
const NOTHING_BEFORE = new Map<string, number>();

const MEMORY: MemoryStats = {
  heapObjects: 1, heapIdleBytes: 2, heapInUseBytes: 3, heapReleasedBytes: 4, gcPauseUsec100: 5, gcPauseUsec99: 6,
  gcPauseUsec95: 7, nextGcBytes: 8, gcTotalRuns: 9,
};

function topicsOf(broker = scene()): readonly TopicSnapshot[] {
  return takeSnapshot(broker, [], { topic: '', channel: '', includeClients: false }).topics ?? [];
}

function linesOf(topics: readonly TopicSnapshot[], format = FORMAT): readonly string[] {
  return statsdLines({ topics, memory: null }, format, NOTHING_BEFORE).lines.map((line) => line.trimEnd());
}

describe('statsdLines', () => {
  it('names every figure of a topic and its channels, in order', () => {
    const broker = brokerOf([
      topic('a.b', [
        channel('ch', {
          messageCount: 5, depth: () => 4, backendDepth: () => 3, inFlightCount: 2, deferredCount: 1, requeueCount: 6,
          timeoutCount: 7, subscribers: [],
        }),
      ], { messageCount: 9, messageBytes: 90, depth: () => 1, backendDepth: () => 0 }),
    ]);
    expect(linesOf(topicsOf(broker))).toEqual([
      'p.topic.a.b.message_count:9|c',
      'p.topic.a.b.message_bytes:90|c',
      'p.topic.a.b.depth:1|g',
      'p.topic.a.b.backend_depth:0|g',
      'p.topic.a.b.channel.ch.message_count:5|c',
      'p.topic.a.b.channel.ch.depth:4|g',
      'p.topic.a.b.channel.ch.backend_depth:3|g',
      'p.topic.a.b.channel.ch.in_flight_count:2|g',
      'p.topic.a.b.channel.ch.deferred_count:1|g',
      'p.topic.a.b.channel.ch.requeue_count:6|c',
      'p.topic.a.b.channel.ch.timeout_count:7|c',
      'p.topic.a.b.channel.ch.clients:0|g',
    ]);
  });

  it('sends memory under its own names, the collections as a counter', () => {
    const former = new Map([['mem.gc_runs', 4]]);
    const { lines } = statsdLines({ topics: [], memory: MEMORY }, { ...FORMAT, prefix: '' }, former);
    expect(lines).toEqual([
      'mem.heap_objects:1|g\n', 'mem.heap_idle_bytes:2|g\n', 'mem.heap_in_use_bytes:3|g\n',
      'mem.heap_released_bytes:4|g\n', 'mem.gc_pause_usec_100:5|g\n', 'mem.gc_pause_usec_99:6|g\n',
      'mem.gc_pause_usec_95:7|g\n', 'mem.next_gc_bytes:8|g\n', 'mem.gc_runs:5|c\n',
    ]);
  });

  it.each([
    [0.5, '50'], [0.95, '95'], [0.985, '98'], [0.99, '99'], [0.995, '100'], [0.999, '100'], [1, '100'],
  ])('names the percentile %d %s and cuts its fraction off', (quantile, suffix) => {
    const latency = { count: 1, percentiles: [{ quantile, value: 1234.9 }] };
    const source = { ofTopic: () => latency, ofChannel: () => latency };
    const filter = { topic: '', channel: '', includeClients: false };
    const topics = takeSnapshot(brokerOf([topic('t', [channel('c')])]), [], filter, source).topics ?? [];
    const found = linesOf(topics).filter((line) => line.includes('e2e'));
    expect(found).toEqual([
      `p.topic.t.e2e_processing_latency_${suffix}:1234|g`,
      `p.topic.t.channel.c.e2e_processing_latency_${suffix}:1234|g`,
    ]);
  });

  it('leaves out ephemeral topics with all their channels, and ephemeral channels', () => {
    const broker = brokerOf([topic('t', [channel('c'), channel('d#ephemeral')]), topic('u#ephemeral', [channel('c')])]);
    const depths = (excludesEphemeral: boolean): readonly string[] => {
      return linesOf(topicsOf(broker), { prefix: '', excludesEphemeral }).filter((line) => line.endsWith('.depth:0|g'));
    };
    expect(depths(true)).toEqual(['topic.t.depth:0|g', 'topic.t.channel.c.depth:0|g']);
    expect(depths(false)).toHaveLength(5);
  });

  it.each([
    ['the increase', 12, '2'],
    ['0 when nothing happened', 10, '0'],
    ['the whole new total of a topic created again', 3, '3'],
  ])('sends %s since the last push', (_, total, increase) => {
    const pushOf = (messageCount: number, former: ReadonlyMap<string, number>): ReturnType<typeof statsdLines> => {
      const topics = topicsOf(brokerOf([topic('t', [], { messageCount })]));
      return statsdLines({ topics, memory: null }, FORMAT, former);
    };
    const { baseline } = pushOf(10, NOTHING_BEFORE);
    expect(pushOf(total, baseline).lines[0]).toBe(`p.topic.t.message_count:${increase}|c\n`);
  });
});

describe('packDatagrams', () => {
  const texts = (lines: readonly string[], bytesMax: number): string[] => packDatagrams(lines, bytesMax).map(String);

  it.each([
    ['nothing', [], 10, []],
    ['lines that fill the space exactly', ['1234\n', '6789\n', 'x\n'], 10, ['1234\n6789\n', 'x\n']],
    ['a line that does not fit any more', ['1234\n', '67890\n'], 10, ['1234\n', '67890\n']],
    ['a line longer than a datagram', ['a\n', '12345678901\n', 'b\n'], 10, ['a\n', '12345678901\n', 'b\n']],
    ['no size given', ['a\n', 'b\n'], 0, ['a\nb\n']],
  ])('packs %s', (_, lines, bytesMax, expected) => {
    expect(texts(lines, bytesMax)).toEqual(expected);
  });

  it('takes 4096 bytes for a size below 1', () => {
    const lines = Array.from({ length: 100 }, () => `${'x'.repeat(99)}\n`);
    expect(packDatagrams(lines, -1).map(({ length }) => length)).toEqual([4000, 4000, 2000]);
  });
});
