// A daemon under test as a child process: started by command, waited for until /ping answers, stopped with SIGTERM, and
// started again on the same ports and data directory. Owns the process and its log file, not the data directory.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const PROJECT_ROOT = join(import.meta.dirname, '..', '..');
export const DEFAULT_COMMAND = 'node bin/nsqd-ts.js';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 20_000;
const PING_INTERVAL_MS = 20;
const LOG_LINES_SHOWN = 20;

/** No daemon outlives the program that started it, however that program ends. */
const children = new Set();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

export class Daemon {
  #argv;
  #logPath;
  #child;

  /** `command` is split on spaces; `flags` are added to the addresses and the data path. */
  constructor({ command, dataPath, logPath, tcpPort, httpPort, flags = [] }) {
    this.tcpAddress = `127.0.0.1:${tcpPort}`;
    this.httpAddress = `127.0.0.1:${httpPort}`;
    const addresses = [`--tcp-address=${this.tcpAddress}`, `--http-address=${this.httpAddress}`];
    this.#argv = [...command.split(' ').filter(Boolean), ...addresses, `--data-path=${dataPath}`, ...flags];
    this.#logPath = logPath;
    this.#child = undefined;
  }

  get pid() {
    return this.#child.pid;
  }

  async start() {
    const log = openSync(this.#logPath, 'a');
    const [file, ...args] = this.#argv;
    this.#child = spawn(file, args, { cwd: PROJECT_ROOT, stdio: ['ignore', log, log] });
    closeSync(log);
    let startError;
    this.#child.once('error', (error) => (startError = error));
    children.add(this.#child);
    this.#child.once('exit', () => children.delete(this.#child));

    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await this.#answersPing())) {
      if (startError !== undefined) throw new Error(`the daemon did not start: ${startError.message}`);
      if (this.#hasExited()) throw new Error(`the daemon ended while starting, exit code ${this.#child.exitCode}`);
      if (Date.now() > deadline) throw new Error('the daemon does not answer /ping');
      await sleep(PING_INTERVAL_MS);
    }
  }

  /** Resolves once the process is gone. Throws when SIGTERM did not end it with exit code 0. */
  async stop() {
    if (this.#child === undefined) return;
    if (this.#hasExited()) throw new Error(`the daemon was gone already, ${this.#ending()}`);
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const killTimer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(killTimer);
    if (this.#child.exitCode !== 0) throw new Error(`the daemon did not stop cleanly, ${this.#ending()}`);
  }

  /** Ends the process at once, whatever state it is in. */
  kill() {
    if (this.#child !== undefined && !this.#hasExited()) this.#child.kill('SIGKILL');
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

/** Loopback ports nobody listens on now. All are held until all are known, so that they differ. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
