// The TLS options and the numbers they are stored as (options.md 3, 6.3).

import { describe, expect, it } from 'vitest';

import { TLS_MIN_VERSION, TLS_REQUIRED, TlsVersion } from '../../../../src/lib/options/tls-types.js';
import type { TomlValue } from '../../../../src/lib/options/toml-value.js';

describe('TLS_REQUIRED', () => {
  it.each([
    ['false', 0], ['F', 0], ['tcp-https', 1], ['TCP-https', 1], ['true', 2], ['tRuE', 2], ['1', 2],
  ])('takes %s for %d', (text, value) => {
    expect(TLS_REQUIRED.parseFlag(text, undefined)).toEqual({ ok: true, value });
  });

  it.each<[name: string, config: TomlValue, value: number]>([
    ['true', { kind: 'boolean', value: true }, 2],
    ['0', { kind: 'integer', value: 0n }, 0],
    ['1', { kind: 'integer', value: 1n }, 2],
    ['"tcp-https"', { kind: 'string', value: 'tcp-https' }, 1],
    // Not in the specification, but stock nsqd takes it.
    ['1.0', { kind: 'float', value: 1 }, 2],
  ])('takes the config value %s', (_name, config, value) => {
    expect(TLS_REQUIRED.parseConfig(config)).toEqual({ ok: true, value });
  });
});

describe('TLS_MIN_VERSION', () => {
  it.each([
    ['tls1.0', 769], ['tls1.1', 770], ['TLS1.2', 771], ['tls1.3', 772], ['', 769],
  ])('takes %j for %d', (text, value) => {
    expect(TLS_MIN_VERSION.parseFlag(text, undefined)).toEqual({ ok: true, value });
  });

  it('keeps an earlier version when the text is empty', () => {
    expect(TLS_MIN_VERSION.parseFlag('', TlsVersion['tls1.3'])).toEqual({ ok: true, value: 772 });
  });

  it.each(['ssl3.0', 'tls1.4', '771', 'tls'])('refuses %s', (text) => {
    const reason = `unknown tlsVersionOption "${text}"`;
    expect(TLS_MIN_VERSION.parseFlag(text, undefined)).toEqual({ ok: false, reason });
  });
});
