// The table of nsqd's options: one row per flag. The Options type, the defaults, the usage text, the config-file keys,
// GET and PUT /config and the range checks all derive from it. Columns and order follow options.md 4.

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { crc32 } from 'node:zlib';

import { LogLevel } from '../lib/log/logger.js';
import type { DescribedFlag } from '../lib/options/help.js';
import { FLOAT_LIST, STRING_LIST } from '../lib/options/list-types.js';
import { BOOLEAN, choiceOf, DURATION, INTEGER, LOG_LEVEL, STRING } from '../lib/options/scalar-types.js';
import { TLS_MIN_VERSION, TLS_REQUIRED, TlsRequired, TlsVersion } from '../lib/options/tls-types.js';
import type { ValueType } from '../lib/options/value-type.js';

/** The numbers an option may hold, both ends included, and how its refusal words them: `--<flag> must be <text>`. */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly text: string;
}

/** What only some rows have. */
interface Remarks {
  /** Config key, where it is not the flag with `_` for `-`. */
  readonly key?: string;
  /** Values outside end the program at start. Without a range any value is taken, as in stock nsqd. */
  readonly range?: Range;
  /** PUT /config/<key> can change it while running. */
  readonly isSettable?: boolean;
  /** Accepted and shown, but it tunes something that only exists inside stock nsqd. */
  readonly noEffect?: boolean;
}

export interface OptionRow<T, Flag extends string = string> extends Remarks {
  readonly flag: Flag;
  readonly key: string;
  readonly type: ValueType<T>;
  readonly default: T;
  readonly help: string;
}

function option<T, const Flag extends string>(
  flag: Flag,
  type: ValueType<T>,
  defaultValue: NoInfer<T>,
  help: string,
  remarks: Remarks = {},
): OptionRow<T, Flag> {
  return { flag, key: flag.replaceAll('-', '_'), type, default: defaultValue, help, ...remarks };
}

/** Node part of message IDs, 0..1023, for a host without --node-id (options.md 9). */
export function nodeIdOf(hostName: string): number {
  return crc32(createHash('md5').update(hostName).digest()) % 1024;
}

/** What the publisher's OK promises. */
export type Durability = 'memory' | 'disk' | 'fsync';
const DURABILITY = choiceOf<Durability>(['memory', 'disk', 'fsync']);

const HOST_NAME = hostname();
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const KIB = 1024;
const MIB = 1024 * KIB;

const POSITIVE: Range = { min: Number.MIN_VALUE, max: Infinity, text: 'greater than 0' };
const NOT_NEGATIVE: Range = { min: 0, max: Infinity, text: '0 or more' };
const DEFLATE_LEVELS: Range = { min: 1, max: 9, text: '[1,9]' };
/** Less than a few chunks of messages would only be carried to and from the disk. */
const MEMORY_BYTES: Range = { min: 16 * MIB, max: Infinity, text: `${16 * MIB} or more` };
/** What the attempts of a message can count to. */
const ATTEMPTS: Range = { min: 0, max: 65_535, text: '[0,65535]' };
const NODE_IDS: Range = { min: 0, max: 1023, text: '[0,1024)' };

const LISTENER_HELP = '<host>:<port>, or the path of a unix socket';
export const TOPOLOGY_EXPERIMENT = 'topology-aware-consumption';

