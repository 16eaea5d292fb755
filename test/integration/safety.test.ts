// Settings with which stock nsqd crashes, hangs or stops working later on: they are refused at start with one line, or they
// do no harm to what a broker is for. Refusals that need no process are in test/unit/nsqd/command-line.test.ts.

import { describe, expect, it } from 'vitest';

import { Daemon, isStock, runToExit, temporaryDirectory } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { StatsdServer } from '../support/statsd-server.js';

const ADDRESSES = ['--tcp-address=127.0.0.1:0', '--http-address=127.0.0.1:0', '--https-address=127.0.0.1:0'];
const EXCEPTION = /[Uu]ncaught|[Uu]nhandled|TypeError|RangeError|[a-z]Warning:/;
const LONGEST = '2562047h';

/** Publishes, delivers, finishes, tells its statistics and stops. */
async function works(daemon: Daemon): Promise<void> {
  using client = await daemon.connect();
  await client.publish('t', 'first');
  await client.subscribe('t', 'c', 1);
  const message = await client.nextMessage();
  expect(message.body.toString()).toBe('first');
  client.finish(message);
  client.command('DPUB t 30', 'later');
  await client.expectOk();
  const later = await client.nextMessage();
  expect(later.body.toString()).toBe('later');
  client.finish(later);
  await client.expectQuiet();
  expect((await daemon.get('/stats')).status).toBe(200);
  expect((await daemon.channel('t', 'c')).in_flight_count).toBe(0);
  client.destroy();
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  expect(EXCEPTION.exec(daemon.output)?.[0] ?? null, daemon.output).toBeNull();
}

describe.skipIf(isStock)('values that stock nsqd takes and breaks on', () => {
  it.each([
    ['--sync-timeout=0'],
    ['--sync-timeout=-1s'],
    ['--output-buffer-timeout=0'],
    ['--mem-queue-size=-1'],
    ['--statsd-address=127.0.0.1:1', '--statsd-interval=-1s'],
    ['--e2e-processing-latency-percentile=0.5', '--e2e-processing-latency-window-time=-1s'],
    ['--e2e-processing-latency-percentile=NaN'],
  ])('%s %s ends the start with one line', async (...flags) => {
    const { code, output } = await runToExit([...ADDRESSES, ...flags], temporaryDirectory());
    expect(code).toBe(1);
    expect(output).toMatch(/^\[nsqd\] \S+ \S+ FATAL: failed to instantiate nsqd - .+\n$/);
  });

  it.each([
    ['--queue-scan-selection-count=0', '--queue-scan-worker-pool-max=0'],
    ['--queue-scan-selection-count=-1', '--queue-scan-worker-pool-max=-1'],
    ['--sync-every=0'], ['--sync-every=-1'],
    ['--max-bytes-per-file=0'], ['--max-bytes-per-file=-1'], ['--max-bytes-per-file=1'],
    ['--mem-queue-size=0'], ['--mem-queue-size=9223372036854775807'],
    ['--max-msg-size=9223372036854775807', '--max-body-size=9223372036854775807'],
    ['--max-channel-consumers=-1'],
    ['--max-output-buffer-size=-1', '--max-output-buffer-timeout=-1s', '--min-output-buffer-timeout=-1s'],
    ['--min-output-buffer-timeout=1h', '--max-output-buffer-timeout=1s'],
    ['--max-heartbeat-interval=0'], ['--max-heartbeat-interval=-1s'],
    ['--max-msg-timeout=0'], ['--max-msg-timeout=-1s'],
    [`--msg-timeout=${LONGEST}`, `--max-msg-timeout=${LONGEST}`, `--max-req-timeout=${LONGEST}`, `--max-heartbeat-interval=${LONGEST}`],
    [`--sync-timeout=${LONGEST}`, `--output-buffer-timeout=${LONGEST}`],
    ['--e2e-processing-latency-percentile=0.5', '--e2e-processing-latency-window-time=1ns'],
    ['--e2e-processing-latency-percentile=0.5,1e-300', `--e2e-processing-latency-window-time=${LONGEST}`],
    ['--statsd-address=127.0.0.1:1', '--statsd-udp-packet-size=0'],
    ['--statsd-address=127.0.0.1:1', '--statsd-udp-packet-size=-1'],
    ['--statsd-address=127.0.0.1:1', `--statsd-interval=${LONGEST}`],
    ['--statsd-address=127.0.0.1:1', '--statsd-interval=1ns'],
    ['--statsd-address=nonsense', '--statsd-interval=10ms'],
    ['--statsd-prefix=%d%!s%%', '--log-prefix=%d %s ', '--broadcast-address=%s'],
    ['--broadcast-tcp-port=-1', '--broadcast-http-port=99999999'],
    ['--lookupd-tcp-address=', '--lookupd-tcp-address=nonsense', '--lookupd-tcp-address=127.0.0.1:99999'],
    ['--topology-zone=\u{1f600}"', '--enable-experiment=', '--enable-experiment=topology-aware-consumption'],
  ])('%s %s %s %s do no harm', async (...flags) => {
    await using daemon = await Daemon.start({ flags: flags.filter((flag) => flag !== undefined) });
    await works(daemon);
  });

  it('--queue-scan-selection-count=0 does not keep timed out messages, nor does --queue-scan-worker-pool-max=0 the end', async () => {
    const flags = ['--queue-scan-selection-count=0', '--queue-scan-worker-pool-max=0', '--msg-timeout=100ms'];
    await using daemon = await Daemon.start({ flags });
    await daemon.command('/topic/create?topic=t');
    for (const channel of ['a', 'b', 'c', 'd', 'e']) await daemon.command(`/channel/create?topic=t&channel=${channel}`);
    using client = await daemon.subscriber('t', 'a', 1);
    await daemon.command('/pub?topic=t', 'x');
    expect((await client.nextMessage()).attempts).toBe(1);
    expect((await client.nextMessage()).attempts).toBe(2);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  });

  it('--max-msg-size=0 refuses every message, and nothing else', async () => {
    await using daemon = await Daemon.start({ flags: ['--max-msg-size=0'] });
    expect(await daemon.post('/pub?topic=t', 'x')).toMatchObject({ status: 413 });
    using client = await daemon.connect();
    client.command('PUB t', 'x');
    expect(await client.nextError()).toMatch(/^E_BAD_MESSAGE /);
    expect((await daemon.get('/stats')).status).toBe(200);
  });

  it.each(['1s', '500ms', '1ms'])('--statsd-interval=%s pushes again and again', async (interval) => {
    using server = await StatsdServer.start();
    const flags = [`--statsd-address=${server.address}`, `--statsd-interval=${interval}`];
    await using daemon = await Daemon.start({ flags });
    await server.until(() => server.lines.filter((line) => line.includes('.mem.gc_runs:')).length >= 2);
    await works(daemon);
  });

  it(`--http-client-request-timeout=${LONGEST} is no timeout at once`, async () => {
    const times = [`--http-client-request-timeout=${LONGEST}`, `--http-client-connect-timeout=${LONGEST}`];
    // Nobody listens there: what comes back tells of that, not of a timer.
    await using daemon = await Daemon.start({ flags: ['--auth-http-address=127.0.0.1:1', ...times] });
    using client = await daemon.connect();
    client.command('AUTH', 'secret');
    expect(await client.nextError()).toBe('E_AUTH_FAILED AUTH failed');
    await eventually(() => expect(daemon.output).toMatch(/ECONNREFUSED|connection refused/));
    expect(EXCEPTION.exec(daemon.output)?.[0] ?? null).toBeNull();
  });
});
