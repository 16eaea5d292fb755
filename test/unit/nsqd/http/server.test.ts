// What happens on the connections: bodies, expectations, pipelining, malformed requests, logs, shutdown. Literal bytes.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { PublishError } from '../../../../src/nsqd/broker/publish-error.js';
import { eventually } from '../../../support/eventually.js';
import { exiting, FakeDaemon, type FakeDaemonSettings } from './fake-daemon.js';
import { exchange, RawHttp } from './raw-http.js';

const PING = 'GET /ping HTTP/1.1\r\nHost: x\r\n\r\n';

function post(path: string, length: number, headers = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n${headers}\r\n`;
}

function chunked(path: string, ...chunks: string[]): string {
  const pieces = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${pieces.join('')}`;
}

/** Just above the default of max_msg_size. */
const LONG_VALUE = 1_048_577 + 262_143;
const CHUNKS_END = '0\r\n\r\n';

async function withClient(
  test: (client: RawHttp, daemon: FakeDaemon) => Promise<void>,
  settings: FakeDaemonSettings = {},
): Promise<void> {
  await using daemon = await FakeDaemon.start(settings);
  const client = await RawHttp.connect(daemon.server.port);
  try {
    await test(client, daemon);
  } finally {
    client.destroy();
  }
}

/** Status and error code or text of the next answer, and whether it announces the end of the connection. */
async function answer(client: RawHttp): Promise<[status: number, text: string, closes: boolean]> {
  const { status, body, headers } = await client.response();
  const text = body.startsWith('{"message":') ? body.slice('{"message":"'.length, -'"}'.length) : body;
  return [status, text, headers.get('connection') === 'close'];
}

describe('Expect', () => {
  it('gets 100 Continue when the body is read', () => withClient(async (client) => {
    client.send(post('/pub?topic=a', 5, 'Expect: 100-continue\r\n'));
    expect((await client.response()).status).toBe(100);
    client.send('hello');
    expect(await answer(client)).toEqual([200, 'OK', false]);
  }));

  it('counts for nothing when it is empty', () => withClient(async (client) => {
    client.send(`${post('/pub?topic=a', 1, 'Expect:\r\n')}x`);
    expect(await answer(client)).toEqual([200, 'OK', false]);
  }));

  it.each([
    ['/pub?topic=a', 2_000_000, [413, 'MSG_TOO_BIG', true]],
    ['/mpub?topic=$', 5, [400, 'INVALID_TOPIC', true]],
    ['/nope', 5, [404, 'NOT_FOUND', true]],
  ])('is answered at once when %s is refused before reading', (path, length, expected) => withClient(async (client) => {
    client.send(post(path, length, 'Expect: 100-continue\r\n'));
    expect(await answer(client)).toEqual(expected);
    expect(await client.closed()).toBe('');
  }));

  it.each(['HTTP/1.1', 'HTTP/1.0'])('of anything else is refused at once (%s)', (version) => withClient(async (client) => {
    client.send(post('/pub?topic=a', 5, 'Expect: miracles\r\n').replace('HTTP/1.1', version));
    expect(await answer(client)).toEqual([417, '', true]);
    await client.closed();
  }));

  it('is no miracle because of another one', () => withClient(async (client) => {
    client.send(post('/pub?topic=a', 1, 'Expect: miracles, 100-Continue\r\n'));
    expect((await client.response()).status).toBe(100);
    client.send('x');
    expect(await answer(client)).toEqual([200, 'OK', false]);
  }));
});

