// TLS as the options ask for it: the identity that the TCP and HTTPS listeners share, and the complaints of nsqd where the
// files do not make one (options.md 5.7, and 7.2 rows 7 and 9).

import type { Logger } from '../lib/log/logger.js';
import { TlsIdentity } from '../lib/net/tls-identity.js';
import type { ClientCertificates } from '../lib/net/tls-identity.js';
import { loadAuthorities, SECURE_VERSIONS } from '../lib/net/tls-material.js';
import type { Options } from './options.js';

/** Null without certificate and key. Throws Error with nsqd's text. */
export function serverTlsOf(options: Options, logger: Logger): TlsIdentity | null {
  const { tlsCert, tlsKey, tlsRootCaFile } = options;
  if (tlsCert === '' && tlsKey === '') {
    if (tlsRootCaFile !== '') explained('client TLS config', () => loadAuthorities(tlsRootCaFile));
    return null;
  }
  const files = { certPath: tlsCert, keyPath: tlsKey, authoritiesPath: tlsRootCaFile };
  const minVersion = SECURE_VERSIONS[options.tlsMinVersion];
  const clientCertificates = clientCertificatesOf(options.tlsClientAuthPolicy);
  return explained('TLS config', () => new TlsIdentity(files, { minVersion, clientCertificates }, logger));
}

function clientCertificatesOf(policy: string): ClientCertificates {
  if (policy === 'require') return 'any';
  return policy === 'require-verify' ? 'verified' : 'none';
}

function explained<T>(what: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    throw new Error(`failed to build ${what} - ${(error as Error).message}`, { cause: error });
  }
}
