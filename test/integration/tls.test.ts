// TLS on the TCP protocol: negotiation, what is required and of whom, versions, failed handshakes, certificates that change.

import { copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';

import { command, joined, sized } from '../support/bytes.js';
import { type Client } from '../support/client.js';
import { consume, numbered } from '../support/consume.js';
import { Daemon, isStock, runToExit, sharedDaemon, temporaryDirectory } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { expectElapsed } from '../support/timing.js';
import { AUTHORITY_FLAG, certificateOf, readTlsFile, TLS_FLAGS, tlsFile } from '../support/tls.js';

const daemon = sharedDaemon({ flags: TLS_FLAGS });
const TLS = { tls: {} };
/** What a handshake may take. */
const HANDSHAKE_MS = 5_000;
const OLD_CIPHERS = 'DEFAULT@SECLEVEL=0';

/** Asks for TLS, and begins it. */
async function shake(target: Daemon, options = {}): Promise<{ client: Client; socket: TLSSocket }> {
  const client = await target.connect();
  expect(await client.negotiate({ tls_v1: true })).toMatchObject({ tls_v1: true });
  return { client, socket: await client.startTls(options) };
}

describe('a connection over TLS', () => {
  it('publishes and consumes', async () => {
    using client = await daemon().connect();
    expect(await client.upgrade(TLS)).toMatchObject({ tls_v1: true, snappy: false, deflate: false });
    for (const body of numbered(50)) await client.publish('tls', body);
    await client.subscribe('tls', 'c', 100);
    expect((await consume(client, 50)).map(({ body }) => body.toString()).sort()).toEqual(numbered(50).sort());
  });

  it('presents the certificate', async () => {
    const { client, socket } = await shake(daemon(), { ca: readTlsFile('ca.pem'), rejectUnauthorized: true, servername: 'localhost' });
    expect(socket.authorized).toBe(true);
    await client.expectOk();
    client.destroy();
  });

  it('is shown in the statistics', async () => {
    using client = await daemon().connect();
    await client.upgrade(TLS);
    await client.subscribe('tls-stats', 'c');
    const shown = (await daemon().channel('tls-stats', 'c')).clients?.[0];
    expect(shown).toMatchObject({ tls: true, tls_version: 'TLS1.3', tls_negotiated_protocol_is_mutual: true });
    if (!isStock) expect(shown).toMatchObject({ tls_cipher_suite: expect.stringMatching(/^TLS_AES_/) as string });
  });

  it('gets its errors encrypted, then the end', async () => {
    using client = await daemon().connect();
    await client.upgrade(TLS);
    client.command('NOPE');
    expect(await client.nextError()).toBe('E_INVALID invalid command NOPE');
    await client.closed();
  });

  it('takes a command cut at any byte', async () => {
    using client = await daemon().connect();
    await client.upgrade(TLS);
    await client.writeByteByByte(command('PUB tls-bytewise', 'hello'));
    await client.expectOk();
  });

  it('carries large messages both ways, more than any buffer holds', async () => {
    using client = await daemon().connect();
    await client.upgrade(TLS);
    await client.subscribe('tls-large', 'c', 20);
    const bodies = Array.from({ length: 20 }, (_, index) => Buffer.alloc(1_000_000, index + 1));
    for (const body of bodies) client.command('PUB tls-large', body);
    const received: number[] = [];
    while (received.length < 20) {
      const frame = await client.nextReply();
      if (frame.type !== 2) continue;
      expect(frame.data.length).toBe(26 + 1_000_000);
      received.push(frame.data[26]!);
      client.command(`FIN ${frame.data.toString('latin1', 10, 26)}`);
    }
    expect(received.sort((a, b) => a - b)).toEqual(bodies.map((body) => body[0]));
  });

  it('answers what came before the end of the client', async () => {
    using client = await daemon().connect();
    await client.upgrade(TLS);
    client.write(joined(command('PUB tls-half', 'x'), command('PUB tls-half', 'y')));
    client.halfClose();
    await client.expectOk();
    await client.expectOk();
    await client.closed();
  });

  it('drops what was sent in plain text behind IDENTIFY', async () => {
    using client = await daemon().connect();
    client.write(joined('IDENTIFY\n', sized('{"feature_negotiation":true,"tls_v1":true}'), command('PUB tls-injected', 'x')));
    expect(await client.nextResponse()).toContain('"tls_v1":true');
    await client.startTls();
    await client.expectOk();
    await client.publish('tls-not-injected', 'y');
    expect(await daemon().findTopic('tls-injected')).toBeUndefined();
  });

  it('is not asked for without feature negotiation', async () => {
    using client = await daemon().connect();
    await client.identify({ tls_v1: true });
    await client.publish('tls-plain', 'x');
  });

  it.skipIf(isStock)('stays encrypted over a second IDENTIFY', async () => {
    using client = await daemon().connect();
    await client.upgrade(TLS);
    expect(await client.negotiate({ tls_v1: true, output_buffer_size: 1_000 })).toMatchObject({ tls_v1: false });
    await client.publish('tls-twice', 'x');
    expect(await client.upgrade({ compression: 'deflate' })).toMatchObject({ deflate: true });
    await client.publish('tls-twice', 'y');
    expect(await client.negotiate({ snappy: true, deflate: true })).toMatchObject({ deflate: false, snappy: false });
    await client.publish('tls-twice', 'z');
  });

  it('sees no heartbeat between IDENTIFY and the OK', async () => {
    using client = await daemon().connect();
    await client.negotiate({ tls_v1: true, heartbeat_interval: 1_000 });
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    await client.startTls();
    expect((await client.nextFrame()).data.toString()).toBe('OK');
    expect((await client.nextFrame()).data.toString()).toBe('_heartbeat_');
  });
});

describe('a handshake that fails', () => {
  it('is told in plain text when it is no handshake', async () => {
    using client = await daemon().connect();
    await client.negotiate({ tls_v1: true });
    client.write('PUB plain\n');
    expect(await client.nextError()).toMatch(/^E_IDENTIFY_FAILED IDENTIFY failed tls: first record does not look like a TLS/);
    await client.closed();
  });

  it.each([['nothing', ''], ['half a record', Buffer.of(0x16, 3, 1, 0, 200, 1)]])('ends after 5 s of %s', async (_, bytes) => {
    using client = await daemon().connect();
    const earliestStartMs = performance.now();
    await client.negotiate({ tls_v1: true, heartbeat_interval: 1_000 });
    const latestStartMs = performance.now();
    client.write(bytes);
    expect(await client.nextError()).toMatch(/^E_IDENTIFY_FAILED IDENTIFY failed .*i\/o timeout$/);
    await client.closed();
    expectElapsed(client.closedAtMs, HANDSHAKE_MS, earliestStartMs, latestStartMs);
  });

  it('ends with the client', async () => {
    using client = await daemon().connect();
    await client.negotiate({ tls_v1: true });
    client.halfClose();
    await client.closed(HANDSHAKE_MS - 500);
  });

  it('leaves nothing behind, and the daemon to the others', async () => {
    await using own = await Daemon.start({ flags: TLS_FLAGS });
    for (let count = 0; count < 20; count += 1) {
      using client = await own.connect();
      await client.negotiate({ tls_v1: true });
      client.write(count % 2 === 0 ? Buffer.of(0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5) : Buffer.of(0x16));
      client.destroy();
    }
    using client = await own.connect();
    await client.upgrade(TLS);
    await client.publish('t', 'x');
    await eventually(async () => {
      const producers = (await own.stats()).producers ?? [];
      expect(producers).toHaveLength(1);
    });
  });
});

describe('versions', () => {
  it.each(['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const)('%s is accepted by default', async (version) => {
    const { client, socket } = await shake(daemon(), { minVersion: version, maxVersion: version, ciphers: OLD_CIPHERS });
    expect(socket.getProtocol()).toBe(version);
    await client.expectOk();
    await client.subscribe(`tls-version-${version}`, 'c');
    const shown = (await daemon().channel(`tls-version-${version}`, 'c')).clients?.[0];
    expect(shown).toMatchObject({ tls_version: version.replace('TLSv', 'TLS').replace(/^TLS1$/, 'TLS1.0') });
    client.destroy();
  });

  it.each([
    ['tls1.1', 'TLSv1', false], ['tls1.1', 'TLSv1.1', true],
    ['tls1.2', 'TLSv1.1', false], ['tls1.2', 'TLSv1.2', true],
    ['tls1.3', 'TLSv1.2', false], ['tls1.3', 'TLSv1.3', true],
  ] as const)('with --tls-min-version=%s %s: %s', async (flag, version, isAccepted) => {
    await using own = await Daemon.start({ flags: [...TLS_FLAGS, `--tls-min-version=${flag}`] });
    const attempt = shake(own, { minVersion: version, maxVersion: version, ciphers: OLD_CIPHERS });
    if (!isAccepted) return expect(attempt).rejects.toThrow();
    const { client } = await attempt;
    await client.expectOk();
    client.destroy();
  });
});

describe('--tls-required', () => {
  const required = sharedDaemon({ flags: [...TLS_FLAGS, '--tls-required=tcp-https'] });

  it.each([
    ['PUB t', 'PUB'], ['MPUB t', 'MPUB'], ['DPUB t 1', 'DPUB'], ['SUB t c', 'SUB'], ['RDY 1', 'RDY'], ['NOP', 'NOP'],
    ['FIN 0123456789abcdef', 'FIN'], ['REQ 0123456789abcdef 0', 'REQ'], ['TOUCH 0123456789abcdef', 'TOUCH'],
    ['CLS', 'CLS'], ['AUTH', 'AUTH'], ['NOPE x', 'NOPE'], ['', ''],
  ])('refuses «%s»', async (line, name) => {
    using client = await required().connect();
    client.command(line);
    expect(await client.nextError()).toBe(`E_INVALID cannot ${name} in current state (TLS required)`);
    await client.closed();
  });

  it('lets IDENTIFY pass, and everything after TLS', async () => {
    using plain = await required().connect();
    await plain.negotiate({});
    plain.command('NOP');
    expect(await plain.nextError()).toContain('(TLS required)');
    using client = await required().connect();
    await client.upgrade(TLS);
    await client.publish('t', 'x');
  });
});

describe('client certificates', () => {
  async function expectRefused(target: Daemon, options: object): Promise<void> {
    const attempt = (async () => {
      const { client } = await shake(target, options);
      await client.expectOk();
    })();
    await expect(attempt).rejects.toThrow();
  }

  async function expectAdmitted(target: Daemon, options: object): Promise<void> {
    const { client } = await shake(target, options);
    await client.expectOk();
    await client.publish('t', 'x');
    client.destroy();
  }

  const any = sharedDaemon({ flags: [...TLS_FLAGS, '--tls-client-auth-policy=require'] });
  const verified = sharedDaemon({ flags: [...TLS_FLAGS, '--tls-client-auth-policy=require-verify', AUTHORITY_FLAG] });

  it.each([{ maxVersion: 'TLSv1.2' }, { maxVersion: 'TLSv1.3' }])('of any kind with `require`, $maxVersion', async (version) => {
    await expectRefused(any(), version);
    await expectAdmitted(any(), { ...certificateOf('client'), ...version });
    await expectAdmitted(any(), { ...certificateOf('stranger'), ...version });
  });

  it.each([{ maxVersion: 'TLSv1.2' }, { maxVersion: 'TLSv1.3' }])('that verify with `require-verify`, $maxVersion', async (version) => {
    await expectRefused(verified(), version);
    await expectAdmitted(verified(), { ...certificateOf('client'), ...version });
    await expectRefused(verified(), { ...certificateOf('stranger'), ...version });
  });

  it('that no system trusts are refused without an authority of our own', async () => {
    await using own = await Daemon.start({ flags: [...TLS_FLAGS, '--tls-client-auth-policy=require-verify'] });
    await expectRefused(own, certificateOf('client'));
  });

  it('make TLS required', async () => {
    using client = await any().connect();
    client.command('NOP');
    expect(await client.nextError()).toBe('E_INVALID cannot NOP in current state (TLS required)');
  });
});

describe('files that make no certificate', () => {
  const empty = join(temporaryDirectory(), 'empty.pem');
  writeFileSync(empty, '');
  const cert = `--tls-cert=${tlsFile('server.pem')}`;
  const key = `--tls-key=${tlsFile('server.key')}`;

  it.each([
    [[cert], 'TLS config - open : no such file or directory'],
    [[key], 'TLS config - open : no such file or directory'],
    [['--tls-cert=/nope', key], 'TLS config - open /nope: no such file or directory'],
    [[cert, '--tls-key=/'], 'TLS config - read /: is a directory'],
    [[cert, `--tls-key=${tlsFile('client.key')}`], 'TLS config - tls: private key does not match public key'],
    [[`--tls-cert=${empty}`, key], 'TLS config - tls: failed to find any PEM data in certificate input'],
    [[cert, `--tls-key=${empty}`], 'TLS config - tls: failed to find any PEM data in key input'],
    [[cert, key, `--tls-root-ca-file=${empty}`], 'TLS config - failed to append certificate to pool'],
    [[cert, key, '--tls-root-ca-file=/nope'], 'TLS config - open /nope: no such file or directory'],
    [[`--tls-root-ca-file=${empty}`], 'client TLS config - failed to append certificate to pool'],
    [['--tls-root-ca-file=/nope'], 'client TLS config - open /nope: no such file or directory'],
  ])('%j end the start', async (flags, reason) => {
    const listen = ['--tcp-address=127.0.0.1:0', '--http-address=127.0.0.1:0', '--https-address=127.0.0.1:0'];
    const { code, output } = await runToExit([...listen, ...flags], temporaryDirectory());
    expect(code).toBe(1);
    expect(output).toContain(`FATAL: failed to instantiate nsqd - failed to build ${reason}\n`);
  });
});

describe.skipIf(isStock)('certificates that change', () => {
  it('are used from the next handshake on; a broken one is not', async () => {
    const directory = temporaryDirectory();
    const cert = join(directory, 'cert.pem');
    const key = join(directory, 'key.pem');
    copyFileSync(tlsFile('server.pem'), cert);
    copyFileSync(tlsFile('server.key'), key);
    await using own = await Daemon.start({ flags: [`--tls-cert=${cert}`, `--tls-key=${key}`] });
    using before = await own.connect();
    await before.upgrade(TLS);
    expect(await nameShown(own)).toBe('localhost');

    writeFileSync(cert, 'broken');
    await eventually(() => expect(own.output).toContain('ERROR: TLS: the certificate in use stays'));
    expect(await nameShown(own)).toBe('localhost');

    copyFileSync(tlsFile('renewed.key'), `${key}.new`);
    renameSync(`${key}.new`, key);
    copyFileSync(tlsFile('renewed.pem'), `${cert}.new`);
    renameSync(`${cert}.new`, cert);
    await eventually(async () => expect(await nameShown(own)).toBe('renewed.localhost'));
    await before.publish('t', 'x');
  });

  async function nameShown(target: Daemon): Promise<string> {
    const { client, socket } = await shake(target);
    await client.expectOk();
    const name = socket.getPeerCertificate().subject.CN;
    client.destroy();
    return String(name);
  }
});
