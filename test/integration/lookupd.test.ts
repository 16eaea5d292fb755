// Registration with nsqlookupds over real sockets (nsqlookupd.md part A, engine.md 5.2), as an nsqlookupd sees it.

import { hostname } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readTopics } from '../support/data-directory.js';
import { Daemon, type DaemonOptions, isStock } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { FakeLookupd } from '../support/fake-lookupd.js';

let lookupd: FakeLookupd;

beforeEach(async () => {
  lookupd = await FakeLookupd.start();
});

afterEach(async () => {
  await lookupd.down();
});

/** A daemon that has identified itself. */
async function startRegistered(options: DaemonOptions = {}): Promise<Daemon> {
  const flags = [`--lookupd-tcp-address=${lookupd.address}`, ...(options.flags ?? [])];
  const daemon = await Daemon.start({ ...options, flags });
  await eventually(() => expect(daemon.output).toContain('peer info'));
  return daemon;
}

/** Everything told but the beginning of the connection, in any order: stock nsqd has none. */
function told(): string[] {
  return lookupd.lines.filter((line) => line !== 'magic' && line !== 'IDENTIFY' && line !== 'PING').sort();
}

async function putAddresses(daemon: Daemon, body: string): Promise<string> {
  const url = `http://127.0.0.1:${daemon.httpPort}/config/nsqlookupd_tcp_addresses`;
  const response = await fetch(url, { method: 'PUT', body });
  return `${response.status} ${await response.text()}`;
}

describe('a daemon', () => {
  it('tells who it is', async () => {
    await using daemon = await startRegistered({ flags: ['--topology-zone=z1'] });
    expect(lookupd.lines.slice(0, 2)).toEqual(['magic', 'IDENTIFY']);
    expect(lookupd.identities).toEqual([{
      broadcast_address: hostname(), hostname: hostname(), http_port: daemon.httpPort, tcp_port: daemon.tcpPort,
      topology_region: '', topology_zone: 'z1', version: '1.3.0',
    }]);
    expect(Object.keys(lookupd.identities[0] ?? {})).toEqual(Object.keys(lookupd.identities[0] ?? {}).sort());
  });

  it('tells the broadcast address and ports it was given', async () => {
    const flags = ['--broadcast-address=name', '--broadcast-tcp-port=1', '--broadcast-http-port=2'];
    await using daemon = await startRegistered({ flags });
    expect(lookupd.identities).toEqual([
      expect.objectContaining({ broadcast_address: 'name', tcp_port: 1, http_port: 2 }),
    ]);
    expect((await daemon.get('/config/broadcast_tcp_port')).body).toBe('1');
  });

  it('registers topics and channels however they came, and unregisters them', async () => {
    await using daemon = await startRegistered();
    await daemon.command('/pub?topic=by-pub', 'x');
    await daemon.command('/topic/create?topic=by-http');
    await daemon.command('/channel/create?topic=by-http&channel=c');
    const consumer = await daemon.subscriber('by-sub#ephemeral', 'e#ephemeral');
    const registered = [
      'REGISTER by-http', 'REGISTER by-http c', 'REGISTER by-pub', 'REGISTER by-sub#ephemeral',
      'REGISTER by-sub#ephemeral e#ephemeral',
    ];
    await eventually(() => expect(told()).toEqual(registered));
    lookupd.lines.length = 0;
    consumer.destroy();
    await daemon.command('/channel/delete?topic=by-http&channel=c');
    await daemon.command('/topic/delete?topic=by-pub');
    const unregistered = [
      'UNREGISTER by-http c', 'UNREGISTER by-pub', 'UNREGISTER by-sub#ephemeral',
      'UNREGISTER by-sub#ephemeral e#ephemeral',
    ];
    await eventually(() => expect(told()).toEqual(unregistered));
  });

  it('unregisters nothing when it stops', async () => {
    await using daemon = await startRegistered();
    await daemon.command('/topic/create?topic=t');
    await eventually(() => expect(told()).toEqual(['REGISTER t']));
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await eventually(() => expect(lookupd.openCount).toBe(0));
    expect(told()).toEqual(['REGISTER t']);
    expect(daemon.output).toMatch(/NSQ: stopping subsystems\n[^]*LOOKUP: closing\n[^]*NSQ: bye\n$/);
  });

  it('registers what it loads, and does not ask for its channels', async () => {
    await using daemon = await startRegistered();
    await daemon.command('/topic/create?topic=alone');
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    await daemon.stop();
    lookupd.lines.length = 0;
    lookupd.requests.length = 0;
    await daemon.restart();
    await eventually(() => expect(told()).toEqual(expect.arrayContaining(['REGISTER alone', 'REGISTER t c'])));
    expect(lookupd.requests).toEqual([]);
  });

  it.skipIf(isStock)('comes back by itself, and tells everything again', async () => {
    await using daemon = await startRegistered();
    await daemon.command('/topic/create?topic=t');
    await eventually(() => expect(told()).toEqual(['REGISTER t']));
    await lookupd.down();
    await daemon.command('/channel/create?topic=t&channel=meanwhile');
    lookupd.lines.length = 0;
    await lookupd.up();
    await eventually(() => expect(told()).toEqual(['REGISTER t meanwhile']));
  });

  it('serves, and stops, with an nsqlookupd that says nothing', async () => {
    lookupd.answer = () => null;
    await using daemon = await Daemon.start({ flags: [`--lookupd-tcp-address=${lookupd.address}`] });
    await eventually(() => expect(lookupd.lines).toContain('IDENTIFY'));
    await daemon.command('/pub?topic=t', 'x');
    const consumer = await daemon.subscriber('t', 'c');
    await consumer.nextMessage();
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    consumer.destroy();
  });
});

