// The HTTPS listener, and plain HTTP where TLS is required.

import { Agent, request, type RequestOptions } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { describe, expect, it } from 'vitest';

import { Daemon, type HttpAnswer, runToExit, sharedDaemon, temporaryDirectory } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { AUTHORITY_FLAG, certificateOf, readTlsFile, TLS_FLAGS } from '../support/tls.js';

const AUTHORITY = { ca: readTlsFile('ca.pem'), servername: 'localhost' };

function ask(daemon: Daemon, method: string, path: string, options: RequestOptions = {}, body = ''): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const place = { host: '127.0.0.1', port: daemon.httpsPort, method, path, agent: false };
    const outgoing = request({ ...place, ...AUTHORITY, ...options }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Everything the daemon writes to a client that writes `bytes`, until it closes. */
function exchangePlain(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

describe('HTTPS', () => {
  const daemon = sharedDaemon({ flags: TLS_FLAGS });

  it('serves what HTTP serves', async () => {
    expect(await ask(daemon(), 'GET', '/ping')).toEqual({ status: 200, body: 'OK' });
    expect(await ask(daemon(), 'POST', '/pub?topic=https', {}, 'message')).toEqual({ status: 200, body: 'OK' });
    expect((await ask(daemon(), 'GET', '/nope')).status).toBe(404);
    expect((await daemon().topic('https')).depth).toBe(1);
    expect(await daemon().get('/ping')).toEqual({ status: 200, body: 'OK' });
  });

  it('keeps connections, and takes large bodies', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let count = 0; count < 3; count += 1) {
      expect((await ask(daemon(), 'POST', '/pub?topic=https-large', { agent }, 'x'.repeat(1_000_000))).status).toBe(200);
    }
    agent.destroy();
  });

  it('does not offer HTTP/2', async () => {
    const options: ConnectionOptions = { ...AUTHORITY, ALPNProtocols: ['h2'] };
    const socket = connectTls({ host: '127.0.0.1', port: daemon().httpsPort, ...options });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    expect(socket.alpnProtocol).toBe(false);
    socket.destroy();
  });

  it('tells clients that speak plain HTTP', async () => {
    const answer = await exchangePlain(daemon().httpsPort, 'GET /ping HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(answer).toBe('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n');
    await expect(ask(daemon(), 'GET', '/ping')).resolves.toMatchObject({ status: 200 });
  });

  it('logs handshakes that fail', async () => {
    await expect(ask(daemon(), 'GET', '/ping', { maxVersion: 'TLSv1.2', ciphers: 'PSK-AES128-CBC-SHA' })).rejects.toThrow();
    await eventually(() => {
      expect(daemon().output).toMatch(/WARNING: http: TLS handshake error from 127\.0\.0\.1:\d+: /);
    });
  });

  it('outlives clients that leave at any moment', async () => {
    for (const bytes of ['', '\x16', '\x16\x03\x01\x00\x05\x01', 'G', '\x15\x03\x01\x00\x02\x02\x28']) {
      const socket = connect(daemon().httpsPort, '127.0.0.1');
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(bytes, 'latin1');
      await new Promise((resolve) => setImmediate(resolve));
      socket.destroy();
    }
    expect((await ask(daemon(), 'GET', '/ping')).status).toBe(200);
  });

  it('is off without an address, and without a certificate', async () => {
    await using off = await Daemon.start({ flags: [...TLS_FLAGS, '--https-address='] });
    expect(off.output).not.toContain('HTTPS: listening');
    await using plain = await Daemon.start();
    expect(plain.output).not.toContain('HTTPS: listening');
  });

  it('listens on TCP alone', async () => {
    const ports = ['--tcp-address=127.0.0.1:0', '--http-address=127.0.0.1:0'];
    const { code, output } = await runToExit([...ports, ...TLS_FLAGS, '--https-address=foo'], temporaryDirectory());
    expect(code).toBe(1);
    expect(output).toContain('FATAL: failed to instantiate nsqd - listen (foo) failed - listen tcp: address foo: missing port');
  });

  it('stops with its connections', async () => {
    await using own = await Daemon.start({ flags: TLS_FLAGS });
    const agent = new Agent({ keepAlive: true });
    expect((await ask(own, 'GET', '/ping', { agent })).status).toBe(200);
    expect(await own.stop()).toEqual({ code: 0, signal: null });
    expect(own.output).toMatch(/HTTPS: closing 127\.0\.0\.1:\d+/);
    agent.destroy();
  });
});

describe('client certificates', () => {
  it.each([{ maxVersion: 'TLSv1.2' }, { maxVersion: 'TLSv1.3' }] as const)('of any kind with `require`, $maxVersion', async (version) => {
    await using daemon = await Daemon.start({ flags: [...TLS_FLAGS, '--tls-client-auth-policy=require'] });
    await expect(ask(daemon, 'GET', '/ping', version)).rejects.toThrow();
    for (const name of ['client', 'stranger'] as const) {
      expect((await ask(daemon, 'GET', '/ping', { ...certificateOf(name), ...version })).status).toBe(200);
    }
    expect((await daemon.get('/ping')).status).toBe(403);
  });

  it('that verify with `require-verify`', async () => {
    const flags = [...TLS_FLAGS, AUTHORITY_FLAG, '--tls-client-auth-policy=require-verify'];
    await using daemon = await Daemon.start({ flags });
    await expect(ask(daemon, 'GET', '/ping')).rejects.toThrow();
    await expect(ask(daemon, 'GET', '/ping', certificateOf('stranger'))).rejects.toThrow();
    expect((await ask(daemon, 'GET', '/ping', certificateOf('client'))).status).toBe(200);
    await eventually(() => expect(daemon.output).toMatch(/TLS handshake error from \S+ tls: client didn't provide a certificate\n/));
    expect(daemon.output).not.toContain('\n\n');
  });
});

describe('plain HTTP', () => {
  it.each([['GET', '/ping'], ['POST', '/pub?topic=t'], ['PUT', '/nope'], ['GET', '/']])(
    'answers %s %s with the port of HTTPS where TLS is required', async (method, path) => {
      await using daemon = await Daemon.start({ flags: [...TLS_FLAGS, '--tls-required'] });
      const answer = await exchangePlain(daemon.httpPort, `${method} ${path} HTTP/1.0\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1\.[01] 403 Forbidden\r\n/);
      expect(answer).toContain(`\r\n\r\n{"message": "TLS_REQUIRED", "https_port": ${daemon.httpsPort}}`);
      expect((await ask(daemon, 'GET', '/ping')).status).toBe(200);
    },
  );

  it('tells what is no path before what is required', async () => {
    await using daemon = await Daemon.start({ flags: [...TLS_FLAGS, '--tls-required'] });
    expect(await exchangePlain(daemon.httpPort, 'GET /%zz HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  });

  it('names port 0 where there is no HTTPS', async () => {
    await using daemon = await Daemon.start({ flags: [...TLS_FLAGS, '--tls-required', '--https-address='] });
    expect(await daemon.get('/ping')).toEqual({ status: 403, body: '{"message": "TLS_REQUIRED", "https_port": 0}' });
  });

  it('stays usable with --tls-required=tcp-https', async () => {
    await using daemon = await Daemon.start({ flags: [...TLS_FLAGS, '--tls-required=tcp-https'] });
    expect((await daemon.get('/ping')).status).toBe(200);
  });
});
