import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';

import { isTlsRecord, peekFirstByte } from '../../../../src/lib/net/first-byte.js';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function pair(): Promise<{ client: Socket; server: Socket }> {
  const listener = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve));
  const client = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const server = await accepted;
  listener.close();
  sockets.push(client, server);
  return { client, server };
}

describe('peeking', () => {
  it('tells the first byte and leaves everything to be read', async () => {
    const { client, server } = await pair();
    const peeked = new Promise((resolve) => peekFirstByte(server, resolve));
    client.write('hello');
    expect(await peeked).toBe(0x68);
    const received = new Promise((resolve) => server.once('data', (bytes) => resolve(bytes.toString())));
    expect(await received).toBe('hello');
    expect(server.listenerCount('readable')).toBe(0);
  });

  it('tells when there is none', async () => {
    const { client, server } = await pair();
    const peeked = new Promise((resolve) => peekFirstByte(server, resolve));
    client.end();
    expect(await peeked).toBeNull();
  });

  it('is not called for a socket that is destroyed', async () => {
    const { server } = await pair();
    let calls = 0;
    peekFirstByte(server, () => (calls += 1));
    server.destroy();
    await new Promise((resolve) => server.once('close', resolve));
    expect(calls).toBe(0);
  });
});

it('handshakes and alerts begin TLS, text does not', () => {
  expect([0x16, 0x15].every(isTlsRecord)).toBe(true);
  expect([...Buffer.from('GNPIS \0\x17\xff', 'latin1')].some(isTlsRecord)).toBe(false);
});
