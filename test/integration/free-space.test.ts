// --min-free-disk-bytes on a disk that never has that many: messages are refused with the reason, everything else works.

import { describe, expect, it } from 'vitest';

import { bodiesOf, drain } from '../support/consume.js';
import { Daemon, isStock } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const FLAG = `--min-free-disk-bytes=${2 ** 50}`;
const REASON = new RegExp(`^write .*: \\d+ bytes are free, --min-free-disk-bytes is ${2 ** 50}$`);

describe.skipIf(isStock)('with too little space', () => {
  it('refuses messages with the reason, by TCP and HTTP, and says so in /ping and /stats', async () => {
    await using daemon = await Daemon.start({ flags: [FLAG] });
    using client = await daemon.connect();
    client.command('PUB full', 'x');
    expect(await client.nextError()).toMatch(/^E_PUB_FAILED PUB failed write .* bytes are free, --min-free-disk-bytes is/);
    const answer = await daemon.post('/pub?topic=full', 'x');
    expect(answer.status).toBe(503);
    expect((JSON.parse(answer.body.toString()) as { message: string }).message).toMatch(REASON);
    const ping = await daemon.get('/ping');
    expect([ping.status, ping.body.toString()]).toEqual([500, expect.stringMatching(/^NOK - write .* bytes are free/)]);
    expect((await daemon.stats()).health).toMatch(/^NOK - write .* bytes are free/);
    await eventually(() => expect(daemon.output.match(/DISK: messages are refused/g)).toHaveLength(1));
    expect(await daemon.topic('full')).toMatchObject({ depth: 0, message_count: 0 });
  });

  it('takes messages for what is never on disk', async () => {
    await using daemon = await Daemon.start({ flags: [FLAG] });
    await daemon.command('/pub?topic=memory%23ephemeral', 'x');
  });

  it('delivers and stops cleanly with what it has, and takes more once the flag allows', async () => {
    await using daemon = await Daemon.start();
    await daemon.command('/mpub?topic=kept', 'a\nb\nc');
    await daemon.command('/channel/create?topic=kept&channel=c');
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await daemon.restart([FLAG]);
    using client = await daemon.subscriber('kept', 'c', 1);
    client.finish(await client.nextMessage());
    await eventually(async () => expect(await daemon.channel('kept', 'c')).toMatchObject({ depth: 1, in_flight_count: 1 }));
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    await daemon.restart([]);
    await daemon.command('/pub?topic=kept', 'd');
    expect(bodiesOf(await drain(daemon, 'kept', 'c')).sort()).toEqual(['b', 'c', 'd']);
  });
});
