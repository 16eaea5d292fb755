// When the side file of a topic is written, and with what (storage/topic-state.ts says what is in it):
//
//   at once, with the turn's commit   due times (appended); channels that came or went, pausing, emptying (a new snapshot)
//   now and then, as a checkpoint     where channels stand and what is unfinished: what was finished since the last one is
//                                     delivered again after a crash
//
// A checkpoint is also when the topic gives up memory and files that nobody needs, since what the side file names must stay
// where it is. Ephemeral topics are not remembered.

import { wallOffsetMs } from '../../lib/time/clock.js';
import type { Alarm } from '../../lib/time/alarm-clock.js';
import { TopicStateFile } from '../storage/topic-state-file.js';
import type { StateChange } from '../storage/topic-state.js';
import type { Channel } from './channel.js';
import { deferredState, heldState, topicCheckpoint, topicState } from './checkpoint.js';
import type { CheckpointedTopic } from './checkpoint.js';
import type { BrokerContext } from './context.js';
import type { DeferredPublish, HeldRecord } from './held-record.js';
import type { OwnQueues } from './own-queues.js';
import { Stragglers } from './stragglers.js';

/** Between two steps of moving messages. */
const STRAGGLER_STEP_MS = 2;
/** A checkpoint that comes in the middle of a turn waits so long. */
const AFTER_TURN_MS = 1;

export interface RememberedTopic extends CheckpointedTopic {
  readonly name: string;
  readonly isEphemeral: boolean;
  /** Has its part in this turn's commit, and with it `TopicCheckpoints.commit` its own. */
  joinTurn(): void;
}

export class TopicCheckpoints {
  readonly #topic: RememberedTopic;
  readonly #queues: OwnQueues;
  readonly #context: BrokerContext;
  /** The clean stop writes its own last state. */
  readonly file: TopicStateFile;
  readonly #stragglers: Stragglers;
  readonly #alarm: Alarm;
  /** What this turn's commit adds to the file. */
  #changes: StateChange[] = [];
  /** Nothing can be added: the file is to be written whole, with this turn's commit. */
  #isUrgent = false;
  /** Nothing is remembered: the topic is ephemeral, or has stopped. */
  #isOff: boolean;

  constructor(topic: RememberedTopic, queues: OwnQueues, context: BrokerContext) {
    this.#topic = topic;
    this.#queues = queues;
    this.#context = context;
    this.file = new TopicStateFile(context.directory, topic.name);
    this.#stragglers = new Stragglers(topic, queues);
    this.#alarm = context.alarmClock.newAlarm(() => this.take());
    this.#isOff = topic.isEphemeral;
  }

  // --- what changes ----------------------------------------------------------------------------------------------------