describe('an unread body', () => {
  it('is thrown away to keep the connection', () => withClient(async (client) => {
    client.send(post('/nope', 200_000) + 'x'.repeat(1000));
    client.send('x'.repeat(199_000) + PING);
    expect(await answer(client)).toEqual([404, 'NOT_FOUND', false]);
    expect(await answer(client)).toEqual([200, 'OK', false]);
  }));

  it('of unknown length is thrown away too', () => withClient(async (client) => {
    client.send(chunked('/topic/create?topic=a', 'x'.repeat(1000)) + CHUNKS_END + PING);
    expect(await answer(client)).toEqual([200, '', false]);
    expect(await answer(client)).toEqual([200, 'OK', false]);
  }));

  it('ends the connection when 256 KiB or more are declared', () => withClient(async (client) => {
    client.send(post('/nope', 262_144));
    expect(await answer(client)).toEqual([404, 'NOT_FOUND', true]);
    client.send('x'.repeat(262_144));
    expect(await client.closed()).toBe('');
  }));

  it('ends the connection when more than 256 KiB come', () => withClient(async (client) => {
    client.send(chunked('/nope', 'x'.repeat(300_000)));
    expect(await answer(client)).toEqual([404, 'NOT_FOUND', true]);
    client.send(CHUNKS_END);
    await client.closed();
  }));

  it('of a value that is too long is counted from where reading it ended', () => withClient(async (client) => {
    client.send(post('/config/log_level', LONG_VALUE).replace('POST', 'PUT') + 'x'.repeat(LONG_VALUE) + PING);
    expect(await answer(client)).toEqual([413, 'INVALID_VALUE', false]);
    expect(await answer(client)).toEqual([200, 'OK', false]);
  }));

  it('is waited for only so long', () => withClient(async (client) => {
    client.send(post('/pub?topic=a', 2_000_000));
    expect(await answer(client)).toEqual([413, 'MSG_TOO_BIG', true]);
    await client.closed();
  }));
});

describe('a body of unknown length', () => {
  const limits = { options: { maxMsgSize: 100, maxBodySize: 1000 } };

  it.each([
    ['/pub?topic=a', ['he', 'llo'], [200, 'OK', false]],
    ['/pub?topic=a', [], [400, 'MSG_EMPTY', false]],
    ['/pub?topic=a', ['x'.repeat(100)], [200, 'OK', false]],
    ['/pub?topic=a', ['x'.repeat(60), 'x'.repeat(41)], [413, 'MSG_TOO_BIG', false]],
    ['/mpub?topic=a', ['abc\n'.repeat(250)], [200, 'OK', false]],
    ['/mpub?topic=a', ['abc\n'.repeat(250), 'x'], [413, 'BODY_TOO_BIG', false]],
    ['/mpub?topic=a', [`${'x'.repeat(101)}\n`, 'abc\n'.repeat(300)], [413, 'MSG_TOO_BIG', false]],
    ['/mpub?topic=$', ['x'.repeat(2000)], [400, 'INVALID_TOPIC', false]],
    ['/mpub?topic=a&binary=1', ['\0\0\0\xc8', '\0\0\0\x01x'.repeat(250)], [413, 'BAD_BODY', false]],
    ['/mpub?topic=a&binary=1', ['\0\0\0\xc7', '\0\0\0\x64', 'x'.repeat(1500)], [413, 'BAD_MESSAGE', false]],
    ['/mpub?topic=a&binary=1', ['\0\0\0\x0b', `\0\0\0\x64${'x'.repeat(100)}`.repeat(11)], [413, 'BODY_TOO_BIG', false]],
    ['/mpub?topic=a&binary=1', ['\0\0\0\x01\0\0\0\x01x', 'y'.repeat(1500)], [200, 'OK', false]],
    ['/channel/create?topic=$', ['x'.repeat(5000)], [400, 'INVALID_ARG_TOPIC', false]],
  ])('%s %.40j', (path, chunks, expected) => withClient(async (client) => {
    client.send(chunked(path, ...chunks) + CHUNKS_END + PING);
    expect(await answer(client)).toEqual(expected);
    expect(await answer(client)).toEqual([200, 'OK', false]);
  }, limits));
});

