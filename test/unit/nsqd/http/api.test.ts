// The conformance table of http-api 14 and the redirects of 3.3, row by row against real sockets.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { FakeDaemon } from './fake-daemon.js';
import { exchange } from './raw-http.js';

type Row = readonly [head: string, body: string, status: number, answer: string];

const V1 = 'nsq; version=1.0';

function errorText(code: string): string {
  return `{"message":"${code}"}`;
}

function fill(count: number): string {
  return 'x'.repeat(count);
}

function int32(...values: number[]): string {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeInt32BE(value, 4 * index));
  return bytes.toString('latin1');
}

function messages(...bodies: string[]): string {
  return int32(bodies.length) + bodies.map((body) => int32(body.length) + body).join('');
}

let daemon: FakeDaemon;

beforeAll(async () => {
  daemon = await FakeDaemon.start();
});

afterAll(async () => {
  await daemon.server.close();
});

beforeEach(() => {
  daemon.broker.topics.clear();
  daemon.broker.getTopic('known').getChannel('ch');
});

async function expectRow([head, body, status, answer]: Row): Promise<void> {
  const response = await exchange(daemon.server.port, head, body);
  const code = /^[A-Z_]+$/.test(answer) && answer !== 'OK' ? errorText(answer) : answer;
  expect({ status: response.status, body: response.body }).toEqual({ status, body: code });
}

describe('routes that do not match', () => {
  it.each<Row>([
    ['HEAD /ping', '', 405, ''],
    ['POST /ping', '', 405, 'METHOD_NOT_ALLOWED'],
    ['OPTIONS /ping', '', 200, ''],
    ['OPTIONS *', '', 200, ''],
    ['OPTIONS /nope', '', 404, 'NOT_FOUND'],
    ['GET /nope', '', 404, 'NOT_FOUND'],
    ['GET /', '', 404, 'NOT_FOUND'],
    ['GET /config/', '', 404, 'NOT_FOUND'],
    ['GET /config/a/b', '', 404, 'NOT_FOUND'],
    ['GET /pub?topic=a', '', 405, 'METHOD_NOT_ALLOWED'],
    ['DELETE /config/log_level', '', 405, 'METHOD_NOT_ALLOWED'],
    ['POST /stats', '', 405, 'METHOD_NOT_ALLOWED'],
    ['POST /put?topic=a', 'x', 404, 'NOT_FOUND'],
    ['GET /%zz', '', 400, '400 Bad Request'],
  ])('%s', (...row) => expectRow(row));

  it.each([
    ['HEAD /ping', 'GET, OPTIONS'],
    ['OPTIONS /ping', 'GET, OPTIONS'],
    ['GET /pub', 'OPTIONS, POST'],
    ['PUT /debug/pprof/symbol', 'GET, OPTIONS, POST'],
    ['DELETE /config/log_level', 'GET, OPTIONS, PUT'],
    ['GET /debug/setblockrate', 'OPTIONS, PUT'],
  ])('%s allows %s', async (head, allow) => {
    const response = await exchange(daemon.server.port, head);
    expect(response.headers.get('allow')).toBe(allow);
    expect(response.headers.get('x-nsq-content-type')).toBe(head.startsWith('OPTIONS') ? undefined : V1);
  });
});

describe('redirects', () => {
  it.each([
    ['GET /stats/?format=json', 301, '/stats?format=json'],
    ['GET /STATS', 301, '/stats'],
    ['GET //stats', 301, '/stats'],
    ['GET /./stats', 301, '/stats'],
    ['POST /pub/?topic=a%20b', 307, '/pub?topic=a%20b'],
    ['GET /CONFIG/LOG_LEVEL', 301, '/config/LOG_LEVEL'],
    ['GET /config/log_level/', 301, '/config/log_level'],
    ['GET /debug/pprof', 301, '/debug/pprof/'],
    ['GET /config//', 301, '/config/'],
  ])('%s goes to %i %s', async (head, status, location) => {
    const response = await exchange(daemon.server.port, head);
    expect(response.status).toBe(status);
    expect(response.headers.get('location')).toBe(location);
    expect(response.headers.has('x-nsq-content-type')).toBe(false);
    expect(response.body).toBe(status === 301 ? `<a href="${location}">Moved Permanently</a>.\n\n` : '');
  });

  const ACROSS_METHODS = ['POST /ping/', 'GET /PUB', 'GET /pub/', 'HEAD /stats/', 'OPTIONS /ping/'];

  it.each(ACROSS_METHODS)('%s is not found', async (head) => {
    expect((await exchange(daemon.server.port, head)).status).toBe(404);
  });
});

