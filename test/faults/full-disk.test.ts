// A real disk that is full, and has room again: what was acknowledged stays and is delivered meanwhile, what does not fit is
// refused with the reason, and the daemon recovers without being touched.

import { describe, it } from 'vitest';

import { command } from '../support/bytes.js';
import type { Client, Message } from '../support/client.js';
import { bodiesOf, drain, numbered } from '../support/consume.js';
import { Daemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { expectHealthy, expectRefused, expectUnhealthy } from '../support/refusals.js';
import { canMount, SmallDisk } from '../support/small-disk.js';

const DISK_BYTES = 4 * 1024 * 1024;
const MESSAGES = 200;
const BODY_BYTES = 1000;
const FULL = /no space left on device/;
const RECOVERY_MS = 30_000;
/** Long enough that what is in flight can be answered after all refusals were seen. */
const TIMEOUT_MS = 6_000;

const bodies = numbered(MESSAGES).map((body) => body.padEnd(BODY_BYTES, '.'));
const isPossible = canMount();

async function createChannels(daemon: Daemon, ...names: readonly string[]): Promise<void> {
  await daemon.command('/topic/create?topic=t');
  for (const name of names) await daemon.command(`/channel/create?topic=t&channel=${name}`);
}

/** All of them answered OK. */
async function publish(daemon: Daemon, path: string, of: readonly string[]): Promise<void> {
  for (const body of of) await daemon.command(path, body);
}

/** Finishes what comes until every expected body has come, other than what was finished before. */
async function takeAll(client: Client, expected: ReadonlySet<string>): Promise<Message[]> {
  const messages: Message[] = [];
  const missing = new Set(expected);
  while (missing.size > 0) {
    const message = await client.nextMessage();
    client.finish(message);
    messages.push(message);
    missing.delete(message.body.toString());
  }
  return messages;
}

describe.skipIf(!isPossible).each(['disk', 'fsync', 'memory'])('a full disk with --durability=%s', (durability) => {
  const flags = [`--durability=${durability}`, '--sync-timeout=200ms', ...(durability === 'memory' ? ['--mem-queue-size=0'] : [])];

  it('refuses what does not fit, loses nothing, delivers on, and recovers by itself', async ({ expect }) => {
    using disk = new SmallDisk(DISK_BYTES);
    await using daemon = await Daemon.start({ dataPath: disk.path, flags });
    await createChannels(daemon, 'c', 'idle');
    await publish(daemon, '/pub?topic=t', bodies);
    await publish(daemon, '/pub?topic=t&defer=500', ['later 1', 'later 2']);
    using client = await daemon.subscriber('t', 'c', 30, { msg_timeout: TIMEOUT_MS });
    const held = await client.nextMessages(30);
    disk.fill();
    await expectRefused(daemon, 't', FULL);
    await expectUnhealthy(daemon, FULL);

    // Requeued at once, requeued later, timed out, deferred before: nothing of it needs the disk.
    for (const message of held.slice(0, 10)) client.requeue(message, 0);
    for (const message of held.slice(10, 20)) client.requeue(message, 200);
    const delivered = bodiesOf(await takeAll(client, new Set([...bodies, 'later 1', 'later 2'])));
    expect(delivered.filter((body) => body.startsWith('refused'))).toEqual([]);
    await daemon.command('/channel/create?topic=t&channel=made-on-full-disk');
    await expectUnhealthy(daemon, FULL);

    disk.empty();
    await eventually(() => expectHealthy(daemon), RECOVERY_MS);
    await publish(daemon, '/pub?topic=t', ['after']);
    await daemon.kill();
    await daemon.restart();
    const idle = bodiesOf(await drain(daemon, 't', 'idle'));
    expect(idle.toSorted()).toEqual([...bodies, 'later 1', 'later 2', 'after'].toSorted());
    const made = bodiesOf(await drain(daemon, 't', 'made-on-full-disk'));
    expect(made).toEqual(['after']);
  });

  it('gives a backlog to a channel that is created meanwhile', async ({ expect }) => {
    using disk = new SmallDisk(DISK_BYTES);
    await using daemon = await Daemon.start({ dataPath: disk.path, flags });
    await publish(daemon, '/pub?topic=t', bodies);
    disk.fill();
    expect(bodiesOf(await drain(daemon, 't', 'c')).toSorted()).toEqual([...bodies].toSorted());
  });
});

describe.skipIf(!isPossible)('on a full disk', () => {
  it('the daemon starts, serves what it has, and takes new messages once there is room', async ({ expect }) => {
    using disk = new SmallDisk(DISK_BYTES);
    await using daemon = await Daemon.start({ dataPath: disk.path, flags: [`--msg-timeout=${TIMEOUT_MS}ms`] });
    await createChannels(daemon, 'c');
    await publish(daemon, '/pub?topic=t', bodies);
    await daemon.kill();
    disk.fill();
    // Nothing at all could be written: not even `nsqd.dat`.
    await daemon.restart();
    await expectUnhealthy(daemon, FULL);
    expect(await daemon.channel('t', 'c')).toMatchObject({ depth: MESSAGES });
    {
      using client = await daemon.subscriber('t', 'c', 10);
      for (const message of await client.nextMessages(10)) client.finish(message);
      client.command('RDY 0');
    }
    await expectRefused(daemon, 't', FULL);
    disk.empty();
    await eventually(() => expectHealthy(daemon), RECOVERY_MS);
    await publish(daemon, '/pub?topic=t', ['after']);
    const rest = new Set(bodiesOf(await drain(daemon, 't', 'c')));
    expect([...rest].filter((body) => body.startsWith('refused'))).toEqual([]);
    expect([...bodies.slice(10), 'after'].filter((body) => !rest.has(body))).toEqual([]);
  });

  it('a clean stop that cannot write says so, and the next start finds everything', async ({ expect }) => {
    using disk = new SmallDisk(DISK_BYTES);
    await using daemon = await Daemon.start({ dataPath: disk.path });
    await createChannels(daemon, 'c');
    await publish(daemon, '/pub?topic=t', bodies);
    disk.fill();
    expect(await daemon.stop()).toEqual({ code: 1, signal: null });
    expect(daemon.output).toMatch(FULL);
    disk.empty();
    await daemon.restart();
    expect(new Set(bodiesOf(await drain(daemon, 't', 'c')))).toEqual(new Set(bodies));
  });

  it('a publish that was cut short by the disk leaves nothing of itself', async ({ expect }) => {
    using disk = new SmallDisk(DISK_BYTES);
    await using daemon = await Daemon.start({ dataPath: disk.path });
    await createChannels(daemon, 'c');
    await publish(daemon, '/pub?topic=t', bodies.slice(0, 5));
    using client = await daemon.connect();
    let kept = 0;
    for (let answer = 'OK'; answer === 'OK'; ) {
      client.write(command('PUB t', String(kept).padEnd(900_000, 'x')));
      answer = (await client.nextReply()).data.toString();
      if (answer === 'OK') kept += 1;
      else expect(answer).toMatch(FULL);
    }
    expect(kept).toBeGreaterThan(0);
    await daemon.kill();
    await daemon.restart();
    const found = bodiesOf(await drain(daemon, 't', 'c'));
    expect([found.length, new Set(found.slice(0, 5))]).toEqual([5 + kept, new Set(bodies.slice(0, 5))]);
  });
});

describe.skipIf(!isPossible)('a disk that becomes read-only', () => {
  const READ_ONLY = /read-only file system/;

  it('refuses new messages, serves what it has, and recovers by itself', async ({ expect }) => {
    using disk = new SmallDisk(DISK_BYTES);
    await using daemon = await Daemon.start({ dataPath: disk.path, flags: ['--sync-timeout=200ms'] });
    await createChannels(daemon, 'c', 'idle');
    await publish(daemon, '/pub?topic=t', bodies);
    // A started daemon has no file open for writing, so that the system lets the disk change.
    await daemon.kill();
    await daemon.restart();
    await eventually(() => disk.makeReadOnly());
    await expectRefused(daemon, 't', READ_ONLY);
    await expectUnhealthy(daemon, READ_ONLY);
    expect(bodiesOf(await drain(daemon, 't', 'c')).toSorted()).toEqual([...bodies].toSorted());
    disk.makeWritable();
    await eventually(() => expectHealthy(daemon), RECOVERY_MS);
    await publish(daemon, '/pub?topic=t', ['after']);
    await daemon.kill();
    await daemon.restart();
    expect(bodiesOf(await drain(daemon, 't', 'idle')).toSorted()).toEqual([...bodies, 'after'].toSorted());
  });

  it('does not keep the daemon from starting', async ({ expect }) => {
    using disk = new SmallDisk(DISK_BYTES);
    await using daemon = await Daemon.start({ dataPath: disk.path });
    await createChannels(daemon, 'c');
    await publish(daemon, '/pub?topic=t', bodies.slice(0, 10));
    await daemon.kill();
    disk.makeReadOnly();
    await daemon.restart();
    await expectUnhealthy(daemon, READ_ONLY);
    expect(bodiesOf(await drain(daemon, 't', 'c')).toSorted()).toEqual(bodies.slice(0, 10).toSorted());
    disk.makeWritable();
    await eventually(() => expectHealthy(daemon), RECOVERY_MS);
  });
});
