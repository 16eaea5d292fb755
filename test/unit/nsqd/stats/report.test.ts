// The two forms of /stats, compared to the byte with the samples of the specification.

import { describe, expect, it } from 'vitest';

import type { ClientDescription } from '../../../../src/nsqd/broker/subscriber.js';
import { statsJson } from '../../../../src/nsqd/stats/json.js';
import type { MemoryStats } from '../../../../src/nsqd/stats/memory.js';
import { healthText, type StatsReport } from '../../../../src/nsqd/stats/report.js';
import { type StatsFilter, takeSnapshot } from '../../../../src/nsqd/stats/snapshot.js';
import { statsText } from '../../../../src/nsqd/stats/text.js';
import { brokerOf, channel, CLIENT, connection, PRODUCER, scene } from './fixtures.js';

const MEMORY: MemoryStats = {
  heapObjects: 4995, heapIdleBytes: 1351680, heapInUseBytes: 2318336, heapReleasedBytes: 1351680, gcPauseUsec100: 0,
  gcPauseUsec99: 0, gcPauseUsec95: 0, nextGcBytes: 4194304, gcTotalRuns: 0,
};

const EVERYTHING: StatsFilter = { topic: '', channel: '', includeClients: true };
const START_MS = Date.UTC(2026, 10, 21, 0, 21, 15, 987);
const NOW_MS = CLIENT.connectedAtSeconds * 1000 + 999;

function report(filter: Partial<StatsFilter> = {}, fields: Partial<StatsReport> = {}): StatsReport {
  return {
    version: '1.3.0',
    versionLine: 'nsqd v1.3.0 (built w/go1.19.8)',
    health: 'OK', drainingMessages: null,
    startTimeMs: START_MS,
    uptimeMs: 1175.259801,
    memory: null,
    setAside: { files: 0, bytes: 0, gaps: 0 },
    snapshot: takeSnapshot(scene(), [connection(PRODUCER)], { ...EVERYTHING, ...filter }),
    ...fields,
  };
}

function clientJson(client: ClientDescription): unknown {
  const snapshot = takeSnapshot(brokerOf([]), [connection({ ...client, isProducer: true })], {
    topic: '', channel: '', includeClients: true,
  });
  const { producers } = JSON.parse(statsJson(report({}, { snapshot }))) as { producers: unknown[] };
  return producers[0];
}

describe('statsJson', () => {
  const CLIENT_JSON = '{"client_id":"cid","hostname":"consumer-host","version":"V2","remote_address":"127.0.0.1:41186",'
    + '"state":3,"ready_count":2,"in_flight_count":2,"message_count":4,"finish_count":1,"requeue_count":1,'
    + '"connect_ts":1795220476,"sample_rate":0,"deflate":false,"snappy":false,"user_agent":"ua/1.0",'
    + '"topology_zone":"z1","topology_region":"r1","tls":false,"tls_cipher_suite":"","tls_version":"",'
    + '"tls_negotiated_protocol":"","tls_negotiated_protocol_is_mutual":false}';
  const NO_LATENCY = '"e2e_processing_latency":{"count":0,"percentiles":null}';

  it('writes topics, channels and clients in the order of stock nsqd', () => {
    const { topics } = JSON.parse(statsJson(report({ topic: 'zeta', channel: 'C1' }))) as { topics: unknown };
    expect(JSON.stringify(topics)).toBe(
      '[{"topic_name":"zeta","channels":[{"channel_name":"C1","depth":3,"backend_depth":0,"in_flight_count":2,'
      + '"deferred_count":1,"message_count":7,"global_msg_count":4,"requeue_count":1,"timeout_count":0,'
      + `"client_count":1,"clients":[${CLIENT_JSON}],"paused":false,${NO_LATENCY}}],"depth":0,"backend_depth":0,"message_count":7,`
      + `"message_bytes":16,"paused":false,${NO_LATENCY}}]`,
    );
  });

  it.each([
    [{ topic: 'nope' }, '"topics":null,"producers":null}'],
    [{ topic: 'zeta', channel: 'nope', includeClients: false }, '"topics":[],"producers":null}'],
  ])('of nothing found (%j)', (filter, end) => {
    expect(statsJson(report(filter))).toBe(`{"version":"1.3.0","health":"OK","start_time":1795220475,${end}`);
  });

  it('writes what was set aside, if anything was', () => {
    const text = statsJson(report({ topic: 'nope' }, { setAside: { files: 2, bytes: 70, gaps: 1 } }));
    expect(text).toContain('"topics":null,"producers":null,"set_aside":{"files":2,"bytes":70,"gaps":1}}');
  });

  it('writes memory before the producers', () => {
    expect(statsJson(report({ topic: 'nope' }, { memory: MEMORY }))).toContain(
      '"topics":null,"memory":{"heap_objects":4995,"heap_idle_bytes":1351680,"heap_in_use_bytes":2318336,'
      + '"heap_released_bytes":1351680,"gc_pause_usec_100":0,"gc_pause_usec_99":0,"gc_pause_usec_95":0,'
      + '"next_gc_bytes":4194304,"gc_total_runs":0},"producers":null}',
    );
  });

  it('writes null clients when they were not asked for', () => {
    const filter = { topic: 'zeta', channel: 'C1', includeClients: false };
    expect(statsJson(report(filter))).toContain('"client_count":1,"clients":null');
  });

  it('lists what a client published', () => {
    expect(clientJson(PRODUCER)).toMatchObject({ client_id: 'pid', pub_counts: [{ topic: 'zeta', count: 1 }] });
  });

  it('leaves out what is not set, and shows it when it is', () => {
    const plain = clientJson(CLIENT);
    for (const key of ['authed', 'auth_identity', 'auth_identity_url', 'pub_counts', 'global_msg_count']) {
      expect(plain).not.toHaveProperty(key);
    }
    const full = { ...CLIENT, isAuthenticated: true, authIdentity: 'me', authIdentityUrl: 'http://me', isTls: true };
    expect(clientJson({ ...full, tlsVersion: 'TLS1.3', tlsCipherSuite: 'Unknown 4865' })).toMatchObject({
      authed: true, auth_identity: 'me', auth_identity_url: 'http://me', tls: true, tls_version: 'TLS1.3',
      tls_cipher_suite: 'Unknown 4865', tls_negotiated_protocol: '', tls_negotiated_protocol_is_mutual: true,
    });
  });
});

