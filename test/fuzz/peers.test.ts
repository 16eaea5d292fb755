// Other servers that lie: nsqlookupds over both of their ports, and auth servers. Whatever they answer, or do not, clients of
// the daemon are served, and AUTH is answered.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ALL_ALLOWED, type Answer, AuthServer } from '../support/auth-server.js';
import { Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { FakeLookupd, int32, sized } from '../support/fake-lookupd.js';
import { fuzz, mutated, mutatedJson } from '../support/fuzz.js';
import { FuzzedDaemon } from '../support/fuzzed-daemon.js';
import type { Prng } from '../support/prng.js';

const CHECK_EVERY = 10;
const LOCATIONS = ['/', '//', 'file:///etc/passwd', 'http://', '?', 'x:y', '/auth'];
const AUTH_WORDS = ['"ttl":', '.*', '(', '[', '\\', 'e9'];
const ADDRESSES = '/config/nsqlookupd_tcp_addresses';

async function putAddresses(target: FuzzedDaemon, addresses: readonly string[]): Promise<void> {
  const url = `http://127.0.0.1:${target.daemon.httpPort}${ADDRESSES}`;
  const { status } = await fetch(url, { method: 'PUT', body: JSON.stringify(addresses) });
  expect(status).toBe(200);
}

describe('a hostile nsqlookupd', () => {
  let target: FuzzedDaemon;
  let lookupd: FakeLookupd;
  beforeAll(async () => {
    target = await FuzzedDaemon.start({ flags: ['--max-body-size=100000', '--http-client-request-timeout=300ms'] });
    lookupd = await FakeLookupd.start();
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    await lookupd.down();
  });

  it('does no harm', async () => {
    let count = 0;
    await fuzz({ name: 'nsqlookupd', share: 0.06 }, async (prng, note) => {
      const told: string[] = [];
      const noted = (bytes: Buffer): Buffer => {
        told.push(bytes.toString('base64').slice(0, 400));
        note(told.join(' '));
        return bytes;
      };
      lookupd.answer = (line, socket) => {
        if (prng.integer(0, 9) === 0) socket.destroy();
        const usual = lookupd.usualAnswer(line);
        if (prng.integer(0, 3) === 0) return usual;
        if (line === 'IDENTIFY' && prng.integer(0, 1) === 0) return noted(sized(mutatedJson(prng, lookupd.identity())));
        return noted(prng.integer(0, 3) === 0 ? int32(prng.pick([-1, -(2 ** 31), 2 ** 31 - 1, 100_001])) : mutated(prng, usual, ['E_INVALID', '\n']));
      };
      lookupd.onRequest = (request, response) => {
        const kind = prng.integer(0, 9);
        if (kind === 0) request.socket.destroy();
        if (kind <= 1) return; // Never.
        const text = '{"channels":["c","d#ephemeral"],"https_port":1}';
        const body = prng.integer(0, 1) === 0 ? Buffer.from(mutatedJson(prng, text)) : mutated(prng, Buffer.from(text));
        noted(body);
        response.writeHead(prng.pick([200, 200, 200, 204, 301, 403, 404, 500]), { location: '/channels' }).end(body);
      };
      const asked = lookupd.lines.length;
      await putAddresses(target, [lookupd.address]);
      await eventually(() => expect(lookupd.lines.length).toBeGreaterThan(asked));
      using client = await target.daemon.connect();
      count += 1;
      await client.publish(`t${count}`, 'x');
      await client.subscribe(`t${count}`, 'c#ephemeral', 1);
      await client.nextMessage();
      await putAddresses(target, []);
      if (count % CHECK_EVERY === 0) await target.check();
      if (count % (10 * CHECK_EVERY) === 0) await target.deleteTopics();
    });
    await eventually(() => expect(lookupd.openCount).toBe(0));
    await target.checkNothingIsLeft();
  });
});

describe('a hostile auth server', () => {
  let target: FuzzedDaemon;
  let server: AuthServer;
  beforeAll(async () => {
    server = await AuthServer.start();
    target = await FuzzedDaemon.start({ flags: [`--auth-http-address=${server.address}`, '--http-client-request-timeout=200ms'] });
  });
  afterAll(async () => {
    await target[Symbol.asyncDispose]();
    server[Symbol.dispose]();
  });

  function answerOf(prng: Prng, note: (input: string | Uint8Array) => void): Answer {
    const text = JSON.stringify(ALL_ALLOWED);
    return (response) => {
      switch (prng.integer(0, 19)) {
        case 0: response.socket?.destroy(); break;
        case 1: break; // Never.
        case 2: response.writeHead(prng.pick([301, 302, 307, 308]), { location: prng.pick(LOCATIONS) }).end(); break;
        case 3: response.socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{}'); break;
        case 4: response.socket?.end('nonsense\r\n\r\n'); break;
        default: {
          const isForm = prng.integer(0, 3) > 0;
          const body = isForm ? Buffer.from(mutatedJson(prng, text)) : mutated(prng, Buffer.from(text), AUTH_WORDS);
          note(body);
          response.writeHead(prng.pick([200, 200, 200, 200, 403, 500]), { 'content-type': 'application/json' }).end(body);
        }
      }
    };
  }

  it('does no harm', async () => {
    let count = 0;
    await fuzz({ name: 'auth server', share: 0.06 }, async (prng, note) => {
      server.answers = [answerOf(prng, note)];
      using client = await Client.connect(target.daemon.tcpPort);
      client.command('AUTH', 'secret');
      client.command('PUB t#ephemeral', 'x');
      client.command('SUB t#ephemeral c#ephemeral');
      const reply = await client.nextReply();
      expect(reply.data.toString('latin1')).toMatch(/^(?:\{"identity":|E_)/);
      client.halfClose();
      await client.closed();
      count += 1;
      if (count % CHECK_EVERY === 0) await target.check();
    });
    await target.checkNothingIsLeft();
  });
});