describe('/pub', () => {
  it.each<Row>([
    ['POST /pub?topic=a', 'x', 200, 'OK'],
    ['POST /%70ub?topic=a', 'x', 200, 'OK'],
    ['POST http://host/pub?topic=a', 'x', 200, 'OK'],
    ['POST /pub?topic=a', '', 400, 'MSG_EMPTY'],
    ['POST /pub', '', 400, 'MSG_EMPTY'],
    ['POST /pub', 'x', 400, 'MISSING_ARG_TOPIC'],
    ['POST /pub?topic', 'x', 400, 'INVALID_TOPIC'],
    ['POST /pub?topic=a$', 'x', 400, 'INVALID_TOPIC'],
    ['POST /pub?topic=a;b', 'x', 400, 'INVALID_REQUEST'],
    ['POST /pub?topic=%zz', 'x', 400, 'INVALID_REQUEST'],
    ['POST /pub?topic=a', fill(1048576), 200, 'OK'],
    ['POST /pub?topic=$', fill(1048577), 413, 'MSG_TOO_BIG'],
    ['POST /pub?topic=a&defer=abc', 'x', 400, 'INVALID_DEFER'],
    ['POST /pub?topic=a&defer=-1', 'x', 400, 'INVALID_DEFER'],
    ['POST /pub?topic=a&defer=+5', 'x', 400, 'INVALID_DEFER'],
    ['POST /pub?topic=a&defer=3600001', 'x', 400, 'INVALID_DEFER'],
    ['POST /pub?topic=a&defer=9223372036854775808', 'x', 400, 'INVALID_DEFER'],
    ['POST /pub?topic=a&defer=', 'x', 400, 'INVALID_DEFER'],
    ['POST /pub?topic=a&defer=3600000', 'x', 200, 'OK'],
    ['POST /pub?topic=a&defer=%2B5', 'x', 200, 'OK'],
  ])('%s', (...row) => expectRow(row));

  it('creates the topic although the delay is refused', async () => {
    await exchange(daemon.server.port, 'POST /pub?topic=new&defer=x', 'x');
    expect(daemon.broker.topics.has('new')).toBe(true);
  });

  it('passes body and delay on', async () => {
    await exchange(daemon.server.port, 'POST /pub?topic=a&defer=250', 'later');
    expect(daemon.broker.getTopic('a').messages).toEqual([{ body: 'later', deferMs: 250 }]);
  });
});

