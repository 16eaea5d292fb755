import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { loadAuthorities, loadTlsMaterial, TlsMaterialError } from '../../../../src/lib/net/tls-material.js';
import { readTlsFile, tlsFile } from '../../../support/tls.js';

const DIRECTORY = mkdtempSync(join(tmpdir(), 'nsqd-test-'));
const CERT = tlsFile('server.pem');
const KEY = tlsFile('server.key');

function file(name: string, content: string): string {
  const path = join(DIRECTORY, name);
  writeFileSync(path, content);
  return path;
}

function pem(label: string, content = 'AAAA'): string {
  return `-----BEGIN ${label}-----\n${content}\n-----END ${label}-----\n`;
}

describe('certificate and key', () => {
  it('are loaded as they are', () => {
    expect(loadTlsMaterial(CERT, KEY)).toEqual({ cert: readFileSync(CERT, 'utf8'), key: readFileSync(KEY, 'utf8') });
  });

  it('may have other text around them', () => {
    const cert = file('around.pem', `who: me\n${readTlsFile('server.pem')}\n${readTlsFile('ca.pem')}`);
    expect(loadTlsMaterial(cert, KEY).cert).toContain('who: me');
  });

  // The texts of stock nsqd.
  it.each([
    ['', KEY, 'open : no such file or directory'],
    ['/nope', '/nope-either', 'open /nope: no such file or directory'],
    [DIRECTORY, KEY, `read ${DIRECTORY}: is a directory`],
    [file('empty', ''), KEY, 'tls: failed to find any PEM data in certificate input'],
    [file('text', 'hello\n'), KEY, 'tls: failed to find any PEM data in certificate input'],
    [
      KEY, KEY,
      'tls: failed to find certificate PEM data in certificate input, but did find a private key; '
      + 'PEM inputs may have been switched',
    ],
    [
      file('other', pem('A') + pem('B C')), KEY,
      'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: '
      + '[A B C]',
    ],
    [file('damaged', pem('CERTIFICATE')), KEY, 'x509: malformed certificate'],
    [CERT, file('empty-key', ''), 'tls: failed to find any PEM data in key input'],
    [CERT, CERT, 'tls: found a certificate rather than a key in the PEM for the private key'],
    [
      CERT, file('other-key', pem('X') + pem('CERTIFICATE')),
      'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the '
      + 'following types: [X CERTIFICATE]',
    ],
    [CERT, file('damaged-key', pem('PRIVATE KEY')), 'tls: failed to parse private key'],
    [CERT, tlsFile('client.key'), 'tls: private key does not match public key'],
  ])('%s and %s are refused', (cert, key, message) => {
    expect(() => loadTlsMaterial(cert, key)).toThrow(new TlsMaterialError(message));
  });
});

describe('authorities', () => {
  it('are all the certificates of the file that can be read', () => {
    const path = file('authorities', `${readTlsFile('ca.pem')}${pem('CERTIFICATE')}${readTlsFile('stranger.pem')}`);
    expect(loadAuthorities(path)).toHaveLength(2);
  });

  it.each([['', ''], ['without certificate', readTlsFile('server.key')], ['damaged', pem('CERTIFICATE')]])(
    'must be there: %s', (name, content) => {
      expect(() => loadAuthorities(file(`none-${name}`, content))).toThrow('failed to append certificate to pool');
    },
  );
});
