import { describe, expect, it } from 'vitest';

import { parseDialAddress } from '../../../../src/lib/net/dial-address.js';

describe('parseDialAddress', () => {
  it.each([
    ['10.0.0.1:4160', '10.0.0.1', 4160],
    ['[::1]:4160', '::1', 4160],
    ['name:http', 'name', 80],
    [':4160', 'localhost', 4160],
  ])('%s', (text, host, port) => {
    expect(parseDialAddress(text)).toEqual({ host, port });
  });

  it.each([
    ['', 'missing address'],
    ['name', 'address name: missing port in address'],
    ['[::1]', 'address [::1]: missing port in address'],
    ['b:1,c:1', 'address b:1,c:1: too many colons in address'],
    ['::1:4160', 'address ::1:4160: too many colons in address'],
    ['a:70000', 'address 70000: invalid port'],
  ])('refuses "%s"', (text, message) => {
    expect(() => parseDialAddress(text)).toThrow(message);
  });
});
