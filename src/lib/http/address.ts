// Listen addresses and peer addresses as text, the way Go reads and prints them (options section 8).

import { parsePort } from '../net/port.js';

/** Where to listen: a TCP port, or the path of a unix socket (`@name` is an abstract one). */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** What splits as `host:port` is TCP; everything else is a unix socket path. Throws when the port is none. */
export function parseListenAddress(address: string): ListenAddress {
  const parts = splitHostPort(address);
  if (parts === null) return { kind: 'unix', path: address };
  try {
    return { kind: 'tcp', host: parts.host, port: parsePort(parts.port) };
  } catch (error) {
    throw new Error(`listen tcp: ${(error as Error).message}`, { cause: error });
  }
}

/** Go's net.SplitHostPort: the host may be bracketed; null where Go reports an error. */
export function splitHostPort(address: string): { readonly host: string; readonly port: string } | null {
  const colon = address.lastIndexOf(':');
  if (colon < 0) return null;
  const port = address.slice(colon + 1);
  const bracketed = address.slice(0, colon);
  const isBracketed = bracketed.startsWith('[') && bracketed.endsWith(']');
  const host = isBracketed ? bracketed.slice(1, -1) : bracketed;
  if (!isBracketed && host.includes(':')) return null;
  if (host.includes('[') || host.includes(']') || port.includes('[') || port.includes(']')) return null;
  return { host, port };
}

/** `host:port`, the host in brackets if it is an IPv6 address. An IPv4 address mapped into IPv6 prints as IPv4. */
export function joinHostPort(host: string, port: number): string {
  const plain = plainAddress(host);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** An IPv4 address that came in as IPv6 is one of IPv4 again. */
export function plainAddress(ip: string): string {
  return ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice('::ffff:'.length) : ip;
}

/** The peer of a connection; a unix socket's peer has no name. */
export function peerAddress(socket: { remoteAddress?: string | undefined; remotePort?: number | undefined }): string {
  const { remoteAddress, remotePort } = socket;
  return remoteAddress === undefined || remotePort === undefined ? '@' : joinHostPort(remoteAddress, remotePort);
}
