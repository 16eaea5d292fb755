// What a clean stop leaves behind, file by file: exactly what stock nsqd expects to find.

import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { describeAcrossStop, type Scenario } from '../support/across-stop.js';
import { type Message } from '../support/client.js';
import { bodiesOf, consume, drain, leave, numbered } from '../support/consume.js';
import {
  dataFileNumbers,
  dataFilePath,
  fileMode,
  readCleanQueue,
  readTopics,
  standardFiles,
  type StoredMessage,
  topicMetadataPath,
} from '../support/data-directory.js';
import { Daemon, isStock } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

async function stopCleanly(daemon: Daemon): Promise<void> {
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
}

async function create(daemon: Daemon, topic: string, ...channels: readonly string[]): Promise<void> {
  await daemon.command(`/topic/create?topic=${topic}`);
  for (const channel of channels) await daemon.command(`/channel/create?topic=${topic}&channel=${channel}`);
}

/** Paths of the data files of a queue. */
function dataFiles(path: string, queue: string): string[] {
  return dataFileNumbers(path, queue).map((number) => dataFilePath(path, queue, number));
}

function attemptsByBody(messages: readonly StoredMessage[]): Record<string, number> {
  return Object.fromEntries(messages.map((message) => [message.body.toString(), message.attempts]));
}

/** Checks what a clean stop promises of the directory as a whole; returns the names of its queues. */
function checkDirectory(path: string): string[] {
  const queues = (readTopics(path) ?? []).flatMap((topic) => [
    topic.name,
    ...(topic.channels ?? []).map((channel) => `${topic.name}:${channel.name}`),
  ]);
  const expectedFiles = ['nsqd.dat'];
  for (const queue of queues) {
    expectedFiles.push(`${queue}.diskqueue.meta.dat`);
    for (const file of dataFiles(path, queue)) expectedFiles.push(basename(file));
    for (const message of readCleanQueue(path, queue)) expect(message.id).toMatch(/^[0-9a-f]{16}$/);
  }
  // Stock nsqd takes a file that was read to its end while it was written for a damaged one.
  const present = standardFiles(path).filter((name) => !(isStock && name.endsWith('.bad')));
  expect(present).toEqual(expectedFiles.toSorted());
  for (const name of expectedFiles) expect([name, fileMode(join(path, name))]).toEqual([name, 0o600]);
  expect(statSync(topicMetadataPath(path)).isFile()).toBe(true);
  return queues;
}

