import { afterEach, describe, expect, it } from 'vitest';

import { AuthServers, type Requester } from '../../../../src/nsqd/auth/auth-servers.js';
import type { AuthAnswer } from '../../../../src/nsqd/auth/auth-answer.js';
import { SYSTEM_CLOCK } from '../../../../src/lib/time/clock.js';
import { ALL_ALLOWED, type Answer, AuthServer } from '../../../support/auth-server.js';
import { readTlsFile } from '../../../support/tls.js';

const REQUESTER: Requester = { remoteIp: '127.0.0.1', isTls: false, commonName: '' };
const SECRET = 's3cr+t &x';

const servers: AuthServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server[Symbol.dispose]();
});

async function serverWith(...answers: Answer[]): Promise<AuthServer> {
  const server = await AuthServer.start(answers.length === 0 ? undefined : answers);
  servers.push(server);
  return server;
}

async function secureServer(): Promise<AuthServer> {
  const identity = { cert: readTlsFile('server.pem'), key: readTlsFile('server.key') };
  const server = await AuthServer.start(undefined, identity);
  servers.push(server);
  return server;
}

interface Settings {
  readonly method?: string;
  readonly random?: number;
  readonly connectTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly secret?: Buffer;
  readonly requester?: Requester;
  readonly authorities?: readonly string[];
}

function query(addresses: readonly string[], settings: Settings = {}): Promise<AuthAnswer> {
  const { method = 'get', random = 0, connectTimeoutMs = 2000, requestTimeoutMs = 5000 } = settings;
  const authServers = new AuthServers({
    addresses, method, clock: SYSTEM_CLOCK, random: () => random,
    http: { connectTimeoutMs, requestTimeoutMs, authorities: settings.authorities, tlsMinVersion: 'TLSv1.2' },
  });
  const { signal = new AbortController().signal, secret = Buffer.from(SECRET), requester = REQUESTER } = settings;
  return authServers.query(requester, secret, signal);
}

/** The text of the rejection. */
async function refusal(answer: Promise<unknown>): Promise<string> {
  return answer.then(() => 'none', (error: Error) => error.message);
}

const redirect = (status: number, location: string): Answer => ({ status, headers: { location } });

describe('the question', () => {
  it('is a form in the query, sorted by name, with GET', async () => {
    const server = await serverWith();
    await query([server.address]);
    expect(server.questions[0]).toMatchObject({
      method: 'GET',
      target: '/auth?common_name=&remote_ip=127.0.0.1&secret=s3cr%2Bt+%26x&tls=false',
      headers: { accept: 'application/vnd.nsq; version=1.0' },
      body: '',
    });
  });

  it('is JSON in the body with POST', async () => {
    const server = await serverWith();
    const requester = { remoteIp: '', isTls: true, commonName: 'client <1>' };
    await query([server.address], { method: 'post', requester });
    const [{ method, target, headers, body } = { method: '', target: '', headers: {}, body: '' }] = server.questions;
    expect([method, target, headers['content-type'], headers['accept']]).toEqual([
      'POST', '/auth', 'application/json', 'application/vnd.nsq; version=1.0',
    ]);
    const name = 'client \\u003c1\\u003e';
    expect(body).toBe(`{"common_name":["${name}"],"remote_ip":[""],"secret":["s3cr+t \\u0026x"],"tls":["true"]}`);
  });

  it('keeps the bytes of a secret that is no text', async () => {
    const server = await serverWith();
    await query([server.address], { secret: Buffer.from([0xff, 0x00, 0x2e, 0xe9]) });
    expect(server.questions[0]?.target).toContain('secret=%FF%00.%E9&');
  });

  it('goes to a URL as it is given, its query too', async () => {
    const server = await serverWith();
    await query([`http://${server.address}/own/path?x=1`]);
    expect(server.questions[0]?.target).toMatch(/^\/own\/path\?x=1\?common_name=&/);
  });
});

