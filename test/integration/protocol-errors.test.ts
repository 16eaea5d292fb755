// Every error of the protocol that needs neither TLS nor AUTH, as literal bytes both ways: its text, whether the
// connection goes on, and that commands behind a fatal error are not executed.

import { describe, it } from 'vitest';

import { hex, joined, sized } from '../support/bytes.js';
import { converse, type Conversation, WRITE_MODES } from '../support/conversation.js';
import { sharedDaemon } from '../support/daemon.js';

const ID = '0123456789abcdef';
const SUB = 'SUB errors#ephemeral c#ephemeral\n';
const OK = ['OK'];

/** Behind a subscription: the answer OK precedes. */
function subscribed(name: string, send: string, error: string, then: 'closes' | 'continues' = 'closes'): Conversation {
  return { name, send: SUB + send, answers: OK, error, then };
}

/** Behind a subscription and CLS. */
function closing(name: string, send: string, error: string, then: 'closes' | 'continues' = 'closes'): Conversation {
  return { name, send: `${SUB}CLS\n${send}`, answers: ['OK', 'CLOSE_WAIT'], error, then };
}

const unknownCommands: readonly Conversation[] = [
  { name: 'an unknown command', send: 'HELO\n', error: 'E_INVALID invalid command HELO' },
  { name: 'a lower-case command', send: 'nop\n', error: 'E_INVALID invalid command nop' },
  { name: 'only the first word of an unknown command', send: 'X y z\n', error: 'E_INVALID invalid command X' },
  { name: 'an empty line', send: '\n', error: 'E_INVALID invalid command ' },
  { name: 'a line of CR LF only', send: '\r\n', error: 'E_INVALID invalid command ' },
  { name: 'a leading blank', send: ' NOP\n', error: 'E_INVALID invalid command ' },
  { name: 'a second CR', send: 'NOP\r\r\n', error: 'E_INVALID invalid command NOP\r' },
  { name: 'a tab as separator', send: 'PUB\tt\n', error: 'E_INVALID invalid command PUB\tt' },
  {
    name: 'bytes that are not UTF-8, unchanged',
    send: hex('ff fe 00 41 0a'),
    error: 'E_INVALID invalid command \xff\xfe\0A',
  },
];

const identifyErrors: readonly Conversation[] = [
  {
    name: 'IDENTIFY when subscribed',
    send: `${SUB}IDENTIFY\n`,
    answers: OK,
    error: 'E_INVALID cannot IDENTIFY in current state',
  },
  closing('IDENTIFY when closing', 'IDENTIFY\n', 'E_INVALID cannot IDENTIFY in current state'),
  {
    name: 'IDENTIFY without its length',
    send: 'IDENTIFY\n',
    isCutOff: true,
    error: 'E_BAD_BODY IDENTIFY failed to read body size',
  },
  {
    name: 'IDENTIFY with half its length',
    send: 'IDENTIFY\n\0\0',
    isCutOff: true,
    error: 'E_BAD_BODY IDENTIFY failed to read body size',
  },
  {
    name: 'IDENTIFY with a body too big',
    send: joined('IDENTIFY\n', hex('00 50 00 01')),
    error: 'E_BAD_BODY IDENTIFY body too big 5242881 > 5242880',
  },
  { name: 'IDENTIFY with an empty body', send: 'IDENTIFY\n\0\0\0\0', error: 'E_BAD_BODY IDENTIFY invalid body size 0' },
  {
    name: 'IDENTIFY with a negative length',
    send: joined('IDENTIFY\n', hex('80 00 00 00')),
    error: 'E_BAD_BODY IDENTIFY invalid body size -2147483648',
  },
  {
    name: 'IDENTIFY with half its body',
    send: 'IDENTIFY\n\0\0\0\x04{}',
    isCutOff: true,
    error: 'E_BAD_BODY IDENTIFY failed to read body',
  },
  {
    name: 'IDENTIFY without JSON',
    send: joined('IDENTIFY\n', sized('{')),
    error: 'E_BAD_BODY IDENTIFY failed to decode JSON body',
  },
];

