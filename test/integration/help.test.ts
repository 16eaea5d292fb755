// `nsqd --help` against stock nsqd's flags (options.md 4): every one is there, takes the same kind of value, and has the same
// default. What has no effect here says so in the README.

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { beforeAll, describe, expect, it } from 'vitest';

import { OPTION_ROWS } from '../../src/nsqd/options.js';
import { isStock, runToExit, stockProgram } from '../support/daemon.js';

/** The word behind a flag: none for what needs no value. */
type Word = '' | 'string' | 'int' | 'duration' | 'value';

/** The default as the text shows it; '' for none, or a zero. */
const STOCK: readonly (readonly [flag: string, word: Word, shown: string])[] = [
  ['version', '', ''], ['config', 'string', ''], ['verbose', '', ''], ['worker-id', '', ''],
  ['log-level', 'value', 'INFO'], ['log-prefix', 'string', '"[nsqd] "'], ['node-id', 'int', 'any'],
  ['tcp-address', 'string', '"0.0.0.0:4150"'], ['http-address', 'string', '"0.0.0.0:4151"'], ['https-address', 'string', '"0.0.0.0:4152"'],
  ['broadcast-address', 'string', `"${hostname()}"`], ['broadcast-tcp-port', 'int', ''], ['broadcast-http-port', 'int', ''],
  ['lookupd-tcp-address', 'value', ''], ['auth-http-address', 'value', ''], ['auth-http-request-method', 'string', '"get"'],
  ['http-client-connect-timeout', 'duration', '2s'], ['http-client-request-timeout', 'duration', '5s'],
  ['topology-region', 'string', ''], ['topology-zone', 'string', ''],
  ['data-path', 'string', ''], ['mem-queue-size', 'int', '10000'], ['max-bytes-per-file', 'int', '104857600'],
  ['sync-every', 'int', '2500'], ['sync-timeout', 'duration', '2s'],
  ['queue-scan-worker-pool-max', 'int', '4'], ['queue-scan-selection-count', 'int', '20'],
  ['msg-timeout', 'duration', '1m0s'], ['max-msg-timeout', 'duration', '15m0s'], ['max-msg-size', 'int', '1048576'],
  ['max-body-size', 'int', '5242880'], ['max-req-timeout', 'duration', '1h0m0s'],
  ['max-heartbeat-interval', 'duration', '1m0s'], ['max-rdy-count', 'int', '2500'], ['max-output-buffer-size', 'int', '65536'],
  ['max-output-buffer-timeout', 'duration', '30s'], ['min-output-buffer-timeout', 'duration', '25ms'],
  ['output-buffer-timeout', 'duration', '250ms'], ['max-channel-consumers', 'int', 'any'],
  ['statsd-address', 'string', ''], ['statsd-interval', 'duration', '1m0s'], ['statsd-mem-stats', '', 'true'],
  ['statsd-prefix', 'string', '"nsq.%s"'], ['statsd-udp-packet-size', 'int', '508'], ['statsd-exclude-ephemeral', '', ''],
  ['e2e-processing-latency-percentile', 'value', ''], ['e2e-processing-latency-window-time', 'duration', '10m0s'],
  ['tls-cert', 'string', ''], ['tls-key', 'string', ''], ['tls-client-auth-policy', 'string', ''], ['tls-root-ca-file', 'string', ''],
  ['tls-required', '', 'any'], ['tls-min-version', 'value', 'any'],
  ['deflate', '', 'true'], ['max-deflate-level', 'int', '6'], ['snappy', '', 'true'],
  ['enable-experiment', 'value', ''],
];
/** What NSQ's repository has, and its release 1.3.0 not yet. */
const AFTER_RELEASE = new Set(['auth-http-request-method', 'enable-experiment', 'topology-region', 'topology-zone']);
/** What stock nsqd does not have. */
const OWN = [
  'dead-letter-topic-suffix', 'drain-timeout', 'durability', 'http-auth-token-file', 'max-attempts', 'max-defer-timeout',
  'max-memory-bytes', 'max-metrics-entries', 'max-topic-age', 'max-topic-bytes', 'min-free-disk-bytes', 'requeue-on-disconnect',
  'sigterm-mode', 'topic-overflow',
];

interface ShownFlag {
  readonly word: string;
  readonly shown: string;
}

/** The flags of `--help`. */
async function usage(program?: readonly string[]): Promise<ReadonlyMap<string, ShownFlag>> {
  const { code, output } = await runToExit(['--help'], undefined, program);
  expect(code).toBe(0);
  const flags = output.matchAll(/^  -(\S+)(?: (\S+))?\n {4}\t.*?(?: \(default (.*)\))?$/gm);
  return new Map([...flags].map(([, flag, word, value]) => [flag!, { word: word ?? '', shown: value ?? '' }]));
}

describe('the usage text', () => {
  let shown: ReadonlyMap<string, ShownFlag> = new Map();
  beforeAll(async () => {
    shown = await usage();
  });

  it.each(STOCK)('has --%s, which takes "%s" and is %s by default', (flag, word, value) => {
    const own = shown.get(flag);
    expect(own?.word).toBe(word);
    if (value !== 'any') expect(own?.shown).toBe(value);
  });

  it.skipIf(isStock)('has no other flags but our own', () => {
    expect([...shown.keys()].sort()).toEqual([...STOCK.map(([flag]) => flag), ...OWN].sort());
  });

  it.skipIf(stockProgram === undefined)('of stock nsqd has the flags this is compared with', async () => {
    const stock = await usage([stockProgram ?? '']);
    const released = STOCK.filter(([flag]) => stock.has(flag) || !AFTER_RELEASE.has(flag));
    const expected = released.map(([flag, word, value]) => [flag, { word, shown: value }]);
    const printed = released.map(([flag, , value]) => [flag, value === 'any' ? { ...stock.get(flag), shown: value } : stock.get(flag)]);
    expect(printed).toEqual(expected);
    expect([...stock.keys()].sort()).toEqual(released.map(([flag]) => flag).sort());
  });
});

describe.skipIf(isStock)('the README', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

  it.each([...OPTION_ROWS.values()].filter(({ noEffect }) => noEffect).map(({ flag }) => flag))('says that --%s has no effect', (flag) => {
    const family = flag.replace(/^(queue-scan)-.*/, '$1-*');
    const paragraphs = readme.split('\n\n').filter((text) => text.includes(`--${flag}`) || text.includes(`--${family}`));
    expect(paragraphs.join('\n')).toMatch(/without\s+effect|no\s+effect/);
  });

  it.each(OWN)('describes --%s', (flag) => {
    expect(readme).toContain(`--${flag}`);
  });
});
