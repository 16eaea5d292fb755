// Bounds as producers, consumers and operators see them: over TCP and HTTP, in /stats, and in the files.

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { bodiesOf, consume, drain, numbered } from '../support/consume.js';
import { Daemon, isStock, runToExit, temporaryDirectory } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const BODY = Buffer.alloc(KIB, 'x');

function configFile(text: string): string {
  const path = join(temporaryDirectory(), 'nsqd.cfg');
  writeFileSync(path, text);
  return `--config=${path}`;
}

describe.skipIf(isStock)('a bounded topic', () => {
  it('refuses over TCP and HTTP while it is full, and takes messages again', async () => {
    const config = configFile('[topic."small.*"]\nmax_topic_bytes = 102400');
    await using daemon = await Daemon.start({ flags: [config] });
    using consumer = await daemon.subscriber('small.one', 'c', 0);
    let taken = 0;
    while ((await daemon.post('/pub?topic=small.one', BODY)).status === 200) taken += 1;
    expect(taken).toBe(98);
    const refusal = /^topic is full: 10\d{4} of 102400 bytes$/;
    const answer = await daemon.post('/mpub?topic=small.one', 'a\nb');
    expect([answer.status, (JSON.parse(answer.body) as { message: string }).message]).toEqual([503, expect.stringMatching(refusal)]);
    using producer = await daemon.connect();
    producer.command('PUB small.one', BODY);
    expect(await producer.nextError()).toMatch(/^E_PUB_FAILED PUB failed topic is full: \d+ of 102400 bytes$/);
    await daemon.command('/pub?topic=large', BODY);
    expect(await daemon.topic('small.one')).toMatchObject({ message_count: 98, refused_count: 3 });
    expect((await daemon.get('/stats')).body).toMatch(/\[small\.one +\] .*refused: 3/);
    consumer.command('RDY 10');
    await consume(consumer, 98);
    await eventually(async () => expect((await daemon.post('/pub?topic=small.one', BODY)).status).toBe(200));
  });

  it('drops its oldest messages instead, if asked to', async () => {
    await using daemon = await Daemon.start({ flags: ['--max-topic-bytes=102400', '--topic-overflow=drop-oldest'] });
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    const bodies = numbered(300).map((body) => body.padEnd(KIB, '.'));
    using producer = await daemon.connect();
    for (const body of bodies) await producer.publish('t', body);
    const { depth, dropped_count: dropped = 0 } = await daemon.channel('t', 'c');
    expect(depth + dropped).toBe(300);
    expect(depth).toBeGreaterThan(90);
    expect(depth).toBeLessThan(100);
    expect(bodiesOf(await drain(daemon, 't', 'c'))).toEqual(bodies.slice(-depth));
  });

  it('drops what is too old, also after kill -9', async () => {
    const flags = ['--max-topic-age=500ms', '--sync-timeout=20ms'];
    await using daemon = await Daemon.start({ flags });
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    await daemon.command('/mpub?topic=t', 'a\nb');
    await eventually(async () => expect(await daemon.channel('t', 'c')).toMatchObject({ depth: 0, expired_count: 2 }));
    await daemon.command('/mpub?topic=t', 'c\nd');
    await daemon.kill();
    await daemon.restart();
    await eventually(async () => expect((await daemon.channel('t', 'c')).depth).toBe(0));
    // Is there already when the message comes: nothing but delivery can take longer than the age allows.
    using client = await daemon.subscriber('t', 'c', 1);
    await client.expectQuiet();
    await daemon.command('/pub?topic=t', 'e');
    expect(bodiesOf(await consume(client, 1))).toEqual(['e']);
  });

  it.each([
    [['--max-topic-bytes=-1'], '--max-topic-bytes must be 0 or more'],
    [['--max-topic-age=-1s'], '--max-topic-age must be 0 or more'],
    [['--max-memory-bytes=1000'], '--max-memory-bytes must be 16777216 or more'],
  ])('%j is refused at start', async (flags, text) => {
    const { code, output } = await runToExit(flags);
    expect([code, output]).toEqual([1, expect.stringContaining(text)]);
  });
});

describe.skipIf(isStock)('--max-memory-bytes', () => {
  const flags = ['--durability=memory', '--mem-queue-size=1000000', '--max-memory-bytes=16777216'];
  const batch = Array.from({ length: 1024 }, () => 'x'.repeat(KIB)).join('\n');

  async function publishMebibytes(daemon: Daemon, topic: string, count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) await daemon.command(`/mpub?topic=${topic}`, batch);
  }

  it('sends to the disk what stays in memory otherwise, and keeps it all', async () => {
    await using daemon = await Daemon.start({ flags });
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    await publishMebibytes(daemon, 't', 10);
    expect(readdirSync(daemon.dataPath)).not.toContain('t.diskqueue.000000.dat');
    await publishMebibytes(daemon, 't', 20);
    expect(readdirSync(daemon.dataPath)).toContain('t.diskqueue.000000.dat');
    expect(await daemon.channel('t', 'c')).toMatchObject({ depth: 30 * 1024 });
    expect(await drain(daemon, 't', 'c')).toHaveLength(30 * 1024);
  });

  it('bounds ephemeral topics, which have no disk', async () => {
    await using daemon = await Daemon.start({ flags });
    await daemon.command('/topic/create?topic=t%23ephemeral');
    await daemon.command('/channel/create?topic=t%23ephemeral&channel=c%23ephemeral');
    await publishMebibytes(daemon, 't%23ephemeral', 30);
    const { depth } = await daemon.channel('t#ephemeral', 'c#ephemeral');
    expect(depth).toBeGreaterThan(12 * 1024);
    expect(depth).toBeLessThan(20 * 1024);
    expect(daemon.residentBytes()).toBeLessThan(250 * MIB);
  });
});