/** Every option, by the name of its field in Options. Durations are in milliseconds and their fields end in Ms. */
export const OPTION_TABLE = {
  // Logging and identity
  logLevel: option('log-level', LOG_LEVEL, LogLevel.info, 'lowest level logged: debug, info, warn, error or fatal', {
    isSettable: true,
  }),
  logPrefix: option('log-prefix', STRING, '[nsqd] ', 'start of every log line'),
  nodeId: option(
    'node-id', INTEGER, nodeIdOf(HOST_NAME), 'node part of message IDs, [0,1024); unless set, a hash of the host name',
    { key: 'id', range: NODE_IDS },
  ),

  // Leaving
  sigtermMode: option(
    'sigterm-mode', choiceOf(['stop', 'drain']), 'stop',
    'what SIGTERM does: stop = stop cleanly at once; drain = refuse publishes and deliver what is left first',
  ),
  drainTimeoutMs: option('drain-timeout', DURATION, MINUTE_MS, 'longest time that draining may take, 0 = no limit', {
    range: NOT_NEGATIVE,
  }),

  // Listeners and the addresses told to others
  tcpAddress: option('tcp-address', STRING, '0.0.0.0:4150', `where TCP clients connect: ${LISTENER_HELP}`),
  httpAddress: option('http-address', STRING, '0.0.0.0:4151', `where HTTP clients connect: ${LISTENER_HELP}`),
  httpsAddress: option('https-address', STRING, '0.0.0.0:4152', 'where HTTPS clients connect: <host>:<port>'),
  broadcastAddress: option('broadcast-address', STRING, HOST_NAME, 'address registered with nsqlookupd'),
  broadcastTcpPort: option('broadcast-tcp-port', INTEGER, 0, 'TCP port registered, 0 = the port listened on'),
  broadcastHttpPort: option('broadcast-http-port', INTEGER, 0, 'HTTP port registered, 0 = the port listened on'),
  nsqlookupdTcpAddresses: option('lookupd-tcp-address', STRING_LIST, [], 'nsqlookupd TCP address (repeatable)', {
    key: 'nsqlookupd_tcp_addresses',
    isSettable: true,
  }),

  // Authorization and requests of our own
  authHttpAddresses: option('auth-http-address', STRING_LIST, [], 'auth server: <host>:<port> or URL (repeatable)', {
    key: 'auth_http_addresses',
  }),
  authHttpRequestMethod: option('auth-http-request-method', STRING, 'get', 'method of auth requests: get or post'),
  httpAuthTokenFile: option(
    'http-auth-token-file', STRING, '',
    'file of bearer tokens, one a line: HTTP clients must show one for all but /ping and /health/*',
  ),
  httpClientConnectTimeoutMs: option(
    'http-client-connect-timeout', DURATION, 2 * SECOND_MS, 'time for HTTP requests of nsqd itself to connect',
  ),
  httpClientRequestTimeoutMs: option(
    'http-client-request-timeout', DURATION, 5 * SECOND_MS, 'time for HTTP requests of nsqd itself to be answered',
  ),

  // Topology
  topologyRegion: option('topology-region', STRING, '', 'region of this nsqd: one or more zones'),
  topologyZone: option('topology-zone', STRING, '', 'zone of this nsqd: the part that fails together'),

  // Memory and disk
  dataPath: option('data-path', STRING, '', 'directory for messages and metadata, empty = current directory'),
  // DEVIATION(durable-by-default): stock nsqd is what `memory` is here.
  durability: option(
    'durability', DURABILITY, 'disk',
    'what is done before the OK leaves: memory = nothing, overflow beyond --mem-queue-size goes to disk; '
      + 'disk = the records are in the file; fsync = and on the medium',
  ),
  memQueueSize: option('mem-queue-size', INTEGER, 10_000, 'messages kept in memory by each topic and channel', {
    range: NOT_NEGATIVE,
  }),
  maxMemoryBytes: option(
    'max-memory-bytes', INTEGER, 512 * MIB,
    'bytes of messages kept in memory by all topics; beyond it they are on disk only, ephemeral ones are dropped',
    { range: MEMORY_BYTES },
  ),
  maxBytesPerFile: option('max-bytes-per-file', INTEGER, 100 * MIB, 'size in bytes at which a new disk file begins'),
  minFreeDiskBytes: option(
    'min-free-disk-bytes', INTEGER, 0, 'messages are refused while fewer bytes are free on the disk, 0 = never',
    { range: NOT_NEGATIVE },
  ),
  syncEvery: option('sync-every', INTEGER, 2500, 'accepted for compatibility, has no effect', { noEffect: true }),
  syncTimeoutMs: option('sync-timeout', DURATION, 2 * SECOND_MS, 'longest time between checkpoints of what is finished, while there is activity', {
    range: POSITIVE,
  }),
  queueScanWorkerPoolMax: option(
    'queue-scan-worker-pool-max', INTEGER, 4, 'accepted for compatibility, has no effect', { noEffect: true },
  ),
  queueScanSelectionCount: option(
    'queue-scan-selection-count', INTEGER, 20, 'accepted for compatibility, has no effect', { noEffect: true },
  ),

  // Messages and commands
  msgTimeoutMs: option('msg-timeout', DURATION, MINUTE_MS, 'time to answer a message before it is requeued'),
  maxMsgTimeoutMs: option('max-msg-timeout', DURATION, 15 * MINUTE_MS, 'longest message timeout a client may ask for'),
  maxMsgSize: option('max-msg-size', INTEGER, MIB, 'largest message in bytes'),
  maxBodySize: option('max-body-size', INTEGER, 5 * MIB, 'largest body of a command in bytes'),
  maxReqTimeoutMs: option('max-req-timeout', DURATION, 60 * MINUTE_MS, 'longest time a message may be requeued with'),
  maxDeferTimeoutMs: option(
    'max-defer-timeout', DURATION, 0, 'longest delay of a published message, 0 = --max-req-timeout', { range: NOT_NEGATIVE },
  ),
  requeueOnDisconnect: option(
    'requeue-on-disconnect', BOOLEAN, false,
    "return a client's messages in flight at once when it disconnects, instead of after their timeout",
  ),

  maxAttempts: option(
    'max-attempts', INTEGER, 0,
    'deliveries after which a message that is requeued or times out moves to the dead letter topic, 0 = never',
    { range: ATTEMPTS },
  ),
  deadLetterTopicSuffix: option(
    'dead-letter-topic-suffix', STRING, '.dead', 'what follows the name of a topic in that of its dead letter topic',
  ),
  maxTopicBytes: option(
    'max-topic-bytes', INTEGER, 0, 'bytes of unfinished messages that a topic may keep, 0 = any number', { range: NOT_NEGATIVE },
  ),
  topicOverflow: option(
    'topic-overflow', choiceOf(['refuse', 'drop-oldest']), 'refuse',
    'what happens when a topic reaches --max-topic-bytes: publishes are refused, or the oldest waiting messages dropped',
  ),
  maxTopicAgeMs: option('max-topic-age', DURATION, 0, 'age at which messages that wait are dropped, 0 = never', {
    range: NOT_NEGATIVE,
  }),

  // What clients may negotiate
  maxHeartbeatIntervalMs: option(
    'max-heartbeat-interval', DURATION, MINUTE_MS, 'longest heartbeat interval of a client',
  ),
  maxRdyCount: option('max-rdy-count', INTEGER, 2500, 'largest RDY count of a client'),
  maxOutputBufferSize: option(
    'max-output-buffer-size', INTEGER, 64 * KIB, 'largest output buffer of a client in bytes',
  ),
  maxOutputBufferTimeoutMs: option(
    'max-output-buffer-timeout', DURATION, 30 * SECOND_MS, "longest flush interval of a client's output buffer",
  ),
  minOutputBufferTimeoutMs: option(
    'min-output-buffer-timeout', DURATION, 25, "shortest flush interval of a client's output buffer",
  ),
  outputBufferTimeoutMs: option('output-buffer-timeout', DURATION, 250, 'flush interval unless the client sets one', {
    range: POSITIVE,
  }),
  maxChannelConsumers: option('max-channel-consumers', INTEGER, 0, 'consumers a channel may have, 0 = any number'),

  // Statistics
  statsdAddress: option('statsd-address', STRING, '', 'UDP <host>:<port> of a statsd daemon'),
  statsdIntervalMs: option('statsd-interval', DURATION, MINUTE_MS, 'time between pushes to statsd'),
  statsdMemStats: option('statsd-mem-stats', BOOLEAN, true, 'push memory statistics to statsd'),
  statsdPrefix: option('statsd-prefix', STRING, 'nsq.%s', 'prefix of statsd keys, %s = host'),
  statsdUdpPacketSize: option('statsd-udp-packet-size', INTEGER, 508, 'size of statsd datagrams in bytes'),
  statsdExcludeEphemeral: option('statsd-exclude-ephemeral', BOOLEAN, false, 'push no ephemeral topics and channels'),
  e2eProcessingLatencyPercentiles: option(
    'e2e-processing-latency-percentile', FLOAT_LIST, [],
    'quantiles (0, 1.0] of message processing time to track (repeatable, or separated by commas)',
    { key: 'e2e_processing_latency_percentiles' },
  ),
  e2eProcessingLatencyWindowTimeMs: option(
    'e2e-processing-latency-window-time', DURATION, 10 * MINUTE_MS, 'time span that the quantiles describe',
  ),
  maxMetricsEntries: option(
    'max-metrics-entries', INTEGER, 2000,
    'topics and channels that /metrics lists one by one, the oldest first; further ones are only counted',
    { range: NOT_NEGATIVE },
  ),

  // TLS
  tlsCert: option('tls-cert', STRING, '', 'path of the server certificate (PEM)'),
  tlsKey: option('tls-key', STRING, '', 'path of the server key (PEM)'),
  tlsClientAuthPolicy: option('tls-client-auth-policy', STRING, '', 'client certificates: require or require-verify'),
  tlsRootCaFile: option('tls-root-ca-file', STRING, '', 'path of the trusted certificates (PEM)'),
  tlsRequired: option(
    'tls-required', TLS_REQUIRED, TlsRequired.no, 'refuse clients without TLS: true, false or tcp-https',
  ),
  tlsMinVersion: option(
    'tls-min-version', TLS_MIN_VERSION, TlsVersion['tls1.0'], 'lowest TLS version: tls1.0, tls1.1, tls1.2 or tls1.3',
  ),

  // Compression
  deflate: option('deflate', BOOLEAN, true, 'let clients negotiate deflate'),
  maxDeflateLevel: option('max-deflate-level', INTEGER, 6, 'highest deflate level of a client', {
    range: DEFLATE_LEVELS,
  }),
  snappy: option('snappy', BOOLEAN, true, 'let clients negotiate snappy'),

  // Experiments
  enableExperiment: option(
    'enable-experiment', STRING_LIST, [], `experimental feature to enable (repeatable): ${TOPOLOGY_EXPERIMENT}`,
  ),
} as const;

/** Flags that concern the command line itself: no field, no config key. */
export const COMMAND_FLAGS: readonly DescribedFlag[] = [
  { flag: 'version', type: BOOLEAN, default: false, help: 'print the version and exit' },
  { flag: 'config', type: STRING, default: '', help: 'path of the config file' },
  { flag: 'verbose', type: BOOLEAN, default: false, help: 'deprecated, has no effect; use --log-level' },
  { flag: 'worker-id', type: BOOLEAN, default: false, help: 'deprecated, has no effect; use --node-id' },
];
