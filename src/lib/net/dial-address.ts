// Addresses to connect to, `host:port`, with Go's complaints about those that are none.

import { splitHostPort } from '../http/address.js';
import { parsePort } from './port.js';

export interface DialAddress {
  /** A name, or an IP address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** An empty host is this machine. Throws Error when the text is not `host:port`. */
export function parseDialAddress(address: string): DialAddress {
  if (address === '') throw new Error('missing address');
  const parts = splitHostPort(address);
  if (parts === null) throw new Error(`address ${address}: ${complaint(address)}`);
  return { host: parts.host === '' ? 'localhost' : parts.host, port: parsePort(parts.port) };
}

function complaint(address: string): string {
  if (!address.includes(':') || address.endsWith(']')) return 'missing port in address';
  return 'too many colons in address';
}
