// Certificates and keys as files: loads and checks them, with the complaints of Go's TLS library, which nsqd's users know
// (options.md 7.2, rows 7 and 9).

import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { SecureVersion } from 'node:tls';
import { getSystemErrorMap } from 'node:util';
import type { TlsVersion } from '../options/tls-types.js';

/** What node:tls calls the versions. */
export const SECURE_VERSIONS: Readonly<Record<TlsVersion, SecureVersion>> = {
  0x301: 'TLSv1', 0x302: 'TLSv1.1', 0x303: 'TLSv1.2', 0x304: 'TLSv1.3',
};

/** The files do not make a TLS server; the message is Go's. */
export class TlsMaterialError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'TlsMaterialError';
  }
}

/** PEM texts. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
}

/** Where Linux systems and BSDs keep the authorities they trust, in Go's order. */
const SYSTEM_ROOT_PATHS = [
  '/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem', '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', '/etc/ssl/cert.pem',
  '/usr/local/etc/ssl/cert.pem', '/usr/local/share/certs/ca-root-nss.crt',
];

const PEM_LABEL = /^-----BEGIN ([^\n]*?)-----\s*$/gm;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Throws TlsMaterialError. Either path may be empty, which is a file that cannot be opened. */
export function loadTlsMaterial(certPath: string, keyPath: string): TlsMaterial {
  const cert = readPem(certPath);
  const key = readPem(keyPath);
  checkCertificateLabels(cert);
  checkKeyLabels(key);
  const leaf = parseLeaf(cert);
  if (!leaf.checkPrivateKey(parseKey(key))) throw new TlsMaterialError('tls: private key does not match public key');
  return { cert, key };
}

/** The certificates of a file with at least one. Throws TlsMaterialError. */
export function loadAuthorities(path: string): readonly string[] {
  const authorities = (readPem(path).match(PEM_CERTIFICATE) ?? []).filter(isCertificate);
  if (authorities.length === 0) throw new TlsMaterialError('failed to append certificate to pool');
  return authorities;
}

/** The authorities this system trusts; undefined where there is no file of them: those that come with Node are left. */
export function systemAuthorities(): readonly string[] | undefined {
  const path = [process.env['SSL_CERT_FILE'] ?? '', ...SYSTEM_ROOT_PATHS].find((each) => each !== '' && existsSync(each));
  return path === undefined ? undefined : loadAuthorities(path);
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    const { syscall = 'open', errno, message } = error as NodeJS.ErrnoException;
    const reason = errno === undefined ? message : (getSystemErrorMap().get(errno)?.[1] ?? message);
    throw new TlsMaterialError(`${syscall} ${path}: ${goWords(reason)}`, error);
  }
}

/** libuv's texts that differ from those of Go. */
function goWords(reason: string): string {
  return reason === 'illegal operation on a directory' ? 'is a directory' : reason;
}

function labelsOf(pem: string): string[] {
  return [...pem.matchAll(PEM_LABEL)].map((match) => match[1]!);
}

function checkCertificateLabels(pem: string): void {
  const labels = labelsOf(pem);
  if (labels.includes('CERTIFICATE')) return;
  if (labels.length === 0) throw new TlsMaterialError('tls: failed to find any PEM data in certificate input');
  if (labels.length === 1 && labels[0]!.endsWith('PRIVATE KEY')) {
    throw new TlsMaterialError(
      'tls: failed to find certificate PEM data in certificate input, but did find a private key; '
      + 'PEM inputs may have been switched',
    );
  }
  throw new TlsMaterialError(
    'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: '
    + `[${labels.join(' ')}]`,
  );
}

function checkKeyLabels(pem: string): void {
  const labels = labelsOf(pem);
  if (labels.some((label) => label === 'PRIVATE KEY' || label.endsWith(' PRIVATE KEY'))) return;
  if (labels.length === 0) throw new TlsMaterialError('tls: failed to find any PEM data in key input');
  if (labels.length === 1 && labels[0] === 'CERTIFICATE') {
    throw new TlsMaterialError('tls: found a certificate rather than a key in the PEM for the private key');
  }
  throw new TlsMaterialError(
    'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the '
    + `following types: [${labels.join(' ')}]`,
  );
}

function parseLeaf(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new TlsMaterialError('x509: malformed certificate', error);
  }
}

function parseKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new TlsMaterialError('tls: failed to parse private key', error);
  }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem) instanceof X509Certificate;
  } catch {
    return false; // Damaged ones are skipped, as Go does.
  }
}
