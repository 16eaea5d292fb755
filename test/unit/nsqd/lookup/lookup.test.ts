// Several nsqlookupds, addresses that change, and the question for the channels of a new topic.

import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Lookup, type LookupOptions } from '../../../../src/nsqd/lookup/lookup.js';
import { DEFAULTS } from '../../../../src/nsqd/options.js';
import { eventually } from '../../../support/eventually.js';
import { FakeLookupd, sized } from '../../../support/fake-lookupd.js';
import { FakeBroker, LogInMemory } from './fixtures.js';

let one: FakeLookupd;
let two: FakeLookupd;
let broker: FakeBroker;
let log: LogInMemory;
let lookup: Lookup;

beforeEach(async () => {
  [one, two] = await Promise.all([FakeLookupd.start(), FakeLookupd.start()]);
  broker = new FakeBroker();
  log = new LogInMemory();
  lookup = new Lookup({ logger: log.logger, clock: broker.clock, broker, random: () => 0 });
});

afterEach(async () => {
  lookup.close();
  broker.alarmClock.stop();
  await Promise.all([one.down(), two.down()]);
});

function start(addresses: readonly string[], options: Partial<LookupOptions> = {}): void {
  lookup.start({ ...DEFAULTS, ...options, nsqlookupdTcpAddresses: addresses });
}

/** All configured peers have told who they are. */
async function allKnown(): Promise<void> {
  await eventually(() => expect([...lookup.peers].every(({ info }) => info !== null)).toBe(true));
}

async function startBoth(options: Partial<LookupOptions> = {}): Promise<void> {
  start([one.address, two.address], options);
  await allKnown();
}

describe('peers', () => {
  it('are all told of everything', async () => {
    broker.add('lonely');
    broker.add('t', 'a', 'b');
    await startBoth();
    const announced = ['magic', 'IDENTIFY', 'REGISTER lonely', 'REGISTER t a', 'REGISTER t b'];
    for (const { lines } of [one, two]) await eventually(() => expect(lines).toEqual(announced));
    lookup.created('later', null);
    lookup.deleted('t', 'a');
    const expected = [...announced, 'REGISTER later', 'UNREGISTER t a'];
    for (const { lines } of [one, two]) await eventually(() => expect(lines).toEqual(expected));
  });

  it('do not wait for each other', async () => {
    one.answer = (line) => (line === 'IDENTIFY' ? one.usualAnswer(line) : null);
    await startBoth();
    for (const name of ['a', 'b', 'c']) lookup.created(name, null);
    await eventually(() => expect(two.lines.slice(2)).toEqual(['REGISTER a', 'REGISTER b', 'REGISTER c']));
    expect(one.lines.slice(2)).toEqual(['REGISTER a']);
  });

  it('are connected once, however often they are listed', async () => {
    start([one.address, one.address, one.address]);
    await allKnown();
    expect([...lookup.peers]).toHaveLength(1);
    expect(one.connectionCount).toBe(1);
  });
});

describe('new addresses', () => {
  it('end the connections that are not listed, keep the others, and add new ones', async () => {
    const three = await FakeLookupd.start();
    await startBoth();
    lookup.setAddresses([two.address, three.address, three.address]);
    await eventually(() => expect(three.lines).toEqual(['magic', 'IDENTIFY']));
    await eventually(() => expect(one.openCount).toBe(0));
    expect(two.connectionCount).toBe(1);
    expect(three.connectionCount).toBe(1);
    expect(log.lines).toContain(`INFO: LOOKUP(${one.address}): removing peer`);
    expect(log.count(`LOOKUP(${three.address}): adding peer`)).toBe(1);
    lookup.setAddresses([]);
    await eventually(() => expect(two.openCount + three.openCount).toBe(0));
    await three.down();
  });

  it('in a burst leave only the last ones', async () => {
    start([]);
    for (let index = 0; index < 50; index += 1) lookup.setAddresses([index % 2 === 0 ? one.address : two.address]);
    await allKnown();
    await eventually(() => expect([one.openCount, two.openCount]).toEqual([0, 1]));
  });

  it('before the start and after the end change nothing', () => {
    lookup.setAddresses([one.address]);
    expect([...lookup.peers]).toEqual([]);
    start([]);
    lookup.close();
    lookup.setAddresses([one.address]);
    expect([...lookup.peers]).toEqual([]);
  });
});

