// Damaged commands over real sockets: cut anywhere, pipelined, half closed or reset, plain and under each layer. A client that
// ends its side is always answered to the end and let go; others are not disturbed.

import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { command, joined, mpubBody, sized, u32 } from '../support/bytes.js';
import { Client } from '../support/client.js';
import { newCodec } from '../support/codec.js';
import { within } from '../support/eventually.js';
import { fuzz, mutated, pieces } from '../support/fuzz.js';
import { ANSWER_MS, FuzzedDaemon, openSocket, sendPieces } from '../support/fuzzed-daemon.js';
import type { Prng } from '../support/prng.js';
import { TLS_FLAGS } from '../support/tls.js';

const ID = '0123456789abcdef';
const IDENTITY = JSON.stringify({
  client_id: 'c', hostname: 'h', user_agent: 'u/1', feature_negotiation: true, heartbeat_interval: 30_000, output_buffer_size: 16_384,
  output_buffer_timeout: 250, sample_rate: 0, msg_timeout: 60_000, topology_zone: 'z', topology_region: 'r',
});
/** One valid message per command, and more where it takes other ways. */
const COMMANDS: readonly Buffer[] = [
  command('IDENTIFY', IDENTITY),
  command('IDENTIFY', '{"feature_negotiation":true,"snappy":true}'),
  command('IDENTIFY', '{"feature_negotiation":true,"deflate":true,"deflate_level":3}'),
  command('IDENTIFY', '{"feature_negotiation":true,"tls_v1":true}'),
  command('AUTH', 'secret'),
  command('SUB t c'),
  command('SUB t#ephemeral c#ephemeral'),
  command('RDY 10'),
  command('PUB t', 'body'),
  command('PUB t#ephemeral', Buffer.alloc(300, 'x')),
  joined('MPUB t\n', mpubBody(['one', 'two', 'three'])),
  command('DPUB t 50', 'later'),
  command(`FIN ${ID}`),
  command(`REQ ${ID} 0`),
  command(`TOUCH ${ID}`),
  command('NOP'),
  command('CLS'),
];
const WORDS: readonly (string | Buffer)[] = [
  '\n', ' ', '\r\n', '  V2', 'PUB ', 'MPUB ', 'SUB ', 'FIN ', '#ephemeral', 't'.repeat(64), '-1', '99999999999999999999', '{', '}', '"', 'null', ':', '1e309',
  '"snappy":true,', '"heartbeat_interval":-1,', u32(0xffffffff), u32(0x7fffffff), u32(5_242_880), sized(''), sized('x'),
];
const CHECK_EVERY = 20;
const DELETE_EVERY = 200;

let target: FuzzedDaemon;
let roundCount = 0;

/** Some commands in a row, some of them damaged. */
function commands(prng: Prng): Buffer {
  const list = Array.from({ length: prng.integer(1, 6) }, () => {
    const one = prng.pick(COMMANDS);
    return prng.integer(0, 2) === 0 ? one : mutated(prng, one, WORDS);
  });
  return Buffer.concat(list);
}

async function checkNowAndThen(): Promise<void> {
  roundCount += 1;
  if (roundCount % CHECK_EVERY === 0) {
    await target.check();
    using other = await target.daemon.connect();
    await other.publish('fence#ephemeral', 'x');
  }
  if (roundCount % DELETE_EVERY === 0) await target.deleteTopics();
}

type End = 'half close' | 'reset' | 'leave';

function endOf(prng: Prng): End {
  return prng.pick(['half close', 'half close', 'reset', 'leave'] as const);
}

/** What was said is over: the daemon closes after a half close, and must not mind any other end. */
async function finish(socket: Socket, closed: Promise<unknown>, end: End): Promise<void> {
  if (end === 'half close') {
    socket.end();
    await within(closed, ANSWER_MS, 'the close');
  } else if (end === 'reset') socket.resetAndDestroy();
  socket.destroy();
}