describe('a new topic', () => {
  it('begins with the channels known elsewhere, which are on disk', async () => {
    await using daemon = await startRegistered();
    lookupd.channels.set('t', ['two', 'one', 'three#ephemeral']);
    await daemon.command('/topic/create?topic=t');
    const { channels } = await daemon.topic('t');
    expect(channels.map((channel) => channel.channel_name).sort()).toEqual(['one', 'two']);
    await eventually(() => {
      const onDisk = readTopics(daemon.dataPath)?.find(({ name }) => name === 't');
      expect(onDisk?.channels?.map(({ name }) => name).sort()).toEqual(['one', 'two']);
    });
    expect(lookupd.requests).toEqual(['/channels?topic=t']);
  });

  it('gives its first message to all of them', async () => {
    await using daemon = await startRegistered();
    lookupd.channels.set('t', ['one', 'two']);
    await daemon.command('/pub?topic=t', 'first');
    for (const name of ['one', 'two']) {
      const consumer = await daemon.subscriber('t', name);
      expect((await consumer.nextMessage()).body.toString()).toBe('first');
      consumer.destroy();
    }
  });

  it.skipIf(isStock)('whose channels take long to know delays no publisher, and no other topic', async () => {
    // Nobody waits so long here: what comes does not come by this timeout.
    await using daemon = await startRegistered({ flags: ['--http-client-request-timeout=60s'] });
    const answers: (() => void)[] = [];
    lookupd.onRequest = (request, response) => {
      if (request.url !== '/channels?topic=slow') return response.end('{"channels":[]}');
      return answers.push(() => response.end('{"channels":["late"]}'));
    };
    await daemon.command('/pub?topic=slow', 'a');
    const eager = await daemon.subscriber('slow', 'eager', 5);
    const other = await daemon.subscriber('other', 'c', 5);
    await daemon.command('/pub?topic=other', 'b');
    expect((await other.nextMessage()).body.toString()).toBe('b');
    await eager.expectQuiet();
    expect((await daemon.topic('slow')).depth).toBe(1);
    answers[0]?.();
    expect((await eager.nextMessage()).body.toString()).toBe('a');
    expect((await daemon.channel('slow', 'late')).depth).toBe(1);
    eager.destroy();
    other.destroy();
  });

  it.skipIf(isStock)('whose channels nobody tells is held for the request timeout', async () => {
    await using daemon = await startRegistered({ flags: ['--http-client-request-timeout=400ms'] });
    lookupd.onRequest = () => undefined;
    await daemon.command('/pub?topic=t', 'a');
    const consumer = await daemon.subscriber('t', 'c');
    // By default it would be five seconds.
    await consumer.nextMessage(4_500);
    await eventually(() => expect(daemon.output).toContain('WARNING: failed to query nsqlookupd for channels to pre-create for topic t - '));
    consumer.destroy();
  });

  it.skipIf(isStock)('is not held by a stop, and keeps what it got', async () => {
    await using daemon = await startRegistered({ flags: ['--http-client-request-timeout=60s'] });
    lookupd.onRequest = () => undefined;
    await daemon.command('/pub?topic=t', 'a');
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await daemon.restart();
    expect((await daemon.topic('t')).depth).toBe(1);
  });

  it('is created although no nsqlookupd can be asked', async () => {
    await lookupd.down();
    await using daemon = await Daemon.start({ flags: [`--lookupd-tcp-address=${lookupd.address}`] });
    await daemon.command('/topic/create?topic=t');
    const line = 'ERROR: no available nsqlookupd to query for channels to pre-create for topic t\n';
    await eventually(() => expect(daemon.output).toContain(line));
  });
});

describe('PUT /config/nsqlookupd_tcp_addresses', () => {
  it('connects, keeps and drops', async () => {
    await using second = await FakeLookupd.start();
    await using daemon = await startRegistered();
    await daemon.command('/topic/create?topic=t');
    const [one, two] = [lookupd.address, second.address];
    expect(await putAddresses(daemon, JSON.stringify([one, two, two]))).toBe(`200 ${JSON.stringify([one, two, two])}`);
    await eventually(() => expect(second.lines).toEqual(['magic', 'IDENTIFY', 'REGISTER t']));
    expect(second.connectionCount).toBe(1);
    expect(lookupd.connectionCount).toBe(1);
    expect(await putAddresses(daemon, JSON.stringify([two]))).toBe(`200 ${JSON.stringify([two])}`);
    await eventually(() => expect(lookupd.openCount).toBe(0));
    await eventually(() => expect(daemon.output).toContain(`INFO: LOOKUP(${two}): adding peer\n`));
    await eventually(() => expect(daemon.output).toContain(`INFO: LOOKUP(${one}): removing peer\n`));
    expect(second.connectionCount).toBe(1);
    expect((await daemon.get('/config/nsqlookupd_tcp_addresses')).body).toBe(JSON.stringify([two]));
  });

  it.each(['[]', 'null'])('%s drops all', async (body) => {
    await using daemon = await startRegistered();
    expect(await putAddresses(daemon, body)).toBe(`200 ${body}`);
    await eventually(() => expect(lookupd.openCount).toBe(0));
    expect((await daemon.get('/config/nsqlookupd_tcp_addresses')).body).toBe(body);
  });

  it.each([
    ['oops', '400 {"message":"INVALID_VALUE"}'],
    ['{}', '400 {"message":"INVALID_VALUE"}'],
    ['', '413 {"message":"INVALID_VALUE"}'],
  ])('of %j changes nothing', async (body, answer) => {
    await using daemon = await startRegistered();
    expect(await putAddresses(daemon, body)).toBe(answer);
    await daemon.command('/topic/create?topic=t');
    await eventually(() => expect(told()).toEqual(['REGISTER t']));
    expect(lookupd.connectionCount).toBe(1);
  });
});
