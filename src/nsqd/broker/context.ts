// What topics and channels share of one daemon.

import type { Logger } from '../../lib/log/logger.js';
import type { AlarmClock } from '../../lib/time/alarm-clock.js';
import type { Clock } from '../../lib/time/clock.js';
import type { Options } from '../options.js';
import type { ChunkPool } from '../storage/chunk.js';
import type { DataDirectory } from '../storage/data-directory.js';
import type { FreeSpace } from '../storage/free-space.js';
import type { Announcer } from './announcer.js';
import type { BrokerMeasures } from './measures.js';
import type { Topology } from './topology.js';
import type { Turn, TurnTopic } from './turn.js';

/** The options topics and channels read. */
export type BrokerOptions = Pick<
  Options,
  | 'durability' | 'maxBytesPerFile' | 'maxChannelConsumers' | 'maxMsgTimeoutMs' | 'memQueueSize' | 'minFreeDiskBytes' | 'nodeId'
  | 'requeueOnDisconnect' | 'syncEvery' | 'syncTimeoutMs' | 'enableExperiment' | 'topologyRegion' | 'topologyZone'
  | 'maxAttempts' | 'deadLetterTopicSuffix' | 'maxMemoryBytes' | 'maxTopicAgeMs' | 'maxTopicBytes' | 'topicOverflow' | 'topicRules'
>;

/** Takes the times from publishing to FIN of one channel's messages (engine.md 17). */
export interface LatencyRecorder {
  record(latencyMs: number): void;
}

/** A topic that takes the dead letters of others (dead-letters.ts). */
export interface DeadLetterTopic extends TurnTopic {
  /** As Topic.publish, but for the daemon itself. Throws PublishError. */
  publishOwn(source: Uint8Array, start: number, end: number): void;
}

export interface BrokerContext {
  readonly options: BrokerOptions;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly alarmClock: AlarmClock;
  readonly turn: Turn;
  readonly directory: DataDirectory;
  readonly pool: ChunkPool;
  readonly freeSpace: FreeSpace;
  /** Null while consumers are not told apart by where they are. */
  readonly topology: Topology | null;
  /** Null while latencies are not measured. */
  readonly newLatencyRecorder: (() => LatencyRecorder) | null;
  readonly measures: BrokerMeasures;
  /** Logs, and shows in /ping and /stats until a disk operation succeeds again. */
  reportStorageFailure(what: string, error: unknown): void;
  reportStorageSuccess(): void;
  /** A topic or channel came, went, or changed between paused and running: `nsqd.dat` is to be written this turn. */
  metadataChanged(): void;
  /** Who is told of topics and channels. */
  announcer(): Announcer;
  /** True once the daemon itself is closing the clients. */
  isStopping(): boolean;
  /** The topic of this name, created if it is missing. Throws PublishError once the broker is closing, or StorageError. */
  deadLetterTopic(name: string): DeadLetterTopic;
  /** The last channel of an ephemeral topic is gone. */
  topicIsOver(topic: { readonly name: string }): void;
}
