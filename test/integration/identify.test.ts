// IDENTIFY: what it accepts, what it refuses and in which order, and the 15 keys of its answer.

import { describe, expect, it } from 'vitest';

import { joined, sized } from '../support/bytes.js';
import { converse, WRITE_MODES } from '../support/conversation.js';
import { sharedDaemon } from '../support/daemon.js';

const DEFAULT_ANSWER =
  '{"max_rdy_count":2500,"version":"1.3.0","max_msg_timeout":900000,"msg_timeout":60000,"tls_v1":false,' +
  '"deflate":false,"deflate_level":6,"max_deflate_level":6,"snappy":false,"sample_rate":0,"auth_required":false,' +
  '"output_buffer_size":16384,"output_buffer_timeout":250,"topology_region":"","topology_zone":""}';

const daemon = sharedDaemon();

function identify(json: string): Buffer {
  return joined('IDENTIFY\n', sized(json));
}

describe('the answer', () => {
  it('is OK without feature negotiation', async () => {
    await converse(daemon(), { name: 'plain', send: identify('{}'), answers: ['OK'] }, 'whole');
  });

  it.each(WRITE_MODES)('with feature negotiation has 15 keys in their order: %s', async (mode) => {
    const send = identify('{"feature_negotiation":true}');
    await converse(daemon(), { name: 'negotiation', send, answers: [DEFAULT_ANSWER] }, mode);
  });

  it.each<readonly [string, Record<string, unknown>, Record<string, unknown>]>([
    ['the message timeout', { msg_timeout: 1_000 }, { msg_timeout: 1_000 }],
    ['the largest message timeout', { msg_timeout: 900_000 }, { msg_timeout: 900_000 }],
    ['the sample rate', { sample_rate: 99 }, { sample_rate: 99 }],
    [
      'the output buffer',
      { output_buffer_size: 64, output_buffer_timeout: 25 },
      { output_buffer_size: 64, output_buffer_timeout: 25 },
    ],
    [
      'the largest output buffer',
      { output_buffer_size: 65_536, output_buffer_timeout: 30_000 },
      { output_buffer_size: 65_536, output_buffer_timeout: 30_000 },
    ],
    [
      'no output buffer: no timer either',
      { output_buffer_size: -1, output_buffer_timeout: 1_000 },
      { output_buffer_size: 1, output_buffer_timeout: 0 },
    ],
    ['no timed flush', { output_buffer_timeout: -1 }, { output_buffer_size: 16_384, output_buffer_timeout: 0 }],
    [
      'zeros that mean the default',
      { msg_timeout: 0, output_buffer_size: 0, output_buffer_timeout: 0, heartbeat_interval: 0 },
      {},
    ],
    ['nulls that mean the default', { msg_timeout: null, client_id: null, snappy: null }, {}],
    ['the server, not the client, in its topology', { topology_zone: 'z', topology_region: 'r' }, {}],
    ['no TLS where there is no certificate', { tls_v1: true }, { tls_v1: false }],
    ['a deflate level only with deflate', { deflate_level: 3 }, { deflate: false, deflate_level: 6 }],
    ['the legacy ids', { short_id: 's', long_id: 'l', unknown_key: [1] }, {}],
  ])('reports %s', async (_, settings, changed) => {
    using client = await daemon().connect();
    const expected = { ...(JSON.parse(DEFAULT_ANSWER) as Record<string, unknown>), ...changed };
    expect(await client.negotiate(settings)).toEqual(expected);
  });
});