describe('a broken body', () => {
  it.each([
    ['/pub?topic=a', [500, 'INTERNAL_ERROR', true]],
    ['/mpub?topic=a', [500, 'INTERNAL_ERROR', true]],
    ['/mpub?topic=a&binary=true', [413, 'BAD_BODY', true]],
    ['/topic/pause?topic=a', [400, 'INVALID_REQUEST', true]],
    ['/channel/create?topic=a&channel=c', [400, 'INVALID_REQUEST', true]],
    ['/topic/create?topic=a', [200, '', true]],
  ])('%s', async (path, expected) => {
    await withClient(async (client) => {
      client.send(post(path, 10) + 'abc');
      client.end();
      expect(await answer(client)).toEqual(expected);
      await client.closed();
    });
    await withClient(async (client) => {
      client.send(chunked(path, 'abc') + 'zz\r\n');
      expect(await answer(client)).toEqual(expected);
      await client.closed();
    });
  });

  it('that stops after the last message is published', () => withClient(async (client, daemon) => {
    client.send(post('/mpub?topic=a&binary=true', 100) + '\0\0\0\x01\0\0\0\x01x');
    client.end();
    expect(await answer(client)).toEqual([200, 'OK', true]);
    expect(daemon.broker.bodies('a')).toEqual(['x']);
  }));

  it('publishes nothing when the client vanishes', () => withClient(async (client, daemon) => {
    client.send(post('/pub?topic=a', 10) + 'abc');
    client.destroy();
    const other = await exchange(daemon.server.port, 'GET /ping');
    expect(other.status).toBe(200);
    expect(daemon.broker.bodies('a')).toEqual([]);
  }));
});

describe('requests sent without waiting', () => {
  it('take effect in the order sent', () => withClient(async (client, daemon) => {
    const requests = [
      post('/pub?topic=a', 1) + '1', post('/mpub?topic=a', 3) + '2\n3', post('/topic/pause?topic=a', 0),
      post('/topic/empty?topic=a', 0), post('/pub?topic=a', 1) + '4', post('/nope', 1) + 'x',
      post('/pub?topic=a', 1) + '5',
    ];
    client.send(requests.join(''));
    const statuses: number[] = [];
    for (const _ of requests) statuses.push((await answer(client))[0]);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 404, 200]);
    expect(daemon.broker.bodies('a')).toEqual(['4', '5']);
  }));

  it('are answered before a malformed one ends the connection', () => withClient(async (client) => {
    client.send(post('/pub?topic=a', 1) + 'xhello\r\n\r\n');
    expect(await answer(client)).toEqual([200, 'OK', false]);
    expect(await client.closed()).toContain('HTTP/1.1 400 Bad Request\r\n');
  }));

  it('keep their order while an answer waits', () => withClient(async (client, daemon) => {
    let keep: () => void = () => {};
    daemon.broker.getTopic('a').commit = () => new Promise((resolve) => {
      keep = resolve;
    });
    client.send(post('/pub?topic=a', 1) + 'x' + post('/pub?topic=b', 1) + 'y' + PING);
    await eventually(() => expect(daemon.broker.bodies('b')).toEqual(['y']));
    keep();
    expect(await answer(client)).toEqual([200, 'OK', false]);
    expect(await answer(client)).toEqual([200, 'OK', false]);
  }));
});

