// The broker: all topics of one daemon, their metadata on disk, and its health. Owns start and clean stop of everything below
// it; knows clients only as Subscribers.

import { isEphemeralName } from '../../lib/protocol/names.js';
import type { Logger } from '../../lib/log/logger.js';
import { AlarmClock } from '../../lib/time/alarm-clock.js';
import type { Alarm } from '../../lib/time/alarm-clock.js';
import type { Clock } from '../../lib/time/clock.js';
import { ChunkPool } from '../storage/chunk.js';
import type { DataDirectory } from '../storage/data-directory.js';
import { FreeSpace } from '../storage/free-space.js';
import type { StorageError } from '../storage/file-system.js';
import type { SetAsideCounts } from '../storage/set-aside.js';
import { formatMetadata, parseMetadata } from '../storage/metadata-file.js';
import type { TopicMetadata } from '../storage/metadata-file.js';
import { NO_ANNOUNCER } from './announcer.js';
import type { Announcer } from './announcer.js';
import type { BrokerContext, BrokerOptions, LatencyRecorder } from './context.js';
import { DiskHealth } from './disk-health.js';
import { Drain } from './drain.js';
import { exportTopic } from './export.js';
import { DRAINING_REASON, EXITING_REASON, PublishError } from './publish-error.js';
import { BrokerMeasures } from './measures.js';
import { Topic } from './topic.js';
import { topologyOf } from './topology.js';
import { Turn } from './turn.js';

const METADATA_RETRY_MS = 1000;
/** Of queues that are nobody's. */
const NAMES_LOGGED_MAX = 10;

export interface BrokerParts {
  readonly options: BrokerOptions;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly directory: DataDirectory;
  /** Version written into `nsqd.dat`. */
  readonly version: string;
  /** Makes what measures end-to-end latency for a new channel; without it nothing is measured. */
  readonly newLatencyRecorder?: (() => LatencyRecorder) | null;
  /** Unread bytes of a channel from which on a clean stop links its files instead of copying them. */
  readonly linkBytesMin?: number;
}

export class Broker {
  readonly turn: Turn;
  readonly alarmClock: AlarmClock;
  readonly drain: Drain;
  readonly measures = new BrokerMeasures();
  /** Who is told of topics and channels that come and go. */
  announcer: Announcer = NO_ANNOUNCER;
  /** Hears why the broker is unhealthy (`healthError`) from now on, or null once it is healthy again. */
  onHealthChange: (reason: string | null) => void = () => undefined;
  readonly #parts: BrokerParts;
  readonly #context: BrokerContext;
  readonly #pool: ChunkPool;
  readonly #topics = new Map<string, Topic>();
  readonly #metadataAlarm: Alarm;
  #metadataIsStale = false;
  readonly #freeSpace: FreeSpace;
  readonly #health: DiskHealth;
  #wasHealthy = true;
  #isExiting = false;
  #isStopping = false;

