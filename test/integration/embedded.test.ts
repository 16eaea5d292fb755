// The daemon inside another program, here the test's own process: started, stopped, listened to, and several at once.

import { readdirSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { Logger, LogLevel } from '../../src/lib/log/logger.js';
import { Nsqd, StartError } from '../../src/nsqd/embedded.js';
import type { NsqdListeners, NsqdOptions } from '../../src/nsqd/embedded.js';
import { Nsqd as InnerDaemon } from '../../src/nsqd/nsqd.js';
import { DEFAULTS } from '../../src/nsqd/options.js';
import { Client } from '../support/client.js';
import { Daemon, isStock, temporaryDirectory } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

/** Embedded daemons with their directories, gone with the scope. */
class Embedded implements AsyncDisposable {
  readonly dataPath = temporaryDirectory();
  readonly #started: Nsqd[] = [];

  async start(options: Partial<NsqdOptions> = {}, listeners: NsqdListeners = {}): Promise<Nsqd> {
    const nsqd = await Nsqd.start({ dataPath: this.dataPath, ...options }, listeners);
    this.#started.push(nsqd);
    return nsqd;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#started.map((nsqd) => nsqd.stop()));
    rmSync(this.dataPath, { recursive: true, force: true });
  }
}

function connect(nsqd: Nsqd): Promise<Client> {
  return Client.connect(Number(nsqd.addresses.tcp.split(':')[1]));
}

async function request(nsqd: Nsqd, path: string, body?: string): Promise<string> {
  const response = await fetch(`http://${nsqd.addresses.http}${path}`, body === undefined ? {} : { method: 'POST', body });
  return `${response.status} ${await response.text()}`;
}

/** What a process has once and an embedded daemon must leave alone. */
function processHandlers(): Record<string, number> {
  return Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]));
}

/** Files below the directory that this process has open. */
function openFilesBelow(directory: string): string[] {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(join('/proc/self/fd', fd));
    } catch {
      return ''; // Closed since the directory was read.
    }
  });
  return targets.filter((target) => target.startsWith(directory));
}