describe('a publish', () => {
  it('is answered only when it is kept', () => withClient(async (client, daemon) => {
    let keep: () => void = () => {};
    daemon.broker.getTopic('a').commit = () => new Promise((resolve) => {
      keep = resolve;
    });
    client.send(post('/pub?topic=a', 1) + 'x');
    await eventually(() => expect(daemon.broker.bodies('a')).toEqual(['x']));
    let isAnswered = false;
    const answered = answer(client).then((result) => {
      isAnswered = true;
      return result;
    });
    await exchange(daemon.server.port, 'GET /ping');
    expect(isAnswered).toBe(false);
    keep();
    expect(await answered).toEqual([200, 'OK', false]);
  }));

  it.each(['/pub?topic=a', '/mpub?topic=a'])('that is refused or not kept is EXITING (%s)', async (path) => {
    await withClient(async (client, daemon) => {
      daemon.broker.getTopic('a').commit = () => Promise.reject(exiting());
      client.send(post(path, 1) + 'x');
      expect(await answer(client)).toEqual([503, 'EXITING', false]);
      daemon.broker.getTopic('a').refusal = exiting();
      client.send(post(path, 1) + 'x');
      expect(await answer(client)).toEqual([503, 'EXITING', false]);
    });
  });

  it.each(['/pub?topic=a', '/mpub?topic=a'])('that could not be written tells why (%s)', async (path) => {
    await withClient(async (client, daemon) => {
      daemon.broker.getTopic('a').commit = () => Promise.reject(new PublishError('write t: disk full', new Error()));
      client.send(post(path, 1) + 'x');
      expect(await answer(client)).toEqual([503, 'write t: disk full', false]);
    });
  });

  it('that meets a defect is an internal error, and the server lives on', () => withClient(async (client, daemon) => {
    daemon.broker.getTopic('a').refusal = new TypeError('broken');
    client.send(post('/pub?topic=a', 1) + 'x' + PING);
    expect(await answer(client)).toEqual([500, 'INTERNAL_ERROR', false]);
    expect(await answer(client)).toEqual([200, 'OK', false]);
    expect(daemon.log.some((line) => line.endsWith('ERROR: panic in HTTP handler - broken'))).toBe(true);
  }));

  it('may be given up by its client', () => withClient(async (client, daemon) => {
    let keep: () => void = () => {};
    daemon.broker.getTopic('a').commit = () => new Promise((resolve) => {
      keep = resolve;
    });
    client.send(post('/pub?topic=a', 1) + 'x');
    await eventually(() => expect(daemon.broker.bodies('a')).toEqual(['x']));
    client.destroy();
    await exchange(daemon.server.port, 'GET /ping');
    keep();
    expect((await exchange(daemon.server.port, 'GET /ping')).status).toBe(200);
    expect(daemon.log.filter((line) => line.includes('ERROR'))).toEqual([]);
  }));

  it.each(['/pub?topic=new', '/mpub?topic=new', '/topic/create?topic=new', '/channel/create?topic=a&channel=new'])(
    'creates nothing in a broker that has stopped (%s)',
    (path) => withClient(async (client, daemon) => {
      daemon.broker.getTopic('a');
      daemon.broker.isExiting = true;
      client.send(post(path, 1) + 'x');
      expect(await answer(client)).toEqual([503, 'EXITING', false]);
      expect([daemon.broker.topics.size, daemon.broker.getTopic('a').channels.size]).toEqual([1, 0]);
    }),
  );

  it('is answered to a client that closed its sending side', () => withClient(async (client) => {
    client.send(post('/pub?topic=a', 1) + 'x');
    client.end();
    expect((await answer(client)).slice(0, 2)).toEqual([200, 'OK']);
    await client.closed();
  }));
});

it('answers a pause when the metadata is on disk', () => withClient(async (client, daemon) => {
  daemon.broker.getTopic('a');
  let settle: () => void = () => {};
  daemon.broker.metadata = new Promise((resolve) => {
    settle = resolve;
  });
  client.send(post('/topic/pause?topic=a', 0));
  await eventually(() => expect(daemon.broker.getTopic('a').isPaused).toBe(true));
  settle();
  expect(await answer(client)).toEqual([200, '', false]);
}));

