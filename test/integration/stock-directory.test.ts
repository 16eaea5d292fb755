// Hand-built data directories in the format of stock nsqd, regular, worn and damaged ones: the daemon under test must
// deliver what they hold.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';

import { hex, joined } from '../support/bytes.js';
import { bodiesOf, drain, numbered } from '../support/consume.js';
import {
  dataFilePath,
  encodeRecord,
  metadataPath,
  readTopics,
  storedFiles,
  storedMessage,
  storedMessages,
  topicMetadataPath,
  writeMetadata,
  writeQueue,
  writeTopics,
} from '../support/data-directory.js';
import { type Daemon, isStock } from '../support/daemon.js';
import { FIXTURE_CHANNELS, FixtureDirectory } from '../support/fixture-directory.js';

const QUEUE = 't:c';

/** The worked example of the format: two messages, 79 bytes. */
const WORKED_EXAMPLE = hex(
  '00 00 00 1f 18 e9 e7 6c 10 b0 72 de 00 00 31 38 61 32 37 61 36 66 61 65 65 30 35 30 30 30 68 65 6c 6c 6f' +
    '00 00 00 28 18 e9 e7 6c 10 b5 a3 8b 00 00 31 38 61 32 37 61 36 66 61 65 65 30 35 30 30 31' +
    '73 65 63 6f 6e 64 20 6d 65 73 73 61 67 65',
);

type QueueState = readonly [string, (path: string, queue: string) => void, readonly string[]];

/** States that stock nsqd leaves behind or copes with. */
const readableStates: readonly QueueState[] = [
  [
    'several files',
    (path, queue) => writeQueue(path, queue, storedFiles(['a', 'b'], ['c'], ['d', 'e'])),
    ['a', 'b', 'c', 'd', 'e'],
  ],
  [
    'file numbers far from zero',
    (path, queue) => writeQueue(path, queue, storedFiles(['a'], ['b']), 999_999),
    ['a', 'b'],
  ],
  [
    'a read position in the middle of a file',
    (path, queue) => {
      const { write } = writeQueue(path, queue, [storedMessages(['read', 'a', 'b'])]);
      writeMetadata(path, queue, { depth: 2, read: { file: 0, offset: 34 }, write });
    },
    ['a', 'b'],
  ],
  [
    'a fully consumed current file',
    (path, queue) => {
      const { write } = writeQueue(path, queue, [storedMessages(['read'])]);
      writeMetadata(path, queue, { depth: 0, read: write, write });
    },
    [],
  ],
  [
    'a queue never used',
    (path, queue) =>
      writeMetadata(path, queue, { depth: 0, read: { file: 0, offset: 0 }, write: { file: 0, offset: 0 } }),
    [],
  ],
  [
    'no file where the write position is 0',
    (path, queue) =>
      writeMetadata(path, queue, { depth: 0, read: { file: 7, offset: 0 }, write: { file: 7, offset: 0 } }),
    [],
  ],
  [
    'the reader at the end of a complete file',
    (path, queue) => {
      const { read, write } = writeQueue(path, queue, storedFiles(['read 1', 'read 2'], ['a']));
      writeMetadata(path, queue, { depth: 1, read: { ...read, offset: 72 }, write });
    },
    ['a'],
  ],
  [
    'records behind the write position of the metadata',
    (path, queue) => {
      writeQueue(path, queue, [storedMessages(['a', 'b'])]);
      writeMetadata(path, queue, { depth: 1, read: { file: 0, offset: 0 }, write: { file: 0, offset: 31 } });
    },
    ['a', 'b'],
  ],
  [
    'a depth that is too large',
    (path, queue) => {
      const { read, write } = writeQueue(path, queue, [storedMessages(['a', 'b'])]);
      writeMetadata(path, queue, { depth: 17, read, write });
    },
    ['a', 'b'],
  ],
  [
    'a negative depth',
    (path, queue) => {
      const { read, write } = writeQueue(path, queue, [storedMessages(['a', 'b'])]);
      writeMetadata(path, queue, { depth: -2, read, write });
    },
    ['a', 'b'],
  ],
  [
    'metadata with CR LF, plus signs and leading zeros',
    (path, queue) => {
      writeQueue(path, queue, [storedMessages(['a', 'b'])]);
      writeFileSync(metadataPath(path, queue), '+2\r\n00,0\r\n0,062\nrest');
    },
    ['a', 'b'],
  ],
  [
    'a read file that is gone',
    (path, queue) => {
      writeQueue(path, queue, storedFiles(['gone'], ['a']));
      rmSync(dataFilePath(path, queue, 0));
    },
    ['a'],
  ],
  [
    'a gap in the numbers',
    (path, queue) => {
      writeQueue(path, queue, storedFiles(['a'], ['gone'], ['b']));
      rmSync(dataFilePath(path, queue, 1));
    },
    ['a', 'b'],
  ],
  [
    'a partial record at the end of a complete file',
    (path, queue) => {
      writeQueue(path, queue, storedFiles(['a', 'b'], ['c']));
      const file = dataFilePath(path, queue, 0);
      writeFileSync(file, joined(readFileSync(file), encodeRecord(storedMessage('torn')).subarray(0, 20)));
    },
    ['a', 'b', 'c'],
  ],
  ['a body of 0 bytes', (path, queue) => writeQueue(path, queue, [storedMessages(['', 'a'])]), ['', 'a']],
  ['a file that was set aside', (path, queue) => writeFileSync(`${dataFilePath(path, queue, 0)}.bad`, 'damaged'), []],
];

