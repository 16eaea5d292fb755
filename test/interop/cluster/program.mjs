// A stock utility, or the go-nsq consumer, as a child process whose output is read line by line.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

const STOP_TIMEOUT_MS = 15_000;

/** No program outlives the one that started it. */
const children = new Set();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

export class Program {
  /** Complete lines of standard output. */
  lines = [];
  #child;
  #ended;
  #rest = '';
  #errors = '';

  constructor(file, args, environment = {}) {
    this.#child = spawn(file, args, { env: { ...process.env, ...environment } });
    this.#ended = once(this.#child, 'close');
    this.#ended.catch(() => {}); // Awaited by whoever ends the program.
    children.add(this.#child);
    this.#child.once('close', () => children.delete(this.#child));
    this.#child.stdin.on('error', () => {}); // A program that died is reported by its exit code.
    this.#child.stdout.on('data', (chunk) => this.#take(chunk));
    this.#child.stderr.on('data', (chunk) => (this.#errors = (this.#errors + chunk).slice(-2_000)));
  }

  /** Writes to its standard input, and ends it. */
  input(text) {
    this.#child.stdin.end(text);
  }

  /** Waits for the program to end by itself. */
  async ended() {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    const [code, signal] = await this.#ended;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`${this.#child.spawnfile} ended with ${code ?? signal}: ${this.#errors}`);
  }

  /** Asks it to end. */
  async stop() {
    this.#child.kill('SIGTERM');
    await this.ended();
  }

  kill() {
    this.#child.kill('SIGKILL');
  }

  #take(chunk) {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop();
    for (const line of lines) this.lines.push(line);
  }
}