describe('refused values', () => {
  it.each([
    ['{"heartbeat_interval":999}', 'heartbeat interval (999) is invalid'],
    ['{"heartbeat_interval":60001}', 'heartbeat interval (60001) is invalid'],
    ['{"heartbeat_interval":-2}', 'heartbeat interval (-2) is invalid'],
    ['{"output_buffer_timeout":24}', 'output buffer timeout (24) is invalid'],
    ['{"output_buffer_timeout":30001}', 'output buffer timeout (30001) is invalid'],
    ['{"output_buffer_timeout":-2}', 'output buffer timeout (-2) is invalid'],
    ['{"output_buffer_size":63}', 'output buffer size (63) is invalid'],
    ['{"output_buffer_size":65537}', 'output buffer size (65537) is invalid'],
    ['{"output_buffer_size":-2}', 'output buffer size (-2) is invalid'],
    ['{"sample_rate":100}', 'sample rate (100) is invalid'],
    ['{"sample_rate":-1}', 'sample rate (-1) is invalid'],
    ['{"msg_timeout":999}', 'msg timeout (999) is invalid'],
    ['{"msg_timeout":900001}', 'msg timeout (900001) is invalid'],
    ['{"msg_timeout":-1}', 'msg timeout (-1) is invalid'],
  ])('%s', async (json, reason) => {
    const send = identify(json);
    await converse(daemon(), { name: json, send, error: `E_BAD_BODY IDENTIFY ${reason}` }, 'pipelined');
  });

  it('are reported in the order heartbeat, buffer timeout, buffer size, sample rate, message timeout', async () => {
    const bad: ReadonlyArray<readonly [string, number, string]> = [
      ['heartbeat_interval', 1, 'heartbeat interval (1)'],
      ['output_buffer_timeout', 1, 'output buffer timeout (1)'],
      ['output_buffer_size', 1, 'output buffer size (1)'],
      ['sample_rate', 100, 'sample rate (100)'],
      ['msg_timeout', 1, 'msg timeout (1)'],
    ];
    for (let first = 0; first < bad.length; first += 1) {
      const rest = bad.slice(first);
      const json = JSON.stringify(Object.fromEntries(rest.map(([key, value]) => [key, value])));
      const error = `E_BAD_BODY IDENTIFY ${rest[0]?.[2]} is invalid`;
      await converse(daemon(), { name: json, send: identify(json), error }, 'whole');
    }
  });

  it('snappy together with deflate, only when features are negotiated', async () => {
    const error = 'E_IDENTIFY_FAILED cannot enable both deflate and snappy compression';
    const json = '{"feature_negotiation":true,"snappy":true,"deflate":true}';
    await converse(daemon(), { name: 'both', send: identify(json), error }, 'whole');
    const ignored = identify('{"snappy":true,"deflate":true}');
    await converse(daemon(), { name: 'ignored', send: ignored, answers: ['OK'] }, 'whole');
  });
});

describe('JSON', () => {
  it.each([
    ['white space around', ' \r\n\t{"feature_negotiation": true }\n'],
    ['keys in upper case', '{"FEATURE_NEGOTIATION":true}'],
    ['the last of several equal keys', '{"feature_negotiation":false,"feature_negotiation":true}'],
    ['the last key that is not null', '{"feature_negotiation":true,"Feature_Negotiation":null}'],
    ['minus zero', '{"feature_negotiation":true,"msg_timeout":-0}'],
    ['escapes in keys', '{"feature\\u005fnegotiation":true}'],
  ])('with %s is understood', async (_, json) => {
    await converse(daemon(), { name: json, send: identify(json), answers: [DEFAULT_ANSWER] }, 'whole');
  });

  it('null stands for an empty object', async () => {
    await converse(daemon(), { name: 'null', send: identify('null'), answers: ['OK'] }, 'whole');
  });

  it.each([
    ['a list', '[]'],
    ['a string', '"x"'],
    ['a number', '1'],
    ['a boolean', 'true'],
    ['blanks only', '   '],
    ['bytes behind the object', '{}x'],
    ['a second object', '{}{}'],
    ['a trailing comma', '{"client_id":"x",}'],
    ['a byte order mark', '\ufeff{}'],
    ['a raw control character in a string', '{"client_id":"a\nb"}'],
    ['a number for a boolean', '{"feature_negotiation":1}'],
    ['a string for a boolean', '{"snappy":"true"}'],
    ['a string for a number', '{"msg_timeout":"30000"}'],
    ['a number for a string', '{"client_id":7}'],
    ['a fraction', '{"msg_timeout":30000.5}'],
    ['a sample rate beyond 32 bits', '{"sample_rate":2147483648}'],
    ['a wrong type in one field of many', '{"client_id":"x","msg_timeout":1,"tls_v1":"no"}'],
  ])('of the wrong kind is refused: %s', async (_, json) => {
    const error = 'E_BAD_BODY IDENTIFY failed to decode JSON body';
    await converse(daemon(), { name: json, send: identify(json), error }, 'whole');
  });
});

