// A daemon as a child process: started by command, waited for until /ping answers, stopped with SIGTERM, and started
// again on the same ports and data directory. Owns the process and its log file, not the data directory.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const PROJECT_ROOT = join(import.meta.dirname, '..', '..');
export const DEFAULT_COMMAND = 'node bin/nsqd-ts.js';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 60_000;
const PING_INTERVAL_MS = 5;
const LOG_LINES_SHOWN = 20;

/** No daemon outlives the program that started it, however that program ends. */
const children = new Set();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** Any program of the NSQ family that listens for HTTP. */
export class Service {
  #name;
  #argv;
  #logPath;
  #env;
  #startTimeoutMs;
  #child;

  /** `name` is what errors call it; `env` is added to this process's environment. */
  constructor({ name, argv, httpAddress, logPath, env = {}, startTimeoutMs = START_TIMEOUT_MS }) {
    this.httpAddress = httpAddress;
    this.#name = name;
    this.#argv = argv;
    this.#logPath = logPath;
    this.#env = env;
    this.#startTimeoutMs = startTimeoutMs;
    this.#child = undefined;
  }

  get pid() {
    return this.#child.pid;
  }

  async start() {
    const log = openSync(this.#logPath, 'a');
    const [file, ...args] = this.#argv;
    const env = { ...process.env, ...this.#env };
    this.#child = spawn(file, args, { cwd: PROJECT_ROOT, env, stdio: ['ignore', log, log] });
    closeSync(log);
    let startError;
    this.#child.once('error', (error) => (startError = error));
    children.add(this.#child);
    this.#child.once('exit', () => children.delete(this.#child));

    const deadline = Date.now() + this.#startTimeoutMs;
    while (!(await this.#answersPing())) {
      if (startError !== undefined) throw new Error(`${this.#name} did not start: ${startError.message}`);
      if (this.#hasExited()) throw new Error(`${this.#name} ended while starting, ${this.#ending()}`);
      if (Date.now() > deadline) throw new Error(`${this.#name} does not answer /ping`);
      await sleep(PING_INTERVAL_MS);
    }
  }

  /** Resolves once the process is gone. Throws when SIGTERM did not end it with exit code 0. */
  async stop() {
    if (this.#child === undefined) return;
    if (this.#hasExited()) throw new Error(`${this.#name} was gone already, ${this.#ending()}`);
    this.#child.kill('SIGTERM');
    await this.ended();
  }

  /** Resolves once the process is gone by itself. Throws when it does not go, or not with exit code 0. */
  async ended() {
    if (!this.#hasExited()) {
      const killTimer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await once(this.#child, 'exit');
      clearTimeout(killTimer);
    }
    if (this.#child.exitCode !== 0) throw new Error(`${this.#name} did not stop cleanly, ${this.#ending()}`);
  }

  /** Ends the process at once, whatever state it is in. */
  kill() {
    if (this.#child !== undefined && !this.#hasExited()) this.#child.kill('SIGKILL');
  }

  /** Ends it as a crash would; resolves once the process is gone. */
  async crash() {
    if (this.#child === undefined || this.#hasExited()) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  logTail() {
    return readFileSync(this.#logPath, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN).join('\n');
  }

  #hasExited() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #ending() {
    return this.#child.signalCode === null ? `exit code ${this.#child.exitCode}` : this.#child.signalCode;
  }

  async #answersPing() {
    try {
      const response = await fetch(`http://${this.httpAddress}/ping`, { headers: { connection: 'close' } });
      return response.status === 200;
    } catch {
      return false; // Not listening yet; the caller's deadline decides.
    }
  }
}

/** A daemon under test, or a stock nsqd. */
export class Daemon extends Service {
  /** `command` is split on spaces; `flags` are added to the addresses and the data path. */
  constructor({ command, dataPath, logPath, tcpPort, httpPort, flags = [], env, startTimeoutMs }) {
    const [tcpAddress, httpAddress] = [`127.0.0.1:${tcpPort}`, `127.0.0.1:${httpPort}`];
    const addresses = [`--tcp-address=${tcpAddress}`, `--http-address=${httpAddress}`];
    const argv = [...command.split(' ').filter(Boolean), ...addresses, `--data-path=${dataPath}`, ...flags];
    super({ name: 'the daemon', argv, httpAddress, logPath, env, startTimeoutMs });
    this.tcpAddress = tcpAddress;
  }
}

/** Loopback ports nobody listens on now. All are held until all are known, so that they differ. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
