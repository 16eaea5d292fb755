// One data directory, two daemons: stock nsqd and the daemon under test in turn, in both directions.

import { readdirSync } from 'node:fs';
import { describe, it } from 'vitest';

import { command, messageList } from '../support/bytes.js';
import { bodiesOf, drain, numbered } from '../support/consume.js';
import { readCleanQueue, readTopics } from '../support/data-directory.js';
import { Daemon, isStock, stockProgram } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { FIXTURE_TOPICS, FixtureDirectory } from '../support/fixture-directory.js';

const hasStock = stockProgram !== undefined;
if (!hasStock) console.warn('skipped: tests with directories of both daemons; `npm run test:prepare` builds a stock nsqd');

/** A stock nsqd on the directory. */
function startStock(path: string, flags: readonly string[] = []): Promise<Daemon> {
  return Daemon.start({ dataPath: path, flags, program: [stockProgram ?? ''] });
}

describe.concurrent('a directory that passes between stock nsqd and the daemon under test', () => {
  it.skipIf(!hasStock).for([
    ['in memory', []],
    ['on disk', ['--mem-queue-size=0']],
    ['in many small files', ['--mem-queue-size=3', '--max-bytes-per-file=300']],
  ] as ReadonlyArray<readonly [string, readonly string[]]>)(
    'written by stock nsqd, messages %s',
    async ([, flags], { expect }) => {
      using fixture = new FixtureDirectory();
      {
        await using stock = await startStock(fixture.path, flags);
        await stock.command('/channel/create?topic=t&channel=paused');
        await stock.command('/channel/pause?topic=t&channel=paused');
        await stock.command('/mpub?topic=t', numbered(100).join('\n'));
        await stock.command('/mpub?topic=bare', numbered(30).join('\n'));
        using client = await stock.subscriber('t', 'c', 20);
        const messages = await client.nextMessages(20);
        for (const message of messages.slice(0, 10)) client.finish(message);
        for (const message of messages.slice(10, 15)) client.requeue(message, 60_000);
        await eventually(async () => expect((await stock.channel('t', 'c')).deferred_count).toBe(5));
        await eventually(async () => expect((await stock.channel('t', 'paused')).depth).toBe(100));
        client.command('RDY 0');
        await eventually(async () => expect((await stock.channel('t', 'c')).in_flight_count).toBeGreaterThan(4));
        expect(await stock.stop()).toEqual({ code: 0, signal: null });
      }
      await using daemon = await fixture.start(flags);
      expect(await daemon.channel('t', 'paused')).toMatchObject({ paused: true, depth: 100 });
      expect(await daemon.channel('t', 'c')).toMatchObject({ paused: false, depth: 90 });
      const messages = await drain(daemon, 't', 'c');
      expect(new Set(bodiesOf(messages)).size).toBe(90);
      expect(messages.filter((message) => message.attempts > 1).length).toBeGreaterThanOrEqual(10);
      expect(bodiesOf(await drain(daemon, 'bare', 'c')).toSorted()).toEqual(numbered(30).toSorted());
      await daemon.command('/channel/unpause?topic=t&channel=paused');
      expect(bodiesOf(await drain(daemon, 't', 'paused')).toSorted()).toEqual(numbered(100).toSorted());
    },
  );

  it.skipIf(!hasStock)('written by the daemon under test, read by stock nsqd', async ({ expect }) => {
    using fixture = new FixtureDirectory();
    {
      await using daemon = await fixture.start(['--mem-queue-size=20', '--max-bytes-per-file=700']);
      await daemon.command('/channel/create?topic=t&channel=paused');
      await daemon.command('/channel/pause?topic=t&channel=paused');
      await daemon.command('/mpub?topic=t', numbered(100).join('\n'));
      await daemon.command('/mpub?topic=bare', numbered(30).join('\n'));
      using client = await daemon.subscriber('t', 'c', 20);
      const messages = await client.nextMessages(20);
      client.command('RDY 0');
      for (const message of messages.slice(0, 10)) client.finish(message);
      for (const message of messages.slice(10, 15)) client.requeue(message, 60_000);
      await eventually(async () => expect((await daemon.channel('t', 'c')).deferred_count).toBe(5));
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    }
    await using stock = await startStock(fixture.path);
    expect(await stock.channel('t', 'paused')).toMatchObject({ paused: true, depth: 100 });
    const messages = await drain(stock, 't', 'c');
    expect(new Set(bodiesOf(messages)).size).toBe(messages.length);
    expect(messages.length).toBeGreaterThanOrEqual(80);
    expect(messages.length).toBeLessThanOrEqual(90);
    expect(messages.filter((message) => message.attempts > 1).length).toBeGreaterThanOrEqual(10);
    expect(bodiesOf(await drain(stock, 'bare', 'c')).toSorted()).toEqual(numbered(30).toSorted());
    await stock.command('/channel/unpause?topic=t&channel=paused');
    expect(bodiesOf(await drain(stock, 't', 'paused')).toSorted()).toEqual(numbered(100).toSorted());
    if (!isStock) expect(readdirSync(fixture.path).filter((name) => name.endsWith('.bad'))).toEqual([]);
  });

  it.skipIf(!hasStock || isStock).for([
    ['in one file', []],
    ['in many small files', ['--max-bytes-per-file=300']],
    ['in many small files, with fsync', ['--max-bytes-per-file=300', '--durability=fsync']],
  ] as ReadonlyArray<readonly [string, readonly string[]]>)(
    'left by a crash of the daemon under test, read by stock nsqd, messages %s',
    async ([, flags], { expect }) => {
      using fixture = new FixtureDirectory();
      const finished: string[] = [];
      {
        await using daemon = await fixture.start(flags);
        await daemon.command('/mpub?topic=t', numbered(100).join('\n'));
        await daemon.command('/mpub?topic=bare', numbered(30).join('\n'));
        using client = await daemon.subscriber('t', 'c', 30);
        for (const [index, message] of (await client.nextMessages(30)).entries()) {
          if (index < 20) client.finish(message);
          else if (index < 25) client.requeue(message, 60_000);
          if (index < 20) finished.push(message.body.toString());
        }
        using publisher = await daemon.connect();
        publisher.write(command('PUB t', 'the last one'));
        await publisher.expectOk();
        await daemon.kill();
      }
      await using stock = await startStock(fixture.path);
      const bodies = bodiesOf(await drain(stock, 't', 'c'));
      const owed = [...numbered(100), 'the last one'];
      expect(owed.filter((body) => !finished.includes(body) && !bodies.includes(body)), 'lost').toEqual([]);
      expect(bodies.filter((body) => !owed.includes(body)), 'invented').toEqual([]);
      expect(bodiesOf(await drain(stock, 'bare', 'c')).toSorted()).toEqual(numbered(30).toSorted());
    },
  );

  it.skipIf(!hasStock)('back and forth: each goes on where the other stopped', async ({ expect }) => {
    using fixture = new FixtureDirectory();
    const flags = ['--mem-queue-size=5', '--max-bytes-per-file=400'];
    const received: string[] = [];
    const expected: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      await using daemon = await (round % 2 === 0 ? fixture.start(flags) : startStock(fixture.path, flags));
      const bodies = numbered(30, `r${round}-`);
      expected.push(...bodies);
      using publisher = await daemon.connect();
      publisher.command('MPUB t', messageList(bodies));
      await publisher.expectOk();
      using client = await daemon.subscriber('t', 'c', 1);
      for (let index = 0; index < 10; index += 1) {
        const message = await client.nextMessage();
        received.push(message.body.toString());
        client.finish(message);
      }
      client.command('CLS');
      await eventually(async () => expect((await daemon.channel('t', 'c')).clients?.[0]?.finish_count).toBe(10));
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    }
    await using last = await fixture.start(flags);
    received.push(...bodiesOf(await drain(last, 't', 'c')));
    expect(received.toSorted()).toEqual(expected.toSorted());
  });

  it.skipIf(!hasStock || isStock)(
    'after stock nsqd ran in between, side files of an earlier run do not bring messages back',
    async ({ expect }) => {
      using fixture = new FixtureDirectory();
      {
        await using daemon = await fixture.start();
        await daemon.command('/mpub?topic=t', numbered(20).join('\n'));
        using client = await daemon.subscriber('t', 'c', 5);
        for (const message of (await client.nextMessages(5)).slice(0, 3)) client.requeue(message, 3_000);
        await client.nextMessages(3);
        await daemon.stop();
      }
      {
        await using stock = await startStock(fixture.path);
        expect(new Set(bodiesOf(await drain(stock, 't', 'c')))).toEqual(new Set(numbered(20)));
        await stock.command('/mpub?topic=t', 'new 1\nnew 2');
        await stock.stop();
      }
      await using daemon = await fixture.start();
      expect(bodiesOf(await drain(daemon, 't', 'c')).toSorted()).toEqual(['new 1', 'new 2']);
    },
  );
});

it.skipIf(!hasStock)('what stock nsqd leaves is what the reader of these tests understands', async ({ expect }) => {
  using fixture = new FixtureDirectory();
  {
    await using stock = await startStock(fixture.path);
    await stock.command('/mpub?topic=t', numbered(3).join('\n'));
    await eventually(async () => expect((await stock.channel('t', 'c')).depth).toBe(3));
    await stock.stop();
  }
  expect(readTopics(fixture.path)).toEqual(FIXTURE_TOPICS);
  expect(bodiesOf(readCleanQueue(fixture.path, 't:c'))).toEqual(numbered(3));
  expect(readCleanQueue(fixture.path, 't')).toEqual([]);
});