describe('what IDENTIFY tells about the client', () => {
  it('is in the statistics; without IDENTIFY it is the address', async () => {
    using silent = await daemon().subscriber('identity', 'silent', 0);
    using named = await daemon().connect();
    await named.identify({ client_id: 'me', hostname: 'my-host', user_agent: 'test/1.0', sample_rate: 7 });
    await named.subscribe('identity', 'named');
    const known = (await daemon().channel('identity', 'named')).clients?.[0];
    expect(known).toMatchObject({ client_id: 'me', hostname: 'my-host', user_agent: 'test/1.0', sample_rate: 7 });
    const unknown = (await daemon().channel('identity', 'silent')).clients?.[0];
    expect(unknown).toMatchObject({ client_id: '127.0.0.1', hostname: '127.0.0.1', user_agent: '' });
    expect(silent.isOpen).toBe(true);
  });

  it('overwrites the address even when it names nothing', async () => {
    using client = await daemon().connect();
    await client.identify({});
    await client.subscribe('identity-blank', 'c');
    const known = (await daemon().channel('identity-blank', 'c')).clients?.[0];
    expect(known).toMatchObject({ client_id: '', hostname: '' });
  });
});

it('may be repeated before SUB', async () => {
  using client = await daemon().connect();
  await client.identify({ msg_timeout: 5_000 });
  expect(await client.negotiate({ client_id: 'again' })).toMatchObject({ msg_timeout: 5_000 });
  await client.subscribe('repeated-identify', 'c');
});

it('lets commands behind it in the same piece run', async () => {
  const send = joined(identify('{"feature_negotiation":true}'), 'SUB identify-pipeline c\nNOP\n');
  await converse(daemon(), { name: 'pipeline', send, answers: [DEFAULT_ANSWER, 'OK'] }, 'whole');
});

describe('limits given by flags', () => {
  const strict = sharedDaemon({
    flags: [
      '--max-heartbeat-interval=5s',
      '--max-msg-timeout=3s',
      '--msg-timeout=2s',
      '--max-output-buffer-size=1000',
      '--min-output-buffer-timeout=100ms',
      '--max-output-buffer-timeout=200ms',
      '--max-deflate-level=3',
      '--max-rdy-count=7',
      '--max-body-size=200',
      '--max-msg-size=100',
      '--topology-region=r<1>&"',
      '--topology-zone=z1',
    ],
  });

  it('are the limits of IDENTIFY', async () => {
    using client = await strict().connect();
    client.command('IDENTIFY', '{"feature_negotiation":true,"output_buffer_timeout":100,"deflate_level":9}');
    expect(await client.nextResponse()).toBe(
      '{"max_rdy_count":7,"version":"1.3.0","max_msg_timeout":3000,"msg_timeout":2000,"tls_v1":false,' +
        '"deflate":false,"deflate_level":3,"max_deflate_level":3,"snappy":false,"sample_rate":0,' +
        '"auth_required":false,"output_buffer_size":16384,"output_buffer_timeout":100,' +
        '"topology_region":"r\\u003c1\\u003e\\u0026\\"","topology_zone":"z1"}',
    );
  });

  it.each([
    ['{"heartbeat_interval":5001}', 'heartbeat interval (5001) is invalid'],
    ['{"output_buffer_timeout":99}', 'output buffer timeout (99) is invalid'],
    ['{"output_buffer_timeout":201}', 'output buffer timeout (201) is invalid'],
    ['{"output_buffer_size":1001}', 'output buffer size (1001) is invalid'],
    ['{"msg_timeout":3001}', 'msg timeout (3001) is invalid'],
  ])('refuse %s', async (json, reason) => {
    await converse(strict(), { name: json, send: identify(json), error: `E_BAD_BODY IDENTIFY ${reason}` }, 'whole');
  });

  it.each([
    ['IDENTIFY', joined('IDENTIFY\n', Buffer.of(0, 0, 0, 201)), 'E_BAD_BODY IDENTIFY body too big 201 > 200'],
    ['PUB', joined('PUB t\n', Buffer.of(0, 0, 0, 101)), 'E_BAD_MESSAGE PUB message too big 101 > 100'],
    ['MPUB', joined('MPUB t\n', Buffer.of(0, 0, 0, 201)), 'E_BAD_BODY MPUB body too big 201 > 200'],
    [
      'MPUB count',
      joined('MPUB t\n', Buffer.of(0, 0, 0, 200, 0, 0, 0, 40)),
      'E_BAD_BODY MPUB invalid message count 40',
    ],
    ['RDY', joined('SUB t c\nRDY 8\n'), 'E_INVALID RDY count 8 out of range 0-7'],
  ])('bound %s', async (name, send, error) => {
    const answers = name === 'RDY' ? ['OK'] : [];
    await converse(strict(), { name, send, answers, error }, 'whole');
  });
});
