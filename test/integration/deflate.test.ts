// Deflate on the TCP protocol. What it has in common with snappy is in compressed-suite.ts.

import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { command, hex, joined, sized } from '../support/bytes.js';
import { describeCompression } from '../support/compressed-suite.js';
import { okFrame } from '../support/conversation.js';
import { bodiesOf, consume, numbered } from '../support/consume.js';
import { Daemon, sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { Prng, seedOfRun } from '../support/prng.js';
import { TLS_FLAGS } from '../support/tls.js';

const daemon = sharedDaemon({ flags: TLS_FLAGS });
const SYNC = { finishFlush: constants.Z_SYNC_FLUSH };
const MEBIBYTE = 1_048_576;

describeCompression('deflate', daemon);

describe('the deflate stream', () => {
  it('is raw, and can be decoded after every answer', async () => {
    using client = await daemon().connect();
    await client.negotiate({ deflate: true });
    const answerBytes = 4 + client.receivedBytes.readUInt32BE(0);
    const answers = (): Buffer => inflateRawSync(client.receivedBytes.subarray(answerBytes), SYNC);
    await eventually(() => expect(answers()).toEqual(okFrame));
    expect(client.receivedBytes.subarray(-4)).toEqual(hex('00 00 ff ff')); // Go's decoder waits for it.
    for (let count = 2; count < 5; count += 1) {
      client.writeCompressed(deflateRawSync(command('PUB deflate-raw', 'x'), SYNC));
      await eventually(() => expect(answers()).toEqual(Buffer.concat(Array.from({ length: count }, () => okFrame))));
    }
  });

  it('ends at its final block, after the commands before', async () => {
    using client = await daemon().connect();
    await client.upgrade({ compression: 'deflate' });
    client.writeCompressed(deflateRawSync(command('PUB deflate-final', 'x')));
    await client.expectOk();
    await client.closed();
  });

  it('may be one in which everything refers to what came before', async () => {
    using client = await daemon().connect();
    await client.upgrade({ compression: 'deflate' });
    const publish = command('PUB deflate-history', Buffer.alloc(30_000, 'history'));
    const stream = deflateRawSync(Buffer.concat(Array.from({ length: 40 }, () => publish)), { ...SYNC, level: 9 });
    for (let at = 0; at < stream.length; at += 777) client.writeCompressed(stream.subarray(at, at + 777));
    for (let count = 0; count < 40; count += 1) await client.expectOk();
  });

  it('can be decoded whatever follows whatever: short answers, long messages, heartbeats', async () => {
    const prng = new Prng(seedOfRun());
    using client = await daemon().connect();
    await client.upgrade({ compression: 'deflate' }, { heartbeat_interval: 1_000 });
    await client.subscribe('deflate-mixed', 'c', 1);
    for (let count = 0; count < 60; count += 1) {
      const body = Buffer.alloc(prng.integer(1, prng.pick([60, 400, 40_000])), prng.bytes(prng.pick([1, 20, 3_000])));
      client.command('PUB deflate-mixed', body);
      const replies = [await client.nextReply(), await client.nextReply()];
      const message = replies.find(({ type }) => type === 2);
      expect(message?.data.subarray(26).equals(body), `seed ${prng.seed}, ${count}`).toBe(true);
      client.command(`FIN ${message?.data.toString('latin1', 10, 26)}`);
    }
  });

  it('closes quietly at garbage', async () => {
    using client = await daemon().connect();
    await client.upgrade({ compression: 'deflate' });
    client.writeCompressed(hex('ff ff ff ff ff ff ff ff ff ff ff'));
    await client.closed();
    expect(client.waitingCount).toBe(0);
  });
});

describe('a bomb', () => {
  /** Five million commands are seconds of a processor, of which there may be a thirtieth. */
  const BOMB_MS = 240_000;

  it('of commands takes turns with everybody else, and little memory', { timeout: BOMB_MS + 60_000 }, async () => {
    await using own = await Daemon.start();
    using attacker = await own.connect();
    await attacker.upgrade({ compression: 'deflate' });
    using other = await own.connect();
    await other.publish('t', 'x');
    const bomb = deflateRawSync(Buffer.alloc(20 * MEBIBYTE, 'NOP\n'), SYNC);
    const before = own.residentBytes();
    attacker.writeCompressed(bomb);
    attacker.command('PUB t', 'done');
    other.write(joined(...numbered(5).map((body) => command('PUB t', body))));
    for (let count = 0; count < 5; count += 1) await other.expectOk();
    expect(own.residentBytes() - before).toBeLessThan(60 * MEBIBYTE);
    await attacker.expectOk(BOMB_MS);
    // In the order in which the daemon took them, whenever this process came to read the answers.
    using consumer = await own.subscriber('t', 'c', 1);
    expect(bodiesOf(await consume(consumer, 7))).toEqual(['x', ...numbered(5), 'done']);
  });

  it('of one line or body is refused at its limit', async () => {
    using line = await daemon().connect();
    await line.upgrade({ compression: 'deflate' });
    line.writeCompressed(deflateRawSync(Buffer.alloc(50 * MEBIBYTE, 'x'), SYNC));
    await line.closed();
    expect(line.waitingCount).toBe(0);
    using body = await daemon().connect();
    await body.upgrade({ compression: 'deflate' });
    body.writeCompressed(deflateRawSync(joined('PUB t\n', Buffer.of(0x40, 0, 0, 0), Buffer.alloc(50 * MEBIBYTE)), SYNC));
    expect(await body.nextError()).toContain('message too big');
    await body.closed();
  });
});

describe('negotiation', () => {
  it.each([[{ deflate_level: 3 }, 3], [{ deflate_level: 9 }, 6], [{ deflate_level: -1 }, 6], [{}, 6]])(
    'with %j grants level %d', async (wants, level) => {
      using client = await daemon().connect();
      expect(await client.upgrade({ compression: 'deflate' }, wants)).toMatchObject({ deflate_level: level });
      await client.publish('deflate-level', 'x');
    },
  );

  it('is off with --deflate=false', async () => {
    await using own = await Daemon.start({ flags: ['--deflate=false'] });
    using client = await own.connect();
    expect(await client.negotiate({ deflate: true, deflate_level: 3 })).toMatchObject({ deflate: false, deflate_level: 6 });
    await client.publish('t', 'x');
  });

  it('drops what was sent behind IDENTIFY', async () => {
    using client = await daemon().connect();
    const json = '{"feature_negotiation":true,"deflate":true}';
    client.write(joined('IDENTIFY\n', sized(json), command('PUB deflate-behind', 'x')));
    await client.nextResponse();
    client.startCompression('deflate');
    await client.expectOk();
    await client.publish('deflate-after', 'x');
    expect(await daemon().findTopic('deflate-behind')).toBeUndefined();
  });
});