describe('/mpub', () => {
  it.each<Row>([
    ['POST /mpub?topic=a', 'a\n\nb\n', 200, 'OK'],
    ['POST /mpub?topic=a&defer=0', 'a', 200, 'OK'],
    ['POST /mpub?topic=a&defer=3600000', 'a', 200, 'OK'],
    ['POST /mpub?topic=a&defer=garbage', 'a', 400, 'INVALID_DEFER'],
    ['POST /mpub?topic=a&defer=', 'a', 400, 'INVALID_DEFER'],
    ['POST /mpub?topic=a&defer=-1', 'a', 400, 'INVALID_DEFER'],
    ['POST /mpub?topic=a&defer=3600001', 'a', 400, 'INVALID_DEFER'],
    ['POST /mpub?topic=$&defer=x', 'a', 400, 'INVALID_TOPIC'],
    ['POST /mpub?topic=a', '', 200, 'OK'],
    ['POST /mpub', '', 400, 'MISSING_ARG_TOPIC'],
    ['POST /mpub?topic=$', fill(5242881), 413, 'BODY_TOO_BIG'],
    ['POST /mpub?topic=a', fill(1048577), 413, 'MSG_TOO_BIG'],
    ['POST /mpub?topic=a', `${fill(1048577)}\nb`, 413, 'MSG_TOO_BIG'],
    ['POST /mpub?topic=a&binary=true', '', 413, 'BAD_BODY'],
    ['POST /mpub?topic=a&binary=true', int32(0), 413, 'BAD_BODY'],
    ['POST /mpub?topic=a&binary=true', int32(-1), 413, 'BAD_BODY'],
    ['POST /mpub?topic=a&binary=true', int32(1048576), 413, 'BAD_BODY'],
    ['POST /mpub?topic=a&binary=true', int32(1048575), 413, 'BAD_MESSAGE'],
    ['POST /mpub?topic=a&binary=true', `${int32(2, 1)}x`, 413, 'BAD_MESSAGE'],
    ['POST /mpub?topic=a&binary=true', int32(1, 0), 413, 'BAD_MESSAGE'],
    ['POST /mpub?topic=a&binary=true', int32(1, 1048577), 413, 'BAD_MESSAGE'],
    ['POST /mpub?topic=a&binary=true', `${int32(1, 3)}xx`, 413, 'BAD_MESSAGE'],
    ['POST /mpub?topic=a&binary=1', `${messages('x', 'y')}rest`, 200, 'OK'],
    ['POST /mpub?topic=a&binary=', messages('x'), 200, 'OK'],
    ['POST /mpub?topic=a&binary=FALSE', messages('x'), 200, 'OK'],
    ['POST /mpub?topic=a&binary=0', 'x', 200, 'OK'],
  ])('%s %.10j', (...row) => expectRow(row));

  it.each([
    ['', 'a\r\n\nb\n\nc', ['a\r', 'b', 'c']],
    ['&binary=true', `${messages('a\n', 'bc')}ignored`, ['a\n', 'bc']],
    ['', '\n\n', []],
  ])('publishes the messages of a body (%s)', async (binary, body, published) => {
    await exchange(daemon.server.port, `POST /mpub?topic=a${binary}`, body);
    expect(daemon.broker.bodies('a')).toEqual(published);
  });

  it('publishes nothing of a body with one bad message', async () => {
    await exchange(daemon.server.port, 'POST /mpub?topic=a&binary=true', `${int32(2, 1)}x${int32(0)}`);
    expect(daemon.broker.bodies('a')).toEqual([]);
    expect(daemon.broker.topics.has('a')).toBe(true);
  });

  it.each([['', 'a\nb'], ['&binary=true', messages('a', 'b')]])('delays all messages alike (%s)', async (binary, body) => {
    await exchange(daemon.server.port, `POST /mpub?topic=a&defer=250${binary}`, body);
    const delayed = ['a', 'b'].map((text) => ({ body: text, deferMs: 250 }));
    expect(daemon.broker.getTopic('a').messages).toEqual(delayed);
  });

  it('warns of other values of binary', async () => {
    await exchange(daemon.server.port, 'POST /mpub?topic=a&binary=yes', messages('x'));
    expect(daemon.log.at(-1)).toContain("WARNING: deprecated value 'yes' used for /mpub binary param");
  });
});

describe('/health', () => {
  afterEach(() => {
    daemon.unreadyReasons = [];
  });

  it('live answers as long as anything does', async () => {
    daemon.unreadyReasons = ['stopping'];
    const { status, headers, body } = await exchange(daemon.server.port, 'GET /health/live');
    expect([status, body]).toEqual([200, '{"status":"live"}']);
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
  });

  it('ready says why not', async () => {
    expect(await exchange(daemon.server.port, 'GET /health/ready')).toMatchObject({ status: 200, body: '{"status":"ready"}' });
    daemon.unreadyReasons = ['starting', 'write /data/a: no space left on device'];
    const { status, headers, body } = await exchange(daemon.server.port, 'GET /health/ready');
    expect(status).toBe(503);
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(JSON.parse(body)).toEqual({ status: 'unready', reasons: daemon.unreadyReasons });
  });
});

