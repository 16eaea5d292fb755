// Damaged data directories: whatever was flipped, cut off, zeroed, put in between or lost, the daemon starts, delivers every
// message whose record is still whole, keeps what is published from then on, and gives back all that it opened.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Logger, LogLevel } from '../../src/lib/log/logger.js';
import { Nsqd } from '../../src/nsqd/nsqd.js';
import { DEFAULTS } from '../../src/nsqd/options.js';
import { Client, decodeMessage, FrameType } from '../support/client.js';
import { temporaryDirectory } from '../support/daemon.js';
import { decodeRecords, storedFiles, writeQueue, writeTopics } from '../support/data-directory.js';
import { eventually, within } from '../support/eventually.js';
import { fuzz, mutated, mutatedJson } from '../support/fuzz.js';
import type { Prng } from '../support/prng.js';

const TOPIC = 't';
const CHANNELS = ['a', 'b'];
const START_MS = 5_000;
const BYTES_PER_FILE = 2_000;
const DATA_FILE = /\.diskqueue\.\d{6}\.dat$/;

const resourcesBefore = resources();
let root = '';
let bases: Base[] = [];

/** A directory to damage. */
interface Base {
  readonly path: string;
  /** Bodies by channel that are delivered if nothing is damaged. */
  readonly bodies: ReadonlyMap<string, ReadonlySet<string>>;
  /** Where the record of a body ends, file by file. */
  readonly places: ReadonlyMap<string, ReadonlyArray<readonly [file: string, end: number]>>;
}

function start(dataPath: string): Promise<Nsqd> {
  const logger = new Logger({ prefix: '', level: LogLevel.fatal });
  const options = {
    ...DEFAULTS, dataPath, tcpAddress: '127.0.0.1:0', httpAddress: '127.0.0.1:0', maxBytesPerFile: BYTES_PER_FILE,
  };
  return within(Nsqd.start(options, logger), START_MS, 'the start');
}

async function stop(nsqd: Nsqd): Promise<boolean> {
  return within(nsqd.stop(), START_MS, 'the stop');
}

interface ChannelCounts {
  readonly channel_name: string;
  readonly depth: number;
  readonly in_flight_count: number;
  readonly deferred_count: number;
}

function countsOf(nsqd: Nsqd): Promise<ChannelCounts[]> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: nsqd.httpPort, path: `/stats?format=json&topic=${TOPIC}`, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece)).on('error', reject);
      response.on('end', () => resolve((JSON.parse(text) as { topics: { channels: ChannelCounts[] }[] }).topics[0]?.channels ?? []));
    }).on('error', reject);
  });
}

/** Damage may have paused it. */
async function unpause(nsqd: Nsqd, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    request({ host: '127.0.0.1', port: nsqd.httpPort, method: 'POST', path, agent: false }, (response) => {
      response.resume().on('end', resolve).on('error', reject);
    }).on('error', reject).end();
  });
}

/** Takes and finishes all messages of a channel, those that wait for their time only if they can be trusted to end. */
async function drain(nsqd: Nsqd, channel: string, endsWaiting = true): Promise<Set<string>> {
  using client = await Client.connect(nsqd.tcpPort);
  await client.subscribe(TOPIC, channel, 100);
  await unpause(nsqd, `/topic/unpause?topic=${TOPIC}`);
  await unpause(nsqd, `/channel/unpause?topic=${TOPIC}&channel=${channel}`);
  const bodies = new Set<string>();
  let unfinishedCount = 0;
  await eventually(async () => {
    while (client.waitingCount > 0) {
      const frame = await client.nextFrame();
      if (frame.type !== FrameType.message) continue;
      const message = decodeMessage(frame);
      bodies.add(message.body.toString('latin1'));
      // An id with a blank or a line end in it cannot be named in a command.
      if (/[ \r\n]/.test(message.id)) unfinishedCount += 1;
      else client.write(Buffer.from(`FIN ${message.id}\n`, 'latin1'));
    }
    const counts = (await countsOf(nsqd)).find((each) => each.channel_name === channel);
    expect(counts).toMatchObject({ depth: 0, in_flight_count: unfinishedCount });
    // A second message of an id that is in flight waits for the first, which may never be finished.
    if (endsWaiting && unfinishedCount === 0) expect(counts?.deferred_count).toBe(0);
  });
  return bodies;
}

