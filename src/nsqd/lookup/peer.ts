// The connection to one nsqlookupd (nsqlookupd.md 2): connects, identifies itself, announces everything, then announces
// what changes and pings, one request at a time. It looks after itself: whatever goes wrong ends in `waiting`, and the
// next connection announces everything anew.
//
//   waiting --retry--> connecting --connected--> identifying --answer--> registered        any --close()--> closed
//      ^------------------- any error, any deadline missed ---------------------|
//
// DEVIATION(lookupd-peers): stock nsqd serves all nsqlookupds one after the other, and notices a lost connection by the
// next command only, which it loses. Here each has its own pace, and is connected again at once, then in growing
// intervals.

import { connect, type Socket } from 'node:net';
import type { Logger } from '../../lib/log/logger.js';
import { parseDialAddress } from '../../lib/net/dial-address.js';
import { errorReason } from '../../lib/net/system-error.js';
import type { Alarm, AlarmClock } from '../../lib/time/alarm-clock.js';
import type { Clock } from '../../lib/time/clock.js';
import { Announcements, type RegistrationName } from './announcements.js';
import { AnswerReader } from './answer-reader.js';
import { parsePeerInfo, type PeerInfo } from './identity.js';

const MAGIC = '  V1';
/** For connecting, and for an answer to arrive whole. */
const PATIENCE_MS = 1000;
const PING_INTERVAL_MS = 15_000;
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 15_000;

export const PeerState = {
  waiting: 'waiting', connecting: 'connecting', identifying: 'identifying', registered: 'registered', closed: 'closed',
} as const;
export type PeerState = (typeof PeerState)[keyof typeof PeerState];

export interface PeerParts {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly alarmClock: AlarmClock;
  /** From 0 to 1: keeps many daemons from returning to a restarted nsqlookupd in the same instant. */
  readonly random: () => number;
  readonly answerBytesMax: number;
  /** The bytes of IDENTIFY. */
  readonly identify: Buffer;
  /** Every channel there is, and every topic without one. */
  readonly registrations: () => Iterable<RegistrationName>;
}

/** Invariant: there is a socket in the states connecting, identifying and registered, and in no other. */
export class LookupPeer {
  readonly address: string;
  readonly #parts: PeerParts;
  readonly #announcements = new Announcements();
  /** When to try again, or to give up waiting for the connection or the answer. */
  readonly #deadline: Alarm;
  readonly #pingAlarm: Alarm;
  #state: PeerState = PeerState.waiting;
  #socket: Socket | null = null;
  #reader: AnswerReader;
  /** The request that waits for its answer. */
  #request: string | null = null;
  #isPingDue = false;
  #retryMs = RETRY_MS_MIN;
  #info: PeerInfo | null = null;

  constructor(address: string, parts: PeerParts) {
    this.address = address;
    this.#parts = parts;
    this.#reader = new AnswerReader(parts.answerBytesMax);
    this.#deadline = parts.alarmClock.newAlarm(() => this.#onDeadline());
    this.#pingAlarm = parts.alarmClock.newAlarm(() => this.#onPingDue());
  }

  get state(): PeerState {
    return this.#state;
  }

  /** What it has told of itself last, even if it is not connected now; null when it never did. */
  get info(): PeerInfo | null {
    return this.#info;
  }

