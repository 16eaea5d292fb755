// What a clean stop leaves behind, file by file: exactly what stock nsqd expects to find.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { messageList } from '../support/bytes.js';
import { type Message } from '../support/client.js';
import { bodiesOf, consume, drain, numbered } from '../support/consume.js';
import {
  dataFileNumbers,
  dataFilePath,
  fileMode,
  metadataPath,
  readCleanQueue,
  readTopics,
  standardFiles,
  type StoredMessage,
  topicMetadataPath,
} from '../support/data-directory.js';
import { Daemon, isStock } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const MESSAGE_BYTES_MAX = 1_048_576;

/** The queues that nsqd.dat stands for. */
function listedQueues(path: string): string[] {
  return (readTopics(path) ?? []).flatMap((topic) => [
    topic.name,
    ...(topic.channels ?? []).map((channel) => `${topic.name}:${channel.name}`),
  ]);
}

/** Everything a clean stop promises of the directory as a whole; returns the unread messages of every queue. */
function checkDirectory(path: string): Map<string, StoredMessage[]> {
  const contents = new Map<string, StoredMessage[]>();
  const expectedFiles = new Set(['nsqd.dat']);
  for (const queue of listedQueues(path)) {
    const messages = readCleanQueue(path, queue);
    contents.set(queue, messages);
    expectedFiles.add(`${queue}.diskqueue.meta.dat`);
    for (const number of dataFileNumbers(path, queue)) {
      expectedFiles.add(dataFilePath('', queue, number).replace(/^\//, ''));
    }
    for (const message of messages) {
      expect(message.id).toMatch(/^[0-9a-f]{16}$/);
      expect(message.body.length).toBeLessThanOrEqual(MESSAGE_BYTES_MAX);
    }
  }
  expect(standardFiles(path)).toEqual([...expectedFiles].toSorted());
  for (const name of expectedFiles) expect([name, fileMode(join(path, name))]).toEqual([name, 0o600]);
  expect(statSync(topicMetadataPath(path)).isFile()).toBe(true);
  return contents;
}

function attemptsByBody(messages: readonly StoredMessage[]): Record<string, number> {
  return Object.fromEntries(messages.map((message) => [message.body.toString(), message.attempts]));
}

async function stopCleanly(daemon: Daemon): Promise<void> {
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
}

describe('after a clean stop', () => {
  it('an unused daemon has left nsqd.dat alone', async () => {
    await using daemon = await Daemon.start();
    await stopCleanly(daemon);
    expect(readTopics(daemon.dataPath)).toBeNull();
    expect(standardFiles(daemon.dataPath)).toEqual(['nsqd.dat']);
  });

  it('empty topics and channels have metadata', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/topic/create?topic=bare');
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    await daemon.command('/topic/pause?topic=bare');
    await daemon.command('/channel/pause?topic=t&channel=c');
    await stopCleanly(daemon);
    expect(readTopics(daemon.dataPath)).toEqual([
      { name: 'bare', paused: true, channels: null },
      { name: 't', paused: false, channels: [{ name: 'c', paused: true }] },
    ]);
    const contents = checkDirectory(daemon.dataPath);
    expect([...contents]).toEqual([
      ['bare', []],
      ['t', []],
      ['t:c', []],
    ]);
  });

  it('queued, in-flight, requeued and deferred messages are in the files of their channel', async () => {
    await using daemon = await Daemon.start();
    using publisher = await daemon.connect();
    await daemon.command('/topic/create?topic=t');
    for (const channel of ['busy', 'idle']) await daemon.command(`/channel/create?topic=t&channel=${channel}`);
    publisher.command('MPUB t', messageList(numbered(6)));
    await publisher.expectOk();
    publisher.command('DPUB t 60000', 'deferred');
    await publisher.expectOk();

    using client = await daemon.subscriber('t', 'busy', 4);
    const messages = await client.nextMessages(4);
    client.command('RDY 0');
    const [finished, again, later] = messages as [Message, Message, Message, Message];
    client.finish(finished);
    client.requeue(again, 0);
    client.requeue(later, 60_000);
    await client.expectQuiet();
    await eventually(async () => expect((await daemon.channel('t', 'busy')).deferred_count).toBe(2));
    await stopCleanly(daemon);

    const contents = checkDirectory(daemon.dataPath);
    expect(contents.get('t')).toEqual([]);
    const idle = contents.get('t:idle') ?? [];
    expect(bodiesOf(idle)).toEqual([...numbered(6), 'deferred']);
    expect(idle.every((message) => message.attempts === 0)).toBe(true);
    const busy = contents.get('t:busy') ?? [];
    expect(attemptsByBody(busy)).toEqual({ m1: 1, m2: 1, m3: 1, m4: 0, m5: 0, deferred: 0 });
    for (const message of messages.slice(1)) {
      const stored = busy.find((candidate) => candidate.body.equals(message.body));
      expect(stored).toMatchObject({ id: message.id, timestampNs: message.timestampNs });
    }
  });

  it('messages without a channel, or behind a pause, are in the files of their topic', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/mpub?topic=bare', numbered(5).join('\n'));
    await daemon.command('/mpub?topic=t', 'before');
    await daemon.command('/channel/create?topic=t&channel=c');
    await eventually(async () => expect((await daemon.channel('t', 'c')).depth).toBe(1));
    await daemon.command('/topic/pause?topic=t');
    await daemon.command('/mpub?topic=t', numbered(3).join('\n'));
    await stopCleanly(daemon);
    const contents = checkDirectory(daemon.dataPath);
    expect(bodiesOf(contents.get('bare') ?? [])).toEqual(numbered(5));
    expect(bodiesOf(contents.get('t') ?? [])).toEqual(numbered(3));
    expect(bodiesOf(contents.get('t:c') ?? [])).toEqual(['before']);
  });

  it('every channel has its own rest of the messages', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/topic/create?topic=t');
    for (const channel of ['all', 'half', 'none']) await daemon.command(`/channel/create?topic=t&channel=${channel}`);
    await daemon.command('/mpub?topic=t', numbered(100).join('\n'));
    for (const [channel, count] of [
      ['all', 100],
      ['half', 50],
    ] as const) {
      using client = await daemon.subscriber('t', channel, 1);
      await consume(client, count - 1);
      const last = await client.nextMessage();
      client.command('RDY 0');
      client.finish(last);
      await client.expectQuiet();
    }
    await stopCleanly(daemon);
    const contents = checkDirectory(daemon.dataPath);
    expect(contents.get('t:all')).toEqual([]);
    expect(bodiesOf(contents.get('t:half') ?? [])).toEqual(numbered(100).slice(50));
    expect(bodiesOf(contents.get('t:none') ?? [])).toEqual(numbered(100));
  });

  it.each([
    [['--mem-queue-size=0', '--max-bytes-per-file=1000']],
    [['--mem-queue-size=7', '--max-bytes-per-file=500']],
  ])('rolled files obey their limit with %j', async (flags) => {
    const limitBytes = Number(flags[1]?.split('=')[1]);
    await using daemon = await Daemon.start({ flags });
    await daemon.command('/mpub?topic=t', numbered(200).join('\n'));
    await daemon.command('/channel/create?topic=t&channel=c');
    await daemon.command('/mpub?topic=bare', ['x'.repeat(3 * limitBytes), ...numbered(50)].join('\n'));
    await eventually(async () => expect((await daemon.channel('t', 'c')).depth).toBe(200));
    using client = await daemon.subscriber('t', 'c', 1);
    await consume(client, 60);
    client.command('CLS');
    await eventually(async () => expect((await daemon.channel('t', 'c')).clients?.[0]?.finish_count).toBe(60));
    await stopCleanly(daemon);

    const contents = checkDirectory(daemon.dataPath);
    expect(contents.get('t:c')).toHaveLength(140);
    expect(contents.get('bare')).toHaveLength(51);
    for (const queue of ['t', 't:c', 'bare']) {
      for (const number of dataFileNumbers(daemon.dataPath, queue)) {
        const bytes = statSync(dataFilePath(daemon.dataPath, queue, number)).size;
        const isOversizedRecord = bytes === 30 + 3 * limitBytes;
        expect(isOversizedRecord || bytes <= limitBytes, `${queue} ${number}: ${bytes} bytes`).toBe(true);
      }
    }
  });

  it('several times in a row nothing is added and nothing grows', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/mpub?topic=t', numbered(10).join('\n'));
    await daemon.command('/channel/create?topic=t&channel=c');
    await eventually(async () => expect((await daemon.channel('t', 'c')).depth).toBe(10));
    const sizes: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      await stopCleanly(daemon);
      const contents = checkDirectory(daemon.dataPath);
      expect(bodiesOf(contents.get('t:c') ?? [])).toEqual(numbered(10));
      const paths = dataFileNumbers(daemon.dataPath, 't:c').map((number) =>
        dataFilePath(daemon.dataPath, 't:c', number),
      );
      sizes.push(paths.reduce((total, path) => total + statSync(path).size, 0));
      await daemon.restart();
    }
    expect(new Set(sizes).size, `${sizes}`).toBe(1);
  });

  it('the files of deleted topics and channels are gone', async () => {
    await using daemon = await Daemon.start({ flags: ['--mem-queue-size=0'] });
    for (const topic of ['gone', 'kept']) {
      await daemon.command(`/topic/create?topic=${topic}`);
      for (const channel of ['c', 'd']) await daemon.command(`/channel/create?topic=${topic}&channel=${channel}`);
      await daemon.command(`/mpub?topic=${topic}`, numbered(20).join('\n'));
    }
    await eventually(async () => expect((await daemon.channel('kept', 'd')).depth).toBe(20));
    await daemon.command('/topic/delete?topic=gone');
    await daemon.command('/channel/delete?topic=kept&channel=c');
    await eventually(() => {
      expect(standardFiles(daemon.dataPath).filter((name) => name.startsWith('gone'))).toEqual([]);
      expect(standardFiles(daemon.dataPath).filter((name) => name.startsWith('kept:c.'))).toEqual([]);
    });
    await stopCleanly(daemon);
    expect([...checkDirectory(daemon.dataPath).keys()]).toEqual(['kept', 'kept:d']);
  });

  it.skipIf(isStock)('of a daemon that was killed and recovered, the directory is exact as well', async () => {
    await using daemon = await Daemon.start({ flags: ['--max-bytes-per-file=1000'] });
    await daemon.command('/mpub?topic=t', numbered(100).join('\n'));
    using client = await daemon.subscriber('t', 'c', 5);
    await consume(client, 30);
    await daemon.kill();
    await daemon.restart();
    await daemon.command('/mpub?topic=t', numbered(10, 'new').join('\n'));
    await stopCleanly(daemon);
    const contents = checkDirectory(daemon.dataPath);
    const bodies = bodiesOf(contents.get('t:c') ?? []);
    expect(bodies).toEqual(expect.arrayContaining([...numbered(100).slice(31), ...numbered(10, 'new')]));
  });
});

