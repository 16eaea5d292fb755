// Clients that go silent without closing: stopped processes, and peers that vanish from the network. The daemon notices by its
// heartbeats, gives their messages to others, and nobody else waits for them.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it } from 'vitest';

import { command, joined, messageList } from '../support/bytes.js';
import { Client } from '../support/client.js';
import { bodiesOf, consume, drain, numbered } from '../support/consume.js';
import { Daemon } from '../support/daemon.js';
import { eventually, within } from '../support/eventually.js';

const SCRIPT = new URL('../support/stoppable-client.mjs', import.meta.url).pathname;
const HEARTBEAT_MS = 1000;
/** Two intervals without a sign, and what a busy machine adds. */
const NOTICED_MS = 2 * HEARTBEAT_MS + 20_000;
const WAIT_MS = 20_000;

const IDENTIFY = command('IDENTIFY', JSON.stringify({ heartbeat_interval: HEARTBEAT_MS, msg_timeout: 60_000, client_id: 'silent' }));

/** A client in its own process; it ends with the test. */
class StoppableClient implements Disposable {
  readonly #child: ChildProcess;
  /** Bodies it was given. */
  readonly bodies: string[] = [];

  constructor(port: number, bytes: Buffer, { host = '127.0.0.1', prefix = [] as readonly string[] } = {}) {
    const [file = '', ...words] = [...prefix, process.execPath, SCRIPT, host, `${port}`, bytes.toString('base64')];
    this.#child = spawn(file, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      this.bodies.push(Buffer.from(line, 'base64').subarray(26).toString());
    });
  }

  stop(): void {
    this.#child.kill('SIGSTOP');
  }

  continue(): void {
    this.#child.kill('SIGCONT');
  }

  ended(): Promise<unknown> {
    return within(once(this.#child, 'close'), WAIT_MS, 'the end of the client');
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

async function startWithChannel(flags: readonly string[]): Promise<Daemon> {
  const daemon = await Daemon.start({ flags });
  await daemon.command('/topic/create?topic=t');
  await daemon.command('/channel/create?topic=t&channel=c');
  return daemon;
}

describe.concurrent('a stopped process', () => {
  it('that consumes is noticed, and its messages go to another consumer', async ({ expect }) => {
    await using daemon = await startWithChannel(['--requeue-on-disconnect']);
    const bodies = numbered(5);
    await daemon.command('/mpub?topic=t', bodies.join('\n'));
    const greeting = joined('  V2', IDENTIFY, command('SUB t c'), command('RDY 5'));
    using silent = new StoppableClient(daemon.tcpPort, greeting);
    await eventually(() => expect(silent.bodies).toEqual(bodies), WAIT_MS);
    silent.stop();
    using other = await daemon.subscriber('t', 'c', 10);
    await eventually(async () => expect((await daemon.channel('t', 'c')).client_count).toBe(1), NOTICED_MS);
    const again = await consume(other, bodies.length);
    expect(bodiesOf(again).toSorted()).toEqual(bodies);
    expect(again.map(({ attempts }) => attempts)).toEqual(bodies.map(() => 2));
    // When it goes on, it finds its connection closed.
    silent.continue();
    await silent.ended();
  });

  it('that consumes loses its messages at their timeout already, long before it is noticed', async ({ expect }) => {
    await using daemon = await startWithChannel(['--msg-timeout=4s']);
    await daemon.command('/mpub?topic=t', 'a\nb');
    const quiet = command('IDENTIFY', JSON.stringify({ heartbeat_interval: 60_000 }));
    using silent = new StoppableClient(daemon.tcpPort, joined('  V2', quiet, command('SUB t c'), command('RDY 2')));
    await eventually(() => expect(silent.bodies).toEqual(['a', 'b']), WAIT_MS);
    silent.stop();
    using other = await daemon.subscriber('t', 'c', 2);
    expect(bodiesOf(await consume(other, 2, WAIT_MS)).toSorted()).toEqual(['a', 'b']);
    const { client_count: clients, timeout_count: timeouts } = await daemon.channel('t', 'c');
    expect(clients).toBe(2);
    expect(timeouts).toBeGreaterThanOrEqual(2);
  });

  it('that reads nothing of a large backlog holds up no other consumer', async ({ expect }) => {
    await using daemon = await startWithChannel(['--requeue-on-disconnect']);
    const large = Array.from({ length: 300 }, (_, index) => `${index} `.padEnd(100_000, 'x'));
    const greeting = joined('  V2', IDENTIFY, command('SUB t c'), command('RDY 2000'));
    using silent = new StoppableClient(daemon.tcpPort, greeting);
    await eventually(async () => expect((await daemon.channel('t', 'c')).client_count).toBe(1), WAIT_MS);
    await daemon.command('/pub?topic=t', 'first');
    await eventually(() => expect(silent.bodies).toEqual(['first']), WAIT_MS);
    silent.stop();
    for (const body of large) await daemon.command('/pub?topic=t', body);
    using other = await daemon.subscriber('t', 'c', 10);
    const delivered = new Set(bodiesOf(await consume(other, large.length + 1, NOTICED_MS)));
    expect([...large, 'first'].filter((body) => !delivered.has(body))).toEqual([]);
  });

  it('that publishes is noticed, nothing of its half message is taken, and others publish on', async ({ expect }) => {
    await using daemon = await startWithChannel([]);
    const whole = command('MPUB t', messageList(numbered(50, 'half ')));
    const begun = joined('  V2', IDENTIFY, command('PUB t', 'whole'), whole.subarray(0, whole.length - 10));
    using silent = new StoppableClient(daemon.tcpPort, begun);
    await eventually(async () => expect((await daemon.channel('t', 'c')).depth).toBe(1), WAIT_MS);
    silent.stop();
    await daemon.command('/pub?topic=t', 'other');
    silent.continue();
    silent.stop();
    await eventually(() => expect(daemon.output).toMatch(/failed to read|client.*closed|exiting ioloop/i), NOTICED_MS);
    expect(bodiesOf(await drain(daemon, 't', 'c'))).toEqual(['whole', 'other']);
  });
});

// --- a peer behind a network of its own, which can be taken away

const NAMESPACE = `nsqd-${process.pid}`;
/** A network of its own for each run of this file. */
const NETWORK = `10.213.${process.pid % 250}`;
const HERE = `${NETWORK}.1`;

function ip(...words: readonly string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Two ends of a cable: one here, one in a network namespace. */
class Cable implements Disposable {
  readonly prefix = ['ip', 'netns', 'exec', NAMESPACE];
  readonly #link = `nq${process.pid}`.slice(0, 15);

  constructor() {
    ip('netns', 'add', NAMESPACE);
    try {
      ip('link', 'add', this.#link, 'type', 'veth', 'peer', 'name', 'far', 'netns', NAMESPACE);
      ip('addr', 'add', `${HERE}/30`, 'dev', this.#link);
      ip('link', 'set', this.#link, 'up');
      ip('-n', NAMESPACE, 'addr', 'add', `${NETWORK}.2/30`, 'dev', 'far');
      ip('-n', NAMESPACE, 'link', 'set', 'far', 'up');
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** From now on nothing arrives on either side, and nobody is told. */
  cut(): void {
    ip('-n', NAMESPACE, 'link', 'set', 'far', 'down');
  }

  [Symbol.dispose](): void {
    // The link first: a namespace goes in the background, and would keep the address meanwhile.
    for (const words of [['link', 'del', this.#link], ['netns', 'del', NAMESPACE]]) {
      try {
        ip(...words);
      } catch {
        // It was never there.
      }
    }
  }
}

function canMakeNetworks(): boolean {
  try {
    new Cable()[Symbol.dispose]();
    return true;
  } catch (error) {
    console.warn(`skipped: no network namespaces here (${(error as Error).message.split('\n')[0]})`);
    return false;
  }
}

describe.skipIf(!canMakeNetworks())('a peer that vanishes from the network', () => {
  it('is noticed by its silence, and its messages go to another consumer', async ({ expect }) => {
    using cable = new Cable();
    await using daemon = await Daemon.start({ tcpAddress: '0.0.0.0:0', flags: ['--requeue-on-disconnect'] });
    await daemon.command('/topic/create?topic=t');
    await daemon.command('/channel/create?topic=t&channel=c');
    await daemon.command('/mpub?topic=t', 'a\nb\nc');
    const port = Number(/:(\d+)$/.exec(daemon.tcpAddress)?.[1]);
    const greeting = joined('  V2', IDENTIFY, command('SUB t c'), command('RDY 3'));
    using far = new StoppableClient(port, greeting, { host: HERE, prefix: cable.prefix });
    await eventually(() => expect(far.bodies).toEqual(['a', 'b', 'c']), WAIT_MS);
    cable.cut();
    await daemon.command('/pub?topic=t', 'd');
    await eventually(async () => expect(await daemon.channel('t', 'c')).toMatchObject({ client_count: 0, depth: 4 }), NOTICED_MS);
    using other = await Client.connect(port);
    await other.subscribe('t', 'c', 10);
    expect(bodiesOf(await consume(other, 4)).toSorted()).toEqual(['a', 'b', 'c', 'd']);
  });
});
