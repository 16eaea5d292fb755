// What a client told of itself and did: the settings of IDENTIFY and the counters of /stats. Changes nothing by itself.

import type { ClientDescription } from '../broker/subscriber.js';
import type { ClientPlace } from '../broker/topology.js';
import type { Options } from '../options.js';

const HEARTBEAT_INTERVAL_MS = 30_000;
const OUTPUT_BUFFER_BYTES = 16384;

/** The names IDENTIFY gives. */
export type ClientIdentity = Pick<
  ClientDescription, 'clientId' | 'hostname' | 'userAgent' | 'topologyRegion' | 'topologyZone'
>;

/** Messages published over a connection to one topic. */
export interface PublishedCount {
  readonly topic: string;
  count: number;
}

/** The part of a description that comes from the profile. */
export type ProfileDescription = Pick<
  ClientDescription,
  | 'clientId' | 'hostname' | 'userAgent' | 'topologyZone' | 'topologyRegion' | 'readyCount' | 'finishCount'
  | 'requeueCount' | 'connectedAtSeconds' | 'publishedCounts' | 'isProducer'
>;

export class ClientProfile {
  readonly #connectedAtSeconds = Math.floor(Date.now() / 1000);
  #clientId: string;
  #hostname: string;
  #userAgent = '';
  /** Null until IDENTIFY. */
  place: ClientPlace | null = null;
  /** 0 = no heartbeats and no deadlines. */
  heartbeatIntervalMs = HEARTBEAT_INTERVAL_MS;
  outputBufferSize = OUTPUT_BUFFER_BYTES;
  outputBufferTimeoutMs: number;
  readyCount = 0;
  finishCount = 0;
  requeueCount = 0;
  readonly #publishedCounts = new Map<string, PublishedCount>();

  /** Until IDENTIFY a client is known by its address; `remoteIp` is '' on a unix socket. */
  constructor(remoteIp: string, options: Options) {
    this.#clientId = remoteIp;
    this.#hostname = remoteIp;
    this.outputBufferTimeoutMs = options.outputBufferTimeoutMs;
  }

  identify({ clientId, hostname, userAgent, topologyZone, topologyRegion }: ClientIdentity): void {
    this.#clientId = clientId;
    this.#hostname = hostname;
    this.#userAgent = userAgent;
    this.place = { zone: topologyZone, region: topologyRegion };
  }

  /** The values of IDENTIFY: 0 keeps what was, -1 turns buffering or its timer off. */
  setOutputBuffer(size: number, timeoutMs: number): void {
    if (timeoutMs !== 0) this.outputBufferTimeoutMs = Math.max(timeoutMs, 0);
    if (size === -1) this.outputBufferTimeoutMs = 0;
    if (size !== 0) this.outputBufferSize = Math.max(size, 1);
  }

  /** The counter of what is published to a topic. */
  publishedTo(topic: string): PublishedCount {
    const existing = this.#publishedCounts.get(topic);
    if (existing !== undefined) return existing;
    const count = { topic, count: 0 };
    this.#publishedCounts.set(topic, count);
    return count;
  }

  /** DEVIATION(all-pub-counts): stock nsqd shows the count of one topic, chosen at random. */
  describe(topicFilter: string): ProfileDescription {
    const counts = [...this.#publishedCounts.values()];
    const publishedCounts = topicFilter === '' ? counts : counts.filter(({ topic }) => topic === topicFilter);
    return {
      clientId: this.#clientId,
      hostname: this.#hostname,
      userAgent: this.#userAgent,
      topologyZone: this.place?.zone ?? '',
      topologyRegion: this.place?.region ?? '',
      readyCount: this.readyCount,
      finishCount: this.finishCount,
      requeueCount: this.requeueCount,
      connectedAtSeconds: this.#connectedAtSeconds,
      publishedCounts: publishedCounts.sort((a, b) => (a.topic < b.topic ? -1 : 1)),
      isProducer: counts.length > 0,
    };
  }
}
