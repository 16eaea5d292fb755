// What the checks need around nsqjs: a writer that connects again, readers whose messages can be awaited, the daemon's
// HTTP API, and the line protocol of ../suite.mjs.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import nsq from 'nsqjs';

export const CHANNEL = 'interop';
/** How long a check waits for what must happen. Stock nsqd may fire timers up to 5 s late on a young channel. */
export const PATIENCE_MS = 12_000;

const RECONNECT_MS = 200;
const SURPLUS_MS = 300;
const [tcpHost, tcpPort] = process.env.NSQD_TCP.split(':');
const stdin = createInterface({ input: process.stdin });

export function printLine(value) {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Resolves when the daemon answers again. */
export async function requestRestart() {
  const answered = once(stdin, 'line');
  printLine({ do: 'restart' });
  await answered;
}

/** nsqjs leaves reconnecting of a Writer to the program: connect() is called again after each end of the connection. */
export async function openWriter(options = {}, onError = () => {}) {
  const writer = new nsq.Writer(tcpHost, tcpPort, options);
  writer.on('error', onError); // Every error is followed by 'closed', and fails the publishes it concerns.
  writer.on('closed', () => setTimeout(() => writer.connect(), RECONNECT_MS));
  writer.connect();
  await once(writer, 'ready');
  return writer;
}

/** `bodies` is one body (PUB) or an array of several (MPUB). */
export function publish(writer, topic, bodies) {
  if (!writer.ready) return Promise.reject(new Error('not connected'));
  return new Promise((resolve, reject) => {
    writer.publish(topic, bodies, (error) => (error ? reject(error) : resolve()));
  });
}

export function publishDeferred(writer, topic, body, delayMs) {
  return new Promise((resolve, reject) => {
    // nsqjs 0.13.0 documents a single body here and accepts only an array of one.
    writer.deferPublish(topic, [body], delayMs, (error) => (error ? reject(error) : resolve()));
  });
}

/** Messages of one or several readers, in the order they came; whoever receives one answers it. */
export class Inbox {
  #waiting = [];
  #messages = [];

  async subscribe(topic, options = {}) {
    const reader = new nsq.Reader(topic, CHANNEL, {
      nsqdTCPAddresses: [process.env.NSQD_TCP],
      lookupdPollInterval: 1, // the pause between attempts to reconnect, seconds
      ...options,
    });
    reader.received = 0;
    reader.on('error', () => {}); // A lost connection; the reader connects again by itself.
    reader.on('message', (message) => {
      reader.received++;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#messages.push(message);
      else waiting(message);
    });
    reader.connect();
    await once(reader, 'ready');
    return reader;
  }

  /** The next message, or undefined when none comes within the time. */
  async next(limitMs) {
    if (this.#messages.length > 0) return this.#messages.shift();
    return new Promise((resolve) => {
      const settle = (message) => {
        clearTimeout(timer);
        resolve(message);
      };
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((waiting) => waiting !== settle);
        resolve(undefined);
      }, limitMs);
      this.#waiting.push(settle);
    });
  }

  async receive() {
    const message = await this.next(PATIENCE_MS);
    assert(message !== undefined, `no message within ${PATIENCE_MS} ms`);
    return message;
  }

  async expectNone(limitMs) {
    const message = await this.next(limitMs);
    assert(message === undefined, `unexpected message ${message?.body}, attempts ${message?.attempts}`);
  }

  /** Finishes messages until the expected bodies are complete; each must come once, at its first attempt. */
  async consumeExactly(expected) {
    const seen = new Set();
    while (seen.size < expected.size) {
      const message = await this.receive();
      const body = message.body.toString('latin1');
      assert(expected.has(body), `a body nobody published: ${body}`);
      assert(!seen.has(body), `${body} came twice`);
      assert.equal(message.attempts, 1, 'attempts');
      seen.add(body);
      message.finish();
    }
    await this.expectNone(SURPLUS_MS);
  }
}

export async function post(path) {
  const response = await fetch(`http://${process.env.NSQD_HTTP}${path}`, { method: 'POST' });
  assert.equal(response.status, 200, `POST ${path}`);
  await response.arrayBuffer();
}

export async function createChannel(topic) {
  await post(`/topic/create?topic=${topic}`);
  await post(`/channel/create?topic=${topic}&channel=${CHANNEL}`);
}

export async function channelStats(topic) {
  const response = await fetch(`http://${process.env.NSQD_HTTP}/stats?format=json&topic=${topic}`);
  return (await response.json()).topics[0].channels[0];
}

/** Waits until the channel holds nothing any more (not queued, in flight or deferred) and returns its statistics. */
export async function awaitEmpty(topic) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const stats = await channelStats(topic);
    const counts = [stats.depth, stats.in_flight_count, stats.deferred_count];
    if (counts.every((count) => count === 0)) return stats;
    assert(Date.now() < deadline, `the channel is not empty: depth, in flight, deferred are ${counts}`);
    await sleep(20);
  }
}
