// Starts, stops, kills and restarts the daemon under test as a process of its own, on free ports and a temporary data
// directory, and talks to its HTTP port. NSQD_CMD (split at blanks) names the daemon; default is this project's.
// A daemon is disposable: `await using daemon = await Daemon.start()` ends it and removes its directory.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

import { type Bytes, toBuffer } from './bytes.js';
import { Client } from './client.js';
import { delay, within } from './eventually.js';
import { type ChannelStats, type Stats, type TopicStats } from './stats.js';

/** When to give up a start or a stop; on a busy machine a start alone has taken five seconds. */
const START_MS = 30_000;
const STOP_MS = 20_000;
/** What plain HTTP answers where TLS is required. */
const TLS_REQUIRED = 403;
const UNHEALTHY = 500;

const ROOT = new URL('../..', import.meta.url).pathname;

/** Words that name a file here keep naming it when the daemon runs in another directory. */
function commandWords(text: string): readonly string[] {
  const words = text.split(' ').filter((word) => word !== '');
  return words.map((word) => (word.includes('/') && existsSync(join(ROOT, word)) ? join(ROOT, word) : word));
}

function versionLine(command: readonly string[]): string {
  const [program = '', ...words] = command;
  try {
    return execFileSync(program, [...words, '--version'], { encoding: 'utf8' }).trim();
  } catch (error) {
    throw new Error(`the daemon under test does not start: ${command.join(' ')} --version`, { cause: error });
  }
}

const GIVEN_COMMAND = process.env['NSQD_CMD'];
const COMMAND = commandWords(GIVEN_COMMAND ?? `${process.execPath} bin/nsqd-ts.js`);

/** True when the daemon under test is NSQ's own nsqd: tests of deliberate differences are skipped then. */
export const isStock = GIVEN_COMMAND !== undefined && versionLine(COMMAND).includes('built w/go');

/** Where `npm run test:prepare` builds the release of NSQ that the tests compare with. */
const BUILT_STOCK = join(ROOT, 'test/interop/nsq/build/nsqd');

/** Path of a stock nsqd for tests that need both daemons, from NSQD_STOCK or built; undefined when there is none. */
export const stockProgram: string | undefined = isStock
  ? COMMAND[0]
  : process.env['NSQD_STOCK'] ?? (existsSync(BUILT_STOCK) ? BUILT_STOCK : undefined);

if (stockProgram !== undefined && stockProgram.includes('/') && !existsSync(resolve(stockProgram))) {
  throw new Error(`NSQD_STOCK names a missing file: ${stockProgram}`);
}

/** A test that runs out of time never ends its daemon itself: what is left goes with the file, at the latest with the worker. */
const liveProcesses = new Set<ChildProcess>();
afterAll(killLiveProcesses);
process.on('exit', killLiveProcesses);

function killLiveProcesses(): void {
  for (const child of liveProcesses) child.kill('SIGKILL');
}

export interface DaemonOptions {
  /** Flags beside the addresses and the data path. */
  readonly flags?: readonly string[];
  /** An existing directory that outlives the daemon; by default a temporary one is made and removed. */
  readonly dataPath?: string;
  /** The program to run instead of the daemon under test, e.g. `[stockProgram]`. */
  readonly program?: readonly string[];
  /** Ports to listen on; 0 (the default) takes free ones. */
  readonly tcpPort?: number;
  readonly httpPort?: number;
  /** Whole addresses instead of ports, for unix sockets. */
  readonly tcpAddress?: string;
  readonly httpAddress?: string;
}

export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'nsqd-test-'));
}

interface DaemonProcess {
  readonly child: ChildProcess;
  readonly exit: Promise<ExitStatus>;
  output: string;
}

function launch(program: readonly string[], flags: readonly string[], workingDirectory: string): DaemonProcess {
  const [file = '', ...words] = program;
  const child = spawn(file, [...words, ...flags], { cwd: workingDirectory, stdio: ['ignore', 'pipe', 'pipe'] });
  liveProcesses.add(child);
  const exit = new Promise<ExitStatus>((settle, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => {
      liveProcesses.delete(child);
      settle({ code, signal });
    });
  });
  const launched: DaemonProcess = { child, exit, output: '' };
  const collect = (chunk: Buffer): void => {
    launched.output += chunk.toString('utf8');
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  return launched;
}