describe('status lines and headers', () => {
  it('say nothing of a connection that stays', () => withClient(async (client) => {
    client.send(PING);
    client.send(PING);
    const { headers } = await client.response();
    expect([...headers.keys()]).toEqual(['content-type', 'content-length', 'date']);
    expect((await client.response()).status).toBe(200);
  }));

  it.each([
    ['HTTP/1.1', 'Connection: close\r\n', 'close'],
    ['HTTP/1.0', '', 'close'],
    ['HTTP/1.0', 'Connection: keep-alive\r\n', 'keep-alive'],
  ])('say what becomes of it after %s with %j', (version, header, expected) => withClient(async (client) => {
    client.send(`GET /ping ${version}\r\nHost: x\r\n${header}\r\n`);
    expect((await client.response()).headers.get('connection')).toBe(expected);
  }));

  it('word 413 as stock nsqd does', () => withClient(async (client) => {
    client.send(post('/mpub?topic=a&binary=true', 0, 'Connection: close\r\n'));
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 413 Request Entity Too Large\r\n/);
  }));

  it.each([['/ping', 405], ['/nope', 404]])('CONNECT %s is a method without a path: %i', (path, status) => withClient(async (client) => {
    client.send(`CONNECT ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`);
    expect((await client.response()).status).toBe(status);
    expect(await client.closed()).toBe('');
  }));
});

describe('a method that nobody knows', () => {
  const unknown = (line: string, headers = 'Host: x\r\n'): string => `${line} HTTP/1.1\r\n${headers}\r\n`;

  it.each([
    [unknown('FOO /ping'), 405, 'METHOD_NOT_ALLOWED'],
    [unknown('get /ping?a=b'), 405, 'METHOD_NOT_ALLOWED'],
    [unknown('ANNOUNCE http://h/ping'), 405, 'METHOD_NOT_ALLOWED'],
    [unknown('GETX *'), 405, 'METHOD_NOT_ALLOWED'],
    [unknown('FOO /ping').replaceAll('\r\n', '\n'), 405, 'METHOD_NOT_ALLOWED'],
    [unknown('FOO /PING'), 404, 'NOT_FOUND'],
    [unknown('FOO /nope', 'Host: x\r\nA: \xe4\t\r\n'), 404, 'NOT_FOUND'],
    [unknown('FOO /pub?topic=a', 'Host: x\r\nContent-Length: 5\r\n') + 'hello', 405, 'METHOD_NOT_ALLOWED'],
    [unknown('FOO /pub?topic=a', 'Host: x\r\nTransfer-Encoding: chunked\r\n') + '5\r\nhello', 405, 'METHOD_NOT_ALLOWED'],
    [unknown('FOO /ping', 'Host: x\r\nTransfer-Encoding: gzip\r\n'), 501, 'Unsupported transfer encoding'],
    [unknown('FOO /ping', 'Host: x\r\nExpect: foo\r\n'), 417, ''],
    [unknown('FOO /%'), 400, '400 Bad Request'],
    [unknown('FOO ping'), 400, '400 Bad Request'],
    [unknown('FOO  /ping'), 400, '400 Bad Request'],
    [unknown('FOO /ping', ''), 400, '400 Bad Request: missing required Host header'],
    [unknown('FOO /ping', 'Host: x\r\nHost: y\r\n'), 400, '400 Bad Request'],
    [unknown('FOO /ping', 'Host: x\r\nA\r\n'), 400, '400 Bad Request'],
    ['FOO /ping HTTP/2.0\r\nHost: x\r\n\r\n', 505, '505 HTTP Version Not Supported: unsupported protocol version'],
  ])('%j is answered %i %s, and the last one', (bytes, status, text) => withClient(async (client) => {
    client.send(bytes);
    const answers = await client.closed();
    const [head = '', body = ''] = answers.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('Connection: close');
    expect(body).toBe(status === 404 || status === 405 ? `{"message":"${text}"}` : text);
  }));

  it('comes after what was sent before, and nothing after it takes effect', () => withClient(async (client, daemon) => {
    client.send(post('/pub?topic=a', 1) + '1' + unknown('FOO /ping') + post('/pub?topic=a', 1) + '2');
    expect(await answer(client)).toEqual([200, 'OK', false]);
    expect(await answer(client)).toEqual([405, 'METHOD_NOT_ALLOWED', true]);
    expect(await client.closed()).toBe('');
    expect(daemon.broker.bodies('a')).toEqual(['1']);
  }));

  it('is a bad request when it comes in pieces', () => withClient(async (client) => {
    client.send('FOO /ping HTTP/1.1\r\nHost: ');
    expect(await client.closed()).toContain('HTTP/1.1 400 Bad Request\r\n');
  }));

  it('gets its answer even while it goes on sending', () => withClient(async (client) => {
    client.send(unknown('FOO /pub?topic=a', 'Host: x\r\nContent-Length: 1000000\r\n') + 'x'.repeat(1_000_000));
    expect(await answer(client)).toEqual([405, 'METHOD_NOT_ALLOWED', true]);
    await client.closed();
  }));

  it('is in the access log, and refused where TLS is required', async () => {
    await withClient(async (client, daemon) => {
      client.send(unknown('FOO /ping'));
      await client.closed();
      expect(daemon.log.at(-1)).toMatch(/405 FOO \/ping \(127\.0\.0\.1:\d+\) /);
    });
    await withClient(async (client) => {
      client.send(unknown('FOO /ping'));
      expect((await client.response()).status).toBe(403);
    }, { httpsPortInstead: () => 4152 });
  });
});

