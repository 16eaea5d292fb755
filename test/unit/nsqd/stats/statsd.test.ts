// When the datagrams of a push leave: on a clock that moves only when told to, over real sockets.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { AlarmClock } from '../../../../src/lib/time/alarm-clock.js';
import { DEFAULTS } from '../../../../src/nsqd/options.js';
import { takeSnapshot } from '../../../../src/nsqd/stats/snapshot.js';
import { StatsdPusher } from '../../../../src/nsqd/stats/statsd.js';
import { delay } from '../../../support/eventually.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { StatsdServer } from '../../../support/statsd-server.js';
import { LogInMemory } from '../lookup/fixtures.js';
import { brokerOf, topic } from './fixtures.js';

const INTERVAL_MS = 5_000;
/** The end of the interval, in which nothing is sent. */
const QUIET_MS = 1_000;
/** One topic without channels has four, each in a datagram of its own. */
const LINES = ['message_count:0|c', 'message_bytes:0|c', 'depth:0|g', 'backend_depth:0|g'].map((line) => `p.topic.t.${line}`);
/** What was sent too early would have come by then, on a machine that is not too busy. */
const ARRIVAL_MS = 20;
const PAUSE_MS = (INTERVAL_MS - QUIET_MS) / LINES.length;

let server: StatsdServer;
let clock: FakeClock;
let alarms: AlarmClock;
let pusher: StatsdPusher;

beforeEach(async () => {
  server = await StatsdServer.start();
  clock = new FakeClock();
  alarms = new AlarmClock(clock);
  const options = {
    ...DEFAULTS, statsdAddress: server.address, statsdIntervalMs: INTERVAL_MS, statsdPrefix: 'p.', statsdUdpPacketSize: 1,
  };
  const topics = takeSnapshot(brokerOf([topic('t', [])]), [], { topic: '', channel: '', includeClients: false }).topics ?? [];
  const sample = (): { topics: typeof topics; memory: null } => ({ topics, memory: null });
  pusher = new StatsdPusher({ options: () => options, logger: new LogInMemory().logger, clock, alarmClock: alarms, sample });
  pusher.start();
});

afterEach(async () => {
  await pusher.stop();
  alarms.stop();
  server[Symbol.dispose]();
});

function advance(milliseconds: number): void {
  clock.advance(milliseconds);
  alarms.ringDue();
}

async function arrived(count: number): Promise<void> {
  await server.until(() => server.lines.length >= count);
  expect(server.lines).toHaveLength(count);
}

describe('a push', () => {
  it('begins an interval after the start, and spreads over the interval but its last second', async () => {
    advance(INTERVAL_MS - 1);
    await delay(ARRIVAL_MS);
    expect(server.lines).toEqual([]);
    advance(1);
    await arrived(1);
    for (let count = 2; count <= LINES.length; count += 1) {
      advance(PAUSE_MS - 1);
      await delay(ARRIVAL_MS);
      expect(server.lines).toHaveLength(count - 1);
      advance(1);
      await arrived(count);
    }
    expect(server.lines).toEqual(LINES);
    advance(PAUSE_MS + QUIET_MS);
    await arrived(LINES.length + 1);
  });

  it('that is under way when the next is due, or the daemon stops, sends at once what is left', async () => {
    advance(INTERVAL_MS);
    await arrived(1);
    advance(INTERVAL_MS);
    await arrived(LINES.length + 1);
    await pusher.stop();
    await arrived(2 * LINES.length);
  });

  it('that was missed is left out', async () => {
    advance(3.5 * INTERVAL_MS);
    await arrived(1);
    await pusher.stop();
    await arrived(LINES.length);
  });
});
