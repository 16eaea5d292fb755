// Pushes statistics to a statsd daemon over UDP (http-api 10.1): every interval one sample, its datagrams spread over
// most of the interval that follows.
//
//   |<----------------- interval ---------------->|
//   |<---- spread: interval - 1 s ---->|          |
//   d1     d2     d3     d4     ...               d1     d2    ...
//   ^ sample taken, socket opened      ^ closed   ^ next sample
//
// Owns the socket of the push under way, the counters of the last push, and two alarms.

import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { splitHostPort } from '../../lib/http/address.js';
import type { Logger } from '../../lib/log/logger.js';
import type { Alarm, AlarmClock } from '../../lib/time/alarm-clock.js';
import type { Clock } from '../../lib/time/clock.js';
import type { Options } from '../options.js';
import { packDatagrams, statsdLines } from './statsd-lines.js';
import type { StatsdBaseline, StatsdSample } from './statsd-lines.js';

/** The end of the interval in which nothing is sent. */
const QUIET_MS = 1000;
const PORT_MAX = 65_535;

export interface StatsdParts {
  /** Read at every push: the prefix is known only once the daemon listens. */
  readonly options: () => Pick<
    Options, 'statsdAddress' | 'statsdExcludeEphemeral' | 'statsdIntervalMs' | 'statsdPrefix' | 'statsdUdpPacketSize'
  >;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly alarmClock: AlarmClock;
  readonly sample: () => StatsdSample;
}

/** One push on its way. */
interface Push {
  readonly socket: Socket;
  readonly datagrams: readonly Buffer[];
  sentCount: number;
  readonly pauseMs: number;
}

export class StatsdPusher {
  readonly #parts: StatsdParts;
  readonly #intervalMs: number;
  readonly #tickAlarm: Alarm;
  readonly #sendAlarm: Alarm;
  #nextTickMs = 0;
  #baseline: StatsdBaseline = new Map();
  #push: Push | null = null;
  /** The end of the last push that was finished. */
  #finished: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: StatsdParts) {
    this.#parts = parts;
    this.#intervalMs = parts.options().statsdIntervalMs;
    this.#tickAlarm = parts.alarmClock.newAlarm((nowMs) => this.#tick(nowMs));
    this.#sendAlarm = parts.alarmClock.newAlarm(() => this.#sendNext());
  }

  /** The first push comes one interval from now. */
  start(): void {
    this.#nextTickMs = this.#parts.clock.monotonicMs() + this.#intervalMs;
    this.#tickAlarm.setFor(this.#nextTickMs);
  }

  /** Sends at once what is left of the push under way. Resolves when its socket is closed; no other will be opened. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#parts.logger.info('STATSD: closing');
    this.#tickAlarm.cancel();
    this.#sendAlarm.cancel();
    await this.#finishPush();
  }

  /** Ticks that were missed, as the event loop was held up, are left out. */
  #tick(nowMs: number): void {
    const missed = Math.floor((nowMs - this.#nextTickMs) / this.#intervalMs);
    this.#nextTickMs += (missed + 1) * this.#intervalMs;
    this.#tickAlarm.setFor(this.#nextTickMs);
    this.#startPush().catch((error: unknown) => this.#parts.logger.error(`STATSD: ${(error as Error).message}`));
  }

  async #startPush(): Promise<void> {
    const { options, logger, sample } = this.#parts;
    const { statsdAddress, statsdPrefix, statsdExcludeEphemeral, statsdUdpPacketSize } = options();
    await this.#finishPush();
    const socket = await openSocket(statsdAddress);
    if (this.#isStopped || this.#push !== null) {
      socket?.close(); // Looking the host up took too long.
      return;
    }
    if (socket === null) {
      logger.error(`failed to create UDP socket to statsd(${statsdAddress})`);
      return;
    }
    logger.info(`STATSD: pushing stats to ${statsdAddress}`);
    const format = { prefix: statsdPrefix, excludesEphemeral: statsdExcludeEphemeral };
    const { lines, baseline } = statsdLines(sample(), format, this.#baseline);
    this.#baseline = baseline;
    const datagrams = packDatagrams(lines, statsdUdpPacketSize);
    // DEVIATION(statsd-interval): an interval of a second or less spreads over no time; stock nsqd crashes then.
    const spreadMs = Math.max(0, this.#intervalMs - QUIET_MS);
    this.#push = { socket, datagrams, sentCount: 0, pauseMs: spreadMs / Math.max(1, datagrams.length) };
    this.#sendNext();
  }

  #sendNext(): void {
    const push = this.#push;
    if (push === null || this.#isStopped) return;
    if (push.pauseMs === 0 || push.sentCount >= push.datagrams.length) {
      void this.#finishPush();
      return;
    }
    send(push.socket, push.datagrams[push.sentCount]!);
    push.sentCount += 1;
    this.#sendAlarm.setFor(this.#parts.clock.monotonicMs() + push.pauseMs);
  }

  /** Sends the rest without pauses and closes the socket, once the system has taken everything. */
  #finishPush(): Promise<void> {
    if (this.#push !== null) {
      this.#sendAlarm.cancel();
      this.#finished = sendRest(this.#push);
      this.#push = null;
    }
    return this.#finished;
  }
}

async function sendRest({ socket, datagrams, sentCount }: Push): Promise<void> {
  await Promise.all(datagrams.slice(sentCount).map((datagram) => send(socket, datagram)));
  await new Promise<void>((resolve) => socket.close(resolve));
}

/** Errors are ignored: who reads statistics will see that they are missing. */
function send(socket: Socket, datagram: Buffer): Promise<void> {
  return new Promise((resolve) => socket.send(datagram, () => resolve()));
}

/** A fresh socket that sends to `<host>:<port>`; null when there can be none. */
async function openSocket(address: string): Promise<Socket | null> {
  const parts = splitHostPort(address);
  const port = Number(parts?.port);
  if (parts === null || parts.port === '' || !Number.isInteger(port) || port < 1 || port > PORT_MAX) return null;
  try {
    const name = parts.host === '' ? 'localhost' : parts.host;
    const { address: host, family } = await lookup(name, { order: 'ipv4first' });
    return await connected(createSocket(family === 6 ? 'udp6' : 'udp4'), host, port);
  } catch {
    return null; // No such host, or no way to it: reported by the caller.
  }
}

function connected(socket: Socket, host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      // Nobody listening is told by an ICMP message later on; it concerns this push no more than a lost datagram.
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.connect(port, host);
  });
}
