// Topic and channel names: which are valid, and how invalid ones are quoted in errors, byte by byte.

import { describe, expect, it } from 'vitest';

import { command, hex, joined, sized } from '../support/bytes.js';
import { converse, WRITE_MODES } from '../support/conversation.js';
import { sharedDaemon } from '../support/daemon.js';

const daemon = sharedDaemon();

const utf8AsLatin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

describe('valid names', () => {
  it.each([
    'a',
    'A',
    '0',
    '.',
    '_',
    '-',
    '..',
    'Orders.2024_v-1',
    'x'.repeat(64),
    'a#ephemeral',
    `${'y'.repeat(54)}#ephemeral`,
    'ephemeral',
  ])('%s', async (name) => {
    const send = joined(command(`PUB ${name}`, 'x'), `SUB ${name} ${name}\n`);
    await converse(daemon(), { name, send, answers: ['OK', 'OK'] }, 'whole');
  });

  it('differ by case', async () => {
    using client = await daemon().connect();
    await client.publish('CaseMatters', 'x');
    await client.publish('casematters', 'x');
    expect((await daemon().topic('CaseMatters')).message_count).toBe(1);
    expect((await daemon().topic('casematters')).message_count).toBe(1);
  });
});

describe('invalid names', () => {
  const names = [
    '',
    '#ephemeral',
    'a#',
    '#a',
    'a#Ephemeral',
    'a#ephemeral2',
    'a#ephemeral#ephemeral',
    'a#b#ephemeral',
    'a/b',
    'a:b',
    'a;b',
    'a,b',
    'a*',
    'a%b',
    'x'.repeat(65),
    `${'y'.repeat(55)}#ephemeral`,
  ];
  it.each(names)('of a topic: %j', async (name) => {
    const error = `E_BAD_TOPIC PUB topic name "${name}" is not valid`;
    await converse(daemon(), { name, send: `PUB ${name}\n`, error }, 'pipelined');
  });

  it.each(names)('of a channel: %j', async (name) => {
    const error = `E_BAD_CHANNEL SUB channel name "${name}" is not valid`;
    await converse(daemon(), { name, send: `SUB names-channel ${name}\n`, error }, 'whole');
  });

  it('leave no topic behind', async () => {
    await converse(
      daemon(),
      {
        name: 'bad channel',
        send: 'SUB not-created bad!\n',
        error: 'E_BAD_CHANNEL SUB channel name "bad!" is not valid',
      },
      'whole',
    );
    expect(await daemon().findTopic('not-created')).toBeUndefined();
  });
});

describe('quoting', () => {
  it.each<readonly [string, Buffer, string]>([
    ['quote and backslash', Buffer.from('a"b\\c'), 'a\\"b\\\\c'],
    ['an apostrophe', Buffer.from("a'b"), "a'b"],
    ['named control characters', hex('07 08 09 0b 0c'), '\\a\\b\\t\\v\\f'],
    ['a CR inside', Buffer.from('a\rb'), 'a\\rb'],
    ['other control characters', hex('00 01 1b 1f 7f'), '\\x00\\x01\\x1b\\x1f\\x7f'],
    ['printable letters of any script', Buffer.from('é日本語Ж'), utf8AsLatin1('é日本語Ж')],
    ['an emoji', Buffer.from('😀'), utf8AsLatin1('😀')],
    ['a combining mark', Buffer.from('e\u0301!'), utf8AsLatin1('e\u0301!')],
    ['a no-break space', Buffer.from('a\u00a0b'), 'a\\u00a0b'],
    ['line and paragraph separators', Buffer.from('\u2028\u2029'), '\\u2028\\u2029'],
    ['a byte order mark', Buffer.from('\ufeff'), '\\ufeff'],
    ['a soft hyphen', Buffer.from('\u00ad'), '\\u00ad'],
    ['a non-printable beyond 16 bits', Buffer.from('\u{e0001}'), '\\U000e0001'],
    ['a private-use character', Buffer.from('\ue000'), '\\ue000'],
    ['a replacement character sent as such', Buffer.from('\ufffd'), utf8AsLatin1('\ufffd')],
    ['a lone continuation byte', hex('61 80 62'), 'a\\x80b'],
    ['bytes that are never UTF-8', hex('ff fe'), '\\xff\\xfe'],
    ['a cut-off sequence', hex('e6 97'), '\\xe6\\x97'],
    ['an overlong encoding', hex('c0 af'), '\\xc0\\xaf'],
    ['an encoded surrogate', hex('ed a0 80'), '\\xed\\xa0\\x80'],
    ['a code point beyond Unicode', hex('f4 90 80 80'), '\\xf4\\x90\\x80\\x80'],
  ])('of %s', async (_, name, quoted) => {
    const error = `E_BAD_TOPIC PUB topic name "${quoted}" is not valid`;
    for (const mode of WRITE_MODES) {
      await converse(daemon(), { name: quoted, send: joined('PUB ', name, '\n'), error }, mode);
    }
  });

  it('is the same in SUB, MPUB and DPUB', async () => {
    const name = Buffer.from('"\u2028\x01');
    const quoted = '"\\"\\u2028\\x01"';
    const lines: ReadonlyArray<readonly [string, string, string]> = [
      ['SUB ', ' c\n', `E_BAD_TOPIC SUB topic name ${quoted} is not valid`],
      ['SUB t ', '\n', `E_BAD_CHANNEL SUB channel name ${quoted} is not valid`],
      ['MPUB ', '\n', `E_BAD_TOPIC E_BAD_TOPIC MPUB topic name ${quoted} is not valid`],
      ['DPUB ', ' 0\n', `E_BAD_TOPIC DPUB topic name ${quoted} is not valid`],
    ];
    for (const [before, behind, error] of lines) {
      await converse(daemon(), { name: before, send: joined(before, name, behind), error }, 'whole');
    }
  });
});

describe('raw echoes', () => {
  it('of numbers that do not parse keep their bytes', async () => {
    const send = joined('SUB raw#ephemeral c#ephemeral\nRDY ', hex('22 5c ff'), '\n');
    const error = 'E_INVALID RDY could not parse count "\\\xff';
    await converse(daemon(), { name: 'raw number', send, answers: ['OK'], error }, 'whole');
  });

  it('of ids that are not text keep their bytes', async () => {
    const id = hex('00 01 02 22 5c 7f 80 ff fe 09 0b 0c c0 af f5 bf');
    const send = joined('SUB raw#ephemeral c#ephemeral\nFIN ', id, '\n');
    const error = `E_FIN_FAILED FIN ${id.toString('latin1')} failed ID not in flight`;
    await converse(daemon(), { name: 'raw id', send, answers: ['OK'], error, then: 'continues' }, 'whole');
  });
});

it('a name with a blank publishes to its first word', async () => {
  await converse(
    daemon(),
    { name: 'blank', send: joined('PUB first-word second\n', sized('x')), answers: ['OK'] },
    'whole',
  );
  expect((await daemon().topic('first-word')).message_count).toBe(1);
});
