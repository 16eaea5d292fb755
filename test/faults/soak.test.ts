// A long churn of connections, topics, channels and messages in every way they come and go; then everything the daemon holds
// is back where it began. SOAK_SECONDS sets how long; `npm run test:soak` takes ten minutes.

import { describe, it } from 'vitest';

import { command, messageList } from '../support/bytes.js';
import type { Client, Message } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { delay, eventually } from '../support/eventually.js';
import { footprintText, restingFootprint } from '../support/footprint.js';
import { Prng, seedOfRun } from '../support/prng.js';

const SOAK_MS = Number(process.env['SOAK_SECONDS'] ?? 30) * 1000;
/** Caches fill and code is compiled in the first part; only then is it measured. */
const WARM_UP_MS = Math.min(60_000, SOAK_MS * 0.4);
const REST_MS = 90_000;
/** What V8 keeps, more or less, from one collection to the next. */
const HEAP_SLACK_BYTES = 3 * 1024 * 1024;
const MSG_TIMEOUT_MS = 1000;
const WAIT_MS = 2_000;
/** Publishes under way. */
const WINDOW = 20;
const BACKLOG_MAX = 5000;

interface Churn {
  readonly daemon: Daemon;
  readonly random: Prng;
  readonly isOver: () => boolean;
  /** Rounds by name. */
  readonly rounds: Record<string, number>;
  /** Messages of the steady channel that are not finished: publishers wait for consumers. */
  backlog: number;
}

/** One kind of work, again and again until the time is over. */
async function repeat(churn: Churn, name: string, round: (count: number) => Promise<void>): Promise<void> {
  for (let count = 0; !churn.isOver(); count += 1) {
    await round(count);
    churn.rounds[name] = (churn.rounds[name] ?? 0) + 1;
  }
}

/** Connections that come, say a little, and go in different ways. */
async function visit({ daemon, random }: Churn): Promise<void> {
  using client = await daemon.connect();
  switch (random.integer(0, 5)) {
    case 0: return;
    case 1: client.halfClose(); return void (await client.closed());
    case 2: client.write('NONSENSE\n'); return void (await client.nextError());
    case 3: client.write(command('PUB t').subarray(0, 4)); return;
    case 4: await client.identify({ heartbeat_interval: 1000, client_id: `visitor ${random.integer(0, 1e9)}` }); return;
    default: client.command('NOP');
  }
  await daemon.get(random.pick(['/ping', '/stats?format=json', '/info', '/nothing']));
}

/** A topic that comes into being, is used, and is deleted or, being ephemeral, goes by itself. */
async function useTopic({ daemon, random }: Churn, name: string): Promise<void> {
  const isEphemeral = random.integer(0, 1) === 0;
  const topic = isEphemeral ? `${name}#ephemeral` : name;
  const channel = random.integer(0, 1) === 0 ? 'c' : 'c#ephemeral';
  {
    using consumer = await daemon.subscriber(topic, channel, 20, { msg_timeout: MSG_TIMEOUT_MS });
    using publisher = await daemon.connect();
    publisher.write(command(`MPUB ${topic}`, messageList(Array.from({ length: 20 }, (_, index) => `${name} ${index}`))));
    await publisher.expectOk();
    const messages = await consumer.nextMessages(random.integer(1, 20), WAIT_MS * 5);
    for (const message of messages) answer(consumer, message, random);
    if (random.integer(0, 3) === 0) await daemon.command(`/channel/pause?topic=${encodeURIComponent(topic)}&channel=${encodeURIComponent(channel)}`);
  }
  // Also an ephemeral one stays while it has a channel that does not go with its consumers.
  const { status } = await daemon.post(`/topic/delete?topic=${encodeURIComponent(topic)}`);
  if (status !== 200 && status !== 404) throw new Error(`deleting ${topic}: ${status}`);
}

/** Mostly finished, which is true then; some come back at once, later, or by their timeout. */
function answer(client: Client, message: Message, random: Prng): boolean {
  const chance = random.integer(0, 19);
  if (chance === 0) client.requeue(message, 0);
  else if (chance === 1) client.requeue(message, random.integer(1, 300));
  else if (chance === 2) client.command(`TOUCH ${message.id}`);
  else if (chance > 3) client.finish(message);
  return chance > 3;
}

