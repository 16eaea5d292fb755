// One run of one case against one freshly started daemon: what a case needs to prepare topics, to drive load
// processes, and to check that the daemon really did what the load generator counted.

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { LoadProcess } from './load-process.mjs';
import { cpuSeconds, fineCpuSeconds, machineCpuSeconds, peakRssBytes, rssBytes } from './process-stat.mjs';

const STATS_TIMEOUT_MS = 60_000;
const STATS_INTERVAL_MS = 20;
const SETTLE_MS = 2000; // until garbage is collected and pages are given back, as far as they ever are
const BYTES_PER_MB = 1024 * 1024;

export class BenchRun {
  #daemon;
  #dataPath;
  #loopDelayPath;

  /**
   * `sizes`: measureMs, warmupMs, and scale, by which numbers of messages and connections are multiplied. `setup` is the
   * daemon's entry in setups.mjs.
   */
  constructor({ daemon, dataPath, loopDelayPath, setup, sizes }) {
    this.#daemon = daemon;
    this.#dataPath = dataPath;
    this.#loopDelayPath = loopDelayPath;
    this.setup = setup;
    this.sizes = sizes;
    this.othersCores = 0; // of the last call of load()
    this.loopDelayMaxMs = NaN; // of the last call of load(), where the daemon runs on Node
  }

  /** The part of a load job that says what is measured when there is no other end. */
  get times() {
    return { warmupMs: this.sizes.warmupMs, measureMs: this.sizes.measureMs };
  }

  /** A number of messages, connections or channels, as large as wanted here. */
  scaled(count, least = 1) {
    return Math.max(least, Math.round(count * this.sizes.scale));
  }

