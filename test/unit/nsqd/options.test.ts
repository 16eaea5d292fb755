// The option table against stock nsqd's, and the options behind /config.

import { hostname } from 'node:os';

import { describe, expect, it } from 'vitest';

import { usageText } from '../../../src/lib/options/help.js';
import { COMMAND_FLAGS, nodeIdOf } from '../../../src/nsqd/option-table.js';
import {
  DEFAULTS, isConfigKey, isSettable, OPTION_ROWS, optionValueForConfigEndpoint, withConfigValue, type OptionField,
} from '../../../src/nsqd/options.js';

/** Flag, config key, field, type word in stock nsqd's usage text, and what stock GET /config/<key> shows by default. */
const STOCK: readonly [flag: string, key: string, field: OptionField, word: string, shown: unknown][] = [
  ['log-level', 'log_level', 'logLevel', 'value', 2],
  ['log-prefix', 'log_prefix', 'logPrefix', 'string', '[nsqd] '],
  ['node-id', 'id', 'nodeId', 'int', nodeIdOf(hostname())],
  ['tcp-address', 'tcp_address', 'tcpAddress', 'string', '0.0.0.0:4150'],
  ['http-address', 'http_address', 'httpAddress', 'string', '0.0.0.0:4151'],
  ['https-address', 'https_address', 'httpsAddress', 'string', '0.0.0.0:4152'],
  ['broadcast-address', 'broadcast_address', 'broadcastAddress', 'string', hostname()],
  ['broadcast-tcp-port', 'broadcast_tcp_port', 'broadcastTcpPort', 'int', 0],
  ['broadcast-http-port', 'broadcast_http_port', 'broadcastHttpPort', 'int', 0],
  ['lookupd-tcp-address', 'nsqlookupd_tcp_addresses', 'nsqlookupdTcpAddresses', 'value', []],
  ['auth-http-address', 'auth_http_addresses', 'authHttpAddresses', 'value', []],
  ['auth-http-request-method', 'auth_http_request_method', 'authHttpRequestMethod', 'string', 'get'],
  ['http-client-connect-timeout', 'http_client_connect_timeout', 'httpClientConnectTimeoutMs', 'duration', 2e9],
  ['http-client-request-timeout', 'http_client_request_timeout', 'httpClientRequestTimeoutMs', 'duration', 5e9],
  ['topology-region', 'topology_region', 'topologyRegion', 'string', ''],
  ['topology-zone', 'topology_zone', 'topologyZone', 'string', ''],
  ['data-path', 'data_path', 'dataPath', 'string', ''],
  ['mem-queue-size', 'mem_queue_size', 'memQueueSize', 'int', 10000],
  ['max-bytes-per-file', 'max_bytes_per_file', 'maxBytesPerFile', 'int', 104857600],
  ['sync-every', 'sync_every', 'syncEvery', 'int', 2500],
  ['sync-timeout', 'sync_timeout', 'syncTimeoutMs', 'duration', 2e9],
  ['queue-scan-worker-pool-max', 'queue_scan_worker_pool_max', 'queueScanWorkerPoolMax', 'int', 4],
  ['queue-scan-selection-count', 'queue_scan_selection_count', 'queueScanSelectionCount', 'int', 20],
  ['msg-timeout', 'msg_timeout', 'msgTimeoutMs', 'duration', 60e9],
  ['max-msg-timeout', 'max_msg_timeout', 'maxMsgTimeoutMs', 'duration', 900e9],
  ['max-msg-size', 'max_msg_size', 'maxMsgSize', 'int', 1048576],
  ['max-body-size', 'max_body_size', 'maxBodySize', 'int', 5242880],
  ['max-req-timeout', 'max_req_timeout', 'maxReqTimeoutMs', 'duration', 3600e9],
  ['max-heartbeat-interval', 'max_heartbeat_interval', 'maxHeartbeatIntervalMs', 'duration', 60e9],
  ['max-rdy-count', 'max_rdy_count', 'maxRdyCount', 'int', 2500],
  ['max-output-buffer-size', 'max_output_buffer_size', 'maxOutputBufferSize', 'int', 65536],
  ['max-output-buffer-timeout', 'max_output_buffer_timeout', 'maxOutputBufferTimeoutMs', 'duration', 30e9],
  ['min-output-buffer-timeout', 'min_output_buffer_timeout', 'minOutputBufferTimeoutMs', 'duration', 25e6],
  ['output-buffer-timeout', 'output_buffer_timeout', 'outputBufferTimeoutMs', 'duration', 250e6],
  ['max-channel-consumers', 'max_channel_consumers', 'maxChannelConsumers', 'int', 0],
  ['statsd-address', 'statsd_address', 'statsdAddress', 'string', ''],
  ['statsd-interval', 'statsd_interval', 'statsdIntervalMs', 'duration', 60e9],
  ['statsd-mem-stats', 'statsd_mem_stats', 'statsdMemStats', '', true],
  ['statsd-prefix', 'statsd_prefix', 'statsdPrefix', 'string', 'nsq.%s'],
  ['statsd-udp-packet-size', 'statsd_udp_packet_size', 'statsdUdpPacketSize', 'int', 508],
  ['statsd-exclude-ephemeral', 'statsd_exclude_ephemeral', 'statsdExcludeEphemeral', '', false],
  [
    'e2e-processing-latency-percentile', 'e2e_processing_latency_percentiles', 'e2eProcessingLatencyPercentiles',
    'value', [],
  ],
  [
    'e2e-processing-latency-window-time', 'e2e_processing_latency_window_time', 'e2eProcessingLatencyWindowTimeMs',
    'duration', 600e9,
  ],
  ['tls-cert', 'tls_cert', 'tlsCert', 'string', ''],
  ['tls-key', 'tls_key', 'tlsKey', 'string', ''],
  ['tls-client-auth-policy', 'tls_client_auth_policy', 'tlsClientAuthPolicy', 'string', ''],
  ['tls-root-ca-file', 'tls_root_ca_file', 'tlsRootCaFile', 'string', ''],
  ['tls-required', 'tls_required', 'tlsRequired', '', 0],
  ['tls-min-version', 'tls_min_version', 'tlsMinVersion', 'value', 769],
  ['deflate', 'deflate', 'deflate', '', true],
  ['max-deflate-level', 'max_deflate_level', 'maxDeflateLevel', 'int', 6],
  ['snappy', 'snappy', 'snappy', '', true],
  ['enable-experiment', 'enable_experiment', 'enableExperiment', 'value', []],
];