describe.skipIf(isStock)('an embedded daemon', () => {
  it('serves clients at the addresses it gives, and keeps what it acknowledged', async () => {
    await using embedded = new Embedded();
    const nsqd = await embedded.start({ tcpAddress: '127.0.0.1:0' });
    expect(nsqd.addresses).toEqual({
      tcp: expect.stringMatching(/^127\.0\.0\.1:\d+$/), http: expect.stringMatching(/^127\.0\.0\.1:\d+$/), https: null,
    });
    expect(await request(nsqd, '/pub?topic=t', 'kept')).toBe('200 OK');
    expect(await nsqd.stop()).toBe(true);
    await expect(connect(nsqd)).rejects.toThrow();
    const again = await embedded.start();
    using consumer = await connect(again);
    await consumer.subscribe('t', 'c', 1);
    const message = await consumer.nextMessage();
    expect(message.body.toString()).toBe('kept');
    consumer.finish(message);
  });

  it('stops once, for everybody who asks', async () => {
    await using embedded = new Embedded();
    const ends: boolean[] = [];
    const nsqd = await embedded.start({}, { stopped: (isComplete) => ends.push(isComplete) });
    expect(await Promise.all([nsqd.stop(), nsqd.stop()])).toEqual([true, true]);
    expect(await nsqd.stop()).toBe(true);
    await eventually(() => expect(ends).toEqual([true]));
  });

  it('stops once when it has drained while somebody stops it', async () => {
    const dataPath = temporaryDirectory();
    const lines: string[] = [];
    const write = (line: string): number => lines.push(line);
    const options = { ...DEFAULTS, dataPath, tcpAddress: '127.0.0.1:0', httpAddress: '127.0.0.1:0' };
    const daemon = await InnerDaemon.start(options, new Logger({ prefix: '', level: LogLevel.info, write }));
    const stopped = new Promise<boolean[]>((resolve) => {
      daemon.onDrained = () => {
        resolve(Promise.all([daemon.stop(), daemon.stop()]));
      };
    });
    daemon.drain();
    expect(await stopped).toEqual([true, true]);
    expect(await daemon.stop()).toBe(true);
    expect(lines.filter((line) => line.includes('NSQ: bye'))).toHaveLength(1);
    rmSync(dataPath, { recursive: true });
  });

  it('leaves its directory as the command line does, and takes over from it', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/mpub?topic=t', 'a\nb');
    await daemon.command('/channel/create?topic=t&channel=c');
    await daemon.stop();
    const nsqd = await Nsqd.start({ dataPath: daemon.dataPath });
    using consumer = await connect(nsqd);
    await consumer.subscribe('t', 'c', 1);
    consumer.finish(await consumer.nextMessage());
    // Comes after the FIN.
    await consumer.nextMessage();
    await nsqd.stop();
    expect(openFilesBelow(daemon.dataPath)).toEqual([]);
    await daemon.restart();
    expect(await daemon.channel('t', 'c')).toMatchObject({ depth: 1 });
  });

  it('drains first when SIGTERM would', async () => {
    await using embedded = new Embedded();
    const nsqd = await embedded.start({ sigtermMode: 'drain' });
    using consumer = await connect(nsqd);
    await consumer.subscribe('t', 'c', 1);
    await request(nsqd, '/pub?topic=t', 'last');
    const message = await consumer.nextMessage();
    const stopped = nsqd.stop();
    expect(nsqd.isDraining).toBe(true);
    expect(await request(nsqd, '/pub?topic=t', 'x')).toBe('503 {"message":"draining"}');
    consumer.finish(message);
    expect(await stopped).toBe(true);
  });

  it('says so when it was drained over HTTP', async () => {
    await using embedded = new Embedded();
    const ends: boolean[] = [];
    const nsqd = await embedded.start({}, { stopped: (isComplete) => ends.push(isComplete) });
    await fetch(`http://${nsqd.addresses.http}/config/drain`, { method: 'PUT', body: 'true' });
    await eventually(() => expect(ends).toEqual([true]));
  });
});

