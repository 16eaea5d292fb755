// Pushing statistics over UDP: what arrives, when, and from where.

import { describe, expect, it } from 'vitest';

import { Daemon, isStock } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { StatsdServer } from '../support/statsd-server.js';

function flags(server: StatsdServer, ...more: string[]): string[] {
  return [`--statsd-address=${server.address}`, '--statsd-prefix=p', '--statsd-mem-stats=false', ...more];
}

describe('statsd', () => {
  it('receives totals first, increases after that, each push from a port of its own', async () => {
    using server = await StatsdServer.start();
    await using daemon = await Daemon.start({ flags: flags(server, '--statsd-interval=1100ms') });
    await daemon.command('/pub?topic=t', 'one');
    await daemon.command('/pub?topic=t', 'two');
    const counts = (): number[] => server.lines.flatMap((line) => /^p\.topic\.t\.message_count:(\d+)\|c$/.exec(line)?.[1] ?? []).map(Number);
    await server.until(() => counts().length >= 2 && counts().at(-1) === 0);
    // A push may have come between the two.
    expect(counts().reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(new Set(server.datagrams.map(({ sourcePort }) => sourcePort)).size).toBeGreaterThan(1);
  });

  it('expands the prefix with the broadcast address and the bound port', async () => {
    using server = await StatsdServer.start();
    const own = ['--statsd-prefix=x.%s', '--broadcast-address=host.test', '--statsd-interval=1100ms'];
    await using daemon = await Daemon.start({ flags: [`--statsd-address=${server.address}`, ...own] });
    const prefix = `x.host_test_${daemon.httpPort}.`;
    await server.until(() => server.lines.some((line) => line.startsWith(`${prefix}mem.gc_runs:`)));
  });

  it('spreads the datagrams of a push over the interval but its last second', async () => {
    using server = await StatsdServer.start();
    const own = ['--statsd-interval=4s', '--statsd-udp-packet-size=30'];
    await using daemon = await Daemon.start({ flags: flags(server, ...own) });
    await daemon.command('/topic/create?topic=t');
    await server.until(() => server.datagrams.length >= 4);
    const [first, , , last] = server.datagrams;
    expect(server.datagrams.slice(0, 4).map(({ text }) => text.split('\n').length)).toEqual([2, 2, 2, 2]);
    // Three pauses of a fourth of three seconds, as they are seen by a process that has to wait for its turn.
    expect(last!.atMs - first!.atMs).toBeGreaterThan(500);
    expect(last!.sourcePort).toBe(first!.sourcePort);
  });

  it('leaves out ephemeral topics and channels when told to', async () => {
    using server = await StatsdServer.start();
    const own = ['--statsd-interval=1100ms', '--statsd-exclude-ephemeral'];
    await using daemon = await Daemon.start({ flags: flags(server, ...own) });
    await daemon.command('/topic/create?topic=e%23ephemeral');
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c%23ephemeral');
    await daemon.command('/channel/create?topic=t&channel=c');
    await server.until(() => server.lines.some((line) => line.startsWith('p.topic.t.channel.c.clients')));
    expect(server.lines.filter((line) => line.includes('ephemeral'))).toEqual([]);
  });

  it('sends what is left at once when the daemon stops', async () => {
    using server = await StatsdServer.start();
    const own = ['--statsd-interval=3s', '--statsd-udp-packet-size=30'];
    await using daemon = await Daemon.start({ flags: flags(server, ...own) });
    await daemon.command('/topic/create?topic=t');
    await server.until(() => server.datagrams.length >= 1);
    await daemon.stop();
    await server.until(() => server.datagrams.length >= 4);
    expect(daemon.output).toContain('STATSD: closing');
  });

  it('goes on without anybody listening, and names what it cannot reach', async () => {
    await using silent = await Daemon.start({ flags: ['--statsd-address=127.0.0.1:9', '--statsd-interval=1100ms'] });
    await using wrong = await Daemon.start({ flags: ['--statsd-address=nowhere', '--statsd-interval=1100ms'] });
    await eventually(() => expect(silent.output).toContain('STATSD: pushing stats to 127.0.0.1:9'));
    const failure = 'failed to create UDP socket to statsd(nowhere)';
    await eventually(() => expect(wrong.output).toContain(failure));
    expect((await silent.get('/ping')).status).toBe(200);
    expect((await silent.stop()).code).toBe(0);
    expect((await wrong.stop()).code).toBe(0);
  });

  it.skipIf(isStock)('takes an interval of less than a second', async () => {
    using server = await StatsdServer.start();
    await using daemon = await Daemon.start({ flags: flags(server, '--statsd-interval=50ms') });
    await daemon.command('/topic/create?topic=t');
    await server.until(() => server.lines.filter((line) => line === 'p.topic.t.depth:0|g').length >= 3);
  });
});