describe('while the daemon runs', () => {
  it('nsqd.dat follows what is created and paused', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    await eventually(() => {
      expect(readTopics(daemon.dataPath)).toEqual([
        { name: 't', paused: false, channels: [{ name: 'c', paused: false }] },
      ]);
    });
    await daemon.command('/channel/pause?topic=t&channel=c');
    expect(readTopics(daemon.dataPath)).toEqual([
      { name: 't', paused: false, channels: [{ name: 'c', paused: true }] },
    ]);
    await daemon.command('/topic/pause?topic=t');
    expect(readTopics(daemon.dataPath)?.[0]?.paused).toBe(true);
    expect(standardFiles(daemon.dataPath).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it.skipIf(isStock)('nsqd.dat lists a topic and a channel before their creation is answered', async () => {
    await using daemon = await Daemon.start();
    using client = await daemon.connect();
    await client.publish('published', 'x');
    expect(readTopics(daemon.dataPath)?.map((topic) => topic.name)).toEqual(['published']);
    await client.subscribe('subscribed', 'c');
    expect(readTopics(daemon.dataPath)?.map((topic) => topic.name)).toEqual(['published', 'subscribed']);
    expect(readTopics(daemon.dataPath)?.[1]?.channels).toEqual([{ name: 'c', paused: false }]);
  });

  it('consumed files are deleted', async () => {
    await using daemon = await Daemon.start({ flags: ['--mem-queue-size=0', '--max-bytes-per-file=1000'] });
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    for (let round = 0; round < 5; round += 1) {
      const bodies = numbered(100, `r${round}-`);
      await daemon.command('/mpub?topic=t', bodies.join('\n'));
      expect(bodiesOf(await drain(daemon, 't', 'c')).toSorted()).toEqual(bodies.toSorted());
    }
    await eventually(() => {
      for (const queue of ['t', 't:c']) expect(dataFileNumbers(daemon.dataPath, queue).length).toBeLessThanOrEqual(2);
    });
    if (!isStock) expect(standardFiles(daemon.dataPath).filter((name) => name.endsWith('.bad'))).toEqual([]);
  });

  it.skipIf(isStock)('one finished consumer does not delete what another channel still needs', async () => {
    await using daemon = await Daemon.start({ flags: ['--mem-queue-size=0', '--max-bytes-per-file=1000'] });
    await daemon.command('/topic/create?topic=t');
    for (const channel of ['fast', 'slow']) await daemon.command(`/channel/create?topic=t&channel=${channel}`);
    await daemon.command('/mpub?topic=t', numbered(300).join('\n'));
    expect(bodiesOf(await drain(daemon, 't', 'fast'))).toEqual(numbered(300));
    expect(bodiesOf(await drain(daemon, 't', 'slow'))).toEqual(numbered(300));
  });
});

describe('--mem-queue-size=0', () => {
  it('keeps order and counts everything as backend', async () => {
    await using daemon = await Daemon.start({ flags: ['--mem-queue-size=0'] });
    await daemon.command('/mpub?topic=t', numbered(100).join('\n'));
    expect(await daemon.topic('t')).toMatchObject({ depth: 100, backend_depth: 100 });
    using client = await daemon.subscriber('t', 'c', 10);
    expect(bodiesOf(await consume(client, 100))).toEqual(numbered(100));
    await client.expectQuiet();
    expect(await daemon.channel('t', 'c')).toMatchObject({ depth: 0, backend_depth: 0, in_flight_count: 0 });
  });

  it('requeues and times out through the disk', async () => {
    await using daemon = await Daemon.start({ flags: ['--mem-queue-size=0', '--msg-timeout=300ms'] });
    await daemon.command('/pub?topic=t', 'x');
    using client = await daemon.subscriber('t', 'c', 1);
    const first = await client.nextMessage();
    client.requeue(first, 0);
    expect(await client.nextMessage()).toMatchObject({ id: first.id, attempts: 2, timestampNs: first.timestampNs });
    expect(await client.nextMessage()).toMatchObject({ id: first.id, attempts: 3, timestampNs: first.timestampNs });
  });
});

it('metadata files exist for a queue that holds messages, at the latest after the sync timeout', async () => {
  await using daemon = await Daemon.start({ flags: ['--mem-queue-size=0', '--sync-timeout=100ms'] });
  await daemon.command('/pub?topic=t', 'x');
  await eventually(() => expect(existsSync(metadataPath(daemon.dataPath, 't'))).toBe(true));
});
