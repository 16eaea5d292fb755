// The wall clock of the machine stepping back, forward, or standing still, below a running daemon: delivery, timeouts, delays,
// heartbeats and ids go on as if nothing had happened.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';

import { command } from '../support/bytes.js';
import type { Client } from '../support/client.js';
import { bodiesOf, consume, drain, numbered } from '../support/consume.js';
import { Daemon, temporaryDirectory } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { expectDueAfter, expectElapsed } from '../support/timing.js';

const HOUR_MS = 3_600_000;
/** Long enough that the clock is stepped, on a busy machine, too, before anything is due. */
const TIMEOUT_MS = 4_000;
const DEFERRAL_MS = 6_000;
const HEARTBEAT_MS = 2_000;
const ROOT = new URL('../..', import.meta.url).pathname;
const CLOCK_FILE = join(temporaryDirectory(), 'clock');
/** The launcher hands its environment on; `--import` gets there first. */
const PROGRAM = [
  'env', `NSQD_TEST_CLOCK=${CLOCK_FILE}`, process.execPath, '--import', join(ROOT, 'test/support/stepping-clock.mjs'), join(ROOT, 'bin/nsqd-ts.js'),
];

async function step(daemon: Daemon, how: string): Promise<void> {
  const steps = daemon.output.split('CLOCK ').length;
  writeFileSync(CLOCK_FILE, how);
  daemon.signal('SIGWINCH');
  await eventually(() => {
    if (daemon.output.split('CLOCK ').length === steps) throw new Error('the clock was not stepped');
  });
}

/** Says something in time, whatever the test waits for. */
function answeringHeartbeats(client: Client): Disposable {
  const timer = setInterval(() => client.command('NOP'), HEARTBEAT_MS / 4);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

const steps: ReadonlyArray<readonly [name: string, how: () => string]> = [
  ['back an hour', () => `-${HOUR_MS}`],
  ['forward a day', () => `+${24 * HOUR_MS}`],
  ['standing still', () => `=${Date.now()}`],
];

describe.each(steps)('a wall clock stepping: %s', (_name, how) => {
  it('changes no delivery, timeout, delay or heartbeat', async ({ expect }) => {
    await using daemon = await Daemon.start({ program: PROGRAM });
    using client = await daemon.connect();
    const identifiedMs = performance.now();
    await client.identify({ msg_timeout: TIMEOUT_MS, heartbeat_interval: HEARTBEAT_MS });
    const beatingMs = performance.now();
    using _answers = answeringHeartbeats(client);
    await client.subscribe('t', 'c', 10);
    using publisher = await daemon.connect();
    const publishedMs = performance.now();
    publisher.write(command('PUB t', 'timed out'));
    publisher.write(command(`DPUB t ${DEFERRAL_MS}`, 'deferred'));
    await publisher.expectOk();
    await publisher.expectOk();
    const answeredMs = performance.now();
    const first = await client.nextMessage();
    await step(daemon, how());

    await daemon.command('/pub?topic=t', 'after the step');
    const [after] = await consume(client, 1);
    expect(after?.body.toString()).toBe('after the step');
    const again = await client.nextMessage();
    expect([again.body.toString(), again.id, again.attempts]).toEqual(['timed out', first.id, 2]);
    expectDueAfter(again.atMs, TIMEOUT_MS, publishedMs, answeredMs);
    client.finish(again);
    const deferred = await client.nextMessage();
    expect([deferred.body.toString(), deferred.attempts]).toEqual(['deferred', 1]);
    expectDueAfter(deferred.atMs, DEFERRAL_MS, publishedMs, answeredMs);
    const requeuedMs = performance.now();
    client.requeue(deferred, 700);
    expectDueAfter((await client.nextMessage()).atMs, 700, requeuedMs, performance.now() - 700);
    client.finish(deferred);

    await eventually(() => expect(client.heartbeatsAtMs.length).toBeGreaterThanOrEqual(3));
    for (const [index, atMs] of client.heartbeatsAtMs.entries()) {
      expectElapsed(atMs, (index + 1) * HEARTBEAT_MS, identifiedMs, beatingMs);
    }
    expect(await daemon.channel('t', 'c')).toMatchObject({ depth: 0, in_flight_count: 0, deferred_count: 0, client_count: 1 });
    expect((await daemon.get('/ping')).status).toBe(200);
  });

  it('gives unique and rising ids, through it, a crash and a restart', async ({ expect }) => {
    await using daemon = await Daemon.start({ program: PROGRAM });
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    const bodies = numbered(3000);
    const part = (index: number): string => bodies.slice(index * 1000, (index + 1) * 1000).join('\n');
    await daemon.command('/mpub?topic=t', part(0));
    await step(daemon, how());
    await daemon.command('/mpub?topic=t', part(1));
    await daemon.kill();
    // The next process begins with the real time: for it, the clock has been stepped once more.
    await daemon.restart();
    await daemon.command('/mpub?topic=t', part(2));
    const messages = await drain(daemon, 't', 'c');
    expect(bodiesOf(messages)).toEqual(bodies);
    const ids = messages.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].toSorted());
  });

  it('keeps the daemon in reach, and lets it stop cleanly', async ({ expect }) => {
    await using daemon = await Daemon.start({ program: PROGRAM, flags: ['--sync-timeout=200ms'] });
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    await step(daemon, how());
    await daemon.command('/pub?topic=t&defer=1', 'x');
    const info = JSON.parse((await daemon.get('/stats?format=json')).body) as { start_time: number; health: string };
    expect(info.health).toBe('OK');
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await daemon.restart();
    await eventually(async () => expect(bodiesOf(await drain(daemon, 't', 'c'))).toEqual(['x']));
  });
});