describe.skipIf(isStock)('events of an embedded daemon', () => {
  it('tell of the log from its first line, of topics and of channels', async () => {
    await using embedded = new Embedded();
    const events: unknown[] = [];
    const messages: string[] = [];
    const nsqd = await embedded.start({ logLevel: 'info', logPrefix: '[mine] ' }, {
      topic: (change) => events.push(change),
      channel: (change) => events.push(change),
      log: ({ level, message, text }) => {
        expect(text).toMatch(/^\[mine\] \d{4}\/.*[^\n]$/);
        messages.push(`${level}: ${message}`);
      },
    });
    await request(nsqd, '/channel/create?topic=t&channel=c', '');
    await request(nsqd, '/topic/create?topic=t', '');
    await request(nsqd, '/channel/create?topic=t&channel=c', '');
    await request(nsqd, '/topic/delete?topic=t', '');
    await eventually(() => expect(events).toEqual([
      { kind: 'created', topic: 't' },
      { kind: 'created', topic: 't', channel: 'c' },
      { kind: 'deleted', topic: 't', channel: 'c' },
      { kind: 'deleted', topic: 't' },
    ]));
    expect(messages[0]).toMatch(/^info: nsqd v/);
    expect(messages).toContain('info: TOPIC(t): created');
  });

  it('end with the listener', async () => {
    await using embedded = new Embedded();
    const topics: string[] = [];
    const nsqd = await embedded.start();
    const note = ({ topic }: { topic: string }): void => void topics.push(topic);
    nsqd.on('topic', note);
    await request(nsqd, '/topic/create?topic=a', '');
    await eventually(() => expect(topics).toEqual(['a']));
    nsqd.off('topic', note);
    await request(nsqd, '/topic/create?topic=b', '');
    await nsqd.stop();
    expect(topics).toEqual(['a']);
  });

  it('come when the daemon is done with what they tell of: a listener may stop it', async () => {
    await using embedded = new Embedded();
    const ends: Promise<boolean>[] = [];
    const nsqd = await embedded.start();
    nsqd.on('topic', () => ends.push(nsqd.stop()));
    const answer = request(nsqd, '/pub?topic=t', 'kept').catch(() => 'cut off');
    await eventually(() => expect(ends).toHaveLength(1));
    expect(await ends[0]).toBe(true);
    const again = await embedded.start();
    // Who was told so finds it.
    if ((await answer) === '200 OK') expect(await request(again, '/stats?topic=t')).toMatch(/depth: 1 /);
  });

  it('tell when its disk fails, and when it is well again', async () => {
    await using embedded = new Embedded();
    const events: string[] = [];
    const nsqd = await embedded.start({}, {
      unhealthy: (reason) => events.push(`unhealthy: ${reason}`),
      healthy: () => events.push('healthy'),
    });
    const elsewhere = `${embedded.dataPath}-elsewhere`;
    renameSync(embedded.dataPath, elsewhere);
    expect(await request(nsqd, '/pub?topic=t', 'x')).toMatch(/^503 /);
    await eventually(() => expect(events).toEqual([expect.stringContaining('unhealthy: ')]));
    expect(await request(nsqd, '/ping')).toMatch(/^500 /);
    renameSync(elsewhere, embedded.dataPath);
    await eventually(() => expect(events.slice(1)).toEqual(['healthy']));
    expect(await request(nsqd, '/ping')).toBe('200 OK');
  });

  it('tell when there is no room', async () => {
    await using embedded = new Embedded();
    const reasons: string[] = [];
    const nsqd = await embedded.start({ minFreeDiskBytes: Number.MAX_SAFE_INTEGER }, { unhealthy: (each) => reasons.push(each) });
    expect(await request(nsqd, '/pub?topic=t', 'x')).toMatch(/^503 /);
    await eventually(() => expect(reasons).toEqual([expect.stringContaining('--min-free-disk-bytes')]));
  });
});

describe.skipIf(isStock)('several embedded daemons', () => {
  it('know nothing of each other, and leave the process alone', async () => {
    const before = processHandlers();
    await using first = new Embedded();
    await using second = new Embedded();
    const logs: string[][] = [[], []];
    const [a, b] = await Promise.all([
      first.start({ maxMsgSize: 10 }, { log: ({ message }) => logs[0]!.push(message) }),
      second.start({ maxMsgSize: 20 }, { log: ({ message }) => logs[1]!.push(message) }),
    ]);
    expect(processHandlers()).toEqual(before);
    using consumer = await connect(b);
    await consumer.subscribe('t', 'c', 1);
    expect(await request(a, '/pub?topic=t', 'x'.repeat(15))).toBe('413 {"message":"MSG_TOO_BIG"}');
    expect(await request(b, '/pub?topic=t', 'x'.repeat(15))).toBe('200 OK');
    await request(a, '/topic/create?topic=only_a', '');
    expect(await request(b, '/stats?format=json')).not.toContain('only_a');
    expect(await a.stop()).toBe(true);
    const message = await consumer.nextMessage();
    consumer.finish(message);
    expect(await request(b, '/pub?topic=t', 'on')).toBe('200 OK');
    expect((await consumer.nextMessage()).body.toString()).toBe('on');
    expect(logs[0]!.join()).toContain('only_a');
    expect(logs[1]!.join()).not.toContain('only_a');
    expect(logs[0]).toContain('NSQ: bye');
    expect(logs[1]).not.toContain('NSQ: bye');
  });

  it('keep each other out of a data path, and a start that fails leaves nothing open', async () => {
    await using embedded = new Embedded();
    await using other = new Embedded();
    const nsqd = await embedded.start();
    await expect(Nsqd.start({ dataPath: embedded.dataPath })).rejects.toThrow(/^failed to lock data-path: cannot flock directory/);
    expect(await request(nsqd, '/pub?topic=t', 'x')).toBe('200 OK');
    const taken = Nsqd.start({ dataPath: other.dataPath, httpAddress: nsqd.addresses.http ?? '' });
    await expect(taken).rejects.toThrow(/^listen \(127\.0\.0\.1:\d+\) failed - .*address already in use/);
    expect(openFilesBelow(other.dataPath)).toEqual([]);
    await other.start();
  });
});

