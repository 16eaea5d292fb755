// A daemon under attack, and what must hold whatever it is sent: it lives, answers, logs no exception, and gives back the
// memory and the descriptors it took.

import { connect, type Socket } from 'node:net';
import { expect } from 'vitest';

import { Daemon, type DaemonOptions } from './daemon.js';
import { delay, eventually, within } from './eventually.js';
import { descriptorsOf } from './footprint.js';

export const ANSWER_MS = 5_000;
const SETTLE_MS = 100;
/** A connection that is just being closed does not count as left behind; a leak in thousands of inputs is far above it. */
const PASSING_DESCRIPTORS = 4;
const RESIDENT_BYTES_MAX = 600 * 1024 * 1024;
const EXCEPTION = /uncaught|unhandled|TypeError|RangeError|ReferenceError|AssertionError|panic|^\s+at .*\.js:\d+/im;

export class FuzzedDaemon {
  readonly daemon: Daemon;
  readonly #descriptors: Record<string, number>;
  #readOutput = 0;

  private constructor(daemon: Daemon, descriptors: Record<string, number>) {
    this.daemon = daemon;
    this.#descriptors = descriptors;
  }

  static async start(options: DaemonOptions = {}): Promise<FuzzedDaemon> {
    const daemon = await Daemon.start(options);
    await daemon.get('/ping');
    return new FuzzedDaemon(daemon, await settled(() => descriptorsOf(daemon.processId)));
  }

  /** It lives, and has not met what it did not expect. */
  async check(): Promise<void> {
    const ping = await within(this.daemon.get('/ping'), ANSWER_MS, 'the answer to /ping');
    expect(ping.status).toBe(200);
    const { output } = this.daemon;
    expect(EXCEPTION.exec(output.slice(this.#readOutput))?.[0] ?? null, output.slice(-2000)).toBeNull();
    this.#readOutput = output.length;
  }

  /** What was made by chance, so that rounds do not add up. */
  async deleteTopics(): Promise<void> {
    for (const { topic_name: name } of (await this.daemon.stats()).topics ?? []) {
      const { status } = await this.daemon.post(`/topic/delete?topic=${encodeURIComponent(name)}`);
      expect([200, 404]).toContain(status);
    }
  }

  /** Once all clients are gone. */
  async checkNothingIsLeft(): Promise<void> {
    await this.check();
    await this.deleteTopics();
    await eventually(() => {
      for (const [kind, count] of Object.entries(descriptorsOf(this.daemon.processId))) {
        expect(count, `open files of kind ${kind}`).toBeLessThanOrEqual((this.#descriptors[kind] ?? 0) + PASSING_DESCRIPTORS);
      }
    });
    expect(this.daemon.residentBytes()).toBeLessThan(RESIDENT_BYTES_MAX);
    expect(await this.daemon.stop()).toEqual({ code: 0, signal: null });
    expect(EXCEPTION.exec(this.daemon.output.slice(this.#readOutput))?.[0] ?? null).toBeNull();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
  }
}

/** A value that two looks in a row agree on: connections of the start close a moment later. */
async function settled<T>(look: () => T): Promise<T> {
  let last = look();
  await eventually(async () => {
    await delay(SETTLE_MS);
    const before = last;
    last = look();
    expect(last).toEqual(before);
  });
  return last;
}

/** A plain connection that throws nothing and counts what it gets. */
export async function openSocket(port: number): Promise<{ socket: Socket; closed: Promise<void>; received: () => number }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let count = 0;
  socket.on('error', () => undefined); // The daemon may end connections in every way.
  socket.on('data', (chunk) => (count += chunk.length));
  const closed = new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', () => resolve());
  });
  await within(new Promise<void>((resolve) => socket.once('connect', resolve)), ANSWER_MS, 'the connection');
  return { socket, closed, received: () => count };
}

/** One piece after the other, each in a turn of its own now and then; stops when the other side has closed. */
export async function sendPieces(socket: Socket, parts: readonly Uint8Array[], isSlow: (index: number) => boolean): Promise<void> {
  for (const [index, part] of parts.entries()) {
    if (!socket.writable) return;
    socket.write(part);
    if (isSlow(index)) await new Promise((resolve) => setImmediate(resolve));
  }
}
