// Clients that stop reading: the daemon keeps little for them, serves the others, and goes on when they read again.

import { describe, expect, it } from 'vitest';

import { command, joined, messageList } from '../support/bytes.js';
import { type Client } from '../support/client.js';
import { bodiesOf, consume, numbered } from '../support/consume.js';
import { Daemon, isStock, sharedDaemon } from '../support/daemon.js';
import { delay, eventually } from '../support/eventually.js';

const MEBIBYTE = 1_048_576;

const daemon = sharedDaemon();

async function publishMebibytes(target: Daemon, topic: string, mebibytes: number): Promise<void> {
  using publisher = await target.connect();
  for (let index = 0; index < mebibytes; index += 1) {
    publisher.command(`MPUB ${topic}`, messageList(Array.from({ length: 50 }, () => Buffer.alloc(20_900, index))));
    await publisher.expectOk();
  }
}

describe('a consumer that stops reading', () => {
  it('does not grow the memory of the daemon by what it does not read', async () => {
    await using own = await Daemon.start();
    const stopped: Client[] = [];
    for (let index = 0; index < 8; index += 1) {
      const client = await own.subscriber('stopped', `c${index}`, 2_500);
      client.stopReading();
      stopped.push(client);
    }
    using working = await own.subscriber('stopped', 'working', 100);
    const before = own.residentBytes();
    const work = consume(working, 40 * 50);
    await publishMebibytes(own, 'stopped', 40);
    expect(await work).toHaveLength(40 * 50);
    // 40 MiB are queued once; eight more copies in socket buffers would be 320 MiB.
    expect(own.residentBytes() - before).toBeLessThan(200 * MEBIBYTE);

    const [first] = stopped;
    if (first === undefined) throw new Error('a stopped consumer was expected');
    first.resumeReading();
    expect(await consume(first, 40 * 50)).toHaveLength(40 * 50);
    for (const client of stopped) client.destroy();
  });

  it('gets the rest when the write that had to wait was a small one', async () => {
    const count = 4_000;
    using stopped = await daemon().subscriber('stopped-small', 'c', 2_500);
    stopped.stopReading();
    using publisher = await daemon().connect();
    const body = Buffer.alloc(3_000, 's');
    for (let index = 0; index < count; index += 1) await publisher.publish('stopped-small', body);
    stopped.resumeReading();
    expect(await consume(stopped, count)).toHaveLength(count);
  });

  it('leaves what was not sent to the other consumers of its channel', async () => {
    using stopped = await daemon().subscriber('stopped-share', 'c', 2_500);
    stopped.stopReading();
    using working = await daemon().subscriber('stopped-share', 'c', 100);
    await publishMebibytes(daemon(), 'stopped-share', 30);
    let finished = 0;
    await eventually(async () => {
      for (; working.waitingCount > 0; finished += 1) await consume(working, 1);
      const channel = await daemon().channel('stopped-share', 'c');
      expect(channel.depth).toBe(0);
      expect(channel.in_flight_count + finished).toBe(1_500);
    });
    expect(finished).toBeGreaterThan(100);
  });

  // Stock nsqd keeps such a connection as a zombie.
  it.skipIf(isStock)('is closed when it takes nothing for a heartbeat interval', async () => {
    using client = await daemon().subscriber('stopped-closed', 'c', 2_500, { heartbeat_interval: 1_000 });
    client.stopReading();
    await publishMebibytes(daemon(), 'stopped-closed', 30);
    // It goes on answering: only its refusal to read gives it away.
    await eventually(async () => {
      client.write('NOP\n');
      expect((await daemon().channel('stopped-closed', 'c')).client_count).toBe(0);
      await delay(50);
    });
  });
});

describe('a client that does not read its answers', () => {
  it('is not read from without bound, and gets every answer in the end', async () => {
    await using own = await Daemon.start();
    using client = await own.connect();
    const before = own.residentBytes();
    client.stopReading();
    const count = 50_000;
    const identify = command('IDENTIFY', '{"feature_negotiation":true}'.padEnd(300));
    // 15 MiB of commands make as much of answers, more than the kernel keeps between the two processes.
    for (let index = 0; index < count; index += 1_000) client.write(joined(...Array<Buffer>(1_000).fill(identify)));
    await eventually(async () => {
      const unsent = client.unsentBytes;
      await delay(200);
      expect(client.unsentBytes).toBe(unsent);
    });
    expect(own.residentBytes() - before).toBeLessThan(100 * MEBIBYTE);
    expect(client.unsentBytes).toBeGreaterThan(0);

    client.resumeReading();
    for (let index = 0; index < count; index += 1)
      expect(await client.nextResponse()).toMatch(/^{"max_rdy_count"/);
    await client.publish('answers', 'still here');
  });
});

describe('many connections', () => {
  it('are served side by side', async () => {
    const clients = await Promise.all(Array.from({ length: 200 }, () => daemon().connect()));
    for (const [index, client] of clients.entries()) client.command('PUB crowd', `m${index}`);
    for (const client of clients) await client.expectOk();
    using consumer = await daemon().subscriber('crowd', 'c', 200);
    expect(bodiesOf(await consume(consumer, 200)).toSorted()).toEqual(numbered(200).toSorted());
    for (const client of clients) client.destroy();
  });

  it('do not starve: a busy one does not keep a small one waiting', async () => {
    using busy = await daemon().connect();
    using small = await daemon().connect();
    const batch = joined(...Array.from({ length: 2_000 }, () => 'PUB starve-busy#ephemeral\n\0\0\0\x01x'));
    for (let index = 0; index < 50; index += 1) busy.write(batch);
    busy.command('PUB starve', 'last of the busy one');
    await small.publish('starve', 'small');
    for (let index = 0; index <= 100_000; index += 1) await busy.expectOk();
    // In the order in which the daemon took them, whenever this process came to read the answers.
    using consumer = await daemon().subscriber('starve', 'c', 1);
    expect(bodiesOf(await consume(consumer, 2))).toEqual(['small', 'last of the busy one']);
  });
});
