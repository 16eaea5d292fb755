// Damaged HTTP requests over raw sockets: lines, headers, chunks, lengths, queries and bodies. What is not answered is closed;
// the listener goes on.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { messageList } from '../support/bytes.js';
import { within } from '../support/eventually.js';
import { fuzz, mutated, pieces } from '../support/fuzz.js';
import { ANSWER_MS, FuzzedDaemon, openSocket, sendPieces } from '../support/fuzzed-daemon.js';
import type { Prng } from '../support/prng.js';

const HOST = 'Host: 127.0.0.1\r\n';
const SMALL_LIMITS = ['--max-msg-size=2000', '--max-body-size=8000'];

function get(path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`);
}

function post(path: string, body: Uint8Array | string = '', headers = ''): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${HOST}${headers}Content-Length: ${bytes.length}\r\n\r\n`), bytes]);
}

function chunked(path: string, ...parts: string[]): Buffer {
  const chunks = [...parts, ''].map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('');
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${chunks}`);
}

const REQUESTS: readonly Buffer[] = [
  get('/ping'), get('/info'), get('/stats'), get('/stats?format=json&topic=t&channel=c&include_clients=false&include_mem=true'),
  get('/config/log_level'), get('/config/nsqlookupd_tcp_addresses'), get('/debug/pprof/'), get('/debug/pprof/cmdline'), get('/debug/pprof/symbol?0x1+0x2'),
  post('/pub?topic=t', 'body'), post('/pub?topic=t&defer=20', 'later'), post('/mpub?topic=t', 'one\ntwo\n\nthree\n'),
  post('/mpub?topic=t&binary=true', messageList(['one', 'two'])), post('/topic/create?topic=t'), post('/topic/pause?topic=t'), post('/topic/empty?topic=t'),
  post('/channel/create?topic=t&channel=c'), post('/channel/pause?topic=t&channel=c'), post('/channel/unpause?topic=t&channel=c'),
  post('/channel/empty?topic=t&channel=c'), post('/channel/delete?topic=t&channel=c'), post('/topic/delete?topic=t'),
  Buffer.from(`PUT /config/log_level HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\ndebug`),
  Buffer.from(`PUT /config/nsqlookupd_tcp_addresses HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\n[]`),
  chunked('/pub?topic=t', 'some', 'chunks', 'x'.repeat(100)), post('/pub?topic=t', 'continued', 'Expect: 100-continue\r\n'),
  Buffer.from('HEAD /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'), Buffer.from(`OPTIONS * HTTP/1.1\r\n${HOST}\r\n`),
];
const WORDS = [
  '\r\n', '\n', '\r', ':', ' ', '%', '%zz', '%00', '+', ';', '&', '=', '?', '#', '/', '//', '/../', '\u0000', 'HTTP/2.0', 'HTTP/9.9', 'Content-Length: -1\r\n',
  'Content-Length: 99999999999999999999\r\n', 'Content-Length: 5000000000\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip\r\n', 'Expect: x\r\n',
  'Connection: close\r\n', 'Connection: upgrade\r\nUpgrade: x\r\n', 'ffffffffffffffff\r\n', '0\r\n\r\n', 'topic=', 'defer=-1', 'defer=9e99', 'binary=maybe', 'PUT ', 'CONNECT ',
  `X: ${'y'.repeat(20_000)}\r\n`, 'z'.repeat(9000),
];
const CHECK_EVERY = 20;
const DELETE_EVERY = 200;

let target: FuzzedDaemon;
let roundCount = 0;

function requests(prng: Prng): Buffer {
  const list = Array.from({ length: prng.integer(1, 4) }, () => {
    const one = prng.pick(REQUESTS);
    return prng.integer(0, 2) === 0 ? one : mutated(prng, one, WORDS);
  });
  return Buffer.concat(list);
}

async function checkNowAndThen(): Promise<void> {
  roundCount += 1;
  if (roundCount % CHECK_EVERY === 0) await target.check();
  if (roundCount % DELETE_EVERY === 0) await target.deleteTopics();
}

/** What comes back for the bytes once the client has ended its side. */
async function answerTo(bytes: Buffer): Promise<number> {
  const { socket, closed, received } = await openSocket(target.daemon.httpPort);
  try {
    socket.end(bytes);
    await within(closed, ANSWER_MS, 'the close');
    return received();
  } finally {
    socket.destroy();
  }
}

describe('damaged HTTP requests', () => {
  beforeAll(async () => {
    target = await FuzzedDaemon.start({ flags: SMALL_LIMITS });
  });
  afterAll(() => target[Symbol.asyncDispose]());

  it('are answered or refused', async () => {
    await fuzz({ name: 'http', share: 0.12 }, async (prng, note) => {
      const bytes = requests(prng);
      note(bytes);
      const { socket, closed } = await openSocket(target.daemon.httpPort);
      await sendPieces(socket, pieces(prng, bytes, 12), () => prng.integer(0, 1) === 0);
      const end = prng.integer(0, 3);
      if (end <= 1) {
        socket.end();
        await within(closed, ANSWER_MS, 'the close');
      } else if (end === 2) socket.resetAndDestroy();
      socket.destroy();
      await checkNowAndThen();
    });
  });

  it.each([
    ['a line that never ends', Buffer.alloc(2_000_000, 'a')],
    ['a header that never ends', Buffer.concat([Buffer.from('GET /ping HTTP/1.1\r\nX: '), Buffer.alloc(2_000_000, 'a')])],
    ['very many headers', Buffer.from(`GET /ping HTTP/1.1\r\n${'a: b\r\n'.repeat(100_000)}\r\n`)],
    ['very many query parameters', get(`/stats?${'a=b&'.repeat(10_000)}`)],
    ['a length beyond any memory', Buffer.from(`POST /pub?topic=t HTTP/1.1\r\n${HOST}Content-Length: 9007199254740991\r\n\r\nx`)],
    ['a body over the limit', post('/pub?topic=t', Buffer.alloc(1_000_000))],
    ['chunks over the limit', chunked('/mpub?topic=t', ...Array.from({ length: 100 }, () => 'x'.repeat(10_000)))],
    ['a count of messages beyond the body', post('/mpub?topic=t&binary=true', Buffer.from('7fffffff00000001', 'hex'))],
    ['two lengths', Buffer.from(`POST /pub?topic=t HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`)],
    ['a length beside chunks', Buffer.from(`POST /pub?topic=t HTTP/1.1\r\n${HOST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)],
    ['very many requests at once', Buffer.from(`GET /ping HTTP/1.1\r\n${HOST}\r\n`.repeat(2_000))],
  ])('are answered: %s', async (_, bytes) => {
    expect(await answerTo(bytes)).toBeGreaterThan(0);
    await target.check();
  });

  it('leave nothing behind', async () => {
    await target.checkNothingIsLeft();
  });
});