const authErrors: readonly Conversation[] = [
  subscribed('AUTH when subscribed', 'AUTH\n', 'E_INVALID cannot AUTH in current state'),
  closing('AUTH when closing', 'AUTH\n', 'E_INVALID cannot AUTH in current state'),
  { name: 'AUTH with a parameter', send: 'AUTH x\n', error: 'E_INVALID AUTH invalid number of parameters' },
  { name: 'AUTH with a trailing blank', send: 'AUTH \n', error: 'E_INVALID AUTH invalid number of parameters' },
  {
    name: 'AUTH without its length',
    send: 'AUTH\n\0',
    isCutOff: true,
    error: 'E_BAD_BODY AUTH failed to read body size',
  },
  {
    name: 'AUTH with a body too big',
    send: joined('AUTH\n', hex('00 50 00 01')),
    error: 'E_BAD_BODY AUTH body too big 5242881 > 5242880',
  },
  { name: 'AUTH with an empty body', send: 'AUTH\n\0\0\0\0', error: 'E_BAD_BODY AUTH invalid body size 0' },
  {
    name: 'AUTH with half its body',
    send: 'AUTH\n\0\0\0\x04se',
    isCutOff: true,
    error: 'E_BAD_BODY AUTH failed to read body',
  },
  {
    name: 'AUTH where it is not enabled',
    send: joined('AUTH\n', sized('secret')),
    error: 'E_AUTH_DISABLED AUTH disabled',
  },
];

const subscribeErrors: readonly Conversation[] = [
  subscribed('SUB when subscribed', SUB, 'E_INVALID cannot SUB in current state'),
  closing('SUB when closing', SUB, 'E_INVALID cannot SUB in current state'),
  {
    name: 'SUB without heartbeats',
    send: joined('IDENTIFY\n', sized('{"heartbeat_interval":-1}'), SUB),
    answers: OK,
    error: 'E_INVALID cannot SUB with heartbeats disabled',
  },
  { name: 'SUB without parameters', send: 'SUB\n', error: 'E_INVALID SUB insufficient number of parameters' },
  { name: 'SUB without a channel', send: 'SUB t\n', error: 'E_INVALID SUB insufficient number of parameters' },
  { name: 'SUB with a bad topic', send: 'SUB t! c\n', error: 'E_BAD_TOPIC SUB topic name "t!" is not valid' },
  {
    name: 'SUB with two bad names: the topic counts',
    send: 'SUB t! c!\n',
    error: 'E_BAD_TOPIC SUB topic name "t!" is not valid',
  },
  { name: 'SUB with a bad channel', send: 'SUB t c!\n', error: 'E_BAD_CHANNEL SUB channel name "c!" is not valid' },
  { name: 'SUB with an empty channel', send: 'SUB t \n', error: 'E_BAD_CHANNEL SUB channel name "" is not valid' },
];

const readyErrors: readonly Conversation[] = [
  { name: 'RDY before SUB', send: 'RDY 1\n', error: 'E_INVALID cannot RDY in current state' },
  subscribed('RDY with letters', 'RDY abc\n', 'E_INVALID RDY could not parse count abc'),
  subscribed('RDY with a sign', 'RDY -1\n', 'E_INVALID RDY could not parse count -1'),
  subscribed('RDY above the maximum', 'RDY 2501\n', 'E_INVALID RDY count 2501 out of range 0-2500'),
  subscribed('RDY that wraps to -1', 'RDY 18446744073709551615\n', 'E_INVALID RDY count -1 out of range 0-2500'),
  { ...closing('CLS behind an ignored RDY', 'RDY abc\nCLS\n', 'E_INVALID cannot CLS in current state') },
];

const acknowledgementErrors: readonly Conversation[] = ['FIN', 'REQ', 'TOUCH'].flatMap((name) => {
  const tail = name === 'REQ' ? ' 0' : '';
  const notInFlight = `E_${name}_FAILED ${name} ${ID} failed ID not in flight`;
  return [
    { name: `${name} before SUB`, send: `${name} ${ID}${tail}\n`, error: `E_INVALID cannot ${name} in current state` },
    subscribed(`${name} without parameters`, `${name}\n`, `E_INVALID ${name} insufficient number of params`),
    subscribed(`${name} with an empty id`, `${name} ${tail}\n`, 'E_INVALID invalid message ID'),
    subscribed(`${name} with a short id`, `${name} abc${tail}\n`, 'E_INVALID invalid message ID'),
    subscribed(`${name} with a long id`, `${name} ${ID}0${tail}\n`, 'E_INVALID invalid message ID'),
    subscribed(`${name} with an unknown id`, `${name} ${ID}${tail}\n`, notInFlight, 'continues'),
    closing(`${name} with an unknown id when closing`, `${name} ${ID}${tail}\n`, notInFlight, 'continues'),
    subscribed(
      `${name} with an id that is not hexadecimal`,
      `${name} ZZZZZZZZZZZZZZZZ${tail}\n`,
      `E_${name}_FAILED ${name} ZZZZZZZZZZZZZZZZ failed ID not in flight`,
      'continues',
    ),
  ];
});