describe('options of an embedded daemon', () => {
  const given = { dataPath: '/nonexistent' };

  it.each([
    [{ maxDeflateLevel: 10 }, '--max-deflate-level must be [1,9]'],
    [{ msgTimeout: '1 minute' }, 'invalid value "1 minute" for flag -msg-timeout: parse error'],
    [{ msgTimeout: Number.NaN }, 'invalid value "NaNms" for flag -msg-timeout: parse error'],
    [{ memQueueSize: 1.5 }, 'invalid value "1.5" for flag -mem-queue-size: parse error'],
    [{ tlsRequired: 'perhaps' }, 'invalid boolean value "perhaps" for -tls-required: strconv.ParseBool: parsing "perhaps": invalid syntax'],
    [{ tlsRequired: true }, 'cannot require TLS client connections without TLS key and cert'],
    [{ durability: 'none' }, 'invalid value "none" for flag -durability: must be memory, disk or fsync'],
    [{ e2eProcessingLatencyPercentile: [2] }, 'invalid E2E processing latency percentile: 2'],
    [{ logLevel: {} }, 'option logLevel is not text, a number or a boolean'],
    [{ tlsCert: null }, 'option tlsCert is not text, a number or a boolean'],
    [{ msgTimeoutMs: 5 }, 'unknown option msgTimeoutMs'],
    [{ dataPath: undefined }, 'dataPath is missing'],
    [{ topics: { 'a b': {} } }, 'topics "a b": is no topic name, nor a pattern of names with *'],
    [{ topics: { a: { maxAttempts: 70_000 } } }, 'topics "a": --max-attempts must be [0,65535]'],
    [{ topics: { a: { logLevel: 'info' } } }, 'unknown option logLevel'],
  ])('%o are refused as on the command line', async (options, message) => {
    const start = Nsqd.start({ ...given, ...options } as NsqdOptions);
    await expect(start).rejects.toThrow(StartError);
    await expect(start).rejects.toThrow(expect.objectContaining({ message }));
  });

  it('are those of the daemon: durations in milliseconds or as Go writes them, lists, topics', async () => {
    await using embedded = new Embedded();
    const nsqd = await embedded.start({
      msgTimeout: 1500, maxMsgTimeout: '2m', deflate: false, logLevel: 'warn', tlsMinVersion: 'tls1.2',
      e2eProcessingLatencyPercentile: [0.5, 0.99], authHttpAddress: [], lookupdTcpAddress: undefined, syncTimeout: 0.5,
      maxAttempts: 5, topics: { 't*': { maxAttempts: 1, deadLetterTopicSuffix: '-dead' } },
    });
    const values = {
      msg_timeout: '1500000000', max_msg_timeout: '120000000000', deflate: 'false', log_level: '3', sync_timeout: '500000',
      e2e_processing_latency_percentiles: '[0.99,0.5]', auth_http_addresses: '[]', nsqlookupd_tcp_addresses: '[]',
    };
    for (const [key, value] of Object.entries(values)) {
      expect(`${key} ${await request(nsqd, `/config/${key}`)}`).toBe(`${key} 200 ${value}`);
    }
    using consumer = await connect(nsqd);
    await consumer.subscribe('t', 'c', 1);
    await request(nsqd, '/pub?topic=t', 'x');
    consumer.command(`REQ ${(await consumer.nextMessage()).id} 0`);
    await eventually(async () => expect(await request(nsqd, '/stats?format=json')).toContain('"t-dead"'));
  });
});
