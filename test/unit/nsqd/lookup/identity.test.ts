import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';

import { identifyCommand, parsePeerInfo } from '../../../../src/nsqd/lookup/identity.js';
import { NSQD_VERSION } from '../../../../src/nsqd/version.js';

describe('IDENTIFY', () => {
  it('has the bytes of stock nsqd', () => {
    const bytes = identifyCommand({
      broadcastAddress: '10.0.0.1', broadcastHttpPort: 4151, broadcastTcpPort: 4150,
      topologyRegion: '', topologyZone: 'z1',
    });
    const body = `{"broadcast_address":"10.0.0.1","hostname":"${hostname()}","http_port":4151,"tcp_port":4150,`
      + `"topology_region":"","topology_zone":"z1","version":"${NSQD_VERSION}"}`;
    expect(bytes.toString('latin1', 0, 9)).toBe('IDENTIFY\n');
    expect(bytes.readInt32BE(9)).toBe(body.length);
    expect(bytes.toString('utf8', 13)).toBe(body);
  });
});

describe('the answer to IDENTIFY', () => {
  it('says where the HTTP API is', () => {
    const text = '{"broadcast_address":"10.0.0.2","hostname":"h","http_port":4161,"tcp_port":4160,"version":"1.3.0"}';
    expect(parsePeerInfo(text)).toEqual({
      broadcastAddress: '10.0.0.2', httpPort: 4161, tcpPort: 4160, version: '1.3.0',
    });
  });

  it('may say nothing', () => {
    expect(parsePeerInfo('{}')).toEqual({ broadcastAddress: '', httpPort: 0, tcpPort: 0, version: '' });
  });

  it.each([
    'E_INVALID', 'E_BAD_BODY IDENTIFY missing fields', 'OK', '', '[]', '4', '{"http_port":"4161"}', '{"http_port":1e3}',
    `{"http_port":${'9'.repeat(1000)}}`, '{"broadcast_address":1}', '['.repeat(100_000), '\0\0\0\0',
  ])('is refused when it is %j', (text) => {
    expect(() => parsePeerInfo(text)).toThrow();
  });
});