const requeueErrors: readonly Conversation[] = [
  subscribed('REQ without a timeout', `REQ ${ID}\n`, 'E_INVALID REQ insufficient number of params'),
  subscribed('REQ with a bad timeout', `REQ ${ID} soon\n`, 'E_INVALID REQ could not parse timeout soon'),
  subscribed('REQ with a negative timeout', `REQ ${ID} -1\n`, 'E_INVALID REQ could not parse timeout -1'),
  subscribed('REQ with a bad id and a bad timeout: the id counts', 'REQ abc soon\n', 'E_INVALID invalid message ID'),
];

const closeErrors: readonly Conversation[] = [
  { name: 'CLS before SUB', send: 'CLS\n', error: 'E_INVALID cannot CLS in current state' },
  closing('CLS twice', 'CLS\n', 'E_INVALID cannot CLS in current state'),
];

const publishErrors: readonly Conversation[] = ['PUB', 'DPUB'].flatMap((name) => {
  const line = name === 'PUB' ? 'PUB errors' : 'DPUB errors 1000';
  const badLine = name === 'PUB' ? 'PUB bad!' : 'DPUB bad! soon';
  return [
    {
      name: `${name} without parameters`,
      send: `${name}\n`,
      error: `E_INVALID ${name} insufficient number of parameters`,
    },
    {
      name: `${name} with a bad topic`,
      send: `${badLine}\n`,
      error: `E_BAD_TOPIC ${name} topic name "bad!" is not valid`,
    },
    {
      name: `${name} without its length`,
      send: `${line}\n`,
      isCutOff: true,
      error: `E_BAD_MESSAGE ${name} failed to read message body size`,
    },
    {
      name: `${name} with three bytes of its length`,
      send: `${line}\n\0\0\0`,
      isCutOff: true,
      error: `E_BAD_MESSAGE ${name} failed to read message body size`,
    },
    {
      name: `${name} with an empty body`,
      send: `${line}\n\0\0\0\0`,
      error: `E_BAD_MESSAGE ${name} invalid message body size 0`,
    },
    {
      name: `${name} with a negative length`,
      send: joined(`${line}\n`, hex('ff ff ff ff')),
      error: `E_BAD_MESSAGE ${name} invalid message body size -1`,
    },
    {
      name: `${name} with a body too big`,
      send: joined(`${line}\n`, hex('00 10 00 01')),
      error: `E_BAD_MESSAGE ${name} message too big 1048577 > 1048576`,
    },
    {
      name: `${name} with half its body`,
      send: `${line}\n\0\0\0\x04ab`,
      isCutOff: true,
      error: `E_BAD_MESSAGE ${name} failed to read message body`,
    },
  ];
});

const deferErrors: readonly Conversation[] = [
  { name: 'DPUB without a timeout', send: 'DPUB errors\n', error: 'E_INVALID DPUB insufficient number of parameters' },
  { name: 'DPUB with a bad timeout', send: 'DPUB errors 1s\n', error: 'E_INVALID DPUB could not parse timeout 1s' },
  {
    name: 'DPUB with a negative timeout',
    send: 'DPUB errors -1\n',
    error: 'E_INVALID DPUB could not parse timeout -1',
  },
  {
    name: 'DPUB beyond the maximum',
    send: 'DPUB errors 3600001\n',
    error: 'E_INVALID DPUB timeout 3600001 out of range 0-3600000',
  },
  {
    name: 'DPUB with a timeout that wraps below zero in nanoseconds',
    send: 'DPUB errors 9300000000000\n',
    error: 'E_INVALID DPUB timeout 9300000000000 out of range 0-3600000',
  },
];

