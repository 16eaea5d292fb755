// The certificates of test/fixtures/tls, and the flags of a daemon that uses them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const DIRECTORY = new URL('../fixtures/tls', import.meta.url).pathname;

/** Path of a file like `server.pem`. */
export function tlsFile(name: string): string {
  return join(DIRECTORY, name);
}

export function readTlsFile(name: string): string {
  return readFileSync(tlsFile(name), 'utf8');
}

/** A client's certificate and key: `client` is signed by the authority, `stranger` by itself. */
export function certificateOf(name: 'client' | 'stranger'): { cert: string; key: string } {
  return { cert: readTlsFile(`${name}.pem`), key: readTlsFile(`${name}.key`) };
}

export const TLS_FLAGS = [`--tls-cert=${tlsFile('server.pem')}`, `--tls-key=${tlsFile('server.key')}`];
export const AUTHORITY_FLAG = `--tls-root-ca-file=${tlsFile('ca.pem')}`;
