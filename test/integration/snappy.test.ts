// Snappy on the TCP protocol. What it has in common with deflate is in compressed-suite.ts.

import { describe, expect, it } from 'vitest';

import { command, hex, joined, sized } from '../support/bytes.js';
import { describeCompression } from '../support/compressed-suite.js';
import { Daemon, sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { TLS_FLAGS } from '../support/tls.js';

const daemon = sharedDaemon({ flags: TLS_FLAGS });

const IDENTIFIER = hex('ff 06 00 00 73 4e 61 50 70 59');
const OK_CHUNK = hex('01 0e 00 00 26 98 2b cf 00 00 00 06 00 00 00 00 4f 4b');

describeCompression('snappy', daemon);

describe('the snappy stream', () => {
  it('begins with its identifier and an uncompressed OK, then has no more identifiers', async () => {
    using client = await daemon().connect();
    await client.negotiate({ snappy: true });
    const answerBytes = 4 + client.receivedBytes.readUInt32BE(0);
    client.write(joined(IDENTIFIER, hex('01 08 00 00'), maskedChecksum('NOP\n'), 'NOP\n'));
    const publish = command('PUB snappy-stream', 'x');
    client.write(joined(hex(`01 ${(publish.length + 4).toString(16)} 00 00`), maskedChecksum(publish), publish));
    // The stream looks like a frame that never ends, so nothing but the recorded bytes can be asked for.
    await eventually(() => expect(client.receivedBytes.subarray(answerBytes)).toEqual(joined(IDENTIFIER, OK_CHUNK, OK_CHUNK)));
  });

  it.each([
    ['no identifier', hex('01 08 00 00 00 00 00 00 4e 4f 50 0a')],
    ['a wrong checksum', joined(IDENTIFIER, hex('01 08 00 00 00 00 00 00 4e 4f 50 0a'))],
    ['an unknown chunk', joined(IDENTIFIER, hex('02 00 00 00'))],
    ['a chunk that is too long', joined(IDENTIFIER, hex('fe ff ff ff'))],
    ['a block that says too much', joined(IDENTIFIER, hex('00 0a 00 00 00 00 00 00 ff ff ff ff 0f 00'))],
  ])('closes quietly at %s', async (_, bytes) => {
    using client = await daemon().connect();
    await client.upgrade({ compression: 'snappy' });
    client.writeCompressed(bytes);
    await client.closed();
    expect(client.waitingCount).toBe(0);
  });

  it('may begin anew at any command, as pynsq does', async () => {
    using client = await daemon().connect();
    await client.upgrade({ compression: 'snappy' });
    for (const body of ['a', 'b', 'c']) {
      const publish = command('PUB snappy-anew', body);
      const chunk = joined(hex(`01 ${(publish.length + 4).toString(16)} 00 00`), maskedChecksum(publish), publish);
      client.writeCompressed(joined(IDENTIFIER, hex('fe 02 00 00 00 00'), chunk));
      await client.expectOk();
    }
  });
});

describe('negotiation', () => {
  it('is off with --snappy=false', async () => {
    await using own = await Daemon.start({ flags: ['--snappy=false'] });
    using client = await own.connect();
    expect(await client.negotiate({ snappy: true })).toMatchObject({ snappy: false });
    await client.publish('t', 'x');
    using both = await own.connect();
    expect(await both.negotiate({ snappy: true, deflate: true })).toMatchObject({ snappy: false, deflate: true });
  });

  it('drops what was sent behind IDENTIFY', async () => {
    using client = await daemon().connect();
    const json = '{"feature_negotiation":true,"snappy":true}';
    client.write(joined('IDENTIFY\n', sized(json), command('PUB snappy-behind', 'x')));
    await client.nextResponse();
    client.startCompression('snappy');
    await client.expectOk();
    await client.publish('snappy-after', 'x');
    expect(await daemon().findTopic('snappy-behind')).toBeUndefined();
  });
});

/** CRC-32C computed the slow way, masked, little-endian. */
function maskedChecksum(bytes: Buffer | string): Buffer {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(bytes)) {
    crc = (crc ^ byte) >>> 0;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? ((crc >>> 1) ^ 0x82f63b78) >>> 0 : crc >>> 1;
  }
  crc = ~crc >>> 0;
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}
