// A process of the load generator as its parent sees it, and the daemon's CPU time around its measured part.

import { fork } from 'node:child_process';
import { join } from 'node:path';

import { cpuSeconds } from './process-stat.mjs';

const WORKER = join(import.meta.dirname, 'load', 'worker.mjs');
const JOB_TIMEOUT_MS = 300_000;

export class LoadProcess {
  /** The measured part, in milliseconds of the system's monotonic clock. */
  beginMs = NaN;
  endMs = NaN;
  #process;
  #timer;
  #cpuAtBegin = 0;
  #cpuSeconds = 0;

  constructor(job, daemonPid) {
    this.#process = fork(WORKER);
    this.ready = new Promise((resolve, reject) => {
      this.result = new Promise((resolveResult, rejectResult) => {
        const onError = (error) => {
          reject(error);
          rejectResult(error);
        };
        this.#timer = setTimeout(() => onError(new Error(`${job.kind} did not end in time`)), JOB_TIMEOUT_MS);
        this.#process.once('exit', () => onError(new Error(`the load process of ${job.kind} ended early`)));
        this.#process.on('message', ({ event, result }) => {
          if (event === 'ready') resolve();
          if (event === 'begin') [this.beginMs, this.#cpuAtBegin] = [monotonicMs(), cpuSeconds(daemonPid)];
          if (event === 'end') [this.endMs, this.#cpuSeconds] = [monotonicMs(), cpuSeconds(daemonPid) - this.#cpuAtBegin];
          if (event === 'done') resolveResult({ ...result, cpuSeconds: this.#cpuSeconds });
        });
      });
    });
    this.result.catch(() => {}); // Handled by whoever awaits `ready`, should the process end before it is ready.
    this.#process.send(job);
  }

  get pid() {
    return this.#process.pid;
  }

  go() {
    this.#process.send('go');
  }

  end() {
    clearTimeout(this.#timer);
    this.#process.removeAllListeners();
    this.#process.kill();
  }
}

function monotonicMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}