describe('damaged commands', () => {
  beforeAll(async () => {
    target = await FuzzedDaemon.start({ flags: [...TLS_FLAGS, '--log-level=debug'] });
  });
  afterAll(() => target[Symbol.asyncDispose]());

  it('are answered or refused', async () => {
    await fuzz({ name: 'tcp', share: 0.14 }, async (prng, note) => {
      const magic = prng.integer(0, 19) === 0 ? mutated(prng, Buffer.from('  V2')) : Buffer.from('  V2');
      const bytes = Buffer.concat([magic, commands(prng)]);
      note(bytes);
      const { socket, closed } = await openSocket(target.daemon.tcpPort);
      await sendPieces(socket, pieces(prng, bytes, 12), () => prng.integer(0, 1) === 0);
      await finish(socket, closed, endOf(prng));
      await checkNowAndThen();
    });
  });

  it('are answered or refused inside TLS', async () => {
    await fuzz({ name: 'tcp, TLS', share: 0.06 }, async (prng, note) => {
      const bytes = commands(prng);
      const isBroken = prng.integer(0, 3) === 0;
      note(bytes);
      const { socket } = await openSocket(target.daemon.tcpPort);
      socket.write(joined('  V2', command('IDENTIFY', '{"feature_negotiation":true,"tls_v1":true}')));
      await within(new Promise((resolve) => socket.once('data', resolve)), ANSWER_MS, 'the answer to IDENTIFY');
      if (isBroken) {
        // Not a handshake at all.
        socket.write(bytes);
        socket.resetAndDestroy();
        return checkNowAndThen();
      }
      socket.removeAllListeners('data');
      const secure = connectTls({ socket, rejectUnauthorized: false });
      secure.on('error', () => undefined);
      const closed = new Promise<void>((resolve) => {
        secure.once('end', resolve);
        secure.once('close', () => resolve());
      });
      secure.resume();
      await within(new Promise((resolve) => secure.once('secureConnect', resolve)), ANSWER_MS, 'the handshake');
      for (const part of pieces(prng, bytes, 6)) if (secure.writable) secure.write(part);
      const end = endOf(prng);
      if (end === 'half close') {
        secure.end();
        await within(closed, ANSWER_MS, 'the close');
      }
      secure.destroy();
      await checkNowAndThen();
    });
  });

  it.each(['snappy', 'deflate'] as const)('are answered or refused inside %s, and so is what is damaged after compressing', async (kind) => {
    await fuzz({ name: `tcp, ${kind}`, share: 0.06 }, async (prng, note) => {
      const encoded = newCodec(kind, () => undefined).encode(commands(prng));
      const bytes = prng.integer(0, 1) === 0 ? encoded : mutated(prng, encoded, WORDS);
      note(bytes);
      const { socket, closed } = await openSocket(target.daemon.tcpPort);
      socket.write(joined('  V2', command('IDENTIFY', JSON.stringify({ feature_negotiation: true, [kind]: true }))));
      await within(new Promise((resolve) => socket.once('data', resolve)), ANSWER_MS, 'the answer to IDENTIFY');
      await sendPieces(socket, pieces(prng, bytes, 12), () => prng.integer(0, 1) === 0);
      await finish(socket, closed, endOf(prng));
      await checkNowAndThen();
    });
  });

  it.each(['snappy', 'deflate'])('found before: a client in TLS that asks for %s and ends its side is let go', async (kind) => {
    using client = await Client.connect(target.daemon.tcpPort);
    await client.upgrade({ tls: {} });
    client.command('IDENTIFY', JSON.stringify({ feature_negotiation: true, [kind]: true }));
    client.halfClose();
    expect(await client.closed()).toBe('end');
  });

  it('take neither memory nor time when they are compressed a thousandfold', async () => {
    const before = target.daemon.residentBytes();
    for (const content of [Buffer.alloc(64 * 1024 * 1024), Buffer.from('NOP\n'.repeat(4 * 1024 * 1024))]) {
      using client = await Client.connect(target.daemon.tcpPort);
      await client.upgrade({ compression: 'deflate' });
      client.write(content);
      await target.check();
    }
    expect(target.daemon.residentBytes() - before).toBeLessThan(200 * 1024 * 1024);
  });

  it('leave nothing behind', async () => {
    await target.checkNothingIsLeft();
  });
});
