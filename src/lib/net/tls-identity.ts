// Who this server is over TLS, and whom it accepts: the settings that every TLS listener shares (tcp-protocol 9.4, http-api
// 9). The files they come from may change while the daemon runs; listeners are told.

import { DEFAULT_CIPHERS } from 'node:tls';
import type { SecureVersion, TLSSocket } from 'node:tls';
import type { Logger } from '../log/logger.js';
import { FileWatch } from './file-watch.js';
import { loadAuthorities, loadTlsMaterial, systemAuthorities } from './tls-material.js';

/** Client certificates: not asked for, any one at all, or one that an authority answers for. */
export type ClientCertificates = 'none' | 'any' | 'verified';

export interface TlsFiles {
  readonly certPath: string;
  readonly keyPath: string;
  /** '' stands for the authorities of the system. */
  readonly authoritiesPath: string;
}

export interface TlsPolicy {
  readonly minVersion: SecureVersion;
  readonly clientCertificates: ClientCertificates;
}

/** What node:tls needs to know; also what its `setSecureContext` takes. */
export interface TlsServerSettings {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string[];
  readonly minVersion: SecureVersion;
  readonly ciphers: string;
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
}

/** What `setSecureContext` is called on. */
interface TlsListener {
  setSecureContext(settings: TlsServerSettings): void;
}

/** In Go's words. */
export const NO_CERTIFICATE = "tls: client didn't provide a certificate";

const WATCH_INTERVAL_MS = 2000;
/** OpenSSL 3 keeps TLS 1.0 and 1.1 off unless it is told that their hashes will do. */
const OLD_VERSIONS: ReadonlySet<SecureVersion> = new Set(['TLSv1', 'TLSv1.1']);

export class TlsIdentity {
  readonly #files: TlsFiles;
  readonly #policy: TlsPolicy;
  readonly #logger: Logger;
  readonly #listeners: TlsListener[] = [];
  #settings: TlsServerSettings;
  #watch: FileWatch | null = null;

  /** Throws TlsMaterialError. */
  constructor(files: TlsFiles, policy: TlsPolicy, logger: Logger) {
    this.#files = files;
    this.#policy = policy;
    this.#logger = logger;
    this.#settings = loadSettings(files, policy);
  }

  get settings(): TlsServerSettings {
    return this.#settings;
  }

  /** Has the listener use new certificates as they come. */
  keepUpToDate(listener: TlsListener): void {
    this.#listeners.push(listener);
  }

  /** DEVIATION(tls-reload): changed files are loaded while running; stock nsqd must be restarted. */
  startWatching(intervalMs = WATCH_INTERVAL_MS): void {
    const { certPath, keyPath, authoritiesPath } = this.#files;
    const paths = [certPath, keyPath, authoritiesPath].filter((path) => path !== '');
    this.#watch = new FileWatch(paths, intervalMs, () => this.#reload());
  }

  stopWatching(): void {
    this.#watch?.stop();
  }

  /** Whether the policy lets the client of an established connection in. */
  admits(socket: TLSSocket): boolean {
    return this.#policy.clientCertificates !== 'any' || socket.getPeerX509Certificate() !== undefined;
  }

  /** Files are rarely replaced all at the same moment: while they do not fit together the old ones stay. */
  #reload(): void {
    try {
      const settings = loadSettings(this.#files, this.#policy);
      for (const listener of this.#listeners) listener.setSecureContext(settings);
      this.#settings = settings;
      this.#logger.info(`TLS: loaded ${this.#files.certPath} anew`);
    } catch (error) {
      this.#logger.error(`TLS: the certificate in use stays - ${(error as Error).message}`);
    }
  }
}

/** Why a handshake failed, in a few words: OpenSSL's messages are a line of codes and the path of its own source file. */
export function handshakeReason(error: Error): string {
  const reason = (error as Error & { readonly reason?: string }).reason ?? error.message.trim();
  return reason === 'peer did not return a certificate' ? NO_CERTIFICATE : reason;
}

function loadSettings(files: TlsFiles, { minVersion, clientCertificates }: TlsPolicy): TlsServerSettings {
  const { cert, key } = loadTlsMaterial(files.certPath, files.keyPath);
  const own = files.authoritiesPath === '' ? undefined : loadAuthorities(files.authoritiesPath);
  const authorities = own ?? (clientCertificates === 'verified' ? systemAuthorities() : undefined);
  return {
    cert, key, minVersion,
    ...(authorities === undefined ? {} : { ca: [...authorities] }),
    ciphers: OLD_VERSIONS.has(minVersion) ? `${DEFAULT_CIPHERS}:@SECLEVEL=0` : DEFAULT_CIPHERS,
    requestCert: clientCertificates !== 'none',
    rejectUnauthorized: clientCertificates === 'verified',
  };
}

/**
 * The socket that a TLS socket was made from. node:tls reports on connections handed to it only by the TLS socket it made,
 * which keeps this undocumented reference since its first versions.
 */
export function socketBelow(socket: TLSSocket): unknown {
  return (socket as TLSSocket & { readonly _parent?: unknown })._parent;
}