describe('statsText', () => {
  it('has the layout of stock nsqd', () => {
    const offset = new Date(START_MS).getTimezoneOffset();
    const text = statsText(report({}, { memory: MEMORY }), NOW_MS);
    const lines = text.split('\n');
    if (offset === 0) expect(lines[1]).toBe('start_time 2026-11-21T00:21:15Z');
    expect(lines.toSpliced(1, 1)).toEqual([
      'nsqd v1.3.0 (built w/go1.19.8)',
      'uptime 1.175259801s',
      '',
      'Health: OK',
      '',
      'Memory:',
      '   heap_objects             \t4995',
      '   heap_idle_bytes          \t1351680',
      '   heap_in_use_bytes        \t2318336',
      '   heap_released_bytes      \t1351680',
      '   gc_pause_usec_100        \t0',
      '   gc_pause_usec_99         \t0',
      '   gc_pause_usec_95         \t0',
      '   next_gc_bytes            \t4194304',
      '   gc_total_runs            \t0',
      '',
      'Topics:',
      '*P [Beta           ] depth: 3     be-depth: 0     msgs: 3        e2e%: ',
      '      [bch                      ] depth: 0     be-depth: 0     inflt: 0    def: 0    re-q: 0     timeout: 0     '
        + 'msgs: 0        e2e%: ',
      '',
      '   [alpha#ephemeral] depth: 0     be-depth: 0     msgs: 0        e2e%: ',
      '',
      '   [zeta           ] depth: 0     be-depth: 0     msgs: 7        e2e%: ',
      '      [C1                       ] depth: 3     be-depth: 0     inflt: 2    def: 1    re-q: 1     timeout: 0     '
        + 'msgs: 7        e2e%: ',
      '        [V2 consumer-host:41186 ua/1.0] state: 3 inflt: 2    rdy: 2    fin: 1        re-q: 1        '
        + 'msgs: 4        connected: 0s',
      '   *P [c10                      ] depth: 6     be-depth: 0     inflt: 0    def: 1    re-q: 0     timeout: 0     '
        + 'msgs: 7        e2e%: ',
      '',
      'Producers:',
      '   [V2 prod-host:41200 pub/1] msgs: 1        topics: zeta=1 connected: 0s',
      '',
    ]);
  });

  it('says that there is nothing', () => {
    const text = statsText(report({ topic: 'nope' }, { health: healthText('disk full') }), NOW_MS);
    expect(text).toMatch(/\nHealth: NOK - disk full\n\nTopics: None\n\nProducers: None\n$/);
  });

  it('shows a producer without counts as a client', () => {
    const text = statsText(report({ topic: 'Beta' }), NOW_MS + 65_000);
    expect(text).toMatch(/Producers:\n {3}\[V2 prod-host:41200 pub\/1\] state: 0 inflt: 0 .* connected: 1m5s\n$/);
  });

  it('pads the names of clients', () => {
    const client = { ...CLIENT, hostname: '127.0.0.1', remoteAddress: '127.0.0.1:41210', userAgent: '' };
    const unixClient = { ...client, hostname: '', remoteAddress: '@' };
    const broker = brokerOf([{
      name: 't', isPaused: false, depth: () => 0, backendDepth: () => 0, messageCount: 0,
      channels: new Map([['c', channel('c', { subscribers: [connection(client), connection(unixClient)] })]]),
    }]);
    const text = statsText(report({}, {
      snapshot: takeSnapshot(broker, [], { topic: '', channel: '', includeClients: true }),
    }), NOW_MS);
    expect(text).toContain('        [V2 127.0.0.1:41210      ] state: 3 ');
    expect(text).toContain('        [V2 :                    ] state: 3 ');
  });

  it('prints latencies in their largest unit', () => {
    const values = [201_798_820, 1_500_000_001, 1000, 1001, 0, 1e6, 1e9];
    const latency = { count: 7, percentiles: values.map((value) => ({ quantile: 0.5, value })) };
    const source = { ofTopic: () => latency, ofChannel: () => latency };
    const snapshot = takeSnapshot(scene(), [], { topic: 'alpha#ephemeral', channel: '', includeClients: true }, source);
    expect(statsText(report({}, { snapshot }), NOW_MS)).toContain(
      'e2e%: 201.8ms, 1.5s, 1000.0ns, 1.0us, 0.0ns, 1000.0us, 1000.0ms\n',
    );
  });
});
