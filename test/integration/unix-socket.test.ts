// Listeners on unix sockets, at named ports and on all addresses (options.md 8).

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Daemon, isStock, runToExit, temporaryDirectory } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { FakeLookupd } from '../support/fake-lookupd.js';

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const HAS_IPV6 = Object.values(networkInterfaces()).flat().some((address) => address?.address === '::1');

const tcpSocket = (): string => join(directory, 'tcp.sock');
const httpSocket = (): string => join(directory, 'http.sock');

function startOnSockets(flags: readonly string[] = []): Promise<Daemon> {
  return Daemon.start({ tcpAddress: tcpSocket(), httpAddress: httpSocket(), flags });
}

describe.skipIf(!HAS_IPV6)('on all addresses', () => {
  it('clients of IPv4 are named so, although they come by the same socket as those of IPv6', async () => {
    await using daemon = await Daemon.start({ tcpAddress: '0.0.0.0:0', httpAddress: '0.0.0.0:0' });
    expect(daemon.tcpAddress).toBe(`[::]:${daemon.tcpPort}`);
    using v4 = await daemon.connect();
    v4.command('SUB t four');
    await v4.expectOk();
    const v6 = connect(daemon.tcpPort, '::1');
    v6.write('  V2SUB t six\n');
    await once(v6, 'data');
    const [four] = (await daemon.channel('t', 'four')).clients ?? [];
    expect(four).toMatchObject({ client_id: '127.0.0.1', hostname: '127.0.0.1' });
    expect(four?.remote_address).toMatch(/^127\.0\.0\.1:\d+$/);
    const [six] = (await daemon.channel('t', 'six')).clients ?? [];
    expect(six).toMatchObject({ client_id: '::1', remote_address: `[::1]:${v6.localPort}` });
    await eventually(() => expect(daemon.output).toMatch(/INFO: TCP: new client\(127\.0\.0\.1:\d+\)\n/));
    expect(daemon.output).not.toContain('::ffff:');
    v6.destroy();
  });
});

describe('on unix sockets', () => {
  it('messages are published and consumed, and the peers have no address', async () => {
    await using daemon = await startOnSockets();
    const consumer = await daemon.subscriber('t', 'c', 1);
    await daemon.command('/pub?topic=t', 'by http');
    const message = await consumer.nextMessage();
    expect(message.body.toString()).toBe('by http');
    const stats = await daemon.channel('t', 'c');
    expect(stats.clients).toEqual([expect.objectContaining({ remote_address: '@' })]);
    expect(JSON.parse((await daemon.get('/info')).body)).toMatchObject({ tcp_port: -1, http_port: -1 });
    expect((await daemon.get('/config/tcp_address')).body).toBe(tcpSocket());
    await eventually(() => expect(daemon.output).toContain(`INFO: TCP: new client(@)`));
    consumer.destroy();
  });

  it('the files have mode 0777 minus umask, and go with a clean stop', async () => {
    await using daemon = await startOnSockets();
    for (const path of [tcpSocket(), httpSocket()]) {
      expect(statSync(path).isSocket()).toBe(true);
      expect(statSync(path).mode & 0o777).toBe(0o777 & ~process.umask());
    }
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    expect([tcpSocket(), httpSocket()].filter((path) => existsSync(path))).toEqual([]);
    expect(daemon.output).toContain(`INFO: TCP: closing ${tcpSocket()}\n`);
    expect(daemon.output).toContain(`INFO: HTTP: closing ${httpSocket()}\n`);
  });

  it.skipIf(isStock)('the files that a crash left do not prevent the next start', async () => {
    await using daemon = await startOnSockets();
    await daemon.command('/pub?topic=t', 'kept');
    await daemon.kill();
    expect(existsSync(tcpSocket())).toBe(true);
    await daemon.restart();
    expect((await daemon.topic('t')).depth).toBe(1);
  });

  it('the ports told to an nsqlookupd are 0 unless they are given', async () => {
    await using lookupd = await FakeLookupd.start();
    const flags = [`--lookupd-tcp-address=${lookupd.address}`, '--broadcast-http-port=4151'];
    await using daemon = await startOnSockets(flags);
    await eventually(() => expect(lookupd.identities).toHaveLength(1));
    expect(lookupd.identities[0]).toMatchObject({ tcp_port: 0, http_port: 4151 });
    expect((await daemon.get('/config/broadcast_tcp_port')).body).toBe('0');
  });
});

describe.runIf(process.platform === 'linux')('on abstract sockets', () => {
  // Node 20 cannot connect to a socket whose name is not filled up with zeros.
  it.skipIf(isStock && process.version.startsWith('v20.'))('messages are published', async () => {
    const name = `@nsqd-test-${process.pid}`;
    await using daemon = await Daemon.start({ tcpAddress: `${name}-tcp`, httpAddress: `${name}-http` });
    expect(daemon.tcpAddress).toBe(`${name}-tcp`);
    const client = await daemon.connect();
    client.command('PUB t', 'x');
    await client.expectOk();
    client.destroy();
    expect(existsSync(name)).toBe(false);
  });
});

describe('an address that cannot be listened on', () => {
  const refusal = (address: string, reason: string): string =>
    `FATAL: failed to instantiate nsqd - listen (${address}) failed - ${reason}\n`;

  async function outputOf(tcpAddress: string): Promise<string> {
    const flags = [`--tcp-address=${tcpAddress}`, '--http-address=', `--data-path=${directory}`];
    const { code, output } = await runToExit(flags, directory);
    expect(code).toBe(1);
    return output;
  }

  it.each([
    ['127.0.0.1:99999', 'listen tcp: address 99999: invalid port'],
    ['127.0.0.1:-1', 'listen tcp: address -1: invalid port'],
    ['127.0.0.1:nosuchservice', 'listen tcp: lookup tcp/nosuchservice: unknown port'],
    ['203.0.113.1:4150', 'listen tcp 203.0.113.1:4150: bind: cannot assign requested address'],
  ])('%s', async (address, reason) => {
    expect(await outputOf(address)).toContain(refusal(address, reason));
  });

  it('is a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = `127.0.0.1:${(server.address() as { port: number }).port}`;
    expect(await outputOf(address)).toContain(refusal(address, `listen tcp ${address}: bind: address already in use`));
    server.close();
  });

  it('is a socket of another daemon, which goes on', async () => {
    await using daemon = await startOnSockets();
    const path = tcpSocket();
    const other = temporaryDirectory();
    const { output } = await runToExit([`--tcp-address=${path}`, '--http-address=', `--data-path=${other}`]);
    rmSync(other, { recursive: true, force: true });
    expect(output).toContain(refusal(path, `listen unix ${path}: bind: address already in use`));
    const client = await daemon.connect();
    client.command('PUB t', 'x');
    await client.expectOk();
    client.destroy();
  });

  it('is a file that is no socket, which is kept', async () => {
    const path = tcpSocket();
    writeFileSync(path, 'precious');
    expect(await outputOf(path)).toContain(refusal(path, `listen unix ${path}: bind: address already in use`));
    expect(statSync(path).size).toBe(8);
  });

  it('is in a missing directory', async () => {
    const path = join(directory, 'none', 'tcp.sock');
    expect(await outputOf(path)).toContain(refusal(path, `listen unix ${path}: bind: no such file or directory`));
  });

  it('is too long for a socket', async () => {
    const path = join(directory, 'x'.repeat(120));
    expect(await outputOf(path)).toContain(refusal(path, `listen unix ${path}: bind: invalid argument`));
  });
});