describe('malformed requests', () => {
  it.each([
    ['hello\r\n\r\n', '400 Bad Request'],
    ['G@T /ping HTTP/1.1\r\nHost: x\r\n\r\n', '400 Bad Request'],
    ['GET /ping HTTP/1\r\nHost: x\r\n\r\n', '400 Bad Request'],
    ['GET /ping HTTP/1.10\r\nHost: x\r\n\r\n', '400 Bad Request'],
    ['GET /ping http/1.1\r\nHost: x\r\n\r\n', '400 Bad Request'],
    ['GET /ping HTTP/1.1 \r\nHost: x\r\n\r\n', '400 Bad Request'],
    ['GET /ping HTTP/1.1\r\n\r\n', '400 Bad Request: missing required Host header'],
    ['GET /ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', '400 Bad Request\r\n'],
    ['GET /ping HTTP/1.1\r\nHost: a, b\r\n\r\n', '400 Bad Request: malformed Host header'],
    ['GET /ping HTTP/1.1\r\nHost: a b\r\n\r\n', '400 Bad Request: malformed Host header'],
    ['GET /ping HTTP/1.1\r\nHost: a/b@c\r\n\r\n', '400 Bad Request: malformed Host header'],
    [`${post('/pub?topic=a', 1, 'Transfer-Encoding: gzip\r\n').replace(/Content-Length.*\r\n/, '')}x`, '501 Not Implemented'],
    ['GET /% HTTP/1.1\r\nHost: x\r\n\r\n', '400 Bad Request'],
    ['GET /ping HTTP/2.0\r\nHost: x\r\n\r\n', '505 HTTP Version Not Supported'],
    ['GET /ping HTTP/3.1\r\nHost: x\r\n\r\n', '505 HTTP Version Not Supported'],
    [`GET /ping HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(1_100_000)}\r\n\r\n`, '431 Request Header Fields Too Large'],
  ])('%.40j', (bytes, status) => withClient(async (client) => {
    client.send(bytes);
    expect(await client.closed()).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
  }));

  it('allows large headers', () => withClient(async (client) => {
    client.send(`GET /ping HTTP/1.1\r\nHost: x\r\nA: ${'x'.repeat(900_000)}\r\n\r\n`);
    expect(await answer(client)).toEqual([200, 'OK', false]);
  }));

  it.each(['chunked', 'gzip'])('HTTP/1.0 has no encodings: %s', (encoding) => withClient(async (client, daemon) => {
    const headers = `Connection: keep-alive\r\nTransfer-Encoding: ${encoding}\r\n`;
    client.send(`POST /pub?topic=a HTTP/1.0\r\n${headers}\r\n1\r\nx\r\n${CHUNKS_END}GARBAGE\r\n`);
    expect((await answer(client)).slice(0, 2)).toEqual([400, 'MSG_EMPTY']);
    expect(await client.closed()).toContain('400 Bad Request');
    expect(daemon.broker.bodies('a')).toEqual([]);
  }));

  it('serves HTTP/1.0', () => withClient(async (client) => {
    client.send('GET /ping HTTP/1.0\r\n\r\n');
    expect(await answer(client)).toEqual([200, 'OK', true]);
    await client.closed();
  }));
});