/** States from which stock nsqd loses messages, old or new ones. */
const recoverableStates: readonly QueueState[] = [
  ...[undefined, '', 'garbage'].map((metadata): QueueState => [
    metadata === undefined ? 'metadata that is missing' : `metadata that is ${JSON.stringify(metadata)}`,
    (path, queue) => {
      writeQueue(path, queue, storedFiles(['a'], ['b', 'c']));
      rmSync(metadataPath(path, queue));
      if (metadata !== undefined) writeFileSync(metadataPath(path, queue), metadata);
    },
    ['a', 'b', 'c'],
  ]),
  [
    'metadata that is ahead of the data',
    (path, queue) => {
      const { read } = writeQueue(path, queue, [storedMessages(['a', 'b'])]);
      writeMetadata(path, queue, { depth: 9, read, write: { file: 0, offset: 500 } });
    },
    ['a', 'b'],
  ],
];

describe.each([
  ['regular', false, readableStates],
  ['damaged', isStock, recoverableStates],
] as const)('a %s queue with', (_, isSkipped, states) => {
  const fixture = new FixtureDirectory();
  let daemon: Daemon | undefined;
  beforeAll(async () => {
    const topics = states.map((_state, index) => ({ name: `t${index}`, paused: false, channels: FIXTURE_CHANNELS }));
    writeTopics(fixture.path, topics);
    for (const [index, [, build]] of states.entries()) build(fixture.path, `t${index}:c`);
    daemon = await fixture.start();
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    fixture[Symbol.dispose]();
  });

  it.skipIf(isSkipped).for(states.map((state, index) => [state[0], `t${index}`, state[2]] as const))(
    '%s is read, and goes on',
    async ([, topic, expected], { expect }) => {
      if (daemon === undefined) throw new Error('the daemon is not running');
      expect(bodiesOf(await drain(daemon, topic, 'c'))).toEqual(expected);
      await daemon.command(`/mpub?topic=${topic}`, 'new 1\nnew 2');
      expect(bodiesOf(await drain(daemon, topic, 'c')).toSorted()).toEqual(['new 1', 'new 2']);
    },
  );
});

