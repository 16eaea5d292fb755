// Authorization over real sockets: AUTH, the check of each command and its place among the others, expiry, and what
// goes on while an auth server thinks.

import { describe, expect, it } from 'vitest';

import { ALL_ALLOWED, allowing, type Answer, AuthServer } from '../support/auth-server.js';
import { type Bytes, command, joined } from '../support/bytes.js';
import { type Client } from '../support/client.js';
import { bodiesOf } from '../support/consume.js';
import { Daemon, sharedDaemon } from '../support/daemon.js';
import { delay, eventually } from '../support/eventually.js';
import { AUTHORITY_FLAG, certificateOf, TLS_FLAGS } from '../support/tls.js';

const SECRET = 'very-secret+&';
const GRANTED = '{"identity":"me","identity_url":"http://id.test/me","permission_count":1}';
const TTL_MS = 1000;
/** Beyond the shortest ttl there is. */
const EXPIRY_MS = TTL_MS + 200;
/** After which a client that says nothing is given up. */
const HANDSHAKE_MS = 5000;
const BIG_BYTES = 1024 * 1024;

/** For commands that must not get as far as an auth server: there is none. */
const unreached = sharedDaemon({ flags: ['--auth-http-address=127.0.0.1:1'] });

function startDaemon(server: AuthServer, ...flags: string[]): Promise<Daemon> {
  return Daemon.start({ flags: [`--auth-http-address=${server.address}`, ...flags] });
}

/** A client that has sent AUTH and read the answer. What follows AUTH in one piece is done before any ttl is over. */
async function authorized(daemon: Daemon, following: Bytes = ''): Promise<Client> {
  const client = await daemon.connect();
  client.write(joined(command('AUTH', SECRET), following));
  await client.nextResponse();
  return client;
}

/** Answers when told to. */
function held(): { readonly answer: Answer; release(body: unknown): void } {
  let release: (body: unknown) => void = () => undefined;
  const body = new Promise((resolve) => {
    release = resolve;
  });
  const answer: Answer = (response) => {
    void body.then((value) => response.end(JSON.stringify(value)));
  };
  return { answer, release: (value) => release(value) };
}

describe('AUTH', () => {
  it('is answered with who the client is', async () => {
    using server = await AuthServer.start();
    await using daemon = await startDaemon(server);
    using client = await daemon.connect();
    client.command('AUTH', SECRET);
    expect(await client.nextResponse()).toBe(GRANTED);
    expect(server.questions[0]?.target).toBe(
      '/auth?common_name=&remote_ip=127.0.0.1&secret=very-secret%2B%26&tls=false',
    );
    await client.publish('t', 'x');
    const [producer] = (await daemon.stats()).producers ?? [];
    expect(producer).toMatchObject({ authed: true, auth_identity: 'me', auth_identity_url: 'http://id.test/me' });
  });

  it('may come before and between IDENTIFYs', async () => {
    using server = await AuthServer.start();
    await using daemon = await startDaemon(server);
    using client = await daemon.connect();
    expect(await client.negotiate({})).toMatchObject({ auth_required: true });
    client.command('AUTH', SECRET);
    await client.nextResponse();
    await client.identify({ client_id: 'x' });
    await client.subscribe('t', 'c', 1);
  });

  it.each([
    ['with a parameter', 'AUTH x\n', 'E_INVALID AUTH invalid number of parameters'],
    ['with a trailing blank', 'AUTH \n', 'E_INVALID AUTH invalid number of parameters'],
    ['without a secret', 'AUTH\n\0\0\0\0', 'E_BAD_BODY AUTH invalid body size 0'],
    ['with a negative size', 'AUTH\n\xff\xff\xff\xff', 'E_BAD_BODY AUTH invalid body size -1'],
    ['with a secret too big', 'AUTH\n\0\x50\0\x01', 'E_BAD_BODY AUTH body too big 5242881 > 5242880'],
  ])('%s is refused', async (_, bytes, error) => {
    using client = await unreached().connect();
    client.write(Buffer.from(bytes, 'latin1'));
    expect(await client.nextError()).toBe(error);
    await client.closed();
  });

  it('is refused the second time, after SUB, and by a daemon that has no auth servers', async () => {
    using server = await AuthServer.start();
    await using daemon = await startDaemon(server);
    using twice = await authorized(daemon);
    twice.command('AUTH', SECRET);
    expect(await twice.nextError()).toBe('E_INVALID AUTH already set');
    using subscribed = await authorized(daemon);
    await subscribed.subscribe('t', 'c');
    subscribed.command('AUTH', SECRET);
    expect(await subscribed.nextError()).toBe('E_INVALID cannot AUTH in current state');
    await using open = await Daemon.start();
    using client = await open.connect();
    client.command('AUTH', SECRET);
    expect(await client.nextError()).toBe('E_AUTH_DISABLED AUTH disabled');
  });

  it.each<[string, Answer, string]>([
    ['a server that fails', { status: 500 }, 'E_AUTH_FAILED AUTH failed'],
    ['an answer that makes no sense', { body: '[]' }, 'E_AUTH_FAILED AUTH failed'],
    ['nothing granted', { body: { ttl: 5 } }, 'E_UNAUTHORIZED AUTH no authorizations found'],
  ])('fails with %s', async (_, answer, error) => {
    using server = await AuthServer.start([answer]);
    await using daemon = await startDaemon(server);
    using client = await daemon.connect();
    client.command('AUTH', SECRET);
    expect(await client.nextError()).toBe(error);
    await client.closed();
    expect(daemon.output).not.toContain('very-secret');
  });

  it('tells the auth server of TLS and the name in the certificate', async () => {
    using server = await AuthServer.start();
    await using daemon = await startDaemon(server, ...TLS_FLAGS, AUTHORITY_FLAG, '--tls-client-auth-policy=require');
    using client = await daemon.connect();
    await client.negotiate({ tls_v1: true });
    await client.startTls({ ...certificateOf('client'), rejectUnauthorized: false });
    await client.expectOk();
    client.command('AUTH', SECRET);
    await client.nextResponse();
    expect(server.questions[0]?.target).toMatch(/common_name=test-client&.*&tls=true$/);
  });
});

