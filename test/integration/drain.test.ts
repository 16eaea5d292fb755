// Draining as operators, producers, consumers and nsqlookupds see it: over HTTP, by signal, to the end of the process.

import { describe, expect, it } from 'vitest';

import { Daemon, isStock } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { FakeLookupd } from '../support/fake-lookupd.js';

async function put(daemon: Daemon, value: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${daemon.httpPort}/config/drain`, { method: 'PUT', body: value });
  return `${response.status} ${await response.text()}`;
}

async function isRefused(daemon: Daemon): Promise<void> {
  for (const topic of ['t', 'new']) {
    expect(await daemon.post(`/pub?topic=${topic}`, 'x')).toEqual({ status: 503, body: '{"message":"draining"}' });
    expect(await daemon.post(`/mpub?topic=${topic}`, 'x\ny')).toEqual({ status: 503, body: '{"message":"draining"}' });
    for (const command of ['PUB', 'DPUB', 'MPUB']) {
      using client = await daemon.connect();
      const body = command === 'MPUB' ? '\0\0\0\x01\0\0\0\x01x' : 'x';
      client.command(`${command} ${topic}${command === 'DPUB' ? ' 5' : ''}`, body);
      expect(await client.nextError()).toBe(`E_${command}_FAILED ${command} failed draining`);
      await client.closed();
    }
  }
  const { topics } = await daemon.stats();
  expect(topics!.map(({ topic_name: name }) => name)).not.toContain('new');
}

describe.skipIf(isStock)('draining', () => {
  it('by PUT refuses publishers, serves consumers, and ends the process once nothing is left', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/mpub?topic=t', 'a\nb');
    using consumer = await daemon.subscriber('t', 'c', 1);
    const first = await consumer.nextMessage();
    expect(await put(daemon, 'true')).toBe('200 true');
    await isRefused(daemon);
    expect((await daemon.get('/config/drain')).body).toBe('true');
    expect(JSON.parse((await daemon.get('/info')).body)).toMatchObject({ draining: true });
    expect(await daemon.stats()).toMatchObject({ draining: true, draining_messages: 2 });
    expect((await daemon.get('/stats')).body).toContain('\nDraining: 2 messages left\n');
    expect(await daemon.get('/health/ready')).toMatchObject({ status: 503, body: expect.stringContaining('draining') });
    expect((await daemon.get('/ping')).status).toBe(200);
    consumer.finish(first);
    const second = await consumer.nextMessage();
    expect(second.body.toString()).toBe('b');
    consumer.finish(second);
    expect(await daemon.exited()).toEqual({ code: 0, signal: null });
    expect(daemon.output).toContain('DRAIN: everything is delivered');
  });

  it('can be taken back', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    await daemon.command('/pub?topic=t', 'a');
    for (const [on, off] of [['true', 'false'], ['on', 'off'], ['1', '0']] as const) {
      expect(await put(daemon, on)).toBe('200 true');
      await isRefused(daemon);
      expect(await put(daemon, off)).toBe('200 false');
      expect(JSON.parse((await daemon.get('/info')).body)).not.toHaveProperty('draining');
      await daemon.command('/pub?topic=t', 'a');
    }
    expect(await daemon.channel('t', 'c')).toMatchObject({ depth: 4 });
    expect(await put(daemon, 'maybe')).toBe('400 {"message":"INVALID_VALUE"}');
  });

  it('ends at the deadline and keeps what is left', async () => {
    await using daemon = await Daemon.start({ flags: ['--drain-timeout=300ms'] });
    await daemon.command('/pub?topic=t', 'a');
    using consumer = await daemon.subscriber('t', 'c', 1);
    await consumer.nextMessage();
    expect(await put(daemon, 'true')).toBe('200 true');
    expect(await daemon.exited()).toEqual({ code: 0, signal: null });
    expect(daemon.output).toContain('DRAIN: time is up, messages left: t:c 1');
    await daemon.restart();
    expect(await daemon.channel('t', 'c')).toMatchObject({ depth: 1 });
  });

  it('unregisters from the nsqlookupds, and comes back when it is taken back', async () => {
    const lookupd = await FakeLookupd.start();
    try {
      await using daemon = await Daemon.start({ flags: [`--lookupd-tcp-address=${lookupd.address}`] });
      await eventually(() => expect(daemon.output).toContain('peer info'));
      using consumer = await daemon.subscriber('t', 'c', 0);
      await daemon.command('/pub?topic=t', 'a');
      await eventually(() => expect(lookupd.lines).toContain('REGISTER t c'));
      await put(daemon, 'true');
      await eventually(() => expect(lookupd.openCount).toBe(0));
      // The list may change meanwhile: nobody is told before the end of it.
      const url = `http://127.0.0.1:${daemon.httpPort}/config/nsqlookupd_tcp_addresses`;
      await fetch(url, { method: 'PUT', body: JSON.stringify([lookupd.address, lookupd.address]) });
      lookupd.lines.length = 0;
      await daemon.command('/channel/create?topic=t&channel=d');
      expect([lookupd.openCount, lookupd.lines]).toEqual([0, []]);
      await put(daemon, 'false');
      await eventually(() => expect(lookupd.lines).toEqual(expect.arrayContaining(['IDENTIFY', 'REGISTER t c', 'REGISTER t d'])));
      expect(consumer.isOpen).toBe(true);
    } finally {
      await lookupd.down();
    }
  });

  it('begins by SIGTERM if asked for', async () => {
    await using daemon = await Daemon.start({ flags: ['--sigterm-mode=drain'] });
    await daemon.command('/pub?topic=t', 'a');
    using consumer = await daemon.subscriber('t', 'c', 1);
    const message = await consumer.nextMessage();
    daemon.signal('SIGTERM');
    await eventually(() => expect(daemon.output).toContain('DRAIN: refusing publishes'));
    await isRefused(daemon);
    consumer.finish(message);
    expect(await daemon.exited()).toEqual({ code: 0, signal: null });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends at once by a second signal, %s', async (signal) => {
    await using daemon = await Daemon.start({ flags: ['--sigterm-mode=drain', '--drain-timeout=0'] });
    await daemon.command('/pub?topic=t', 'a');
    using consumer = await daemon.subscriber('t', 'c', 1);
    await consumer.nextMessage();
    // Asked over HTTP before: the first signal goes on with it.
    await put(daemon, 'on');
    daemon.signal('SIGTERM');
    await isRefused(daemon);
    daemon.signal(signal);
    expect(await daemon.exited()).toEqual({ code: 0, signal: null });
    expect(daemon.output).not.toContain('DRAIN: everything');
    await daemon.restart();
    expect(await daemon.channel('t', 'c')).toMatchObject({ depth: 1 });
  });

  it('is not what SIGTERM does by default', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/pub?topic=t', 'a');
    using _consumer = await daemon.subscriber('t', 'c', 1);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    expect(daemon.output).not.toContain('DRAIN');
  });
});
