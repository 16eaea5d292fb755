// Listeners on ports, socket files and abstract sockets, with the errors of stock nsqd.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type NetConnectOpts, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { boundTo, listen } from '../../../../src/lib/net/listen.js';

const HAS_IPV6 = Object.values(networkInterfaces()).flat().some((address) => address?.address === '::1');

let directory: string;
let servers: Server[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nsqd-listen-'));
  servers = [];
});

afterEach(async () => {
  await Promise.all(servers.map(close));
  rmSync(directory, { recursive: true, force: true });
});

function newServer(): Server {
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // A probe leaves without reading.
    socket.end('hello');
  });
  servers.push(server);
  return server;
}

async function close(server: Server): Promise<void> {
  if (server.listening) await new Promise((resolve) => server.close(resolve));
}

async function greeting(target: NetConnectOpts): Promise<string> {
  const socket = connect(target);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return chunk.toString();
}

/** A socket file without a process behind it, as a crash leaves it. */
function leaveSocketFile(path: string): void {
  const program = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  expect(() => execFileSync(process.execPath, ['-e', program, path])).toThrow();
  expect(statSync(path).isSocket()).toBe(true);
}

describe('a port', () => {
  it('is bound and told', async () => {
    const server = newServer();
    await listen(server, '127.0.0.1:0');
    const { text, port } = boundTo(server);
    expect(port).toBeGreaterThan(0);
    expect(text).toBe(`127.0.0.1:${port}`);
  });

  it.skipIf(!HAS_IPV6).each(['0.0.0.0:0', ':0', '[::]:0'])('of all addresses is one of IPv6 and IPv4: %s', async (address) => {
    const server = newServer();
    await listen(server, address);
    const { text, port } = boundTo(server);
    expect(text).toBe(`[::]:${port}`);
    for (const host of ['127.0.0.1', '::1']) expect(await greeting({ host, port })).toBe('hello');
  });

  it('in use is refused in the words of nsqd', async () => {
    const first = newServer();
    await listen(first, '127.0.0.1:0');
    const { text } = boundTo(first);
    await expect(listen(newServer(), text)).rejects.toThrow(`listen tcp ${text}: bind: address already in use`);
  });
});

describe('a socket file', () => {
  it('has mode 0777 minus umask, and goes with its server', async () => {
    const path = join(directory, 'n.sock');
    const server = newServer();
    await listen(server, path);
    expect(boundTo(server)).toEqual({ text: path, port: -1 });
    expect(statSync(path).mode & 0o777).toBe(0o777 & ~process.umask());
    expect(await greeting({ path })).toBe('hello');
    await close(server);
    expect(existsSync(path)).toBe(false);
  });

  it('left by a crash is replaced', async () => {
    const path = join(directory, 'n.sock');
    leaveSocketFile(path);
    await listen(newServer(), path);
    expect(await greeting({ path })).toBe('hello');
  });

  it('with a server behind it is in use', async () => {
    const path = join(directory, 'n.sock');
    await listen(newServer(), path);
    await expect(listen(newServer(), path)).rejects.toThrow(`listen unix ${path}: bind: address already in use`);
    expect(await greeting({ path })).toBe('hello');
  });

  it('is never put in the place of another file', async () => {
    const path = join(directory, 'n.sock');
    writeFileSync(path, 'precious');
    await expect(listen(newServer(), path)).rejects.toThrow('bind: address already in use');
    expect(existsSync(path)).toBe(true);
  });

  it('in a missing directory', async () => {
    const path = join(directory, 'none', 'n.sock');
    await expect(listen(newServer(), path)).rejects.toThrow(`listen unix ${path}: bind: no such file or directory`);
  });

  it.skipIf(process.getuid?.() === 0)('where it may not be', async () => {
    chmodSync(directory, 0o500);
    const path = join(directory, 'n.sock');
    await expect(listen(newServer(), path)).rejects.toThrow(`listen unix ${path}: bind: permission denied`);
  });

  it('with a path too long for the system is refused, not cut', async () => {
    const path = join(directory, 'a'.repeat(120));
    await expect(listen(newServer(), path)).rejects.toThrow(`listen unix ${path}: bind: invalid argument`);
  });
});

describe.runIf(process.platform === 'linux')('an abstract socket', () => {
  it('has a name and no file', async () => {
    const name = `nsqd-listen-${process.pid}`;
    const server = newServer();
    await listen(server, `@${name}`);
    expect(boundTo(server)).toEqual({ text: `@${name}`, port: -1 });
    expect(await greeting({ path: `\0${name}` })).toBe('hello');
  });

  it('gets a name of five digits where none is given', async () => {
    const server = newServer();
    await listen(server, '');
    expect(boundTo(server).text).toMatch(/^@[0-9a-f]{5}$/);
  });
});