const multiPublishErrors: readonly Conversation[] = [
  { name: 'MPUB without parameters', send: 'MPUB\n', error: 'E_INVALID MPUB insufficient number of parameters' },
  {
    name: 'MPUB with a bad topic',
    send: 'MPUB bad!\n',
    error: 'E_BAD_TOPIC E_BAD_TOPIC MPUB topic name "bad!" is not valid',
  },
  {
    name: 'MPUB without its length',
    send: 'MPUB errors\n',
    isCutOff: true,
    error: 'E_BAD_BODY MPUB failed to read body size',
  },
  { name: 'MPUB with an empty body', send: 'MPUB errors\n\0\0\0\0', error: 'E_BAD_BODY MPUB invalid body size 0' },
  {
    name: 'MPUB with a negative length',
    send: joined('MPUB errors\n', hex('ff ff ff ff')),
    error: 'E_BAD_BODY MPUB invalid body size -1',
  },
  {
    name: 'MPUB with a body too big',
    send: joined('MPUB errors\n', hex('00 50 00 01')),
    error: 'E_BAD_BODY MPUB body too big 5242881 > 5242880',
  },
  {
    name: 'MPUB without its count',
    send: joined('MPUB errors\n', hex('00 00 00 10 00 00')),
    isCutOff: true,
    error: 'E_BAD_BODY MPUB failed to read message count',
  },
  {
    name: 'MPUB of no messages',
    send: joined('MPUB errors\n', hex('00 00 00 04 00 00 00 00')),
    error: 'E_BAD_BODY MPUB invalid message count 0',
  },
  {
    name: 'MPUB with a negative count',
    send: joined('MPUB errors\n', hex('00 00 00 04 ff ff ff ff')),
    error: 'E_BAD_BODY MPUB invalid message count -1',
  },
  {
    name: 'MPUB with a count too big',
    send: joined('MPUB errors\n', hex('00 00 00 04 00 10 00 00')),
    error: 'E_BAD_BODY MPUB invalid message count 1048576',
  },
  {
    name: 'MPUB without the size of its second message',
    send: joined('MPUB errors\n', hex('00 00 00 20 00 00 00 02 00 00 00 01 61 00 00')),
    isCutOff: true,
    error: 'E_BAD_MESSAGE MPUB failed to read message(1) body size',
  },
  {
    name: 'MPUB with an empty second message',
    send: joined('MPUB errors\n', hex('00 00 00 0d 00 00 00 02 00 00 00 01 61 00 00 00 00')),
    error: 'E_BAD_MESSAGE MPUB invalid message(1) body size 0',
  },
  {
    name: 'MPUB with a negative message size',
    send: joined('MPUB errors\n', hex('00 00 00 08 00 00 00 01 ff ff ff fe')),
    error: 'E_BAD_MESSAGE MPUB invalid message(0) body size -2',
  },
  {
    name: 'MPUB with a message too big',
    send: joined('MPUB errors\n', hex('00 00 00 08 00 00 00 01 00 10 00 01')),
    error: 'E_BAD_MESSAGE MPUB message too big 1048577 > 1048576',
  },
  {
    name: 'MPUB with half a message',
    send: joined('MPUB errors\n', hex('00 00 00 0c 00 00 00 01 00 00 00 04 61')),
    isCutOff: true,
    error: 'E_BAD_MESSAGE MPUB failed to read message body',
  },
];

/** Not errors, but of the same kind: lines that look odd and are fine. */
const acceptedLines: readonly Conversation[] = [
  { name: 'NOP, with CR, with parameters', send: 'NOP\nNOP\r\nNOP \r\nNOP x y\n' },
  { name: 'PUB with surplus parameters', send: joined('PUB accepted b c\n', sized('x')), answers: OK },
  { name: 'PUB with a trailing blank', send: joined('PUB accepted \n', sized('x')), answers: OK },
  { name: 'PUB with CR', send: joined('PUB accepted\r\n', sized('x')), answers: OK },
  {
    name: 'RDY with no, an empty, a padded and a wrapping count',
    send: `${SUB}RDY\nRDY \nRDY 007\nRDY 18446744073709551617\nRDY 2500\n`,
    answers: OK,
  },
  {
    name: 'anything behind RDY when closing',
    send: `${SUB}CLS\nRDY\nRDY 99999\nRDY -1\n`,
    answers: ['OK', 'CLOSE_WAIT'],
  },
  {
    name: 'DPUB with an empty, a zero and the largest delay',
    send: joined(
      'DPUB accepted \n',
      sized('x'),
      'DPUB accepted 0\n',
      sized('x'),
      'DPUB accepted 3600000\n',
      sized('x'),
    ),
    answers: ['OK', 'OK', 'OK'],
  },
  {
    name: 'a publish when closing',
    send: joined(`${SUB}CLS\nPUB accepted\n`, sized('x'), 'NOP\n'),
    answers: ['OK', 'CLOSE_WAIT', 'OK'],
  },
];

const tables: ReadonlyArray<readonly [string, readonly Conversation[]]> = [
  ['unknown commands', unknownCommands],
  ['IDENTIFY', identifyErrors],
  ['AUTH', authErrors],
  ['SUB', subscribeErrors],
  ['RDY', readyErrors],
  ['FIN, REQ and TOUCH', acknowledgementErrors],
  ['REQ', requeueErrors],
  ['CLS', closeErrors],
  ['PUB and DPUB', publishErrors],
  ['DPUB', deferErrors],
  ['MPUB', multiPublishErrors],
  ['accepted lines', acceptedLines],
];

const daemon = sharedDaemon();

for (const [title, conversations] of tables) {
  describe(title, () => {
    describe.each(conversations)('$name', (conversation) => {
      it.each(WRITE_MODES)('%s', async (mode) => {
        await converse(daemon(), conversation, mode);
      });
    });
  });
}
