import { describe, expect, it } from 'vitest';

import { parsePort, parseServices } from '../../../../src/lib/net/port.js';

describe('parsePort', () => {
  it.each([
    ['', 0],
    ['0', 0],
    ['4150', 4150],
    ['65535', 65_535],
    ['http', 80],
    ['HTTPS', 443],
  ])('%s is %i', (text, port) => {
    expect(parsePort(text)).toBe(port);
  });

  it.each([
    ['65536', 'address 65536: invalid port'],
    ['99999999999999999999', 'address 99999999999999999999: invalid port'],
    ['-1', 'address -1: invalid port'],
    ['1x', 'lookup tcp/1x: unknown port'],
    [' 80', 'lookup tcp/ 80: unknown port'],
  ])('refuses %s', (text, message) => {
    expect(() => parsePort(text)).toThrow(message);
  });
});

describe('parseServices', () => {
  it('takes names and aliases of TCP services, without remarks', () => {
    const text = '# all\nhttp 80/tcp www WorldWideWeb # the web\nhttp 80/udp\nntp 123/udp\n\nbroken\nhttp 81/tcp\n';
    expect([...parseServices(text)]).toEqual([['http', 80], ['www', 80], ['worldwideweb', 80]]);
  });
});