describe('/topic and /channel', () => {
  it.each<Row>([
    ['POST /topic/create?topic=a', '', 200, ''],
    ['POST /topic/create?topic=known', '', 200, ''],
    ['POST /topic/create', '', 400, 'MISSING_ARG_TOPIC'],
    ['POST /topic/create?topic=a$', '', 400, 'INVALID_TOPIC'],
    ['POST /topic/delete?topic=known', '', 200, ''],
    ['POST /topic/delete?topic=bad$', '', 404, 'TOPIC_NOT_FOUND'],
    ['POST /topic/pause?topic=bad$', '', 404, 'TOPIC_NOT_FOUND'],
    ['POST /topic/pause?topic=%zz', '', 400, 'INVALID_REQUEST'],
    ['POST /topic/empty?topic=bad$', '', 400, 'INVALID_TOPIC'],
    ['POST /topic/empty?topic=nope', '', 404, 'TOPIC_NOT_FOUND'],
    ['POST /topic/delete', '', 400, 'MISSING_ARG_TOPIC'],
    ['POST /topic/empty', '', 400, 'MISSING_ARG_TOPIC'],
    ['POST /topic/pause', '', 400, 'MISSING_ARG_TOPIC'],
    ['POST /topic/unpause', '', 400, 'MISSING_ARG_TOPIC'],
    ['POST /channel/create?topic=bad$', '', 400, 'INVALID_ARG_TOPIC'],
    ['POST /channel/create?channel=c', '', 400, 'MISSING_ARG_TOPIC'],
    ['POST /channel/create?topic=a', '', 400, 'MISSING_ARG_CHANNEL'],
    ['POST /channel/create?topic=nope&channel=bad$', '', 400, 'INVALID_ARG_CHANNEL'],
    ['POST /channel/create?topic=nope&channel=c', '', 404, 'TOPIC_NOT_FOUND'],
    ['POST /channel/create?topic=known&channel=ch', '', 200, ''],
    ['POST /channel/delete?topic=known&channel=nope', '', 404, 'CHANNEL_NOT_FOUND'],
    ['POST /channel/delete?topic=known&channel=ch', '', 200, ''],
    ['POST /channel/pause?topic=known&channel=nope', '', 404, 'CHANNEL_NOT_FOUND'],
    ['POST /channel/empty?topic=known&channel=nope', 'thrown away', 404, 'CHANNEL_NOT_FOUND'],
  ])('%s', (...row) => expectRow(row));

  it('pauses, unpauses and empties', async () => {
    const topic = daemon.broker.getTopic('known');
    const channel = topic.getChannel('ch');
    for (const path of ['topic/pause?topic=known', 'channel/pause?topic=known&channel=ch']) {
      expect((await exchange(daemon.server.port, `POST /${path}`)).status).toBe(200);
    }
    expect([topic.isPaused, channel.isPaused]).toEqual([true, true]);
    for (const what of ['unpause', 'empty']) {
      await exchange(daemon.server.port, `POST /topic/${what}?topic=known`);
      await exchange(daemon.server.port, `POST /channel/${what}?topic=known&channel=ch`);
    }
    expect([topic.isPaused, channel.isPaused, topic.emptyCount, channel.emptyCount]).toEqual([false, false, 1, 1]);
  });
});

describe('/config', () => {
  it.each<Row>([
    ['GET /config/nope', '', 400, 'INVALID_OPTION'],
    ['GET /config/node_id', '', 400, 'INVALID_OPTION'],
    ['GET /config/log_level', '', 200, '2'],
    ['GET /config/nsqlookupd_tcp_addresses', '', 200, '[]'],
    ['GET /config/msg_timeout', '', 200, '60000000000'],
    ['GET /config/snappy', '', 200, 'true'],
    ['GET /config/tcp_address', '', 200, '0.0.0.0:4150'],
    ['GET /config/tls_cert', '', 200, ''],
    ['PUT /config/log_level', 'bad', 400, 'INVALID_VALUE'],
    ['PUT /config/log_level', '2', 400, 'INVALID_VALUE'],
    ['PUT /config/log_level', 'info\n', 400, 'INVALID_VALUE'],
    ['PUT /config/log_level', '', 413, 'INVALID_VALUE'],
    ['PUT /config/log_level', fill(1048577), 413, 'INVALID_VALUE'],
    ['PUT /config/nope', '', 413, 'INVALID_VALUE'],
    ['PUT /config/msg_timeout', '5', 400, 'INVALID_OPTION'],
    ['PUT /config/nsqlookupd_tcp_addresses', '"a"', 400, 'INVALID_VALUE'],
    ['PUT /config/nsqlookupd_tcp_addresses', '{}', 400, 'INVALID_VALUE'],
    ['PUT /config/nsqlookupd_tcp_addresses', '["a",1]', 400, 'INVALID_VALUE'],
    ['PUT /config/nsqlookupd_tcp_addresses', '["127.0.0.1:4160"]', 200, '["127.0.0.1:4160"]'],
    ['PUT /config/nsqlookupd_tcp_addresses', ' null ', 200, 'null'],
    ['GET /config/nsqlookupd_tcp_addresses', '', 200, 'null'],
    ['PUT /config/nsqlookupd_tcp_addresses', '[null]', 200, '[""]'],
    ['PUT /config/nsqlookupd_tcp_addresses', '["<a&b>"]', 200, '["\\u003ca\\u0026b\\u003e"]'],
    ['PUT /config/log_level', 'DeBug', 200, '1'],
    ['GET /config/log_level', '', 200, '1'],
    ['GET /config/drain', '', 200, 'false'],
    ['PUT /config/drain', '', 413, 'INVALID_VALUE'],
    ['PUT /config/drain', 'yes', 400, 'INVALID_VALUE'],
    ['PUT /config/drain', 'off', 200, 'false'],
    ['PUT /config/drain', ' on\n', 200, 'true'],
    ['GET /config/drain', '', 200, 'true'],
    ['PUT /config/drain', 'F', 200, 'false'],
  ])('%s', (...row) => expectRow(row));

  it('drains as long as the option says, and not for less once it has ended', async () => {
    await using own = await FakeDaemon.start({ options: { drainTimeoutMs: 1234 } });
    const put = async (value: string): Promise<number> => {
      return (await fetch(`http://127.0.0.1:${own.server.port}/config/drain`, { method: 'PUT', body: value })).status;
    };
    expect([await put('true'), own.broker.drain.startedWithMs]).toEqual([200, [1234]]);
    own.broker.drain.hasEnded = true;
    expect([await put('false'), own.broker.drain.isOn]).toEqual([503, true]);
  });

  it('tells of changed addresses', () => {
    expect(daemon.lookupdAddresses).toEqual([['127.0.0.1:4160'], [], [''], ['<a&b>']]);
  });
});

