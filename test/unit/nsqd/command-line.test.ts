// From arguments and config file to options, or to output and exit code: the conformance table of options.md 15 as far
// as it concerns the command line, the conversions of 6.3 and the checks of 7.

import { describe, expect, it } from 'vitest';

import { resolveCommandLine, type CommandLineIo, type CommandLineResult } from '../../../src/nsqd/command-line.js';
import { DEFAULTS, optionValueForConfigEndpoint, type Options } from '../../../src/nsqd/options.js';
import { VERSION_LINE } from '../../../src/nsqd/version.js';

const NOW_MS = new Date(2026, 10, 21, 0, 22, 55, 123).getTime() + 0.4565;
const FATAL = '[nsqd] 2026/11/21 00:22:55.123456 FATAL: ';
const PLAIN = '2026/11/21 00:22:55 ';
const REFUSED = `${FATAL}failed to instantiate nsqd - `;

/** The settings of the sample file that comes with NSQ, contrib/nsqd.cfg.example. */
const SAMPLE_CONFIG = `
## log verbosity level: debug, info, warn, error, or fatal
log_level = "info"
# id = 5150
tcp_address = "0.0.0.0:4150"
http_address = "0.0.0.0:4151"
nsqlookupd_tcp_addresses = [
    "127.0.0.1:4160"
]
http_client_connect_timeout = "2s"
http_client_request_timeout = "5s"
mem_queue_size = 10000
max_bytes_per_file = 104857600
sync_every = 2500
sync_timeout = "2s"
msg_timeout = "60s"
max_msg_timeout = "15m"
max_msg_size = 1024768
max_req_timeout = "1h"
max_body_size = 5123840
max_heartbeat_interval = "60s"
max_rdy_count = 2500
max_output_buffer_size = 65536
max_output_buffer_timeout = "1s"
statsd_prefix = "nsq.%s"
statsd_interval = "60s"
statsd_mem_stats = true
e2e_processing_latency_percentiles = [
    1.0,
    0.99,
    0.95
]
e2e_processing_latency_window_time = "10m"
tls_cert = ""
tls_key = ""
tls_required = false
tls_min_version = ""
deflate = true
max_deflate_level = 6
snappy = true
`;

/** Resolves arguments, with a config file at /nsqd.cfg if one is given. */
function resolve(argv: readonly string[], config?: string): CommandLineResult {
  if (config === undefined) return resolveCommandLine(argv, ioWith());
  return resolveCommandLine(['--config=/nsqd.cfg', ...argv], ioWith(config));
}

function ioWith(config?: string): CommandLineIo {
  const readFile = (path: string): Uint8Array => {
    if (config !== undefined && path === '/nsqd.cfg') return Buffer.from(config);
    throw Object.assign(new Error('ENOENT'), { code: 'ENOENT', errno: -2, syscall: 'open', path });
  };
  return { readFile, nowMs: () => NOW_MS };
}

function run(argv: readonly string[], config?: string): Options {
  const result = resolve(argv, config);
  if (result.kind === 'exit') throw new Error(`expected to run, but got ${result.stderr.split('\n', 1)[0]}`);
  return result.options;
}

function shown(key: string, argv: readonly string[], config?: string): unknown {
  return optionValueForConfigEndpoint(run(argv, config), key);
}

function firstLine(result: CommandLineResult): string | undefined {
  return result.kind === 'exit' ? result.stderr.split('\n', 1)[0] : undefined;
}

