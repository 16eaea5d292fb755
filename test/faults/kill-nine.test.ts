// kill -9 in a loop, on the real thing: publishers and a consumer at work, the daemon killed and restarted on the same
// directory again and again. What was answered OK arrives; what a channel without consumers holds is exactly there.
// FAULT_MESSAGES and FAULT_KILLS make it longer or shorter.

import { describe, it } from 'vitest';

import { command } from '../support/bytes.js';
import type { Client } from '../support/client.js';
import { drain } from '../support/consume.js';
import { Daemon } from '../support/daemon.js';
import { delay, eventually } from '../support/eventually.js';
import { Prng } from '../support/prng.js';

const MESSAGES = Number(process.env['FAULT_MESSAGES'] ?? 200_000);
const KILLS = Number(process.env['FAULT_KILLS'] ?? 100);
const SEED = Number(process.env['FAULT_SEED'] ?? 1);
const PUBLISHERS = 4;
const WINDOW = 100;
const RECONNECT_MS = 20;
const DRAIN_MS = 120_000;
/** Of one kill on a machine busy with other things, the load up to it and the start after it included. */
const KILL_MS_MAX = 15_000;

/** Connects as soon as the daemon is back. */
async function connectAgain(daemon: Daemon): Promise<Client> {
  for (;;) {
    try {
      return await daemon.connect();
    } catch {
      await delay(RECONNECT_MS); // The daemon is down, as it is meant to be.
    }
  }
}

/** Publishes bodies `<name>-<n>` in windows until `isDone`; every body that was answered OK goes into `acknowledged`. */
async function publish(daemon: Daemon, name: string, acknowledged: Set<string>, isDone: () => boolean): Promise<void> {
  let next = 0;
  while (!isDone()) {
    using client = await connectAgain(daemon);
    try {
      while (!isDone()) next = await publishWindow(client, name, next, acknowledged);
    } catch {
      next += WINDOW; // Killed in the middle: these were never answered, their fate is open.
    }
  }
}

async function publishWindow(client: Client, name: string, first: number, acknowledged: Set<string>): Promise<number> {
  const bodies = Array.from({ length: WINDOW }, (_, index) => `${name}-${first + index}`);
  client.write(Buffer.concat(bodies.map((body) => command('PUB t', body))));
  for (const body of bodies) {
    await client.expectOk();
    acknowledged.add(body);
  }
  return first + WINDOW;
}

/** Takes messages of channel `c`: finishes most, requeues some, leaves some to their timeout. */
async function consumeBadly(daemon: Daemon, random: Prng, finished: Set<string>, isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    using client = await connectAgain(daemon);
    try {
      await client.identify({ msg_timeout: 1000 });
      await client.subscribe('t', 'c', WINDOW);
      while (!isDone()) {
        const message = await client.nextMessage();
        const chance = random.integer(0, 19);
        if (chance === 0) client.requeue(message, random.integer(0, 1) * 50);
        if (chance > 1) {
          client.finish(message);
          finished.add(message.body.toString());
        }
      }
    } catch {
      // Killed, or nothing came for a while: go on with a new connection.
    }
  }
}

describe.each(['disk', 'fsync'])('kill -9 under load with --durability=%s', (durability) => {
  it(`loses nothing of ${MESSAGES} acknowledged messages over ${KILLS} kills`, { timeout: 2 * DRAIN_MS + (KILLS + 1) * KILL_MS_MAX }, async ({ expect }) => {
    await using daemon = await Daemon.start({ flags: [`--durability=${durability}`] });
    for (const channel of ['c', 'idle']) {
      await daemon.command('/topic/create?topic=t');
      await daemon.command(`/channel/create?topic=t&channel=${channel}`);
    }
    const acknowledged = new Set<string>();
    const finished = new Set<string>();
    const random = new Prng(SEED);
    const isDone = (): boolean => acknowledged.size >= MESSAGES;
    const work = Array.from({ length: PUBLISHERS }, (_, index) => publish(daemon, `p${index}`, acknowledged, isDone));
    const consumer = consumeBadly(daemon, random, finished, isDone);
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await eventually(() => expect(acknowledged.size).toBeGreaterThan((MESSAGES * kill) / (KILLS + 1)), KILLS * KILL_MS_MAX);
      await daemon.kill();
      await daemon.restart();
    }
    await Promise.all([...work, consumer]);
    await daemon.kill();
    await daemon.restart();

    const idle = new Set((await drain(daemon, 't', 'idle', DRAIN_MS)).map(({ body }) => body.toString()));
    const lostIdle = [...acknowledged].filter((body) => !idle.has(body));
    expect(lostIdle, 'acknowledged, but not in the channel without consumers').toEqual([]);

    const rest = new Set((await drain(daemon, 't', 'c', DRAIN_MS)).map(({ body }) => body.toString()));
    const lost = [...acknowledged].filter((body) => !rest.has(body) && !finished.has(body));
    expect(lost, 'acknowledged, but neither finished nor delivered').toEqual([]);
  });
});