async function publishSteadily(churn: Churn): Promise<void> {
  const { daemon, random, isOver } = churn;
  using client = await daemon.connect();
  while (!isOver()) {
    if (churn.backlog > BACKLOG_MAX) {
      await delay(10);
      continue;
    }
    churn.backlog += WINDOW;
    for (let count = 0; count < WINDOW; count += 1) {
      const body = Buffer.alloc(random.integer(1, 2000), 'x');
      client.write(random.integer(0, 9) === 0 ? command(`DPUB steady ${random.integer(1, 500)}`, body) : command('PUB steady', body));
    }
    for (let count = 0; count < WINDOW; count += 1) await client.expectOk();
  }
}

/** Consumers of the steady channel that stay for some messages each. */
async function consumeSteadily(churn: Churn): Promise<void> {
  const { daemon, random, isOver } = churn;
  using client = await daemon.subscriber('steady', 'c', random.integer(1, 200), { msg_timeout: MSG_TIMEOUT_MS });
  for (let left = random.integer(1, 1000); left > 0 && !isOver(); left -= 1) {
    const message = await client.nextMessage(WAIT_MS).catch(() => null);
    if (message === null) return;
    if (answer(client, message, random)) churn.backlog -= 1;
  }
}

async function churnFor(daemon: Daemon, durationMs: number, random: Prng, prefix: string): Promise<Record<string, number>> {
  const endMs = performance.now() + durationMs;
  const isOver = (): boolean => performance.now() > endMs;
  const rounds: Record<string, number> = {};
  const churn: Churn = { daemon, random, isOver, rounds, backlog: 0 };
  await Promise.all([
    ...[1, 2, 3].map(() => repeat(churn, 'visits', () => visit(churn))),
    ...[1, 2, 3].map((worker) => repeat(churn, 'topics', (count) => useTopic(churn, `${prefix}-${worker}-${count}`))),
    ...[1, 2].map(() => publishSteadily(churn)),
    ...[1, 2, 3].map(() => repeat(churn, 'consumers', () => consumeSteadily(churn))),
  ]);
  return rounds;
}

/** Nothing queued, in flight or deferred any more, and all but the steady topic gone. */
async function comeToRest(daemon: Daemon): Promise<void> {
  await daemon.command('/channel/empty?topic=steady&channel=c');
  await eventually(async () => {
    const topics = (await daemon.stats()).topics ?? [];
    if (topics.length !== 1) throw new Error(`topics are left: ${topics.map((topic) => topic.topic_name).join()}`);
    const [channel] = topics[0]!.channels;
    if (channel === undefined || channel.client_count + channel.in_flight_count + channel.deferred_count + channel.depth > 0) {
      throw new Error(`the channel is not at rest: ${JSON.stringify(channel)}`);
    }
  }, REST_MS);
  await delay(1500); // Checkpoints, at most --sync-timeout later, remove the last files.
}

describe('a soak', () => {
  it(`of ${SOAK_MS / 1000} s leaves nothing behind`, { timeout: SOAK_MS + 4 * REST_MS }, async ({ expect }) => {
    const seed = seedOfRun();
    const random = new Prng(seed);
    console.log(`TEST_SEED=${seed}`);
    const flags = ['--sync-timeout=500ms', '--max-bytes-per-file=200000', '--mem-queue-size=500'];
    await using daemon = await Daemon.start({ flags });
    await daemon.command('/topic/create?topic=steady');
    await daemon.command('/channel/create?topic=steady&channel=c');
    await churnFor(daemon, WARM_UP_MS, random, 'warm');
    await comeToRest(daemon);
    const before = await restingFootprint(daemon, REST_MS);
    console.log(footprintText('before', before));

    const rounds = await churnFor(daemon, SOAK_MS - WARM_UP_MS, random, 'soak');
    const { message_count: messages } = await daemon.topic('steady');
    await comeToRest(daemon);
    const after = await restingFootprint(daemon, REST_MS);
    console.log(footprintText('after', after));
    console.log(`${messages} messages, rounds ${JSON.stringify(rounds)}`);

    expect(after.files).toEqual(before.files);
    expect(after.descriptors).toEqual(before.descriptors);
    expect(after.handles).toEqual(before.handles);
    expect(after.heapBytes).toBeLessThan(before.heapBytes * 1.1 + HEAP_SLACK_BYTES);
    expect(after.externalBytes).toBeLessThan(before.externalBytes * 1.1 + HEAP_SLACK_BYTES);
    expect(daemon.output).not.toMatch(/MaxListenersExceededWarning|uncaught|unhandled|TypeError|RangeError/i);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  });
});