/** Runs the daemon under test with exactly these flags until it ends by itself: for refused starts. */
export async function runToExit(
  flags: readonly string[],
  workingDirectory: string = tmpdir(),
  program: readonly string[] = COMMAND,
): Promise<ExitStatus & { readonly output: string }> {
  const launched = launch(program, flags, workingDirectory);
  try {
    const status = await within(launched.exit, START_MS, `exit of the daemon with ${flags.join(' ')}`);
    return { ...status, output: launched.output };
  } finally {
    launched.child.kill('SIGKILL');
  }
}

export class Daemon {
  readonly isStock: boolean;
  readonly dataPath: string;
  readonly #ownsDirectory: boolean;
  readonly #options: DaemonOptions;
  #process: DaemonProcess;
  #earlierOutput = '';
  /** 0 on a unix socket. */
  tcpPort = 0;
  httpPort = 0;
  /** 0 without HTTPS. */
  httpsPort = 0;
  /** What it is bound to, as it says itself. */
  tcpAddress = '';
  httpAddress = '';

  private constructor(options: DaemonOptions) {
    this.#options = options;
    this.#ownsDirectory = options.dataPath === undefined;
    this.dataPath = options.dataPath ?? temporaryDirectory();
    this.isStock = options.program === undefined ? isStock : options.program[0] === stockProgram;
    this.#process = this.#launch(options.flags ?? []);
  }