/** Options that stock nsqd does not have. */
const OWN: readonly [flag: string, key: string, field: OptionField, word: string, shown: unknown][] = [
  ['durability', 'durability', 'durability', 'string', 'disk'],
  ['max-defer-timeout', 'max_defer_timeout', 'maxDeferTimeoutMs', 'duration', 0],
  ['min-free-disk-bytes', 'min_free_disk_bytes', 'minFreeDiskBytes', 'int', 0],
  ['http-auth-token-file', 'http_auth_token_file', 'httpAuthTokenFile', 'string', ''],
  ['max-metrics-entries', 'max_metrics_entries', 'maxMetricsEntries', 'int', 2000],
  ['requeue-on-disconnect', 'requeue_on_disconnect', 'requeueOnDisconnect', '', false],
  ['max-memory-bytes', 'max_memory_bytes', 'maxMemoryBytes', 'int', 536870912],
  ['max-topic-bytes', 'max_topic_bytes', 'maxTopicBytes', 'int', 0],
  ['topic-overflow', 'topic_overflow', 'topicOverflow', 'string', 'refuse'],
  ['max-topic-age', 'max_topic_age', 'maxTopicAgeMs', 'duration', 0],
  ['sigterm-mode', 'sigterm_mode', 'sigtermMode', 'string', 'stop'],
  ['drain-timeout', 'drain_timeout', 'drainTimeoutMs', 'duration', 60e9],
  ['max-attempts', 'max_attempts', 'maxAttempts', 'int', 0],
  ['dead-letter-topic-suffix', 'dead_letter_topic_suffix', 'deadLetterTopicSuffix', 'string', '.dead'],
];

