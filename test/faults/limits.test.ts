// Limits of the system: the largest file and the number of open files. What cannot be written is refused with the reason; the
// daemon lives, serves what it has, and recovers by itself once the limit is lifted.

import { Agent, request } from 'node:http';
import { describe, it } from 'vitest';

import { command } from '../support/bytes.js';
import { bodiesOf, consume, drain, numbered } from '../support/consume.js';
import { Daemon } from '../support/daemon.js';
import { eventually } from '../support/eventually.js';
import { canLimit, setLimit } from '../support/limits.js';
import { expectHealthy, expectRefused, expectUnhealthy } from '../support/refusals.js';

const RECOVERY_MS = 30_000;
const MESSAGES = numbered(100);
const isPossible = canLimit();

async function startWithMessages(flags: readonly string[] = []): Promise<Daemon> {
  const daemon = await Daemon.start({ flags });
  await daemon.command('/topic/create?topic=t');
  await daemon.command('/channel/create?topic=t&channel=c');
  await daemon.command('/mpub?topic=t', MESSAGES.join('\n'));
  return daemon;
}

describe.skipIf(!isPossible).each(['disk', 'fsync'])('a limit on the size of files with --durability=%s', (durability) => {
  it('refuses what exceeds it, and nothing else', async ({ expect }) => {
    await using daemon = await startWithMessages([`--durability=${durability}`]);
    setLimit(daemon.processId, 'fsize', 10_000);
    await expectRefused(daemon, 't', /file too large/);
    await expectUnhealthy(daemon, /file too large/);
    await daemon.command('/pub?topic=t', 'small');
    await expectRefused(daemon, 't', /file too large/);
    setLimit(daemon.processId, 'fsize', 'unlimited');
    await eventually(() => expectHealthy(daemon), RECOVERY_MS);
    await daemon.command('/pub?topic=t', 'y'.repeat(20_000));
    await daemon.kill();
    await daemon.restart();
    const found = bodiesOf(await drain(daemon, 't', 'c'));
    expect(found.toSorted()).toEqual([...MESSAGES, 'small', 'y'.repeat(20_000)].toSorted());
  });
});

/** HTTP over one connection that stays open. */
class KeptHttp implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  get(path: string): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ agent: this.#agent, host: '127.0.0.1', port: this.#port, path }, (incoming) => {
        let body = '';
        incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body }));
      });
      outgoing.on('error', reject).end();
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

describe.skipIf(!isPossible)('a limit on open files', () => {
  const REASON = /too many open files/;

  it('refuses what needs another one, ends no client that is there, and is over when it is lifted', async ({ expect }) => {
    await using daemon = await startWithMessages(['--sync-timeout=200ms']);
    await daemon.kill();
    await daemon.restart(); // What it holds is on disk only now, and none of its files is open.
    using http = new KeptHttp(daemon.httpPort);
    await http.get('/ping');
    using publisher = await daemon.connect();
    using ephemeral = await daemon.connect();
    await publisher.expectQuiet();
    await ephemeral.expectQuiet();
    using consumer = await daemon.subscriber('t', 'c', 0);
    await consumer.expectQuiet();
    setLimit(daemon.processId, 'nofile', 3);

    publisher.write(command('PUB t', 'refused'));
    expect(await publisher.nextError()).toMatch(REASON);
    const ping = await http.get('/ping');
    expect([ping.status, ping.body]).toEqual([500, expect.stringMatching(REASON)]);
    expect((await http.get('/stats')).body).toMatch(REASON);
    // What needs no file goes on.
    ephemeral.write(command('PUB memory#ephemeral', 'x'));
    await ephemeral.expectOk();
    consumer.command('RDY 5');
    setLimit(daemon.processId, 'nofile', 1024);

    await eventually(() => expectHealthy(daemon), RECOVERY_MS);
    await daemon.command('/pub?topic=t', 'after');
    const bodies = bodiesOf(await consume(consumer, MESSAGES.length + 1));
    expect(bodies).toEqual([...MESSAGES, 'after']);
  });

  it('turns new clients away, and takes them once others have left', async ({ expect }) => {
    await using daemon = await startWithMessages();
    using first = await daemon.connect();
    setLimit(daemon.processId, 'nofile', 40);
    const clients = await Promise.all(Array.from({ length: 60 }, () => daemon.connect()));
    await eventually(() => expect(clients.some((client) => !client.isOpen)).toBe(true));
    await first.expectQuiet();
    for (const client of clients) client[Symbol.dispose]();
    await eventually(async () => {
      using client = await daemon.connect();
      await client.expectQuiet();
    });
    expect(bodiesOf(await drain(daemon, 't', 'c'))).toEqual(MESSAGES);
  });
});
