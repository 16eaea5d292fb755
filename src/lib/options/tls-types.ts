// The two option types of TLS, stored as the numbers that GET /config shows.

import { parseGoBool } from './go-bool.js';
import { quoteLikeGo } from '../text/go-quote.js';
import { parsed, refused, type Parsed } from './parsed.js';
import { describeTomlValue } from './toml-value.js';
import type { ValueType } from './value-type.js';

/** Who must use TLS: nobody, clients of the TCP protocol, everybody (options.md 5.7). */
export const TlsRequired = { no: 0, tcpOnly: 1, yes: 2 } as const;
export type TlsRequired = (typeof TlsRequired)[keyof typeof TlsRequired];

/** Protocol versions as in the TLS record layer. */
export const TlsVersion = { 'tls1.0': 0x301, 'tls1.1': 0x302, 'tls1.2': 0x303, 'tls1.3': 0x304 } as const;
export type TlsVersion = (typeof TlsVersion)[keyof typeof TlsVersion];

const VERSIONS_BY_NAME: ReadonlyMap<string, TlsVersion> = new Map(Object.entries(TlsVersion));

/** `tcp-https` or a boolean. */
export const TLS_REQUIRED: ValueType<TlsRequired> = {
  word: '',
  isBooleanStyle: true,
  parseFlag: parseTlsRequired,
  parseConfig: (value) => parseTlsRequired(describeTomlValue(value)),
  printDefault: (value) => (value === TlsRequired.no ? '' : String(value)),
  show: (value) => value,
};

/** `tls1.0` to `tls1.3`; an empty text changes nothing. */
export const TLS_MIN_VERSION: ValueType<TlsVersion> = {
  word: 'value',
  isBooleanStyle: false,
  parseFlag: parseTlsVersion,
  parseConfig: (value) => parseTlsVersion(describeTomlValue(value)),
  printDefault: versionName,
  show: (value) => value,
};

function parseTlsRequired(text: string): Parsed<TlsRequired> {
  const word = text.toLowerCase();
  if (word === 'tcp-https') return parsed(TlsRequired.tcpOnly);
  const boolean = parseGoBool(word);
  if (!boolean.ok) return refused(`strconv.ParseBool: parsing ${quoteLikeGo(word)}: invalid syntax`);
  return parsed(boolean.value ? TlsRequired.yes : TlsRequired.no);
}

function parseTlsVersion(text: string, earlier: TlsVersion = TlsVersion['tls1.0']): Parsed<TlsVersion> {
  const name = text.toLowerCase();
  if (name === '') return parsed(earlier);
  const version = VERSIONS_BY_NAME.get(name);
  return version === undefined ? refused(`unknown tlsVersionOption ${quoteLikeGo(name)}`) : parsed(version);
}

function versionName(version: TlsVersion): string {
  return Object.entries(TlsVersion).find(([, number]) => number === version)?.[0] ?? '';
}
