import { describe, expect, it } from 'vitest';

import { joinHostPort, parseListenAddress, peerAddress, splitHostPort } from '../../../../src/lib/http/address.js';

describe('parseListenAddress', () => {
  it.each([
    ['0.0.0.0:4150', { kind: 'tcp', host: '0.0.0.0', port: 4150 }],
    [':4150', { kind: 'tcp', host: '', port: 4150 }],
    ['[::1]:4150', { kind: 'tcp', host: '::1', port: 4150 }],
    ['localhost:', { kind: 'tcp', host: 'localhost', port: 0 }],
    ['/run/nsqd.sock', { kind: 'unix', path: '/run/nsqd.sock' }],
    ['127.0.0.1', { kind: 'unix', path: '127.0.0.1' }],
    ['::1:4150', { kind: 'unix', path: '::1:4150' }],
    ['@name', { kind: 'unix', path: '@name' }],
  ])('%s', (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
  });

  it.each([
    ['127.0.0.1:http', 80],
    ['127.0.0.1:+080', 80],
  ])('%s is port %i', (text, port) => {
    expect(parseListenAddress(text)).toEqual({ kind: 'tcp', host: '127.0.0.1', port });
  });

  it.each([
    ['127.0.0.1:65536', 'listen tcp: address 65536: invalid port'],
    [':-1', 'listen tcp: address -1: invalid port'],
    ['/x/a:b1', 'listen tcp: lookup tcp/b1: unknown port'],
  ])('refuses %s', (text, message) => {
    expect(() => parseListenAddress(text)).toThrow(message);
  });
});

describe('printing', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1:1'],
    ['::1', '[::1]:1'],
    ['::ffff:10.0.0.1', '10.0.0.1:1'],
  ])('%s as %s', (host, text) => {
    expect(joinHostPort(host, 1)).toBe(text);
  });

  it('a peer without an address as @', () => {
    expect(peerAddress({})).toBe('@');
  });

  it('splits what it joined', () => {
    expect(splitHostPort(joinHostPort('::1', 80))).toEqual({ host: '::1', port: '80' });
  });
});