describe('the access log', () => {
  it('names status, method, target, peer and time', () => withClient(async (client, daemon) => {
    client.send('GET /stats?format=json HTTP/1.1\r\nHost: x\r\n\r\n');
    await client.response();
    expect(daemon.log.at(-1)).toMatch(/INFO: 200 GET \/stats\?format=json \(127\.0\.0\.1:\d+\) [\d.]+(µs|ms)$/);
  }));

  it.each([
    ['GET /ping', true], ['GET /nope', true], ['POST /ping', true], ['GET /config/x', true],
    ['POST /pub?topic=a', false], ['POST /mpub?topic=a', false], ['GET /ping/', false], ['OPTIONS /ping', false],
    ['GET /debug/pprof/', false],
  ])('of %s is written: %s', (head, isLogged) => withClient(async (_, daemon) => {
    const count = daemon.log.length;
    await exchange(daemon.server.port, head);
    expect(daemon.log.length - count).toBe(isLogged ? 1 : 0);
  }));

  it('explains bad parameters', () => withClient(async (_, daemon) => {
    await exchange(daemon.server.port, 'GET /stats?topic=%zz');
    const message = 'ERROR: failed to parse request params - invalid URL escape "%zz"';
    expect(daemon.log.filter((line) => line.endsWith(message))).toHaveLength(1);
  }));
});

describe('where TLS is required', () => {
  it.each(['GET /ping', 'POST /pub?topic=a', 'GET /nope', 'HEAD /ping'])('%s is refused', async (head) => {
    await using daemon = await FakeDaemon.start({ httpsPortInstead: () => 4152 });
    const { status, body } = await exchange(daemon.server.port, head);
    expect(status).toBe(403);
    expect(body).toBe(head.startsWith('HEAD') ? '' : '{"message": "TLS_REQUIRED", "https_port": 4152}');
    expect(daemon.log).toHaveLength(1);
  });
});

describe('the listener', () => {
  it('says where it listens', () => withClient(async (_, daemon) => {
    expect(daemon.server.address).toBe(`127.0.0.1:${daemon.server.port}`);
    expect(daemon.log[0]).toMatch(/INFO: HTTP: listening on 127\.0\.0\.1:\d+$/);
  }));

  it('serves a unix socket', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'nsqd-http-')), 'http.sock');
    await using daemon = await FakeDaemon.start({ address: path });
    const client = await RawHttp.connect(path);
    client.send(PING);
    expect(await answer(client)).toEqual([200, 'OK', false]);
    expect([daemon.server.port, daemon.server.address]).toEqual([-1, path]);
    expect(daemon.log.at(-1)).toContain('(@)');
    client.destroy();
  });

  it('reports an address in use', async () => {
    await using daemon = await FakeDaemon.start();
    const second = new FakeDaemon();
    await expect(second.server.listen(`127.0.0.1:${daemon.server.port}`)).rejects.toThrow('address already in use');
  });

  it('goes on serving requests in progress after it stopped listening', () => withClient(async (client, daemon) => {
    client.send(post('/pub?topic=a', 1, 'Expect: 100-continue\r\n'));
    expect((await client.response()).status).toBe(100);
    daemon.server.stopListening();
    await expect(RawHttp.connect(daemon.server.port)).rejects.toThrow('ECONNREFUSED');
    client.send('x');
    expect((await answer(client)).slice(0, 2)).toEqual([200, 'OK']);
  }));

  it('cuts everything off when it closes', () => withClient(async (client, daemon) => {
    client.send(post('/pub?topic=a', 10) + 'abc');
    await exchange(daemon.server.port, 'GET /ping');
    await daemon.server.close();
    expect(await client.closed()).toBe('');
    expect(daemon.broker.bodies('a')).toEqual([]);
    await daemon.server.close();
  }));
});