describe.concurrent('a hand-built directory', () => {
  it('with the worked example in the channel', async ({ expect }) => {
    using fixture = new FixtureDirectory();
    writeTopics(fixture.path, [{ name: 'orders', paused: false, channels: [{ name: 'audit', paused: false }] }]);
    writeFileSync(dataFilePath(fixture.path, 'orders', 0), WORKED_EXAMPLE);
    writeFileSync(metadataPath(fixture.path, 'orders'), '0\n0,79\n0,79\n');
    writeFileSync(dataFilePath(fixture.path, 'orders:audit', 0), WORKED_EXAMPLE);
    writeFileSync(metadataPath(fixture.path, 'orders:audit'), '2\n0,0\n0,79\n');
    await using daemon = await fixture.start();
    expect(await daemon.topic('orders')).toMatchObject({ depth: 0 });
    expect(await daemon.channel('orders', 'audit')).toMatchObject({ depth: 2, backend_depth: 2 });
    using client = await daemon.subscriber('orders', 'audit', 2);
    const [hello, second] = await client.nextMessages(2);
    expect(hello).toMatchObject({ id: '18a27a6faee05000', attempts: 1, timestampNs: 1_795_220_377_806_336_734n });
    expect(second).toMatchObject({ id: '18a27a6faee05001', attempts: 1, timestampNs: 1_795_220_377_806_676_875n });
    expect(bodiesOf([hello, second].flatMap((message) => message ?? []))).toEqual(['hello', 'second message']);
  });

  it('with messages at the topic gives them to all its channels', async ({ expect }) => {
    using fixture = new FixtureDirectory();
    const channels = [
      { name: 'c', paused: false },
      { name: 'd', paused: false },
    ];
    writeTopics(fixture.path, [{ name: 't', paused: true, channels }]);
    writeQueue(fixture.path, 't', [storedMessages(numbered(5))]);
    await using daemon = await fixture.start();
    expect(await daemon.topic('t')).toMatchObject({ depth: 5, paused: true });
    await daemon.command('/topic/unpause?topic=t');
    for (const { name } of channels) expect(bodiesOf(await drain(daemon, 't', name))).toEqual(numbered(5));
  });

  it('with messages at the topic and in its channel delivers the union', async ({ expect }) => {
    using fixture = new FixtureDirectory();
    writeQueue(fixture.path, QUEUE, [storedMessages(['in the channel'])]);
    writeQueue(fixture.path, 't', [[storedMessage('at the topic', { id: '18a27a6faee05fff' })]]);
    await using daemon = await fixture.start();
    expect(bodiesOf(await drain(daemon, 't', 'c')).toSorted()).toEqual(['at the topic', 'in the channel']);
  });

  it('keeps attempts, and lets them wrap', async ({ expect }) => {
    using fixture = new FixtureDirectory();
    const attempts = [0, 1, 7, 32_767, 65_534, 65_535];
    const messages = attempts.map((count, index) => ({
      ...(storedMessages(numbered(6))[index] ?? storedMessage('')),
      attempts: count,
    }));
    writeQueue(fixture.path, QUEUE, [messages]);
    await using daemon = await fixture.start();
    expect((await drain(daemon, 't', 'c')).map((message) => message.attempts)).toEqual([1, 2, 8, 32_768, 65_535, 0]);
  });

  it('takes files larger than its own limit, and rolls from there', async ({ expect }) => {
    using fixture = new FixtureDirectory();
    writeQueue(fixture.path, QUEUE, [storedMessages(numbered(50))]);
    await using daemon = await fixture.start(['--max-bytes-per-file=200', '--mem-queue-size=0']);
    await daemon.command('/mpub?topic=t', numbered(50, 'n').join('\n'));
    const bodies = bodiesOf(await drain(daemon, 't', 'c'));
    expect(bodies.toSorted()).toEqual([...numbered(50), ...numbered(50, 'n')].toSorted());
  });

  it.skipIf(isStock)(
    'delivers a record larger than the current --max-msg-size, and what follows',
    async ({ expect }) => {
      using fixture = new FixtureDirectory();
      writeQueue(fixture.path, QUEUE, [storedMessages(['a', 'x'.repeat(2_000), 'b'])]);
      await using daemon = await fixture.start(['--max-msg-size=100']);
      expect((await drain(daemon, 't', 'c')).map((message) => message.body.length)).toEqual([1, 2_000, 1]);
    },
  );

  it('wakes the files of an unlisted topic when it is created again', async ({ expect }) => {
    using fixture = new FixtureDirectory();
    writeTopics(fixture.path, null);
    writeQueue(fixture.path, 'orphan', [storedMessages(['a', 'b'])]);
    await using daemon = await fixture.start();
    expect((await daemon.stats()).topics).toEqual([]);
    await daemon.command('/pub?topic=orphan', 'new');
    expect(bodiesOf(await drain(daemon, 'orphan', 'c')).toSorted()).toEqual(['a', 'b', 'new']);
  });

  it('ignores strangers and leftovers', async ({ expect }) => {
    using fixture = new FixtureDirectory();
    writeQueue(fixture.path, QUEUE, [storedMessages(['a'])]);
    const strangers = [
      'notes.txt',
      'nsqd.dat.123.tmp',
      't:c.diskqueue.meta.dat.456.tmp',
      'other.diskqueue.000000.dat',
      'nsqd.5.dat',
    ];
    for (const name of strangers) writeFileSync(join(fixture.path, name), 'stranger');
    await using daemon = await fixture.start();
    expect(bodiesOf(await drain(daemon, 't', 'c'))).toEqual(['a']);
    await daemon.stop();
    expect(readFileSync(join(fixture.path, 'notes.txt'), 'utf8')).toBe('stranger');
    expect(existsSync(join(fixture.path, 'other.diskqueue.000000.dat'))).toBe(true);
  });
});

