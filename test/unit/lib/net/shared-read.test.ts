import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SharedRead, openAsStream } from '../../../../src/lib/net/shared-read.js';
import type { SharedReadSocket } from '../../../../src/lib/net/shared-read.js';
import { eventually } from '../../../support/eventually.js';

let server: Server;
let client: Socket;
let accepted: Socket;

beforeEach(async () => {
  server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connected = once(server, 'connection');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  [accepted] = (await connected) as [Socket];
});

afterEach(() => {
  client.destroy();
  server.close();
});

const sharedRead = new SharedRead();

describe.each([
  ['shared', (onBytes: (bytes: Buffer) => void) => sharedRead.open(accepted, onBytes)],
  ['stream', (onBytes: (bytes: Buffer) => void) => openAsStream(accepted, onBytes)],
] as const)('%s', (_name, open) => {
  let text = '';
  let opened: SharedReadSocket;

  beforeEach(() => {
    text = '';
    opened = open((bytes) => (text += bytes.toString('latin1')));
  });

  afterEach(() => {
    opened.socket.destroy();
  });

  it('delivers what was sent before and after, then the end', async () => {
    const ended = once(opened.socket, 'end');
    client.write('one ');
    await eventually(() => expect(text).toBe('one '));
    client.end('two');
    await ended;
    expect(text).toBe('one two');
  });

  it('delivers more than the buffer holds, in order', async () => {
    const sent = Array.from({ length: 50_000 }, (_each, index) => `${index}\n`).join('');
    client.write(sent);
    await eventually(() => expect(text.length).toBe(sent.length));
    expect(text).toBe(sent);
  });

  it('delivers nothing while it is paused', async () => {
    client.write('one ');
    await eventually(() => expect(text).toBe('one '));
    opened.socket.pause();
    client.write('two ');
    const echoed = once(client, 'data');
    opened.socket.write('still writing');
    await echoed;
    expect(text).toBe('one ');
    opened.socket.resume();
    await eventually(() => expect(text).toBe('one two '));
  });

  it('gives up the socket, with what arrives from then on', async () => {
    client.write('one ');
    await eventually(() => expect(text).toBe('one '));
    opened.socket.pause();
    opened.handBack();
    let rest = '';
    opened.socket.on('readable', () => (rest += (opened.socket.read() as Buffer | null)?.toString('latin1') ?? ''));
    client.write('two ');
    await eventually(() => expect(rest).toBe('two '));
    expect(text).toBe('one ');
  });

  it('reports an error of the connection', async () => {
    const failed = once(opened.socket, 'error');
    client.resetAndDestroy();
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }]);
    expect(opened.socket.destroyed).toBe(true);
  });

  it('knows its peer', () => {
    expect(opened.socket.remotePort).toBe(client.localPort);
  });
});