describe('the command line', () => {
  it('runs with the defaults without arguments', () => {
    expect(resolve([])).toEqual({ kind: 'run', options: DEFAULTS, warnings: [] });
    expect(Object.isFrozen(run([]))).toBe(true);
  });

  it.each([
    [['--version']], [['-version']], [['--version=T', '--config=/nope.cfg']], [['--node-id=5000', '-version']],
  ])('prints the version for %j', (argv) => {
    expect(resolve(argv)).toEqual({ kind: 'exit', code: 0, stdout: `${VERSION_LINE}\n`, stderr: '' });
    expect(VERSION_LINE).toMatch(/^nsqd v1\.3\.0 \(built w\/node\d+\.\d+\.\d+\)$/);
  });

  it('prints the usage text for -h', () => {
    const result = resolve(['--version', '-h']);
    expect(result).toMatchObject({ kind: 'exit', code: 0, stdout: '' });
    expect(firstLine(result)).toBe('Usage of nsqd:');
  });

  it.each([
    [['--version=false', '--bogus'], 'flag provided but not defined: -bogus'],
    [['---version'], 'bad flag syntax: ---version'],
    [['--mem-queue-size'], 'flag needs an argument: -mem-queue-size'],
    [['--mem-queue-size='], 'invalid value "" for flag -mem-queue-size: parse error'],
    [['--mem-queue-size=abc'], 'invalid value "abc" for flag -mem-queue-size: parse error'],
    [['--mem-queue-size=1.5'], 'invalid value "1.5" for flag -mem-queue-size: parse error'],
    [['--mem-queue-size', '--version'], 'invalid value "--version" for flag -mem-queue-size: parse error'],
    [['--msg-timeout=5'], 'invalid value "5" for flag -msg-timeout: parse error'],
    [['--deflate=maybe'], 'invalid boolean value "maybe" for -deflate: parse error'],
    [['--worker-id=5'], 'invalid boolean value "5" for -worker-id: parse error'],
    [['--version=x'], 'invalid boolean value "x" for -version: parse error'],
    [
      ['--tls-required=FOO'],
      'invalid boolean value "FOO" for -tls-required: strconv.ParseBool: parsing "foo": invalid syntax',
    ],
    [
      ['--tls-min-version=SSL3.0'],
      'invalid value "SSL3.0" for flag -tls-min-version: unknown tlsVersionOption "ssl3.0"',
    ],
    [
      ['--log-level=Warning'],
      "invalid value \"Warning\" for flag -log-level: invalid log level 'Warning' (debug, info, warn, error, fatal)",
    ],
    [['--max-defer-time=1h'], 'flag provided but not defined: -max-defer-time'],
    [['--durability=ram'], 'invalid value "ram" for flag -durability: must be memory, disk or fsync'],
  ])('exits with 2 and the usage text for %j', (argv, message) => {
    const result = resolve(argv);
    expect(result).toMatchObject({ kind: 'exit', code: 2, stdout: '' });
    expect(result.kind === 'exit' && result.stderr.startsWith(`${message}\nUsage of nsqd:\n`)).toBe(true);
  });

  it.each([
    [['--mem-queue-size=0x10'], 'mem_queue_size', 16],
    [['--mem-queue-size=017'], 'mem_queue_size', 15],
    [['--max-msg-size=1_000_000'], 'max_msg_size', 1_000_000],
    [['--mem-queue-size=5', '--mem-queue-size=7'], 'mem_queue_size', 7],
    [['--msg-timeout=1h2m3.5s'], 'msg_timeout', 3_723_500_000_000],
    [['--msg-timeout', '-5s'], 'msg_timeout', -5_000_000_000],
    [['--deflate', 'false', '--bogus'], 'deflate', true],
    [['foo', '--bogus'], 'mem_queue_size', 10_000],
    [['--tls-min-version='], 'tls_min_version', 769],
    [['--verbose', '--worker-id'], 'id', DEFAULTS.nodeId],
    [['--worker-id', '5', '--node-id=7'], 'id', DEFAULTS.nodeId],
    [['--enable-experiment=foo', '--enable-experiment=bar'], 'enable_experiment', ['foo', 'bar']],
    [['--queue-scan-worker-pool-max=0', '--queue-scan-selection-count=-1'], 'queue_scan_selection_count', -1],
    [['--max-msg-size=0'], 'max_msg_size', 0],
    [['--log-level=ERROR'], 'log_level', 4],
    [['--tls-required=false'], 'tls_required', 0],
    [['--durability=fsync'], 'durability', 'fsync'],
    [['--requeue-on-disconnect'], 'requeue_on_disconnect', true],
    [['--statsd-interval=0'], 'statsd_interval', 0],
    [['--e2e-processing-latency-window-time=0'], 'e2e_processing_latency_window_time', 0],
  ])('runs with %j, showing %s as %j', (argv, key, value) => {
    expect(shown(key, argv)).toEqual(value);
  });
});