const scenarios: readonly Scenario[] = [
  {
    name: 'metadata for topics and channels that were never used',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'c');
      await create(daemon, `${topic}-bare`);
      await daemon.command(`/topic/pause?topic=${topic}-bare`);
      await daemon.command(`/channel/pause?topic=${topic}&channel=c`);
      return async () => {
        const topics = readTopics(daemon.dataPath)?.filter(({ name }) => name.startsWith(topic));
        expect(topics).toEqual([
          { name: topic, paused: false, channels: [{ name: 'c', paused: true }] },
          { name: `${topic}-bare`, paused: true, channels: null },
        ]);
        for (const queue of [topic, `${topic}:c`, `${topic}-bare`]) {
          expect(readCleanQueue(daemon.dataPath, queue)).toEqual([]);
        }
      };
    },
  },
  {
    name: 'queued, in-flight, requeued and deferred messages in the files of their channel',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'busy', 'idle');
      await daemon.command(`/mpub?topic=${topic}`, numbered(6).join('\n'));
      await daemon.command(`/pub?topic=${topic}&defer=60000`, 'deferred');
      await eventually(async () => expect((await daemon.channel(topic, 'idle')).deferred_count).toBe(1));
      const client = await daemon.subscriber(topic, 'busy', 4);
      const messages = (await client.nextMessages(4)) as [Message, Message, Message, Message];
      const [finished, again, later] = messages;
      client.command('RDY 0');
      client.finish(finished);
      client.requeue(again, 0);
      client.requeue(later, 60_000);
      await client.expectQuiet();
      return async () => {
        expect(readCleanQueue(daemon.dataPath, topic)).toEqual([]);
        const idle = readCleanQueue(daemon.dataPath, `${topic}:idle`);
        expect(bodiesOf(idle).toSorted()).toEqual(['deferred', ...numbered(6)]);
        expect(idle.every((message) => message.attempts === 0)).toBe(true);

        const busy = readCleanQueue(daemon.dataPath, `${topic}:busy`);
        const expected: Record<string, number> = { deferred: 0 };
        for (const body of numbered(6)) expected[body] = 0;
        for (const message of messages) expected[message.body.toString()] = 1;
        delete expected[finished.body.toString()];
        expect(attemptsByBody(busy)).toEqual(expected);
        for (const message of messages.slice(1)) {
          const stored = busy.find((candidate) => candidate.body.equals(message.body));
          expect(stored).toMatchObject({ id: message.id, timestampNs: message.timestampNs });
        }
      };
    },
  },
  {
    name: 'messages without a channel in the files of their topic',
    arrange: async (daemon, topic) => {
      await daemon.command(`/mpub?topic=${topic}`, numbered(5).join('\n'));
      return async () => {
        expect(bodiesOf(readCleanQueue(daemon.dataPath, topic)).toSorted()).toEqual(numbered(5));
      };
    },
  },
  {
    name: 'messages behind a pause in the files of their topic',
    arrange: async (daemon, topic) => {
      await daemon.command(`/pub?topic=${topic}`, 'before');
      await create(daemon, topic, 'c');
      await eventually(async () => expect((await daemon.channel(topic, 'c')).depth).toBe(1));
      await daemon.command(`/topic/pause?topic=${topic}`);
      await daemon.command(`/mpub?topic=${topic}`, numbered(3).join('\n'));
      return async () => {
        expect(bodiesOf(readCleanQueue(daemon.dataPath, topic))).toEqual(numbered(3));
        expect(bodiesOf(readCleanQueue(daemon.dataPath, `${topic}:c`))).toEqual(['before']);
      };
    },
  },
  {
    name: 'for every channel its own rest of the messages',
    arrange: async (daemon, topic) => {
      await create(daemon, topic, 'all', 'half', 'none');
      await daemon.command(`/mpub?topic=${topic}`, numbered(100).join('\n'));
      expect(await drain(daemon, topic, 'all')).toHaveLength(100);
      const half = await daemon.subscriber(topic, 'half', 1);
      const finished = await consume(half, 49);
      const last = await half.nextMessage();
      half.command('RDY 0');
      half.finish(last);
      await leave(half);
      return async () => {
        const rest = readCleanQueue(daemon.dataPath, `${topic}:half`);
        expect(readCleanQueue(daemon.dataPath, `${topic}:all`)).toEqual([]);
        expect(bodiesOf([...finished, last, ...rest]).toSorted()).toEqual(numbered(100).toSorted());
        expect(bodiesOf(readCleanQueue(daemon.dataPath, `${topic}:none`)).toSorted()).toEqual(numbered(100).toSorted());
      };
    },
  },
  {
    name: 'no file of deleted topics and channels',
    arrange: async (daemon, topic) => {
      for (const name of [topic, `${topic}-gone`]) {
        await create(daemon, name, 'c', 'd');
        await daemon.command(`/mpub?topic=${name}`, numbered(20).join('\n'));
      }
      await eventually(async () => expect((await daemon.channel(topic, 'd')).depth).toBe(20));
      await daemon.command(`/topic/delete?topic=${topic}-gone`);
      await daemon.command(`/channel/delete?topic=${topic}&channel=c`);
      return async () => {
        const files = standardFiles(daemon.dataPath);
        expect(files.filter((name) => name.startsWith(`${topic}-gone`))).toEqual([]);
        expect(files.filter((name) => name.startsWith(`${topic}:c.`))).toEqual([]);
        expect(readCleanQueue(daemon.dataPath, `${topic}:d`)).toHaveLength(20);
      };
    },
  },
  {
    name: 'files and modes as stock nsqd has them, and no other file of its format',
    arrange: async (daemon, topic) => {
      await daemon.command(`/pub?topic=${topic}`, 'x');
      return async () => {
        expect(checkDirectory(daemon.dataPath)).toContain(topic);
      };
    },
  },
];

describeAcrossStop('a clean stop leaves', { end: stopCleanly }, scenarios);