  /**
   * Runs the jobs at once, each in a process of its own: all are ready before the first starts, and they start in
   * order. Returns their results, each with the CPU time the daemon used in the job's measured part. How many cores
   * were busy with something else is kept as `othersCores`. `check` runs while the connections still stand.
   */
  async load(jobs, check = async () => {}) {
    const addresses = { address: this.#daemon.tcpAddress, httpAddress: this.#daemon.httpAddress };
    const workers = jobs.map((job) => new LoadProcess({ layer: 'plain', ...addresses, ...job }, this.#daemon.pid));
    const pids = [process.pid, this.#daemon.pid, ...workers.map((worker) => worker.pid)];
    const othersCpuSeconds = () => pids.reduce((rest, pid) => rest - cpuSeconds(pid), machineCpuSeconds());
    try {
      await Promise.all(workers.map((worker) => worker.ready));
      const [startMs, othersAtStart] = [performance.now(), othersCpuSeconds()];
      for (const worker of workers) worker.go();
      const results = await Promise.all(workers.map((worker) => worker.result));
      const seconds = (performance.now() - startMs) / 1000;
      this.othersCores = Math.max(0, othersCpuSeconds() - othersAtStart) / seconds;
      this.loopDelayMaxMs = this.#longestLoopDelay(workers);
      await check(results);
      return results;
    } finally {
      for (const worker of workers) worker.end();
    }
  }

  /** Publishes messages nobody measures, as fast as possible; `bodies` as in load/commands.mjs. */
  async fill({ topics, messagesTotal, bodyBytes, bodies, messagesPerCommand = 200 }) {
    const batch = { connections: 1, window: 4, messagesPerCommand, bodyBytes, bodies };
    await this.load([{ kind: 'publish', topics, ...batch, messagesMax: messagesTotal }]);
  }

  // --- the daemon ------------------------------------------------------------------------------------------------------

  async createTopic(topic) {
    await this.http('POST', `/topic/create?topic=${topic}`);
  }

  async createChannel(topic, channel) {
    await this.createTopic(topic);
    await this.http('POST', `/channel/create?topic=${topic}&channel=${channel}`);
  }

  /** Stops it cleanly. Returns how long it took. */
  async stop() {
    const startMs = performance.now();
    await this.#daemon.stop();
    return (performance.now() - startMs) / 1000;
  }

  async crash() {
    await this.#daemon.crash();
  }

  /** Starts it again. Returns how long it took until /ping was answered. */
  async start() {
    const startMs = performance.now();
    await this.#daemon.start();
    return (performance.now() - startMs) / 1000;
  }

  /** Starts it on a new data directory, which `prepare(dataPath)` may fill. */
  async startWith(prepare) {
    await this.#daemon.crash();
    rmSync(this.#dataPath, { recursive: true, force: true });
    mkdirSync(this.#dataPath);
    prepare(this.#dataPath);
    await this.#daemon.start();
  }

  /** CPU time of the daemon while nothing is asked of it, as a share of one core. */
  async idleCpuShare(seconds) {
    const [startMs, cpuAtStart] = [performance.now(), fineCpuSeconds(this.#daemon.pid)];
    await sleep(seconds * 1000);
    return (fineCpuSeconds(this.#daemon.pid) - cpuAtStart) / ((performance.now() - startMs) / 1000);
  }

  /** Resident bytes once the daemon has come to rest. */
  async settledRssBytes() {
    await sleep(SETTLE_MS * Math.min(1, this.sizes.scale));
    return rssBytes(this.#daemon.pid);
  }

  peakRssMb() {
    return peakRssBytes(this.#daemon.pid) / BYTES_PER_MB;
  }

  // --- checks ----------------------------------------------------------------------------------------------------------

  /** The daemon must have counted every message that was sent, answered or not. */
  async expectPublished(topics, messagesTotal) {
    await this.#expectTopics(topics, `${messagesTotal} messages published`, (stats) => {
      return sum(stats, ({ message_count: count }) => count) === messagesTotal;
    });
  }

  /** So many messages must be kept for each channel, or for the topic when it has none. */
  async expectKept(topics, messagesTotal) {
    await this.#expectTopics(topics, `${messagesTotal} messages kept`, (stats) => {
      const queues = stats.flatMap((topic) => (topic.channels.length === 0 ? [topic] : topic.channels));
      return sum(queues, unfinished) === messagesTotal;
    });
  }

  /** All channels must have got `messagesEach` and be empty: nothing queued, in flight or deferred. */
  async expectDrained(topics, messagesEach) {
    await this.#expectTopics(topics, `${messagesEach} messages on each channel, all finished`, (stats) => {
      const isDrained = (channel) => channel.message_count === messagesEach && unfinished(channel) === 0;
      return stats.every((topic) => topic.depth === 0 && topic.channels.length > 0 && topic.channels.every(isDrained));
    });
  }

  async #expectTopics(names, description, isExpected) {
    const deadline = Date.now() + STATS_TIMEOUT_MS;
    const path = names.length === 1 ? `/stats?format=json&topic=${names[0]}` : '/stats?format=json';
    for (;;) {
      const { topics } = await this.http('GET', `${path}&include_clients=false&include_mem=false`);
      const stats = topics.filter(({ topic_name: name }) => names.includes(name));
      if (stats.length === names.length && isExpected(stats)) return;
      if (Date.now() > deadline) {
        const found = JSON.stringify(stats).slice(0, 2000);
        throw new Error(`${names[0]}${names.length > 1 ? ' and others' : ''}: expected ${description}, got ${found}`);
      }
      await sleep(STATS_INTERVAL_MS);
    }
  }

  async http(method, path) {
    const response = await fetch(`http://${this.#daemon.httpAddress}${path}`, { method });
    if (response.status !== 200) throw new Error(`${method} ${path} answered ${response.status}`);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  }

  /** What the probe wrote down of the measured parts; NaN where there was none. */
  #longestLoopDelay(workers) {
    if (!existsSync(this.#loopDelayPath)) return NaN;
    const beginMs = Math.min(...workers.map((each) => each.beginMs));
    const endMs = Math.max(...workers.map((each) => each.endMs));
    const lines = readFileSync(this.#loopDelayPath, 'latin1').trim().split('\n');
    const samples = lines.map((line) => line.split(' ').map(Number));
    const delays = samples.filter(([atMs]) => atMs > beginMs && atMs < endMs).map(([, delayMs]) => delayMs);
    // No sample within an interval is written as 0, and the stall as a whole by the next line.
    const longestMs = Math.max(0, ...delays);
    return longestMs === 0 ? NaN : longestMs;
  }
}

function unfinished(queue) {
  return queue.depth + (queue.in_flight_count ?? 0) + (queue.deferred_count ?? 0);
}

function sum(items, valueOf) {
  return items.reduce((total, item) => total + valueOf(item), 0);
}