describe('the checks before the start', () => {
  it.each([
    [['--max-deflate-level=0'], '--max-deflate-level must be [1,9]'],
    [['--max-deflate-level=10'], '--max-deflate-level must be [1,9]'],
    [['--node-id=1024'], '--node-id must be [0,1024)'],
    [['--node-id=-1'], '--node-id must be [0,1024)'],
    [['--tls-required'], 'cannot require TLS client connections without TLS key and cert'],
    [['--tls-required', 'tcp-https'], 'cannot require TLS client connections without TLS key and cert'],
    [['--tls-required=tcp-https'], 'cannot require TLS client connections without TLS key and cert'],
    [['--tls-client-auth-policy=bogus'], 'cannot require TLS client connections without TLS key and cert'],
    [
      ['--tls-required=false', '--tls-client-auth-policy=require'],
      'cannot require TLS client connections without TLS key and cert',
    ],
    [['--auth-http-request-method=GET'], '--auth-http-request-method must be post or get'],
    [['--e2e-processing-latency-percentile=0'], 'invalid E2E processing latency percentile: 0'],
    [['--e2e-processing-latency-percentile=0.5,1.5'], 'invalid E2E processing latency percentile: 1.5'],
    [['--e2e-processing-latency-percentile=-1e-8'], 'invalid E2E processing latency percentile: -1e-08'],
    [['--e2e-processing-latency-percentile=inf'], 'invalid E2E processing latency percentile: +Inf'],
    [['--e2e-processing-latency-percentile=NaN'], 'invalid E2E processing latency percentile: NaN'],
    // In the order of stock nsqd.
    [['--auth-http-request-method=x', '--node-id=-1', '--max-deflate-level=0'], '--max-deflate-level must be [1,9]'],
    [['--auth-http-request-method=x', '--node-id=-1'], '--node-id must be [0,1024)'],
    // Refused here, harmful in stock nsqd.
    [['--mem-queue-size=-1'], '--mem-queue-size must be 0 or more'],
    [['--sync-timeout=0'], '--sync-timeout must be greater than 0'],
    [['--output-buffer-timeout=-1s'], '--output-buffer-timeout must be greater than 0'],
    [['--statsd-address=127.0.0.1:8125', '--statsd-interval=0'], '--statsd-interval must be greater than 0'],
    [
      ['--e2e-processing-latency-percentile=0.5', '--e2e-processing-latency-window-time=0'],
      '--e2e-processing-latency-window-time must be greater than 0',
    ],
  ])('refuse %j', (argv, reason) => {
    expect(resolve(argv)).toEqual({ kind: 'exit', code: 1, stdout: '', stderr: `${REFUSED}${reason}\n` });
  });

  it('report an unreadable percentile without the usage text', () => {
    const result = resolve(['--e2e-processing-latency-percentile=0.5, 0.9']);
    expect(result).toEqual({ kind: 'exit', code: 1, stdout: '', stderr: `${PLAIN}Could not parse:  0.9\n` });
  });
});