describe('without AUTH', () => {
  it.each([
    ['SUB t c\n', 'SUB'],
    ['MPUB t\n', 'MPUB'],
    ['PUB t\n\0\0\0\x01x', 'PUB'],
    ['DPUB t 5\n\0\0\0\x01x', 'DPUB'],
  ])('%j is refused', async (bytes, command) => {
    const daemon = unreached();
    using client = await daemon.connect();
    client.write(bytes);
    expect(await client.nextError()).toBe(`E_AUTH_FIRST AUTH required before ${command}`);
    await client.closed();
    expect(await daemon.findTopic('t')).toBeUndefined();
  });

  it.each([
    ['PUB t\n\0\0\0\0', 'E_BAD_MESSAGE PUB invalid message body size 0'],
    ['PUB $\n', 'E_BAD_TOPIC PUB topic name "$" is not valid'],
    ['DPUB t x\n', 'E_INVALID DPUB could not parse timeout x'],
    ['SUB t $\n', 'E_BAD_CHANNEL SUB channel name "$" is not valid'],
    ['MPUB $\n', 'E_BAD_TOPIC E_BAD_TOPIC MPUB topic name "$" is not valid'],
  ])('%j fails for what is wrong with it first', async (bytes, error) => {
    using client = await unreached().connect();
    client.write(bytes);
    expect(await client.nextError()).toBe(error);
  });

  it('other commands and HTTP work', async () => {
    using client = await unreached().connect();
    client.command('NOP');
    await client.identify({});
    await unreached().command('/pub?topic=over-http', 'x');
  });
});

describe('an authorization', () => {
  it.each([
    ['SUB other c\n', 'E_UNAUTHORIZED AUTH failed for SUB on "other" "c"'],
    ['SUB t other\n', 'E_UNAUTHORIZED AUTH failed for SUB on "t" "other"'],
    ['MPUB t\n', 'E_UNAUTHORIZED AUTH failed for MPUB on "t" ""'],
    ['PUB t\n\0\0\0\x01x', 'E_UNAUTHORIZED AUTH failed for PUB on "t" ""'],
    ['DPUB t 5\n\0\0\0\x01x', 'E_UNAUTHORIZED AUTH failed for DPUB on "t" ""'],
  ])('to subscribe to one channel does not allow %j', async (bytes, error) => {
    using server = await AuthServer.start([{ body: allowing('^t$', ['^c$'], ['subscribe']) }]);
    await using daemon = await startDaemon(server);
    using client = await authorized(daemon);
    client.write(bytes);
    expect(await client.nextError()).toBe(error);
    await client.closed();
    expect((await daemon.stats()).topics).toEqual([]);
  });

  it('allows what it names, in the form of Go', async () => {
    const body = allowing('(?i)^T\\z', ['^$', '[[:alpha:]]'], ['subscribe', 'publish']);
    using server = await AuthServer.start([{ body }]);
    await using daemon = await startDaemon(server);
    using client = await authorized(daemon);
    await client.publish('t', 'one');
    client.command('MPUB t', Buffer.from('\0\0\0\x01\0\0\0\x03two', 'latin1'));
    await client.expectOk();
    client.command('DPUB t 0', 'three');
    await client.expectOk();
    await client.subscribe('t', 'c', 5);
    const messages = await client.nextMessages(3);
    expect(bodiesOf(messages)).toEqual(['one', 'two', 'three']);
    expect(server.questions).toHaveLength(1);
  });
});