  /** Resolves once the daemon answers /ping. */
  static async start(options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = new Daemon(options);
    try {
      await daemon.#ready(options.flags ?? []);
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
    return daemon;
  }

  /** Sends the signal and waits for the end. Does nothing to a daemon that has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<ExitStatus> {
    this.#process.child.kill(signal);
    return this.exited();
  }

  /** Ends it as a crash would: nothing can be cleaned up. */
  kill(): Promise<ExitStatus> {
    return this.stop('SIGKILL');
  }

  exited(deadlineMs = STOP_MS): Promise<ExitStatus> {
    return within(this.#process.exit, deadlineMs, 'exit of the daemon');
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.child.kill(signal);
  }

  /** Starts again on the same directory, with the same flags unless told otherwise. The daemon must have ended. */
  async restart(flags: readonly string[] = this.#options.flags ?? []): Promise<void> {
    this.#earlierOutput += this.#process.output;
    this.#process = this.#launch(flags);
    await this.#ready(flags);
  }

  /** Everything written to stderr and stdout, by all processes of this daemon. */
  get output(): string {
    return this.#earlierOutput + this.#process.output;
  }

  get processId(): number {
    return this.#process.child.pid ?? 0;
  }

  /** Memory held by the process, in bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.processId}/status`, 'utf8');
    const kibibytes = /VmRSS:\s+(\d+) kB/.exec(status)?.[1];
    if (kibibytes === undefined) throw new Error('the process status has no VmRSS');
    return Number(kibibytes) * 1024;
  }

  connect(options: { magic?: Bytes } = {}): Promise<Client> {
    return Client.connect(this.tcpPort === 0 ? socketPath(this.tcpAddress) : this.tcpPort, options);
  }

  /** A consumer with its ready count set. */
  async subscriber(topic: string, channel: string, ready = 1, settings?: Record<string, unknown>): Promise<Client> {
    const client = await this.connect();
    if (settings !== undefined) await client.identify(settings);
    await client.subscribe(topic, channel, ready);
    return client;
  }

  get(path: string): Promise<HttpAnswer> {
    return this.#http('GET', path);
  }

  post(path: string, body: Bytes = ''): Promise<HttpAnswer> {
    return this.#http('POST', path, body);
  }

  /** POSTs and insists on 200. */
  async command(path: string, body: Bytes = ''): Promise<void> {
    const answer = await this.post(path, body);
    if (answer.status !== 200) throw new Error(`POST ${path}: ${answer.status} ${answer.body}`);
  }

  async stats(query = ''): Promise<Stats> {
    const answer = await this.get(`/stats?format=json&include_mem=false${query}`);
    return JSON.parse(answer.body) as Stats;
  }

  /** Undefined when the topic does not exist. */
  async findTopic(name: string): Promise<TopicStats | undefined> {
    const stats = await this.stats(`&topic=${encodeURIComponent(name)}`);
    return stats.topics?.find((topic) => topic.topic_name === name);
  }

  async topic(name: string): Promise<TopicStats> {
    const topic = await this.findTopic(name);
    if (topic === undefined) throw new Error(`no topic ${name}`);
    return topic;
  }

  async findChannel(topicName: string, name: string): Promise<ChannelStats | undefined> {
    const topic = await this.findTopic(topicName);
    return topic?.channels.find((channel) => channel.channel_name === name);
  }

  async channel(topicName: string, name: string): Promise<ChannelStats> {
    const channel = await this.findChannel(topicName, name);
    if (channel === undefined) throw new Error(`no channel ${topicName}:${name}`);
    return channel;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (this.#ownsDirectory) rmSync(this.dataPath, { recursive: true, force: true });
  }

  #launch(flags: readonly string[]): DaemonProcess {
    const { program = COMMAND, tcpPort = 0, httpPort = 0 } = this.#options;
    const { tcpAddress = `127.0.0.1:${tcpPort}`, httpAddress = `127.0.0.1:${httpPort}` } = this.#options;
    const addresses = [`--tcp-address=${tcpAddress}`, `--http-address=${httpAddress}`, '--https-address=127.0.0.1:0'];
    return launch(program, [...addresses, `--data-path=${this.dataPath}`, ...flags], tmpdir());
  }

  /** The daemon says in its log where it listens; then it must answer /ping. */
  async #ready(flags: readonly string[]): Promise<void> {
    const end = performance.now() + START_MS;
    let hasEnded = false;
    const noteEnd = (): void => {
      hasEnded = true;
    };
    this.#process.exit.then(noteEnd, noteEnd);
    while (performance.now() < end && !hasEnded) {
      this.tcpAddress = this.#addressInLog('TCP');
      this.httpAddress = this.#addressInLog('HTTP');
      this.tcpPort = portOf(this.tcpAddress);
      this.httpPort = portOf(this.httpAddress);
      this.httpsPort = portOf(this.#addressInLog('HTTPS'));
      const isListening = this.tcpAddress !== '' && this.httpAddress !== '' && (this.httpsPort !== 0 || !hasHttps(flags));
      if (isListening && (await this.#answersPing())) return;
      await delay(5);
    }
    throw new Error(`the daemon did not get ready:\n${this.#process.output}`);
  }

  #addressInLog(listener: 'TCP' | 'HTTP' | 'HTTPS'): string {
    return new RegExp(` ${listener}: listening on (\\S+)\n`).exec(this.#process.output)?.[1] ?? '';
  }

  async #answersPing(): Promise<boolean> {
    try {
      // A daemon that starts unhealthy is as ready as it will be.
      return [200, UNHEALTHY, TLS_REQUIRED].includes((await this.get('/ping')).status);
    } catch {
      return false; // Refused: not listening yet.
    }
  }

  #http(method: string, path: string, body: Bytes = ''): Promise<HttpAnswer> {
    const content = toBuffer(body);
    const answer = new Promise<HttpAnswer>((settle, fail) => {
      const headers = { 'content-length': content.length };
      const place =
        this.httpPort === 0 ? { socketPath: socketPath(this.httpAddress) } : { host: '127.0.0.1', port: this.httpPort };
      const options = { ...place, path, method, headers, agent: false };
      const outgoing = request(options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', fail);
        incoming.on('end', () => {
          settle({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
        });
      });
      outgoing.on('error', fail);
      outgoing.end(content);
    });
    return within(answer, STOP_MS, `${method} ${path}`);
  }
}

/** Whether the flags make the daemon listen for HTTPS, too. */
function hasHttps(flags: readonly string[]): boolean {
  return flags.some((flag) => flag.startsWith('--tls-cert=')) && !flags.includes('--https-address=');
}

/** 0 for what is no port of this machine. */
function portOf(address: string): number {
  return Number(/^(?:127\.0\.0\.1|0\.0\.0\.0|\[::\]):(\d+)$/.exec(address)?.[1] ?? 0);
}

/** Node writes the `@` of an abstract socket as a zero byte. */
function socketPath(address: string): string {
  return address.replace(/^@/, '\0');
}

/** One daemon for all tests of a file or block: started before the first, ended after the last. */
export function sharedDaemon(options: DaemonOptions = {}): () => Daemon {
  let daemon: Daemon | undefined;
  beforeAll(async () => {
    daemon = await Daemon.start(options);
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });
  return () => {
    if (daemon === undefined) throw new Error('the shared daemon is not running');
    return daemon;
  };
}