describe('the config file', () => {
  it.each([
    ['mem_queue_size = 5', 'mem_queue_size', 5],
    ['mem_queue_size = 0x10', 'mem_queue_size', 16],
    ['mem_queue_size = "77"', 'mem_queue_size', 77],
    ['id = 5', 'id', 5],
    ['tcp_address = "a:1"', 'tcp_address', 'a:1'],
    ['deflate = false', 'deflate', false],
    ['deflate = "F"', 'deflate', false],
    ['max_msg_timeout = 5000', 'max_msg_timeout', 5_000_000_000],
    ['max_msg_timeout = "1m30s"', 'max_msg_timeout', 90_000_000_000],
    ['enable_experiment = ["a", "b,c"]', 'enable_experiment', ['a', 'b,c']],
    ['enable_experiment = "p:1,q:2, r"', 'enable_experiment', ['p:1', 'q:2', ' r']],
    ['enable_experiment = 5', 'enable_experiment', []],
    ['e2e_processing_latency_percentiles = []', 'e2e_processing_latency_percentiles', []],
    ['e2e_processing_latency_percentiles = 0.5', 'e2e_processing_latency_percentiles', []],
    ['log_level = "DeBug"', 'log_level', 1],
    ['tls_required = false', 'tls_required', 0],
    ['tls_required = 0', 'tls_required', 0],
    ['tls_min_version = ""', 'tls_min_version', 769],
    ['tls_min_version = "tls1.0"', 'tls_min_version', 769],
    ['durability = "memory"', 'durability', 'memory'],
    ['', 'mem_queue_size', 10_000],
    ['[mem]\nmem_queue_size = 5', 'mem_queue_size', 10_000],
    ['node_id = 5\nmem-queue-size = 6\nlookupd_tcp_address = ["a"]', 'mem_queue_size', 10_000],
  ])('%j sets %s to %j', (config, key, value) => {
    expect(shown(key, [], config)).toEqual(value);
  });

  it.each([
    ['log_level = 2', 'failed parsing log_level 2'],
    ['log_level = "bad"', 'failed parsing log_level bad'],
    ['tls_required = "bad"', 'failed parsing tls_required bad'],
    ['tls_required = 2', 'failed parsing tls_required 2'],
    ['tls_required = [1, "a"]', 'failed parsing tls_required [1 a]'],
    ['tls_min_version = 771', 'failed parsing tls_min_version 771'],
    ['log_level = "bad"\ntls_min_version = "bad"', 'failed parsing tls_min_version bad'],
    ['log_level = "bad"\nmem_queue_size = true', 'failed parsing log_level bad'],
    [
      'bogus!',
      "failed to load config file /nsqd.cfg - toml: line 1: expected '=' after key 'bogus', but got '!'",
    ],
    ['a = 1\na = 2', "failed to load config file /nsqd.cfg - toml: line 2: key 'a' has already been defined"],
    [
      'tls_required = true',
      'failed to instantiate nsqd - cannot require TLS client connections without TLS key and cert',
    ],
    [
      'tls_required = "tcp-https"',
      'failed to instantiate nsqd - cannot require TLS client connections without TLS key and cert',
    ],
    ['id = 1024', 'failed to instantiate nsqd - --node-id must be [0,1024)'],
    [
      'e2e_processing_latency_percentiles = [0.5, 2]',
      'failed to instantiate nsqd - invalid E2E processing latency percentile: 2',
    ],
  ])('%j is fatal', (config, text) => {
    expect(resolve([], config)).toEqual({ kind: 'exit', code: 1, stdout: '', stderr: `${FATAL}${text}\n` });
  });

  it.each([
    ['mem_queue_size = 1.5', 'value 1.5 for mem_queue_size - invalid int64 value type float64'],
    ['mem_queue_size = true', 'value true for mem_queue_size - invalid int64 value type bool'],
    ['mem_queue_size = "0x10"', 'value 0x10 for mem_queue_size - strconv.ParseInt: parsing "0x10": invalid syntax'],
    [
      'sync_every = "9223372036854775808"',
      'value 9223372036854775808 for sync_every - strconv.ParseInt: parsing "9223372036854775808": value out of range',
    ],
    ['[mem_queue_size]\na = 1', 'value map[a:1] for mem_queue_size - invalid int64 value type map[string]interface {}'],
    ['snappy = "yes"', 'value yes for snappy - strconv.ParseBool: parsing "yes": invalid syntax'],
    ['snappy = 0', 'value 0 for snappy - invalid bool value type int64'],
    ['msg_timeout = "5"', 'value 5 for msg_timeout - time: missing unit in duration "5"'],
    ['msg_timeout = 1.5', 'value 1.5 for msg_timeout - invalid time.Duration value type float64'],
    ['tcp_address = 5', 'value 5 for tcp_address - invalid string value type int64'],
    [
      'enable_experiment = ["a", 5]',
      'value [a 5] for enable_experiment - invalid string value type int64 in the array',
    ],
    [
      'e2e_processing_latency_percentiles = "0.5, x"',
      'value 0.5, x for e2e_processing_latency_percentiles - strconv.ParseFloat: parsing "x": invalid syntax',
    ],
    [
      'e2e_processing_latency_percentiles = ["0.5"]',
      'value [0.5] for e2e_processing_latency_percentiles - invalid float64 value type string in the array',
    ],
    ['durability = "ram"', 'value ram for durability - must be memory, disk or fsync'],
  ])('%j is fatal and named', (config, text) => {
    const stderr = `${PLAIN}ERROR: Resolve failed to coerce ${text}\n`;
    expect(resolve([], config)).toEqual({ kind: 'exit', code: 1, stdout: '', stderr });
  });

  it('yields to flags, even with the default value and even if its own value is bad', () => {
    expect(shown('mem_queue_size', ['--mem-queue-size=10000'], 'mem_queue_size = 5')).toBe(10_000);
    expect(shown('mem_queue_size', ['--mem-queue-size=7'], 'mem_queue_size = true')).toBe(7);
    expect(shown('enable_experiment', ['--enable-experiment=a'], 'enable_experiment = ["b", "c"]')).toEqual(['a']);
    expect(firstLine(resolve(['--log-level=info'], 'log_level = "bad"'))).toBe(`${FATAL}failed parsing log_level bad`);
  });

  it('loads as shipped with NSQ', () => {
    expect(resolve([], SAMPLE_CONFIG)).toEqual({
      kind: 'run',
      options: {
        ...DEFAULTS,
        nsqlookupdTcpAddresses: ['127.0.0.1:4160'],
        maxMsgSize: 1_024_768,
        maxBodySize: 5_123_840,
        maxOutputBufferTimeoutMs: 1000,
        e2eProcessingLatencyPercentiles: [1, 0.99, 0.95],
      },
      warnings: [],
    });
  });

  it('must exist', () => {
    const stderr = `${FATAL}failed to load config file /nope.cfg - open /nope.cfg: no such file or directory\n`;
    expect(resolve(['--config=/nope.cfg'])).toEqual({ kind: 'exit', code: 1, stdout: '', stderr });
  });

  it('is not looked for when its name is empty', () => {
    expect(resolve(['--config='])).toMatchObject({ kind: 'run' });
  });

  it('is warned about when it has keys nobody knows, other than tables', () => {
    expect(resolve([], 'mem-queue-size = 5\n[other]\nx = 1')).toMatchObject({
      warnings: ['config file /nsqd.cfg: unknown key mem-queue-size is ignored'],
    });
  });
});