describe('the channels of a new topic', () => {
  it('are not asked for without addresses', () => {
    start([]);
    expect(lookup.channelsOf('t')).toBeNull();
    expect(log.lines).toEqual([]);
  });

  it('are not waited for while no nsqlookupd has identified itself', async () => {
    await one.down();
    start([one.address]);
    expect(lookup.channelsOf('t')).toBeNull();
    expect(log.lines.at(-1)).toBe('ERROR: no available nsqlookupd to query for channels to pre-create for topic t');
  });

  it('are the union of all answers, sorted, without what no channel can be called and what is ephemeral', async () => {
    await startBoth();
    one.channels.set('t', ['b', 'a', 'gone#ephemeral', 'bad name', '', 'x'.repeat(65), '../../etc']);
    two.channels.set('t', ['c', 'a']);
    expect(await lookup.channelsOf('t')).toEqual(['a', 'b', 'c']);
    expect(one.requests).toEqual(['/channels?topic=t']);
  });

  it('are asked for with an escaped name and the version of the API', async () => {
    let accept: string | undefined;
    one.onRequest = (request, response) => {
      accept = request.headers.accept;
      response.end('{"channels":[]}');
    };
    start([one.address]);
    await allKnown();
    expect(await lookup.channelsOf('t#ephemeral')).toEqual([]);
    expect(one.requests).toEqual(['/channels?topic=t%23ephemeral']);
    expect(accept).toBe('application/vnd.nsq; version=1.0');
  });

  it('come from an nsqlookupd whose connection is lost, too', async () => {
    start([one.address]);
    await allKnown();
    one.channels.set('t', ['a']);
    one.answer = () => null;
    one.drop();
    expect(await lookup.channelsOf('t')).toEqual(['a']);
  });

  it('are those of the others when one nsqlookupd fails', async () => {
    await startBoth();
    two.channels.set('t', ['a']);
    await one.down();
    expect(await lookup.channelsOf('t')).toEqual(['a']);
    expect(log.lines.at(-1)).toBe(
      'WARNING: failed to query nsqlookupd for channels to pre-create for topic t - '
        + `Get "http://127.0.0.1:${one.httpPort}/channels?topic=t": connection refused`,
    );
  });

  it('are none when all fail', async () => {
    await startBoth();
    await Promise.all([one.down(), two.down()]);
    expect(await lookup.channelsOf('t')).toEqual([]);
    expect(log.count('for topic t - failed to query any nsqlookupd: Get "http://')).toBe(1);
  });

  it.each<[string, (lookupd: FakeLookupd) => void, string]>([
    ['an error', (fake) => (fake.onRequest = (_, response) => response.writeHead(500).end('oops')), 'got response 500'],
    ['no JSON', (fake) => (fake.onRequest = (_, response) => response.end('oops')), 'JSON'],
    ['JSON of the wrong kind', (fake) => (fake.onRequest = (_, response) => response.end('[]')), 'not a JSON object'],
    ['no names', (fake) => (fake.onRequest = (_, response) => response.end('{"channels":[1]}')), 'array of strings'],
    ['half an answer', (fake) => (fake.onRequest = (_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{"chan');
      setTimeout(() => response.destroy(), 20);
    }), 'connection reset by peer'],
    ['another protocol', (fake) => (fake.onRequest = (request) => request.socket.end('E_INVALID\n')), 'Parse Error'],
    ['the end', (fake) => (fake.onRequest = ({ socket }) => socket.destroy()), 'connection reset by peer'],
    ['more than the limit', (fake) => (fake.onRequest = (_, response) => {
      response.end('x'.repeat(2_000));
    }), 'greater than limit (1000)'],
    ['an endless answer', (fake) => (fake.onRequest = (_, response) => {
      const timer = setInterval(() => response.write('x'.repeat(100)), 1);
      response.on('close', () => clearInterval(timer));
    }), 'greater than limit (1000)'],
  ])('are none after %s', async (_, prepare, reason) => {
    start([one.address], { maxBodySize: 1_000 });
    await allKnown();
    prepare(one);
    expect(await lookup.channelsOf('t')).toEqual([]);
    expect(log.lines.at(-1)).toContain(reason);
  });

  it('are waited for only so long', async () => {
    await startBoth({ httpClientRequestTimeoutMs: 300 });
    one.onRequest = () => undefined;
    const isTwoRead = new Promise((resolve) => {
      two.onRequest = (request, response) => {
        request.socket.once('close', resolve);
        response.setHeader('connection', 'close').end('{"channels":["a"]}');
      };
    });
    const channels = lookup.channelsOf('t');
    await eventually(() => expect(one.requests).toHaveLength(1));
    await isTwoRead;
    broker.clock.skip(299);
    expect(log.count('request timed out')).toBe(0);
    broker.clock.skip(1);
    expect(await channels).toEqual(['a']);
    expect(log.lines.at(-1)).toContain('request timed out');
  });

  it('are waited for only so long, even if the request may take for ever', async () => {
    start([one.address], { httpClientRequestTimeoutMs: 0 });
    await allKnown();
    one.onRequest = () => undefined;
    const channels = lookup.channelsOf('t');
    await eventually(() => expect(one.requests).toHaveLength(1));
    broker.clock.skip(DEFAULTS.httpClientRequestTimeoutMs);
    expect(await channels).toEqual([]);
  });

  it('are asked for over TLS where plain HTTP is forbidden', async () => {
    const tls = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (hello) => {
        greetings.push(hello[0] ?? 0);
        socket.destroy();
      });
    });
    const greetings: number[] = [];
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    const { port } = tls.address() as { port: number };
    one.onRequest = (_, response) => {
      response.writeHead(403).end(JSON.stringify({ message: 'TLS_REQUIRED', https_port: port }));
    };
    start([one.address]);
    await allKnown();
    expect(await lookup.channelsOf('t')).toEqual([]);
    expect(greetings).toEqual([0x16]); // The first byte of a TLS handshake.
    tls.close();
  });

  it('are no longer waited for when the daemon closes', async () => {
    start([one.address]);
    await allKnown();
    one.onRequest = () => undefined;
    const channels = lookup.channelsOf('t');
    await eventually(() => expect(one.requests).toHaveLength(1));
    lookup.close();
    expect(await channels).toEqual([]);
    expect(log.count('WARNING')).toBe(0);
  });

  it.each([0, -1, 65_536])('are not asked for on port %i', async (port) => {
    one.answer = (line) => (line === 'IDENTIFY' ? sized(one.identity({ http_port: port })) : one.usualAnswer(line));
    start([one.address]);
    await allKnown();
    expect(lookup.channelsOf('t')).toBeNull();
  });
});

describe('close', () => {
  it('ends every connection without unregistering', async () => {
    broker.add('t', 'c');
    await startBoth();
    await eventually(() => expect(two.lines).toContain('REGISTER t c'));
    lookup.close();
    for (const lookupd of [one, two]) {
      await eventually(() => expect(lookupd.openCount).toBe(0));
      expect(lookupd.lines.filter((line) => line.startsWith('UNREGISTER'))).toEqual([]);
    }
  });
});
