// --http-auth-token-file on a whole daemon, and that no other site's page may read answers.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { Daemon, isStock, runToExit, sharedDaemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';

const directory = mkdtempSync(join(tmpdir(), 'nsqd-test-'));
const path = join(directory, 'tokens');
writeFileSync(path, 'sesame-1\nsesame-2\n');
afterAll(() => rmSync(directory, { recursive: true }));

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(daemon: Daemon, method: string, target: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port: daemon.httpPort, method, path: target, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks).toString() });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const token = (value: string): Record<string, string> => ({ authorization: `Bearer ${value}` });

describe.skipIf(isStock)('with --http-auth-token-file', () => {
  const daemon = sharedDaemon({ flags: isStock ? [] : [`--http-auth-token-file=${path}`, '--log-level=debug'] });

  it.each(['/ping', '/health/live', '/health/ready'])('%s needs no token', async (target) => {
    expect((await daemon().get(target)).status).toBe(200);
  });

  it.each([
    ['GET', '/stats'], ['GET', '/info'], ['GET', '/metrics'], ['POST', '/pub?topic=t'], ['POST', '/mpub?topic=t'],
    ['POST', '/topic/create?topic=t'], ['POST', '/channel/create?topic=t&channel=c'], ['GET', '/channel/peek?topic=t&channel=c'],
    ['GET', '/topic/peek?topic=t'], ['GET', '/config/log_level'], ['PUT', '/config/log_level'], ['GET', '/debug/pprof/'],
    ['GET', '/debug/pprof/heap'], ['PUT', '/debug/setblockrate'], ['GET', '/nope'], ['OPTIONS', '/stats'], ['GET', '/ping/../stats'],
    ['GET', '/PING'], ['GET', '/ping/'], ['GET', '/health/'], ['GET', '//stats'], ['GET', '/%73tats'],
  ])('%s %s needs one', async (method, target) => {
    const { status, headers, body } = await ask(daemon(), method, target, {}, method === 'GET' ? '' : 'info');
    expect([status, body]).toEqual([401, '{"message":"UNAUTHORIZED"}']);
    expect(headers['www-authenticate']).toBe('Bearer realm="nsqd"');
  });

  it('lets in whoever shows one of them, and nobody else', async () => {
    for (const value of ['sesame-1', 'sesame-2']) {
      expect((await ask(daemon(), 'POST', '/pub?topic=t', token(value), 'x')).status).toBe(200);
    }
    for (const headers of [token('sesame'), token('sesame-3'), { authorization: 'Basic c2VzYW1lLTE=' }, { cookie: 'sesame-1' }]) {
      expect((await ask(daemon(), 'GET', '/stats', headers)).status).toBe(401);
    }
    expect((await ask(daemon(), 'GET', '/stats?access_token=sesame-1')).status).toBe(401);
  });

  it('takes new tokens from the file, and never shows one', async () => {
    writeFileSync(`${path}.new`, 'sesame-next\n');
    renameSync(`${path}.new`, path);
    await eventually(async () => expect((await ask(daemon(), 'GET', '/info', token('sesame-next'))).status).toBe(200));
    expect((await ask(daemon(), 'GET', '/info', token('sesame-1'))).status).toBe(401);
    expect((await ask(daemon(), 'GET', '/config/http_auth_token_file', token('sesame-next'))).body).toBe(path);
    await eventually(() => expect(daemon().output).toContain(' 401 GET /info '));
    expect(daemon().output.replaceAll('access_token=sesame-1', '')).not.toContain('sesame');
  });

  it('leaves TCP alone', async () => {
    using client = await daemon().connect();
    await client.publish('tcp', 'x');
  });

  it('does not start with a file that is missing or empty', async () => {
    const empty = join(directory, 'empty');
    writeFileSync(empty, '\n');
    for (const [file, reason] of [[join(directory, 'nope'), 'ENOENT'], [empty, 'has no token']] as const) {
      const { code, output } = await runToExit([`--http-auth-token-file=${file}`, `--data-path=${directory}`, '--tcp-address=127.0.0.1:0']);
      expect(code).toBe(1);
      expect(output).toMatch(/FATAL: failed to instantiate nsqd - failed to load --http-auth-token-file - .+\n$/);
      expect(output).toContain(reason);
    }
  });
});

describe('pages of other sites', () => {
  const daemon = sharedDaemon();

  it.each([
    ['GET', '/stats', {}], ['POST', '/pub?topic=t', {}], ['GET', '/nope', {}],
    ['OPTIONS', '/stats', { 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' }],
  ])('may not read the answer of %s %s', async (method, target, headers) => {
    const answer = await ask(daemon(), method, target, { origin: 'http://elsewhere.example', ...headers }, method === 'POST' ? 'x' : '');
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });
});