describe('an expired authorization', () => {
  it('is renewed within the next command, with the same secret', async () => {
    const brief = { ...ALL_ALLOWED, ttl: 1 };
    using server = await AuthServer.start([{ body: brief }, { body: { ...ALL_ALLOWED, identity: 'other' } }]);
    await using daemon = await startDaemon(server);
    using client = await authorized(daemon);
    await delay(EXPIRY_MS);
    expect(server.questions).toHaveLength(1);
    await client.publish('t', 'x');
    await client.publish('t', 'y');
    const [first, second, ...more] = server.questions;
    expect([second?.target, more.length]).toEqual([first?.target, 0]);
    expect((await daemon.stats()).producers?.[0]).toMatchObject({ auth_identity: 'other' });
  });

  it.each([
    ['PUB t\n\0\0\0\x01x', 'E_AUTH_FAILED AUTH failed', { status: 500 }],
    ['PUB t\n\0\0\0\x01x', 'E_UNAUTHORIZED AUTH failed for PUB on "t" ""', { body: { ttl: 5 } }],
    ['MPUB t\n', 'E_AUTH_FAILED AUTH failed', { status: 500 }],
    ['SUB t c\n', 'E_UNAUTHORIZED AUTH failed for SUB on "t" "c"', { body: allowing('t', ['d'], ['subscribe']) }],
  ])('that is not renewed refuses %j with %s', async (bytes, error, second) => {
    using server = await AuthServer.start([{ body: { ...ALL_ALLOWED, ttl: 1 } }, second]);
    await using daemon = await startDaemon(server);
    using client = await authorized(daemon);
    await delay(EXPIRY_MS);
    client.write(bytes);
    expect(await client.nextError()).toBe(error);
    await client.closed();
  });

  it('ends no subscription', async () => {
    using server = await AuthServer.start([{ body: { ...ALL_ALLOWED, ttl: 1 } }, { status: 500 }]);
    await using daemon = await startDaemon(server);
    using client = await authorized(daemon, 'SUB t c\nRDY 1\n');
    await client.expectOk();
    await delay(EXPIRY_MS);
    await daemon.command('/pub?topic=t', 'x');
    const message = await client.nextMessage();
    client.touch(message);
    client.requeue(message, 0);
    client.finish(await client.nextMessage());
    await eventually(async () => expect((await daemon.channel('t', 'c')).in_flight_count).toBe(0));
    expect(server.questions).toHaveLength(1);
  });
});

