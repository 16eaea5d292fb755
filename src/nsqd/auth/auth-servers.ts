// The auth servers of --auth-http-address (tcp-protocol 10.2): how they are asked, and in which order until one of them
// answers. Knows no client; keeps nothing but its settings.

import { loadAuthorities, SECURE_VERSIONS } from '../../lib/net/tls-material.js';
import { goJsonText, GoJsonObject } from '../../lib/protocol/go-json.js';
import type { Clock } from '../../lib/time/clock.js';
import type { Options } from '../options.js';
import { parseAuthAnswer } from './auth-answer.js';
import type { AuthAnswer } from './auth-answer.js';
import { exchange } from './http-exchange.js';
import type { HttpAnswer, HttpQuestion, HttpSettings } from './http-exchange.js';

/** What a server is told of the client. */
export interface Requester {
  /** Without a port; '' on a unix socket. */
  readonly remoteIp: string;
  readonly isTls: boolean;
  /** Of the client's certificate; '' without one. */
  readonly commonName: string;
}

export interface AuthServersSettings {
  readonly addresses: readonly string[];
  readonly method: string;
  readonly http: HttpSettings;
  readonly clock: Clock;
  /** 0 to, not including, 1. */
  readonly random: () => number;
}

const STATUS_OK = 200;
const STATUS_FORBIDDEN = 403;
const PORT_MAX = 65_535;

export class AuthServers {
  readonly clock: Clock;
  readonly #settings: AuthServersSettings;

  constructor(settings: AuthServersSettings) {
    this.clock = settings.clock;
    this.#settings = settings;
  }

  /** The first valid answer, beginning with a random server. Rejects with the reasons of all when there is none. */
  async query(requester: Requester, secret: Buffer, signal: AbortSignal): Promise<AuthAnswer> {
    const { addresses, random } = this.#settings;
    const start = Math.floor(random() * addresses.length);
    const reasons: string[] = [];
    for (let step = 0; step < addresses.length && !signal.aborted; step += 1) {
      const at = (start + step) % addresses.length;
      try {
        return await this.#queryOne(addresses[at]!, requester, secret, signal);
      } catch (error) {
        // DEVIATION(secrets-not-logged): the reasons go to the log, so they tell neither the question nor the address,
        // which may hold a password: its place in the list will do.
        reasons.push(`auth server ${at + 1} of ${addresses.length}: ${(error as Error).message}`);
      }
    }
    throw new Error(reasons.join('; '));
  }

  async #queryOne(address: string, requester: Requester, secret: Buffer, signal: AbortSignal): Promise<AuthAnswer> {
    const { http } = this.#settings;
    const question = this.#questionFor(address, requester, secret);
    let answer = await exchange(question, http, signal);
    const secure = answer.status === STATUS_FORBIDDEN ? overHttps(question, answer) : null;
    if (secure !== null) answer = await exchange(secure, http, signal);
    if (answer.status !== STATUS_OK) throw new Error(`answered with status ${answer.status}`);
    return parseAuthAnswer(answer.text);
  }

  #questionFor(address: string, { remoteIp, isTls, commonName }: Requester, secret: Buffer): HttpQuestion {
    const endpoint = address.includes('://') ? address : `http://${address}/auth`;
    if (this.#settings.method === 'post') {
      const body = goJsonText({
        common_name: [commonName], remote_ip: [remoteIp], secret: [secret.toString('utf8')], tls: [String(isTls)],
      });
      return { url: parsedUrl(endpoint), body };
    }
    const query = [
      `common_name=${formEncoded(Buffer.from(commonName))}`,
      `remote_ip=${formEncoded(Buffer.from(remoteIp))}`,
      `secret=${formEncoded(secret)}`,
      `tls=${isTls}`,
    ].join('&');
    return { url: parsedUrl(`${endpoint}?${query}`), body: null };
  }
}

/** Null while clients need no authorization. Throws TlsMaterialError. */
export function authServersOf(options: Options, clock: Clock): AuthServers | null {
  const { authHttpAddresses, authHttpRequestMethod, tlsRootCaFile, tlsMinVersion } = options;
  if (authHttpAddresses.length === 0) return null;
  return new AuthServers({
    addresses: authHttpAddresses,
    method: authHttpRequestMethod,
    http: {
      connectTimeoutMs: options.httpClientConnectTimeoutMs,
      requestTimeoutMs: options.httpClientRequestTimeoutMs,
      authorities: tlsRootCaFile === '' ? undefined : loadAuthorities(tlsRootCaFile),
      tlsMinVersion: SECURE_VERSIONS[tlsMinVersion],
    },
    clock,
    random: Math.random,
  });
}

function parsedUrl(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new Error('its address makes no valid URL'); // The original error would tell it, and the secret.
  }
}

/** Go's url.QueryEscape of bytes. */
function formEncoded(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[^A-Za-z0-9\-_.~]/g, (char) => {
    return char === ' ' ? '+' : `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

/** The same question over HTTPS, if a server that was asked in plain text names its port for that; otherwise null. */
function overHttps({ url, body }: HttpQuestion, answer: HttpAnswer): HttpQuestion | null {
  if (url.protocol === 'https:') return null;
  const port = new GoJsonObject(answer.text).integer('https_port');
  if (port < 1 || port > PORT_MAX) return null;
  const secure = new URL(url.href.replace(/^http:/, 'https:'));
  secure.port = String(port);
  return { url: secure, body };
}