describe('answers', () => {
  it.each([
    ['GET /ping', '', undefined, 'text/plain; charset=utf-8'],
    ['POST /pub?topic=a', 'x', V1, 'text/plain; charset=utf-8'],
    ['POST /topic/create?topic=a', '', V1, undefined],
    ['GET /stats?format=json', '', V1, 'application/json; charset=utf-8'],
    ['GET /stats', '', V1, 'text/plain; charset=utf-8'],
    ['GET /info', '', V1, 'application/json; charset=utf-8'],
    ['GET /nope', '', V1, 'application/json; charset=utf-8'],
    ['GET /debug/pprof/', '', undefined, 'text/html; charset=utf-8'],
    ['GET /debug/pprof/cmdline', '', undefined, 'text/plain; charset=utf-8'],
    ['GET /debug/pprof/heap?debug=1', '', undefined, 'text/plain; charset=utf-8'],
    ['GET /debug/pprof/profile?seconds=1', '', undefined, 'application/octet-stream'],
    ['POST /debug/freememory', '', undefined, undefined],
    ['PUT /debug/setblockrate?rate=1', '', undefined, undefined],
  ])('%s has its content types', async (head, body, nsqType, type) => {
    const { headers } = await exchange(daemon.server.port, head, body);
    expect([headers.get('x-nsq-content-type'), headers.get('content-type')]).toEqual([nsqType, type]);
    expect(headers.has('date')).toBe(true);
  });

  it.each([
    ['heap?seconds=x', 'invalid value for "seconds" - must be a positive integer\n'],
    ['goroutine?seconds=0', 'invalid value for "seconds" - must be a positive integer\n'],
    ['block?seconds=-1', 'invalid value for "seconds" - must be a positive integer\n'],
    ['threadcreate?seconds=1&debug=1', 'seconds and debug params are incompatible\n'],
  ])('refuses the profile %s', async (profile, text) => {
    const response = await exchange(daemon.server.port, `GET /debug/pprof/${profile}`);
    expect([response.status, response.headers.get('x-go-pprof'), response.body]).toEqual([400, '1', text]);
  });

  it('refuses a block rate that is no number', async () => {
    const response = await exchange(daemon.server.port, 'PUT /debug/setblockrate?rate=abc');
    expect(response.status).toBe(400);
    expect(response.body).toBe('invalid block rate : strconv.Atoi: parsing "abc": invalid syntax');
  });

  it('describes the daemon in /info', async () => {
    const info: unknown = JSON.parse((await exchange(daemon.server.port, 'GET /info')).body);
    expect(info).toMatchObject({
      version: '1.3.0', http_port: daemon.server.port, tcp_port: 4150, max_heartbeat_interval: 60e9,
      max_output_buffer_size: 65536, max_output_buffer_timeout: 30e9, max_deflate_level: 6, topology_zone: '',
    });
  });

  it('shows bad health', async () => {
    daemon.broker.error = 'open /data/x.dat: no such file or directory';
    const response = await exchange(daemon.server.port, 'GET /ping');
    daemon.broker.error = null;
    expect(response.status).toBe(500);
    expect(response.body).toBe('NOK - open /data/x.dat: no such file or directory');
  });
});