describe('the servers', () => {
  it('are asked in order from one taken at random, until one answers', async () => {
    const [good, bad, other] = [await serverWith(), await serverWith({ status: 500 }), await serverWith({ body: '{' })];
    await query([good.address, bad.address, other.address], { random: 0.34 });
    expect([good, bad, other].map(({ questions }) => questions.length)).toEqual([1, 1, 1]);
    await query([good.address, bad.address, other.address], { random: 0 });
    expect([good, bad, other].map(({ questions }) => questions.length)).toEqual([2, 1, 1]);
  });

  it('all get a chance, and each its reason in the end, without addresses and secrets', async () => {
    const bad = await serverWith({ status: 500 });
    const text = await refusal(query(['127.0.0.1:1', `http://user:password@${bad.address}/x`, 'http://[bad/']));
    expect(text).toBe(
      'auth server 1 of 3: connect ECONNREFUSED 127.0.0.1:1; auth server 2 of 3: answered with status 500; '
      + 'auth server 3 of 3: its address makes no valid URL',
    );
  });

  it.each<[string, Answer, string]>([
    ['201', { status: 201, body: ALL_ALLOWED }, 'answered with status 201'],
    ['a broken answer', { body: '{"ttl":' }, 'not JSON'],
    ['no ttl', { body: { ...ALL_ALLOWED, ttl: 0 } }, 'invalid TTL 0'],
    ['a closed connection', (response) => response.destroy(), 'socket hang up'],
    ['half an answer', (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{');
      setTimeout(() => response.destroy(), 20);
    }, 'aborted'],
    ['an endless answer', { body: ' '.repeat(1_100_000) }, 'answer larger than'],
    ['403 with nothing else', { status: 403, body: 'no' }, 'not JSON'],
    ['403 with a port beyond all', { status: 403, body: { https_port: 70_000 } }, 'answered with status 403'],
    ['a redirect to another scheme', redirect(302, 'ftp://127.0.0.1/'), 'unsupported protocol scheme "ftp"'],
    ['a redirect to nowhere', redirect(302, 'http://[/'), 'redirected to an invalid URL'],
    ['redirects without end', redirect(302, '/auth'), 'stopped after 10 redirects'],
  ])('fail with %s', async (_, answer, reason) => {
    const server = await serverWith(answer);
    expect(await refusal(query([server.address]))).toContain(reason);
  });

  it('are tried over HTTPS when 403 names a port', async () => {
    const secure = await secureServer();
    const plain = await serverWith({ status: 403, body: { https_port: secure.port } });
    await query([plain.address], { authorities: [readTlsFile('ca.pem')] });
    expect(secure.questions).toEqual([expect.objectContaining({ target: plain.questions[0]?.target })]);
  });

  it('are not trusted without an authority that answers for them', async () => {
    const secure = await secureServer();
    const address = `https://${secure.address}/auth`;
    expect(await refusal(query([address]))).not.toBe('none');
    expect(await refusal(query([address], { authorities: [readTlsFile('stranger.pem')] }))).not.toBe('none');
    expect(secure.questions).toEqual([]);
  });
});

describe('a redirect', () => {
  it.each([
    ['get', 301, 'GET', ''], ['get', 307, 'GET', ''], ['post', 302, 'GET', ''], ['post', 303, 'GET', ''],
    ['post', 307, 'POST', 'secret'], ['post', 308, 'POST', 'secret'],
  ])('of %s with %i is followed as %s', async (method, status, then, body) => {
    const server = await serverWith(redirect(status, '/other?y=2'), { body: ALL_ALLOWED });
    await query([server.address], { method });
    expect(server.questions[1]).toMatchObject({ method: then, target: '/other?y=2' });
    expect(server.questions[1]?.body).toContain(body);
  });
});

describe('time', () => {
  it('is up when a server does not answer', async () => {
    const server = await serverWith(() => undefined);
    expect(await refusal(query([server.address], { requestTimeoutMs: 60 }))).toContain('request timed out');
  });

  it('is up when an answer does not end', async () => {
    const server = await serverWith((response) => response.writeHead(200).write('{'));
    expect(await refusal(query([server.address], { requestTimeoutMs: 100 }))).not.toBe('none');
  });

  it('ends early when nobody waits any more', async () => {
    const server = await serverWith(() => undefined);
    const abort = new AbortController();
    const answer = refusal(query([server.address, server.address], { signal: abort.signal }));
    await server.asked(1);
    abort.abort();
    expect(await answer).toBe('auth server 1 of 2: client has gone');
    expect(server.questions).toHaveLength(1);
  });
});
