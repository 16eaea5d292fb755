// Three daemons under test, two stock nsqlookupds and a stock nsqadmin on one machine, each daemon known to both
// nsqlookupds. Owns the processes and the directory of everything they write.

import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { DEFAULT_COMMAND, Daemon, Service, freePorts } from '../daemon.mjs';
import { prepareStock } from '../stock.mjs';

const DAEMON_COUNT = 3;
const LOOKUPD_COUNT = 2;
const HOST = '127.0.0.1';
const PATIENCE_MS = 20_000;
const POLL_MS = 25;

/** The stock programs without which there is no cluster. */
const REQUIRED_PROGRAMS = ['nsqlookupd', 'nsqadmin'];

/** The directory of the stock programs; throws with a one-line reason when there is none. */
export function findPrograms() {
  const directory = prepareStock();
  const missing = REQUIRED_PROGRAMS.filter((name) => !existsSync(join(directory, name)));
  if (missing.length > 0) throw new Error(`${directory} is without ${missing.join(' and ')}`);
  return directory;
}

export class Cluster {
  /** Where checks may write. */
  directory = mkdtempSync(join(tmpdir(), 'nsqd-cluster-'));
  daemons = [];
  lookupds = [];
  admin = null;
  #programs;

  constructor(programs) {
    this.#programs = programs;
  }

  /** The path of a stock program. */
  program(name) {
    return join(this.#programs, name);
  }

  /** HTTP addresses of the nsqlookupds. */
  get lookupAddresses() {
    return this.lookupds.map(({ httpAddress }) => httpAddress);
  }

  async start() {
    const ports = await freePorts(2 * LOOKUPD_COUNT + 2 * DAEMON_COUNT + 1);
    const lookupFlags = [];
    for (let index = 0; index < LOOKUPD_COUNT; index += 1) lookupFlags.push(this.#addLookupd(index, ports));
    await Promise.all(this.lookupds.map((service) => service.start()));
    for (let index = 0; index < DAEMON_COUNT; index += 1) this.#addDaemon(index, ports, lookupFlags);
    await Promise.all(this.daemons.map((daemon) => daemon.start()));
    const [httpPort] = ports.splice(0, 1);
    this.admin = this.#newService('nsqadmin', 'nsqadmin', `${HOST}:${httpPort}`, [
      ...this.lookupAddresses.map((address) => `--lookupd-http-address=${address}`),
    ]);
    await this.admin.start();
    await this.until('all daemons to be registered', () => this.#areAllRegistered());
  }

  /** Returns the flag that makes a daemon known to it. Takes its ports from the list. */
  #addLookupd(index, ports) {
    const [tcpPort, httpPort] = ports.splice(0, 2);
    const flags = [`--tcp-address=${HOST}:${tcpPort}`, `--broadcast-address=${HOST}`];
    this.lookupds.push(this.#newService('nsqlookupd', `nsqlookupd-${index}`, `${HOST}:${httpPort}`, flags));
    return `--lookupd-tcp-address=${HOST}:${tcpPort}`;
  }

  #newService(program, name, httpAddress, flags) {
    const argv = [this.program(program), `--http-address=${httpAddress}`, ...flags];
    return new Service({ name, argv, httpAddress, logPath: join(this.directory, `${name}.log`) });
  }

  #addDaemon(index, ports, lookupFlags) {
    const [tcpPort, httpPort] = ports.splice(0, 2);
    const dataPath = join(this.directory, `data-${index}`);
    mkdirSync(dataPath);
    this.daemons.push(new Daemon({
      command: process.env.NSQD_CMD ?? DEFAULT_COMMAND,
      dataPath,
      logPath: join(this.directory, `daemon-${index}.log`),
      tcpPort,
      httpPort,
      flags: [`--broadcast-address=${HOST}`, ...lookupFlags],
    }));
  }

  async #areAllRegistered() {
    const nodes = await Promise.all(this.lookupAddresses.map((address) => getJson(address, '/nodes')));
    return nodes.every(({ producers }) => producers.length === DAEMON_COUNT);
  }

  /** The daemons that an nsqlookupd names for a topic, as HTTP addresses. */
  async producers(lookupAddress, topic) {
    const { producers } = await getJson(lookupAddress, `/lookup?topic=${topic}`);
    return producers.map(({ broadcast_address: host, http_port: port }) => `${host}:${port}`).sort();
  }

  /** Waits until `isTrue` resolves to true; a rejection counts as false. */
  async until(what, isTrue) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      let problem = '';
      try {
        if (await isTrue()) return;
      } catch (error) {
        problem = `: ${error.message}`;
      }
      if (Date.now() > deadline) throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}${problem}`);
      await sleep(POLL_MS);
    }
  }

  /** Stops what still runs; throws when a daemon does not stop cleanly. */
  async stop() {
    for (const daemon of this.daemons) await daemon.stop();
  }

  logTails() {
    return this.daemons.map((daemon, index) => `daemon ${index}:\n${daemon.logTail()}`).join('\n');
  }

  async dispose() {
    await Promise.all([this.admin, ...this.daemons, ...this.lookupds].map((service) => service?.crash()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Requests that may be repeated on a new connection; nothing is kept open between two of them. */
const CLOSE = { connection: 'close' };

export async function getJson(address, path) {
  const response = await fetch(`http://${address}${path}`, { headers: CLOSE });
  if (response.status !== 200) throw new Error(`GET ${path} answered ${response.status} ${await response.text()}`);
  return response.json();
}

/** Sends `body`, as JSON unless it is a string; resolves to the text of a 200 answer. */
export async function send(method, address, path, body = '') {
  const content = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`http://${address}${path}`, { method, body: content, headers: CLOSE });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${method} ${path} answered ${response.status} ${text}`);
  return text;
}

/** The entry of a topic in a daemon's /stats, undefined when it has no such topic. */
export async function topicStats(daemon, topic) {
  const { topics } = await getJson(daemon.httpAddress, `/stats?format=json&include_mem=false&topic=${topic}`);
  return topics?.find(({ topic_name: name }) => name === topic);
}

export async function channelStats(daemon, topic, channel) {
  return (await topicStats(daemon, topic))?.channels.find(({ channel_name: name }) => name === channel);
}

/** Throws unless it is true; `what` tells what was found instead. */
export function expect(isTrue, what) {
  if (!isTrue) throw new Error(what);
}
