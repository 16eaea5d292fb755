// Opens a listener at an address as --tcp-address and --http-address give it: host and port, the path of a unix socket,
// or an abstract one (options.md 8). Errors are worded as nsqd words them, e.g. `listen unix /x/t.sock: bind:
// permission denied`.

import { randomInt } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import type { ListenOptions, Server } from 'node:net';
import { dirname } from 'node:path';
import { joinHostPort, parseListenAddress } from '../http/address.js';
import { errorCode, errorReason } from './system-error.js';

/** Connections the system completes before they are accepted. */
const BACKLOG = 1024;
const IPV4_WILDCARD = '0.0.0.0';
/** The kernel takes 108 bytes with a zero; libuv would silently cut a longer path. */
const UNIX_PATH_BYTES_MAX = 107;
/** The kernel names an anonymous abstract socket with five hexadecimal digits. */
const ANONYMOUS_NAMES = 16 ** 5;

/**
 * Where a server is bound: `host:port`, a path, or `@name`; '' before it listens and after. `port` is -1 for a unix
 * socket and 0 without one.
 */
export interface Bound {
  readonly text: string;
  readonly port: number;
}

export function boundTo(server: Server): Bound {
  const address = server.address();
  if (address === null) return { text: '', port: 0 };
  if (typeof address === 'string') return { text: address.replace(/^\0/, '@'), port: -1 };
  return { text: joinHostPort(address.address, address.port), port: address.port };
}

/**
 * Resolves once the server listens. Rejects with Error, its message as in nsqd's log. The wildcard of IPv4 stands for
 * that of IPv6 too, as it does in Go: who connects to `localhost` may come by either.
 */
export async function listen(server: Server, address: string): Promise<void> {
  const parsed = parseListenAddress(address);
  if (parsed.kind === 'unix') return listenUnix(server, parsed.path);
  const { port } = parsed;
  const host = parsed.host === '' ? '' : await resolveHost(parsed.host);
  try {
    await bind(server, host === '' || host === IPV4_WILDCARD ? { port } : { host, port });
  } catch (error) {
    throw new Error(`listen tcp ${joinHostPort(host, port)}: bind: ${errorReason(error)}`, { cause: error });
  }
}

async function resolveHost(host: string): Promise<string> {
  try {
    return (await lookup(host, { order: 'ipv4first' })).address;
  } catch (error) {
    throw new Error(`listen tcp: lookup ${host}: ${errorReason(error)}`, { cause: error });
  }
}

async function listenUnix(server: Server, path: string): Promise<void> {
  try {
    if (Buffer.byteLength(path) > UNIX_PATH_BYTES_MAX) throw new Error('invalid argument');
    await bindUnix(server, path);
  } catch (error) {
    // libuv says EACCES for ENOENT.
    const isMissing = errorCode(error) === 'EACCES' && !existsSync(dirname(path));
    const reason = isMissing ? 'no such file or directory' : errorReason(error);
    throw new Error(`listen unix ${path}: bind: ${reason}`, { cause: error });
  }
}

/**
 * The file gets mode 0777 minus umask; closing the server removes it. The name of an abstract socket is exact from Node 22
 * on: before libuv 1.48 it is filled up with zero bytes, and only programs that do the same, such as Node 20, find it.
 */
async function bindUnix(server: Server, path: string): Promise<void> {
  if (path === '') return bind(server, { path: `\0${anonymousName()}` });
  if (path.startsWith('@')) return bind(server, { path: `\0${path.slice(1)}` });
  try {
    return await bind(server, { path });
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE' || !(await isLeftOver(path))) throw error;
  }
  unlinkSync(path);
  return bind(server, { path });
}

/** DEVIATION(stale-socket): a socket file without a server, left by a crash, is removed; stock nsqd does not start. */
async function isLeftOver(path: string): Promise<boolean> {
  if (!lstatSync(path).isSocket()) return false;
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error) => resolve(errorCode(error) === 'ECONNREFUSED'));
  });
}

function anonymousName(): string {
  return randomInt(ANONYMOUS_NAMES).toString(16).padStart(5, '0');
}

function bind(server: Server, target: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      server.off('listening', onListening);
      reject(error);
    };
    const onListening = (): void => {
      server.off('error', onError);
      resolve();
    };
    server.once('error', onError);
    server.once('listening', onListening);
    server.listen({ ...target, backlog: BACKLOG });
  });
}
