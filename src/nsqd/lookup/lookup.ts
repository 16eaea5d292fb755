// Makes this daemon known: a peer per nsqlookupd address, each told of every topic and channel, and asked about new
// topics (nsqlookupd.md, part A). Owns the peers; they own their connections.

import type { Logger } from '../../lib/log/logger.js';
import { errorReason } from '../../lib/net/system-error.js';
import { isEphemeralName, isValidName } from '../../lib/protocol/names.js';
import type { AlarmClock } from '../../lib/time/alarm-clock.js';
import type { Clock } from '../../lib/time/clock.js';
import type { Announcer } from '../broker/announcer.js';
import { DEFAULTS, type Options } from '../options.js';
import { registrationName, type RegistrationName } from './announcements.js';
import { type HttpPlace, queryChannels, type QueryParts } from './channel-query.js';
import { identifyCommand, type IdentityOptions } from './identity.js';
import { LookupPeer, type PeerParts } from './peer.js';

const PORT_MAX = 65_535;

export type LookupOptions = IdentityOptions & Pick<
  Options, 'httpClientConnectTimeoutMs' | 'httpClientRequestTimeoutMs' | 'maxBodySize' | 'nsqlookupdTcpAddresses'
>;

/** The broker, as nsqlookupds get to know it. */
export interface AnnouncedBroker {
  readonly alarmClock: AlarmClock;
  readonly topics: ReadonlyMap<string, { readonly name: string; readonly channels: ReadonlyMap<string, unknown> }>;
}

export interface LookupParts {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly broker: AnnouncedBroker;
  readonly random?: () => number;
}

export class Lookup implements Announcer {
  readonly #parts: LookupParts;
  readonly #peers = new Map<string, LookupPeer>();
  /** Questions about new topics that are not answered yet. */
  readonly #questions = new Set<AbortController>();
  #options: LookupOptions | null = null;
  #addresses: readonly string[] = [];
  /** The daemon does not want to be found. */
  #isAway = false;

  constructor(parts: LookupParts) {
    this.#parts = parts;
  }

  /** Connects to the configured addresses. `options` as effective once the daemon listens. */
  start(options: LookupOptions): void {
    this.#options = options;
    this.setAddresses(options.nsqlookupdTcpAddresses);
  }