async function publish(nsqd: Nsqd, bodies: readonly string[]): Promise<void> {
  using client = await Client.connect(nsqd.tcpPort);
  for (const body of bodies) await client.publish(TOPIC, body);
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}-${'.'.repeat(index % 90)}`);
}

/** Messages in the topic's files and the channels', in flight, requeued and deferred; copied as a crash leaves it, and stopped. */
async function makeOwn(killed: string, stopped: string): Promise<void> {
  const nsqd = await start(stopped);
  await publish(nsqd, ['first']);
  using taker = await Client.connect(nsqd.tcpPort);
  await taker.subscribe(TOPIC, 'a', 5);
  using other = await Client.connect(nsqd.tcpPort);
  await other.subscribe(TOPIC, 'b', 0);
  await publish(nsqd, numbered('own', 60));
  taker.finish(await taker.nextMessage());
  taker.requeue(await taker.nextMessage(), 0);
  taker.requeue(await taker.nextMessage(), 50);
  taker.command(`DPUB ${TOPIC} 20`, 'deferred');
  await eventually(() => taker.nextResponse(100));
  taker.command('RDY 0');
  await eventually(() => cpSync(stopped, killed, { recursive: true }));
  taker.destroy();
  other.destroy();
  await stop(nsqd);
}

function makeStock(path: string): void {
  mkdirSync(path);
  writeTopics(path, [{ name: TOPIC, paused: false, channels: CHANNELS.map((name) => ({ name, paused: false })) }]);
  const write = (queue: string, firstFile: number, idStart: string, ...files: string[][]): void => {
    const messages = storedFiles(...files).map((file) => file.map((each) => ({ ...each, id: idStart + each.id.slice(1) })));
    writeQueue(path, queue, messages, firstFile);
  };
  write(TOPIC, 3, 'a', numbered('topic0', 20), numbered('topic1', 20));
  write(`${TOPIC}:a`, 0, 'b', numbered('a0', 20), numbered('a1', 20));
  write(`${TOPIC}:b`, 7, 'c', numbered('b0', 10));
}

async function baseOf(path: string): Promise<Base> {
  const places = new Map<string, (readonly [string, number])[]>();
  for (const file of readdirSync(path).filter((name) => DATA_FILE.test(name))) {
    let end = 0;
    for (const { body } of decodeRecords(readFileSync(join(path, file)))) {
      end += 30 + body.length;
      const text = body.toString('latin1');
      places.set(text, [...(places.get(text) ?? []), [file, end]]);
    }
  }
  const copy = `${path}-copy`;
  cpSync(path, copy, { recursive: true });
  const nsqd = await start(copy);
  const bodies = new Map<string, Set<string>>();
  for (const channel of CHANNELS) bodies.set(channel, await drain(nsqd, channel));
  await stop(nsqd);
  rmSync(copy, { recursive: true });
  return { path, bodies, places };
}

/** Damages one file, or removes it; returns its name and the first byte that is different. */
function damage(prng: Prng, directory: string): readonly [file: string, from: number] {
  const files = readdirSync(directory).sort();
  const file = prng.pick(prng.integer(0, 1) === 0 ? files : files.filter((name) => !DATA_FILE.test(name)));
  const path = join(directory, file);
  const before = readFileSync(path);
  if (prng.integer(0, 19) === 0) {
    rmSync(path);
    return [file, 0];
  }
  const words = ['null', '[]', '{}', '"', '-1', '1e308', '99999999999999999999', ',', '\n', '[null]', '"channels":', 'nsqd-ts '];
  const isJson = file === 'nsqd.dat' || file.endsWith('.state');
  const after = isJson && prng.integer(0, 3) > 0 ? damagedLine(prng, before) : mutated(prng, before, words);
  writeFileSync(path, after);
  const first = before.findIndex((byte, index) => byte !== after[index]);
  return [file, first === -1 ? before.length : first];
}

/** One of the lines is still JSON, but of another form. */
function damagedLine(prng: Prng, before: Buffer): Buffer {
  const lines = before.toString('utf8').split('\n');
  const at = prng.integer(0, Math.max(0, lines.length - 2));
  lines[at] = mutatedJson(prng, lines[at]!);
  return Buffer.from(lines.join('\n'));
}

/** The bodies that have a whole record left. */
function readable(base: Base, channel: string, damages: ReadonlyArray<readonly [string, number]>): string[] {
  return [...base.bodies.get(channel)!].filter((body) => {
    const own = (base.places.get(body) ?? []).filter(([file]) => [TOPIC, `${TOPIC}:${channel}`].includes(file.split('.')[0]!));
    return own.length > 0 && own.every(([file, end]) => damages.every(([damaged, from]) => damaged !== file || end <= from));
  });
}

describe('damaged data directories', () => {
  beforeAll(async () => {
    root = temporaryDirectory();
    const [killed, stopped, stock] = ['killed', 'stopped', 'stock'].map((name) => join(root, name)) as [string, string, string];
    await makeOwn(killed, stopped);
    makeStock(stock);
    bases = [];
    for (const path of [killed, stopped, stock]) bases.push(await baseOf(path));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('delivers what is readable, and keeps what is published then', async () => {
    await fuzz({ name: 'data directory', share: 0.25 }, async (prng, note) => {
      const base = prng.pick(bases);
      const path = join(root, 'round');
      cpSync(base.path, path, { recursive: true });
      try {
        const damages = Array.from({ length: prng.integer(1, 2) }, () => damage(prng, path));
        note(JSON.stringify({ base: base.path, damages }));
        await check(base, path, damages);
      } finally {
        rmSync(path, { recursive: true, force: true });
      }
    });
    await eventually(() => expect(resources()).toEqual(resourcesBefore));
  });
});

async function check(base: Base, path: string, damages: ReadonlyArray<readonly [string, number]>): Promise<void> {
  const nsqd = await start(path);
  const added = numbered('added', 3);
  try {
    const isOnlyData = damages.every(([file]) => DATA_FILE.test(file));
    for (const channel of CHANNELS) {
      const delivered = await drain(nsqd, channel, isOnlyData);
      const missing = isOnlyData ? readable(base, channel, damages).filter((body) => !delivered.has(body)) : [];
      expect(missing, `missing in channel ${channel}`).toEqual([]);
    }
    await publish(nsqd, added);
  } finally {
    expect(await stop(nsqd), 'a complete stop').toBe(true);
  }
  const again = await start(path);
  try {
    for (const channel of CHANNELS) expect([...(await drain(again, channel, false))]).toEqual(expect.arrayContaining(added));
  } finally {
    await stop(again);
  }
}

/** What keeps the event loop going, but for what comes and goes by itself. */
function resources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => !/^(?:Immediate|FSReq|CloseReq|TickObject)/.test(name)).sort();
}