  /** Something a checkpoint would remember has changed. */
  soon(): void {
    if (this.#alarm.isSet || this.#isOff) return;
    this.#takeIn(this.#context.options.syncTimeoutMs);
  }

  /** What a restart must know has changed: the file is written with this turn's commit. */
  changed(): void {
    if (this.#isOff) return;
    this.#isUrgent = true;
    this.#topic.joinTurn();
  }

  /** A message was published with a delay: its due time is to be on disk with it. */
  publishDeferred(publish: DeferredPublish): void {
    if (this.#isOff || publish.chunk.segment === null) return;
    this.#changes.push({ deferred: deferredState(this.#topic.log, publish, wallOffsetMs(this.#context.clock)) });
  }

  /** A channel deferred a message: its due time is to be on disk with this turn's commit. */
  messageDeferred(channel: Channel, record: HeldRecord): void {
    if (this.#isOff || channel.isEphemeral || record.chunk.segment === null) return;
    this.#changes.push({ channel: channel.name, held: heldState(this.#topic.log, record, wallOffsetMs(this.#context.clock)) });
    this.#topic.joinTurn();
  }

  // --- with the turn ---------------------------------------------------------------------------------------------------

  /** The turn's publishes failed: they have no due times. */
  takeBack(): void {
    this.#changes = this.#changes.filter((change) => !('deferred' in change));
  }

  /** The turn's messages are in the log. Failures are reported, and made good by a later turn. */
  commit(): void {
    if (this.#isOff) return;
    if (this.#isUrgent || this.#changes.length > 0) this.#writeChanges();
    this.soon();
  }

  /** What this turn deferred goes behind the last snapshot; what changes more than that makes a new one. */
  #writeChanges(): void {
    try {
      if (this.#isUrgent || !this.file.takesChanges) this.#write();
      else this.file.append(this.#changes);
      this.#changes = [];
    } catch (error) {
      this.#failed('write its state', error);
    }
  }

  #failed(what: string, error: unknown): void {
    this.#isUrgent = true;
    this.#context.reportStorageFailure(`TOPIC(${this.#topic.name}): failed to ${what}`, error);
  }

  // --- checkpoints -----------------------------------------------------------------------------------------------------

  #takeIn(delayMs: number): void {
    this.#alarm.setFor(this.#context.clock.monotonicMs() + delayMs);
  }

  /** Remembers where every channel stands, and gives up memory and files that are no longer needed. */
  take(): void {
    const { log, channels } = this.#topic;
    this.#alarm.cancel();
    if (this.#isOff) return;
    // Places of messages that may still be taken back must not be remembered.
    if (log.hasUncommitted) return this.#takeIn(AFTER_TURN_MS);
    try {
      for (const channel of channels.values()) {
        channel.passSkips();
        this.#queues.dropFinished(channel);
      }
      log.trim();
      const hasMore = this.#moveStragglers();
      this.#write();
      if (hasMore) this.#takeIn(STRAGGLER_STEP_MS);
      log.flush((error) => {
        if (error !== null) this.#context.reportStorageFailure(`TOPIC(${this.#topic.name}): failed to sync`, error);
      });
    } catch (error) {
      this.#failed('write its state', error);
      this.soon();
    }
  }

  /**
   * True when more are to be moved. Nothing is moved while the side file does not stand: without it, a start after a crash
   * reads both the old places and the new ones.
   */
  #moveStragglers(): boolean {
    if (this.#isUrgent) return true;
    try {
      return this.#stragglers.move();
    } catch (error) {
      this.#context.reportStorageFailure(`TOPIC(${this.#topic.name}): failed to move messages to another file`, error);
      return false;
    }
  }

  /** The files that are left to be read hold everything: called by the clean stop, once they do. */
  forgetOldPlaces(): void {
    this.#stragglers.forgetOldPlaces();
  }

  /** Nothing more is remembered. */
  stop(): void {
    this.#isOff = true;
    this.#alarm.cancel();
  }

  // --- writing ---------------------------------------------------------------------------------------------------------

  /** The side file, and the metadata of the queues that goes with it. Throws StorageError. */
  #write(): void {
    const { log, channels } = this.#topic;
    const { directory, options } = this.#context;
    // What was moved must be on the medium before the old places are given up.
    const isSynced = this.#stragglers.hasMoved && options.durability === 'fsync';
    if (isSynced) for (const channel of channels.values()) channel.cursors[0]!.log.files.syncNow();
    this.#writeFile(isSynced);
    if (isSynced) directory.fileSystem.syncDirectoryNow(directory.path);
    this.#stragglers.forgetOldPlaces();
    this.#isUrgent = false;
    this.#changes = [];
    log.writeMeta();
    for (const { isEphemeral, ownCursor } of channels.values()) if (!isEphemeral) ownCursor?.log.writeMeta();
  }

  #writeFile(isSynced: boolean): void {
    const { clock } = this.#context;
    const channels = [...this.#topic.channels.values()].filter(({ isEphemeral }) => !isEphemeral);
    try {
      if (this.#isUrgent || !this.file.takesChanges) {
        this.file.replace(topicState(this.#topic, clock), isSynced);
      } else {
        const changed = channels.filter(({ hasChanged }) => hasChanged);
        this.file.appendCheckpoint(this.#changes, topicCheckpoint(this.#topic, changed, clock), isSynced);
      }
    } catch (error) {
      // The journals have begun anew: only everything can follow.
      this.#isUrgent = true;
      throw error;
    }
    for (const channel of channels) channel.hasChanged = false;
  }
}