describe('while an auth server thinks', () => {
  it('the commands behind AUTH wait, and are done in order afterwards', async () => {
    const { answer, release } = held();
    using server = await AuthServer.start([answer]);
    await using daemon = await startDaemon(server);
    using client = await daemon.connect();
    client.command('AUTH', SECRET);
    client.command('PUB t', 'x');
    client.command('SUB t c');
    client.command('RDY 1');
    await server.asked(1);
    using other = await daemon.connect();
    await other.identify({});
    expect(client.waitingCount).toBe(0);
    release(ALL_ALLOWED);
    expect([await client.nextResponse(), await client.nextResponse(), await client.nextResponse()]).toEqual([
      GRANTED, 'OK', 'OK',
    ]);
    expect((await client.nextMessage()).body.toString()).toBe('x');
  });

  it('what was sent before the client ended its side is still done', async () => {
    const { answer, release } = held();
    using server = await AuthServer.start([answer]);
    await using daemon = await startDaemon(server);
    using client = await daemon.connect();
    client.command('AUTH', SECRET);
    client.command('PUB t', 'x');
    client.halfClose();
    await server.asked(1);
    release(ALL_ALLOWED);
    expect([await client.nextResponse(), await client.nextResponse()]).toEqual([GRANTED, 'OK']);
    await client.closed();
    expect((await daemon.topic('t')).message_count).toBe(1);
  });

  it.each(['snappy', 'deflate'] as const)('so is an upgrade to %s, which the connection does not survive', async (compression) => {
    const { answer, release } = held();
    using server = await AuthServer.start([answer]);
    await using daemon = await startDaemon(server);
    using client = await daemon.connect();
    client.command('AUTH', SECRET);
    client.command('IDENTIFY', JSON.stringify({ feature_negotiation: true, [compression]: true }));
    client.halfClose();
    await server.asked(1);
    release(ALL_ALLOWED);
    expect([await client.nextResponse(), await client.nextResponse()]).toEqual([GRANTED, expect.stringMatching(/^\{/)]);
    client.startCompression(compression);
    await client.expectOk();
    await client.closed();
  });

  it('a handshake with a client that has ended its side fails at once', async () => {
    const { answer, release } = held();
    using server = await AuthServer.start([answer]);
    await using daemon = await startDaemon(server, ...TLS_FLAGS);
    using client = await daemon.connect();
    client.command('AUTH', SECRET);
    client.command('IDENTIFY', JSON.stringify({ feature_negotiation: true, tls_v1: true }));
    client.halfClose();
    await server.asked(1);
    release(ALL_ALLOWED);
    expect([await client.nextResponse(), await client.nextResponse()]).toEqual([GRANTED, expect.stringMatching(/^\{/)]);
    expect(await client.nextError(HANDSHAKE_MS - 500)).toBe('E_IDENTIFY_FAILED IDENTIFY failed EOF');
    await client.closed();
  });

  it('heartbeats and messages go on', async () => {
    const { answer, release } = held();
    using server = await AuthServer.start([{ body: { ...ALL_ALLOWED, ttl: 1 } }, answer]);
    await using daemon = await startDaemon(server);
    const identify = command('IDENTIFY', '{"heartbeat_interval":2000}');
    using client = await authorized(daemon, joined(identify, 'SUB t c\nRDY 5\n'));
    await client.expectOk();
    await client.expectOk();
    await delay(EXPIRY_MS);
    client.command('PUB t', 'held back');
    await server.asked(2);
    await daemon.command('/pub?topic=t', 'flows');
    expect((await client.nextMessage()).body.toString()).toBe('flows');
    const heartbeats = client.heartbeatsAtMs.length;
    // Longer than the two intervals after which a silent client is given up.
    await eventually(() => expect(client.heartbeatsAtMs.length).toBeGreaterThanOrEqual(heartbeats + 3));
    release(ALL_ALLOWED);
    await client.expectOk();
    expect((await client.nextMessage()).body.toString()).toBe('held back');
  });

  it('it does not read without end what a client goes on to send, and loses none of it', async () => {
    const { answer, release } = held();
    using server = await AuthServer.start([answer]);
    await using daemon = await startDaemon(server);
    using client = await daemon.connect();
    client.command('AUTH', SECRET);
    await server.asked(1);
    const body = Buffer.alloc(BIG_BYTES, 'b');
    for (let count = 0; count < 40; count += 1) client.command('PUB t', body);
    await delay(300);
    expect(client.unsentBytes).toBeGreaterThan(10 * BIG_BYTES);
    release(ALL_ALLOWED);
    await client.nextResponse();
    for (let count = 0; count < 40; count += 1) await client.expectOk();
    expect((await daemon.topic('t')).message_count).toBe(40);
  });

  it('a client that goes is forgotten, and its command never done', async () => {
    const { answer, release } = held();
    using server = await AuthServer.start([{ body: { ...ALL_ALLOWED, ttl: 1 } }, answer]);
    await using daemon = await startDaemon(server);
    const client = await authorized(daemon);
    await delay(EXPIRY_MS);
    client.command('SUB t c');
    await server.asked(2);
    client.destroy();
    await eventually(() => expect(daemon.output).toMatch(/exiting ioloop/));
    release(ALL_ALLOWED);
    await delay(100);
    expect((await daemon.stats()).topics).toEqual([]);
    expect((await daemon.stop()).code).toBe(0);
    // Stock nsqd logs the URL of a question that failed.
    if (!daemon.isStock) expect(daemon.output).not.toContain('very-secret');
  });
});