  /** Drops the peers that are not listed, keeps those that are, connects to new ones. Duplicates count once. */
  setAddresses(addresses: readonly string[]): void {
    this.#addresses = addresses;
    if (!this.#isAway) this.#connectTo(addresses);
  }

  /** Ends all connections, by which the nsqlookupds forget the daemon, until `comeBack`. */
  leave(): void {
    this.#isAway = true;
    this.#connectTo([]);
  }

  comeBack(): void {
    this.#isAway = false;
    this.#connectTo(this.#addresses);
  }

  #connectTo(addresses: readonly string[]): void {
    if (this.#options === null) return;
    const { logger } = this.#parts;
    for (const [address, peer] of this.#peers) {
      if (addresses.includes(address)) continue;
      logger.info(`LOOKUP(${address}): removing peer`);
      peer.close();
      this.#peers.delete(address);
    }
    for (const address of addresses) {
      if (this.#peers.has(address)) continue;
      logger.info(`LOOKUP(${address}): adding peer`);
      const peer = new LookupPeer(address, this.#peerParts(this.#options));
      this.#peers.set(address, peer);
      peer.open();
    }
  }

  #peerParts(options: LookupOptions): PeerParts {
    const { logger, clock, broker, random = Math.random } = this.#parts;
    return {
      logger, clock, random,
      alarmClock: broker.alarmClock,
      answerBytesMax: options.maxBodySize,
      identify: identifyCommand(options),
      registrations: () => registrationsOf(broker),
    };
  }

  get peers(): Iterable<LookupPeer> {
    return this.#peers.values();
  }

  created(topicName: string, channelName: string | null): void {
    for (const peer of this.#peers.values()) peer.created(registrationName(topicName, channelName));
  }

  deleted(topicName: string, channelName: string | null): void {
    for (const peer of this.#peers.values()) peer.deleted(registrationName(topicName, channelName));
  }

  channelsOf(topicName: string): Promise<readonly string[]> | null {
    if (this.#options === null || this.#peers.size === 0) return null;
    const places = this.#httpPlaces();
    if (places.length > 0) return this.#ask(places, topicName, this.#options);
    this.#parts.logger.error(`no available nsqlookupd to query for channels to pre-create for topic ${topicName}`);
    return null;
  }

  /** Of every peer that has ever told where its HTTP API is. */
  #httpPlaces(): HttpPlace[] {
    const infos = [...this.#peers.values()].flatMap(({ info }) => (info === null ? [] : [info]));
    return infos
      .filter(({ broadcastAddress, httpPort }) => broadcastAddress !== '' && httpPort > 0 && httpPort <= PORT_MAX)
      .map(({ broadcastAddress, httpPort }) => ({ host: broadcastAddress, port: httpPort }));
  }

  /** Bounded by the time for requests, whatever the others do. */
  async #ask(places: readonly HttpPlace[], topicName: string, options: LookupOptions): Promise<readonly string[]> {
    const { clock, broker } = this.#parts;
    const question = new AbortController();
    this.#questions.add(question);
    const timeout = broker.alarmClock.newAlarm(() => question.abort(new Error('request timed out')));
    timeout.setFor(clock.monotonicMs() + requestTimeoutMs(options));
    const asked = places.map((place) => queryChannels(place, topicName, this.#queryParts(options), question.signal));
    const results = await Promise.allSettled(asked);
    timeout.cancel();
    // Closing has taken it out, and is no reason to complain.
    if (this.#questions.delete(question)) this.#warnOfFailures(topicName, results);
    const names = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    // DEVIATION(lookupd-channel-names): stock nsqd creates channels of any name an nsqlookupd tells it.
    return [...new Set(names)].filter((name) => isValidName(name) && !isEphemeralName(name)).sort();
  }

  #queryParts(options: LookupOptions): QueryParts {
    const { logger, clock, broker } = this.#parts;
    const { httpClientConnectTimeoutMs, maxBodySize } = options;
    return {
      logger, clock,
      alarmClock: broker.alarmClock,
      answerBytesMax: maxBodySize,
      connectTimeoutMs: httpClientConnectTimeoutMs,
    };
  }

  #warnOfFailures(topicName: string, results: readonly PromiseSettledResult<unknown>[]): void {
    const errors = results.flatMap((result) => (result.status === 'rejected' ? [errorReason(result.reason)] : []));
    if (errors.length === 0) return;
    const reasons = `${errors.length === results.length ? 'failed to query any nsqlookupd: ' : ''}${errors.join('\n')}`;
    this.#parts.logger.warn(
      `failed to query nsqlookupd for channels to pre-create for topic ${topicName} - ${reasons}`,
    );
  }

  /** Ends all connections and questions. Nothing is unregistered: an nsqlookupd forgets who leaves. */
  close(): void {
    for (const question of this.#questions) question.abort(new Error('nsqd is closing'));
    this.#questions.clear();
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
    this.#options = null;
  }
}

/** For stock nsqd 0 is no limit; here it is the default, because a topic that waits for ever delivers nothing. */
function requestTimeoutMs({ httpClientRequestTimeoutMs: timeoutMs }: LookupOptions): number {
  return timeoutMs > 0 ? timeoutMs : DEFAULTS.httpClientRequestTimeoutMs;
}

/** A channel registers its topic with it (nsqlookupd.md 2.4). */
function* registrationsOf({ topics }: AnnouncedBroker): Iterable<RegistrationName> {
  for (const { name, channels } of topics.values()) {
    if (channels.size === 0) yield registrationName(name, null);
    for (const channelName of channels.keys()) yield registrationName(name, channelName);
  }
}
