// One run of one case against one freshly started daemon: what a case needs to prepare topics, to drive load
// processes, and to check that the daemon really did what the load generator counted.

import { fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { cpuSeconds, machineCpuSeconds, peakRssMb } from './process-stat.mjs';

const WORKER = join(import.meta.dirname, 'load', 'worker.mjs');
const STATS_TIMEOUT_MS = 10_000;
const STATS_INTERVAL_MS = 20;
const JOB_TIMEOUT_MS = 180_000;

export const WARMUP_MS = 700;

export class BenchRun {
  #daemon;

  constructor(daemon, measureMs) {
    this.#daemon = daemon;
    this.measureMs = measureMs;
    this.othersCores = 0; // of the last call of load()
  }

  /**
   * Runs the jobs at once, each in a process of its own: all are ready before the first starts, and they start in
   * order. Returns their results, each with the CPU time the daemon used in the job's measured part. How many cores
   * were busy with something else is kept as `othersCores`.
   */
  async load(...jobs) {
    const workers = jobs.map((job) => new Worker({ address: this.#daemon.tcpAddress, ...job }, this.#daemon.pid));
    const pids = [process.pid, this.#daemon.pid, ...workers.map((worker) => worker.pid)];
    const othersCpuSeconds = () => pids.reduce((rest, pid) => rest - cpuSeconds(pid), machineCpuSeconds());
    try {
      await Promise.all(workers.map((worker) => worker.ready));
      const [startMs, othersAtStart] = [performance.now(), othersCpuSeconds()];
      for (const worker of workers) worker.go();
      const results = await Promise.all(workers.map((worker) => worker.result));
      const seconds = (performance.now() - startMs) / 1000;
      this.othersCores = Math.max(0, othersCpuSeconds() - othersAtStart) / seconds;
      return results;
    } finally {
      for (const worker of workers) worker.end();
    }
  }

  /** Publishes messages nobody measures, as fast as possible. */
  async fill(topic, messagesTotal, bodyBytes) {
    const batch = { connections: 1, window: 8, messagesPerCommand: 200, bodyBytes };
    await this.load({ kind: 'publish', topic, ...batch, messagesMax: messagesTotal });
  }

  async createTopic(topic) {
    await this.#http('POST', `/topic/create?topic=${topic}`);
  }

  async createChannel(topic, channel) {
    await this.createTopic(topic);
    await this.#http('POST', `/channel/create?topic=${topic}&channel=${channel}`);
  }

  /** The daemon must have counted every message that was sent, answered or not. */
  async expectPublished(topic, messagesTotal) {
    await this.#expectTopic(topic, (stats) => stats.message_count === messagesTotal, `${messagesTotal} messages`);
  }

  /** All channels must be empty: nothing queued, in flight or deferred. */
  async expectDrained(topic) {
    const isEmpty = (channel) => channel.depth + channel.in_flight_count + channel.deferred_count === 0;
    await this.#expectTopic(topic, (stats) => stats.depth === 0 && stats.channels.every(isEmpty), 'empty channels');
  }

  peakRssMb() {
    return peakRssMb(this.#daemon.pid);
  }

  async #expectTopic(topic, isExpected, description) {
    const deadline = Date.now() + STATS_TIMEOUT_MS;
    for (;;) {
      const { topics } = await this.#http('GET', `/stats?format=json&topic=${topic}`);
      if (isExpected(topics[0])) return;
      if (Date.now() > deadline) throw new Error(`${topic}: expected ${description}, got ${JSON.stringify(topics[0])}`);
      await sleep(STATS_INTERVAL_MS);
    }
  }

  async #http(method, path) {
    const response = await fetch(`http://${this.#daemon.httpAddress}${path}`, { method });
    if (response.status !== 200) throw new Error(`${method} ${path} answered ${response.status}`);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  }
}

/** A load process and the daemon's CPU time around its measured part. */
class Worker {
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
          if (event === 'begin') this.#cpuAtBegin = cpuSeconds(daemonPid);
          if (event === 'end') this.#cpuSeconds = cpuSeconds(daemonPid) - this.#cpuAtBegin;
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