const FILE_BYTES_MAX = 1_000;

/** A body that needs a file of its own. */
const OVERSIZED_BODY = 'x'.repeat(3 * FILE_BYTES_MAX);

describeAcrossStop(
  'a clean stop with small files and without memory leaves',
  { end: stopCleanly, flags: ['--mem-queue-size=0', `--max-bytes-per-file=${FILE_BYTES_MAX}`] },
  [
    ...scenarios,
    {
      name: 'files within their limit, but for single records',
      arrange: async (daemon, topic) => {
        await create(daemon, topic, 'c');
        const bodies = [...numbered(100), OVERSIZED_BODY, ...numbered(100, 'n')];
        await daemon.command(`/mpub?topic=${topic}`, bodies.join('\n'));
        await daemon.command(`/mpub?topic=${topic}-bare`, bodies.join('\n'));
        await eventually(async () => expect((await daemon.channel(topic, 'c')).depth).toBe(bodies.length));
        const client = await daemon.subscriber(topic, 'c', 1);
        expect(bodiesOf(await consume(client, 60))).toEqual(bodies.slice(0, 60));
        await leave(client).catch(() => undefined); // A message may come before CLOSE_WAIT.
        return async () => {
          expect(bodiesOf(readCleanQueue(daemon.dataPath, `${topic}-bare`))).toEqual(bodies);
          expect(bodiesOf(readCleanQueue(daemon.dataPath, `${topic}:c`)).toSorted()).toEqual(
            bodies.slice(60).toSorted(),
          );
          for (const queue of [`${topic}-bare`, `${topic}:c`]) {
            expect(dataFiles(daemon.dataPath, queue).length).toBeGreaterThan(3);
            for (const file of dataFiles(daemon.dataPath, queue)) {
              const bytes = statSync(file).size;
              const isSingleRecord = bytes === 30 + OVERSIZED_BODY.length;
              expect(isSingleRecord || bytes <= FILE_BYTES_MAX, `${file}: ${bytes} bytes`).toBe(true);
            }
          }
        };
      },
    },
  ],
);

describeAcrossStop(
  'a clean stop after a crash leaves',
  {
    end: async (daemon) => {
      await daemon.kill();
      await daemon.restart();
      await stopCleanly(daemon);
    },
    flags: [`--max-bytes-per-file=${FILE_BYTES_MAX}`],
  },
  [
    {
      isSkipped: isStock,
      name: 'an exact directory with everything that was not finished',
      arrange: async (daemon, topic) => {
        await daemon.command(`/mpub?topic=${topic}`, numbered(100).join('\n'));
        const client = await daemon.subscriber(topic, 'c', 5);
        const finished = bodiesOf(await consume(client, 30));
        return async () => {
          const stored = bodiesOf(readCleanQueue(daemon.dataPath, `${topic}:c`));
          expect(new Set([...finished, ...stored])).toEqual(new Set(numbered(100)));
          checkDirectory(daemon.dataPath);
        };
      },
    },
  ],
);

describe('clean stops', () => {
  it('of an unused daemon leave nsqd.dat alone', async () => {
    await using daemon = await Daemon.start();
    await stopCleanly(daemon);
    expect(readTopics(daemon.dataPath)).toBeNull();
    expect(standardFiles(daemon.dataPath)).toEqual(['nsqd.dat']);
  });

  it('one after the other add nothing', async () => {
    await using daemon = await Daemon.start();
    await create(daemon, 't', 'c');
    await daemon.command('/mpub?topic=t', numbered(10).join('\n'));
    await eventually(async () => expect((await daemon.channel('t', 'c')).depth).toBe(10));
    const sizes: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      if (round > 0) await daemon.restart();
      await stopCleanly(daemon);
      expect(checkDirectory(daemon.dataPath)).toEqual(['t', 't:c']);
      expect(bodiesOf(readCleanQueue(daemon.dataPath, 't:c'))).toEqual(numbered(10));
      sizes.push(dataFiles(daemon.dataPath, 't:c').reduce((total, path) => total + statSync(path).size, 0));
    }
    expect(new Set(sizes).size, `${sizes}`).toBe(1);
  });
});