describe.concurrent('nsqd.dat', () => {
  const summary = async (daemon: Daemon): Promise<string[]> =>
    ((await daemon.stats()).topics ?? []).map((topic) => {
      const channels = topic.channels.map((channel) => `${channel.channel_name}${channel.paused ? '!' : ''}`);
      return `${topic.topic_name}${topic.paused ? '!' : ''}(${channels.join(' ')})`;
    });

  it.for<readonly [string, string, readonly string[]]>([
    ['no topics', '{"topics":null,"version":"1.3.0"}', []],
    ['no channels', '{"topics":[{"name":"a","paused":false,"channels":null}],"version":"1.3.0"}', ['a()']],
    ['null', 'null', []],
    ['an empty object', '{}', []],
    ['missing fields', '{"topics":[{"name":"a","channels":[{"name":"c"}]}]}', ['a(c)']],
    ['unknown fields and white space', '\n{ "topics" : [ {"name":"a","x":[1],"paused":true} ], "y":{} }\n', ['a!()']],
    [
      'keys in another case',
      '{"Topics":[{"NAME":"a","Paused":true,"Channels":[{"Name":"c","PAUSED":true}]}]}',
      ['a!(c!)'],
    ],
    [
      'any order and another version',
      '{"version":"0.3.8","topics":[{"name":"b"},{"channels":[{"name":"c"}],"name":"a"}]}',
      ['a(c)', 'b()'],
    ],
    [
      'invalid names, which are skipped',
      '{"topics":[{"name":"bad!","channels":[{"name":"c"}]},{"name":"a","channels":[{"name":"no/"},{"name":"c"}]}]}',
      ['a(c)'],
    ],
    [
      'ephemeral names',
      '{"topics":[{"name":"e#ephemeral","channels":[{"name":"c#ephemeral"}]}]}',
      ['e#ephemeral(c#ephemeral)'],
    ],
  ])('with %s is understood', async ([, text, expected], { expect }) => {
    using fixture = new FixtureDirectory();
    writeFileSync(topicMetadataPath(fixture.path), text);
    await using daemon = await fixture.start();
    expect(await summary(daemon)).toEqual(expected);
    // It is written back in its exact form, without what was skipped and what is ephemeral.
    const kept = readTopics(fixture.path)?.map((topic) => topic.name) ?? [];
    expect(kept).toEqual(expected.map((name) => name.split(/[!(]/)[0]).filter((name) => !name?.endsWith('#ephemeral')));
  });
});