  /** Connects, and stays connected until `close`. */
  open(): void {
    if (this.#state === PeerState.waiting) this.#connect();
  }

  /** Ends the connection; the nsqlookupd drops what was registered over it. */
  close(): void {
    this.#state = PeerState.closed;
    this.#dropConnection();
  }

  created(name: RegistrationName): void {
    if (this.#state === PeerState.registered) this.#announcements.created(name);
    this.#onNews();
  }

  deleted(name: RegistrationName): void {
    if (this.#state === PeerState.registered) this.#announcements.deleted(name);
    this.#onNews();
  }

  /** Before it is registered nothing is noted: all that exists is announced then. */
  #onNews(): void {
    if (this.#state === PeerState.registered) this.#sendNext();
    else if (this.#state === PeerState.waiting) this.#deadline.setNoLaterThan(this.#nowMs() + RETRY_MS_MIN);
  }

  // --- connecting ----------------------------------------------------------------------------------------------------

  #connect(): void {
    const { logger } = this.#parts;
    logger.info(`LOOKUP connecting to ${this.address}`);
    let socket: Socket;
    try {
      socket = connect({ ...parseDialAddress(this.address), noDelay: true, keepAlive: true });
    } catch (error) {
      return this.#retryLater(`dial tcp: ${errorReason(error)}`);
    }
    this.#state = PeerState.connecting;
    this.#socket = socket;
    this.#deadline.setFor(this.#nowMs() + PATIENCE_MS);
    socket.on('connect', () => this.#onConnected());
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => this.#lose('closed by the peer'));
    socket.on('error', (error) => this.#lose(errorReason(error)));
  }

  #onConnected(): void {
    this.#state = PeerState.identifying;
    this.#socket?.write(MAGIC);
    this.#send('IDENTIFY', this.#parts.identify);
  }

  /** The connection is of no more use. */
  #lose(reason: string): void {
    const doing = this.#state === PeerState.connecting ? `dial tcp ${this.address}` : this.#request;
    this.#retryLater(doing === null ? reason : `${doing}: ${reason}`);
  }

  #retryLater(problem: string): void {
    if (this.#state === PeerState.closed) return;
    this.#parts.logger.error(`LOOKUPD(${this.address}): ${problem}`);
    this.#state = PeerState.waiting;
    this.#dropConnection();
    const spread = 0.5 + this.#parts.random() / 2;
    this.#deadline.setFor(this.#nowMs() + this.#retryMs * spread);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
  }

  #dropConnection(): void {
    this.#deadline.cancel();
    this.#pingAlarm.cancel();
    this.#announcements.clear();
    this.#reader = new AnswerReader(this.#parts.answerBytesMax);
    this.#request = null;
    this.#isPingDue = false;
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.removeAllListeners();
    socket.on('error', () => undefined); // What still comes concerns nobody.
    socket.destroy();
  }

  #onDeadline(): void {
    if (this.#state === PeerState.waiting) this.#connect();
    else this.#lose('i/o timeout');
  }

  // --- requests and answers ------------------------------------------------------------------------------------------

  #send(request: string, bytes: Buffer | string): void {
    this.#request = request;
    this.#deadline.setFor(this.#nowMs() + PATIENCE_MS);
    this.#socket?.write(bytes);
  }

  #sendNext(): void {
    if (this.#request !== null || this.#state !== PeerState.registered) return;
    if (this.#isPingDue) {
      this.#isPingDue = false;
      this.#parts.logger.debug(`LOOKUPD(${this.address}): sending heartbeat`);
      return this.#send('PING', 'PING\n');
    }
    const command = this.#announcements.next();
    if (command === null) return;
    const kind = command.split(' ').length > 2 ? 'channel' : 'topic';
    this.#parts.logger.info(`LOOKUPD(${this.address}): ${kind} ${command}`);
    this.#send(command, `${command}\n`);
  }

  #onPingDue(): void {
    this.#pingAlarm.setFor(this.#nowMs() + PING_INTERVAL_MS);
    this.#isPingDue = true;
    this.#sendNext();
  }

  #onData(chunk: Buffer): void {
    if (this.#request === null) return this.#lose('bytes that nobody asked for');
    const result = this.#reader.push(chunk);
    if (result.kind === 'refused') this.#lose(result.reason);
    else if (result.kind === 'complete') this.#onAnswer(result.text);
  }

  #onAnswer(text: string): void {
    const request = this.#request;
    this.#request = null;
    this.#deadline.cancel();
    if (this.#state === PeerState.identifying) return this.#onIdentified(text);
    if (text.startsWith('E_')) this.#parts.logger.error(`LOOKUPD(${this.address}): ${request} - ${text}`);
    // Only a connection that has lasted is a reason to come back quickly after the next loss.
    else if (request === 'PING') this.#retryMs = RETRY_MS_MIN;
    this.#sendNext();
  }

  #onIdentified(text: string): void {
    const { logger, registrations } = this.#parts;
    let info: PeerInfo;
    try {
      info = parsePeerInfo(text);
    } catch {
      return this.#retryLater(`parsing response - ${text.slice(0, ANSWER_CHARS_LOGGED)}`);
    }
    this.#info = info;
    logger.info(`LOOKUPD(${this.address}): peer info ${describe(info)}`);
    if (info.broadcastAddress === '') logger.error(`LOOKUPD(${this.address}): no broadcast address`);
    this.#state = PeerState.registered;
    for (const name of registrations()) this.#announcements.created(name);
    this.#pingAlarm.setFor(this.#nowMs() + PING_INTERVAL_MS);
    this.#sendNext();
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}

const ANSWER_CHARS_LOGGED = 200;

function describe({ tcpPort, httpPort, version, broadcastAddress }: PeerInfo): string {
  return `{TCPPort:${tcpPort} HTTPPort:${httpPort} Version:${version} BroadcastAddress:${broadcastAddress}}`;
}
