import { describe, expect, it } from 'vitest';

import { type StatsSnapshot, takeSnapshot } from '../../../../src/nsqd/stats/snapshot.js';
import { brokerOf, CLIENT, connection, PRODUCER, scene } from './fixtures.js';

const CONNECTIONS = [connection(CLIENT), connection(PRODUCER)];

function snapshot(filter: { topic?: string; channel?: string; includeClients?: boolean } = {}): StatsSnapshot {
  return takeSnapshot(scene(), CONNECTIONS, { topic: '', channel: '', includeClients: true, ...filter });
}

function names({ topics }: StatsSnapshot): unknown {
  return topics?.map(({ name, channels }) => [name, channels.map((each) => each.name)]) ?? null;
}

describe('takeSnapshot', () => {
  it('sorts topics and channels by byte value', () => {
    expect(names(snapshot())).toEqual([['Beta', ['bch']], ['alpha#ephemeral', []], ['zeta', ['C1', 'c10']]]);
  });

  it.each([
    [{ topic: 'zeta' }, [['zeta', ['C1', 'c10']]]],
    [{ topic: 'zeta', channel: 'c10' }, [['zeta', ['c10']]]],
    [{ channel: 'c10' }, [['zeta', ['c10']]]],
    [{ topic: 'zeta', channel: 'nope' }, []],
    [{ topic: 'nope' }, null],
    [{ topic: 'nope', channel: 'c10' }, null],
  ])('filters %j', (filter, expected) => {
    expect(names(snapshot(filter))).toEqual(expected);
  });

  it('lists as producers only connections that published', () => {
    expect(snapshot().producers).toEqual([PRODUCER]);
    const filter = { topic: '', channel: '', includeClients: true };
    expect(takeSnapshot(scene(), [connection(CLIENT)], filter).producers).toBeNull();
  });

  it('keeps producers whose counts the filter removed', () => {
    expect(snapshot({ topic: 'Beta' }).producers).toEqual([{ ...PRODUCER, publishedCounts: [] }]);
  });

  it('knows no producers of an unknown topic', () => {
    expect(snapshot({ topic: 'nope' }).producers).toBeNull();
  });

  it('counts clients without listing them', () => {
    const { topics, producers } = snapshot({ topic: 'zeta', channel: 'C1', includeClients: false });
    const channel = topics?.[0]?.channels[0];
    expect([channel?.clientCount, channel?.clients, producers]).toEqual([1, null, null]);
  });

  it('is empty without topics', () => {
    const empty = takeSnapshot(brokerOf([]), [], { topic: '', channel: '', includeClients: true });
    expect(empty).toEqual({ topics: [], producers: null });
  });

  it('asks the source of latencies', () => {
    const latency = { count: 1, percentiles: [{ quantile: 0.99, value: 5 }] };
    const source = { ofTopic: () => latency, ofChannel: () => latency };
    const { topics } = takeSnapshot(scene(), [], { topic: 'Beta', channel: '', includeClients: true }, source);
    expect([topics?.[0]?.latency, topics?.[0]?.channels[0]?.latency]).toEqual([latency, latency]);
  });
});