  constructor(parts: BrokerParts) {
    this.#parts = parts;
    const { options, logger, clock, directory } = parts;
    this.alarmClock = new AlarmClock(clock);
    this.#pool = new ChunkPool(options.maxMemoryBytes);
    this.drain = new Drain({ topics: this.#topics, logger, clock, alarmClock: this.alarmClock });
    this.turn = new Turn({
      clock,
      isSynced: options.durability === 'fsync',
      commitMetadata: () => this.#commitMetadata(),
    });
    this.#freeSpace = new FreeSpace(
      directory.fileSystem, directory.path, options.minFreeDiskBytes, clock, (shortage) => this.#spaceChanged(shortage),
    );
    this.#health = new DiskHealth({
      clock, alarmClock: this.alarmClock,
      probe: () => directory.probe(options.durability === 'fsync'),
      onRecovered: () => logger.info(`NSQ: ${directory.path} takes writes again`),
      onChange: () => this.#healthChanged(),
    });
    this.#context = {
      options, logger, clock, directory,
      alarmClock: this.alarmClock,
      turn: this.turn,
      freeSpace: this.#freeSpace,
      pool: this.#pool,
      measures: this.measures,
      topology: topologyOf(options),
      newLatencyRecorder: parts.newLatencyRecorder ?? null,
      reportStorageFailure: (what, error) => this.#reportFailure(what, error),
      // DEVIATION(health-of-disk): in stock nsqd an overflow of something ephemeral counts as success, too.
      reportStorageSuccess: () => this.#health.succeeded(),
      metadataChanged: () => this.#metadataChanged(),
      announcer: () => this.announcer,
      isStopping: () => this.#isStopping,
      deadLetterTopic: (name) => this.#deadLetterTopic(name),
      topicIsOver: (topic) => this.deleteTopic(topic.name),
    };
    this.#metadataAlarm = this.alarmClock.newAlarm(() => this.#metadataChanged());
  }

  get topics(): ReadonlyMap<string, Topic> {
    return this.#topics;
  }

  get isExiting(): boolean {
    return this.#isExiting;
  }

  /** Memory that messages take, and from where on those that are on disk as well give it up. */
  get messageMemory(): { readonly usedBytes: number; readonly budgetBytes: number } {
    return this.#pool;
  }

  /** Why messages are refused, or the last disk operation that failed, until one succeeds; null when healthy. */
  healthError(): string | null {
    return this.#freeSpace.shortage()?.message ?? this.#health.error;
  }

  /** What could not be read of the data path. */
  setAside(): SetAsideCounts {
    return this.#parts.directory.setAside;
  }

  #spaceChanged(shortage: StorageError | null): void {
    const { logger } = this.#parts;
    if (shortage === null) logger.info('DISK: there is room again, messages are taken');
    else logger.error(`DISK: messages are refused - ${shortage.message}`);
    this.#healthChanged();
  }

  /** One of two reasons came or went; it is told when it was, or is, the only one. */
  #healthChanged(): void {
    const reason = this.healthError();
    if (this.#wasHealthy === (reason === null)) return;
    this.#wasHealthy = reason === null;
    this.onHealthChange(reason);
  }

  // --- topics --------------------------------------------------------------------------------------------------------

  findTopic(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  /** Creates the topic if it is missing. The name must be valid. */
  getTopic(name: string): Topic {
    return this.#topics.get(name) ?? this.#createTopic(name);
  }

  /** The same for a publish. Throws PublishError where a missing one is no longer created: it would not take the message either. */
  topicToPublish(name: string): Topic {
    const topic = this.#topics.get(name);
    if (topic !== undefined) return topic;
    const reason = this.#isExiting ? EXITING_REASON : this.drain.isOn ? DRAINING_REASON : null;
    if (reason === null) return this.#createTopic(name);
    this.measures.refusals.add(reason);
    throw new PublishError(reason);
  }

  /** Draining is a matter of those who publish from outside. */
  #deadLetterTopic(name: string): Topic {
    if (this.#isExiting) throw new PublishError(EXITING_REASON);
    return this.getTopic(name);
  }

  #createTopic(name: string): Topic {
    const topic = new Topic(name, this.#context);
    topic.restore([], false);
    topic.isDraining = this.drain.isOn;
    this.#topics.set(name, topic);
    this.#parts.logger.info(`TOPIC(${name}): created`);
    if (!topic.isEphemeral) this.#metadataChanged();
    this.announcer.created(name, null);
    const channels = this.announcer.channelsOf(name);
    if (channels !== null) topic.holdUntil(channels);
    return topic;
  }

  /** False when there is no such topic. */
  deleteTopic(name: string): boolean {
    const topic = this.#topics.get(name);
    if (topic === undefined) return false;
    this.#parts.logger.info(`TOPIC(${name}): deleting`);
    this.#topics.delete(name);
    topic.delete();
    if (!topic.isEphemeral) this.#metadataChanged();
    this.announcer.deleted(name, null);
    return true;
  }

  /** Resolves once the metadata changes made so far have been written, or could not be. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.turn.join({ settled: () => resolve() });
    });
  }

  // --- metadata --------------------------------------------------------------------------------------------------------

  #metadataChanged(): void {
    this.#metadataIsStale = true;
    this.turn.schedule();
  }

  #commitMetadata(): void {
    if (!this.#metadataIsStale || this.#isExiting) return;
    const { directory, options } = this.#parts;
    const isDurable = options.durability === 'fsync';
    try {
      this.#writeMetadata(isDurable);
      // Before the answers of this turn: what is acknowledged to a channel must find the channel again.
      if (isDurable) directory.fileSystem.syncDirectoryNow(directory.path);
    } catch (error) {
      // Once a second, not once a turn.
      this.#metadataIsStale = false;
      this.#reportFailure('failed to persist metadata', error);
      this.#metadataAlarm.setFor(this.#parts.clock.monotonicMs() + METADATA_RETRY_MS);
    }
  }

  /** Throws StorageError. */
  #writeMetadata(isDurable: boolean): void {
    const { directory, version } = this.#parts;
    const topics = [...this.#topics.values()].filter(({ isExiting, isEphemeral }) => !isExiting || !isEphemeral);
    directory.fileSystem.replace(directory.metadataPath(), formatMetadata(topics.map(metadataOf), version), isDurable);
    this.#metadataIsStale = false;
  }

  #reportFailure(what: string, error: unknown): void {
    const reason = (error as Error).message;
    this.#health.failed(reason);
    this.#parts.logger.error(`${what} - ${reason}`);
  }

  // --- start and stop ----------------------------------------------------------------------------------------------------

  /** Loads what a former run left. Always succeeds with what is readable; damage is reported and set aside. */
  start(): void {
    const { directory, logger } = this.#parts;
    directory.scan();
    for (const { name, paused, channels } of this.#loadMetadata()) {
      if (this.#topics.has(name)) continue;
      const topic = new Topic(name, this.#context);
      topic.restore(channels, paused);
      this.#topics.set(name, topic);
    }
    const unopened = directory.unopenedQueues();
    if (unopened.length > 0) {
      const names = unopened.slice(0, NAMES_LOGGED_MAX).join(', ');
      logger.warn(`${unopened.length} queues on disk belong to no topic or channel, and wait for one of their name: ${names}`);
    }
    logger.info(`NSQ: persisting topic/channel metadata to ${directory.metadataPath()}`);
    this.#metadataIsStale = true;
    this.turn.end();
  }

  /** DEVIATION(damaged-metadata): stock nsqd does not start with an unreadable `nsqd.dat`; here it is set aside. */
  #loadMetadata(): readonly TopicMetadata[] {
    const { directory, logger } = this.#parts;
    const path = directory.metadataPath();
    const bytes = directory.fileSystem.readWhole(path);
    if (bytes !== null) {
      try {
        const { topics, warnings } = parseMetadata(bytes.toString('utf8'));
        for (const warning of warnings) logger.warn(warning);
        return topics;
      } catch (error) {
        const aside = directory.setAside.moveFile(path);
        logger.error(`failed to parse metadata in ${path} - ${(error as Error).message}; set aside as ${aside}`);
      }
    }
    return this.#topicsFromFiles();
  }

  #topicsFromFiles(): TopicMetadata[] {
    const found = [...this.#parts.directory.foundTopics()].filter(([name]) => !isEphemeralName(name));
    if (found.length > 0) this.#parts.logger.warn(`no metadata: ${found.length} topics found from their files`);
    return found.map(([name, channels]) => ({
      name,
      paused: false,
      channels: [...channels].filter((each) => !isEphemeralName(each)).map((each) => ({ name: each, paused: false })),
    }));
  }

  /** The clients are about to be closed for `stop`: that they leave says nothing about their messages. */
  prepareStop(): void {
    this.#isStopping = true;
  }

  /**
   * The clean stop, after the clients are gone: everything unfinished is on disk, in the files of stock nsqd. Returns false
   * when something could not be written; it is then still where the last run had it.
   */
  async stop(): Promise<boolean> {
    const { logger, directory } = this.#parts;
    this.turn.end();
    while (this.turn.isSyncing) await new Promise((resolve) => setImmediate(resolve));
    this.#isExiting = true;
    const isListed = this.#attempt('failed to persist metadata', () => this.#writeMetadata(true));
    let isComplete = isListed;
    logger.info('NSQ: closing topics');
    for (const topic of this.#topics.values()) {
      logger.info(`TOPIC(${topic.name}): closing`);
      topic.stop();
      const isExported = this.#attempt(`TOPIC(${topic.name}): failed to flush`, () => {
        exportTopic(topic, this.#context, isListed, this.#parts.linkBytesMin);
      });
      isComplete = isExported && isComplete;
    }
    isComplete = directory.discardLeftovers() && isComplete;
    const isSynced = this.#attempt('failed to sync data path', () => {
      directory.fileSystem.syncDirectoryNow(directory.path);
    });
    isComplete = isSynced && isComplete;
    this.alarmClock.stop();
    return isComplete;
  }

  #attempt(what: string, action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      this.#reportFailure(what, error);
      return false;
    }
  }
}

function metadataOf(topic: Topic): TopicMetadata {
  const channels = [...topic.channels.values()].map((channel) => ({ name: channel.name, paused: channel.isPaused }));
  return { name: topic.name, paused: topic.isPaused, channels };
}