describe('the option table', () => {
  it.each([...STOCK, ...OWN])('has --%s', (flag, key, field, word, shown) => {
    expect(OPTION_ROWS.get(field)).toMatchObject({ flag, key, type: { word } });
    expect(optionValueForConfigEndpoint(DEFAULTS, key)).toEqual(shown);
  });

  it('has no other options', () => {
    expect([...OPTION_ROWS.keys()].sort()).toEqual([...STOCK, ...OWN].map(([, , field]) => field).sort());
    expect(COMMAND_FLAGS.map(({ flag }) => flag)).toEqual(['version', 'config', 'verbose', 'worker-id']);
  });

  it('shows every flag in the usage text, on one line each', () => {
    const usage = usageText('nsqd', [...COMMAND_FLAGS, ...OPTION_ROWS.values()]).trimEnd().split('\n');
    expect(usage).toHaveLength(1 + 2 * (COMMAND_FLAGS.length + OPTION_ROWS.size));
    expect(usage).toContain('    \tlowest level logged: debug, info, warn, error or fatal (default INFO)');
    expect(usage).toContain('    \tlowest TLS version: tls1.0, tls1.1, tls1.2 or tls1.3 (default tls1.0)');
  });

  it('ends fields of durations, and only those, in Ms', () => {
    const durations = [...OPTION_ROWS].filter(([, { type }]) => type.word === 'duration').map(([field]) => field);
    expect([...OPTION_ROWS.keys()].filter((field) => field.endsWith('Ms'))).toEqual(durations);
  });
});

describe('nodeIdOf', () => {
  it.each([
    ['vm', 617], ['localhost', 16], ['nsqd-1', 958], ['yourhost.local', 144],
  ])('maps host %s to %d', (host, id) => {
    expect(nodeIdOf(host)).toBe(id);
  });
});

describe('the options behind /config', () => {
  it('shows durations in nanoseconds', () => {
    expect(optionValueForConfigEndpoint({ ...DEFAULTS, msgTimeoutMs: 0.0015 }, 'msg_timeout')).toBe(1500);
  });

  it.each([
    'version', 'config', 'verbose', 'worker_id', 'node_id', 'msg-timeout', 'nodeId', '', 'constructor',
  ])('does not know %j', (key) => {
    expect(optionValueForConfigEndpoint(DEFAULTS, key)).toBeUndefined();
    expect(isConfigKey(key)).toBe(false);
    expect(isSettable(key)).toBe(false);
  });

  it('lets exactly two options be set', () => {
    const keys = [...OPTION_ROWS.values()].map(({ key }) => key);
    expect(keys.filter(isSettable)).toEqual(['log_level', 'nsqlookupd_tcp_addresses']);
  });

  it.each([
    ['log_level', 'debug', 1], ['log_level', 'FATAL', 5],
    ['nsqlookupd_tcp_addresses', '["127.0.0.1:4160", "b:1,c:1"]', ['127.0.0.1:4160', 'b:1,c:1']],
    ['nsqlookupd_tcp_addresses', ' [] \n', []],
    ['nsqlookupd_tcp_addresses', 'null', []],
    ['nsqlookupd_tcp_addresses', '["a", null]', ['a', '']],
  ])('sets %s to %s', (key, body, shown) => {
    const options = withConfigValue({ ...DEFAULTS, nsqlookupdTcpAddresses: ['old:1'] }, key, body);
    expect(options && optionValueForConfigEndpoint(options, key)).toEqual(shown);
    expect(Object.isFrozen(options)).toBe(true);
  });

  it.each([
    ['log_level', 'warning'], ['log_level', '2'], ['log_level', ' info'], ['log_level', 'info\n'], ['log_level', ''],
    ['nsqlookupd_tcp_addresses', '["zzz",5]'], ['nsqlookupd_tcp_addresses', '"a:1"'],
    ['nsqlookupd_tcp_addresses', 'a:1'],
    ['nsqlookupd_tcp_addresses', '[] x'], ['nsqlookupd_tcp_addresses', '{}'],
    ['mem_queue_size', '5'], ['bogus', '5'],
  ])('does not set %s to %j', (key, body) => {
    expect(withConfigValue(DEFAULTS, key, body)).toBeUndefined();
  });
});
