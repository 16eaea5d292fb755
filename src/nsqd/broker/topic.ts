// A topic: the log its publishers append to, and the channels that read it.
//
//   publishers --publish--> log, this turn's part --commit--> kept --release--> channels
//
//   TopicBacklog       what no channel has yet: released to the channels, or kept for the first one
//   TopicChannels      which channels there are, with their own queues on disk (OwnQueues)
//   TopicCheckpoints   what a restart finds of all this beside the log: the side file
//   TopicBounds        how much it may keep, and how long
//
// Here is what holds these together: publishing, the topic's part in a turn, pausing, emptying, deleting, coming back.

import { isEphemeralName } from '../../lib/protocol/names.js';
import { MessageIdGenerator } from '../../lib/protocol/message-id.js';
import type { StorageError } from '../storage/file-system.js';
import { channelQueueName } from '../storage/data-directory.js';
import type { LogPosition, LogReader } from '../storage/log-reader.js';
import type { MessageLog, WritePolicy } from '../storage/message-log.js';
import { seekPlace } from '../storage/place-resolver.js';
import { appendBatch, appendRecord } from '../storage/record-encoder.js';
import { LENGTH_BYTES, RECORD_OVERHEAD_BYTES, readInt32 } from '../storage/record.js';
import type { ChannelMetadata } from '../storage/metadata-file.js';
import type { RestoredState } from '../storage/state-history.js';
import type { Channel } from './channel.js';
import type { BrokerContext, BrokerOptions, DeadLetterTopic } from './context.js';
import { deadLetterRuleOf } from './dead-letters.js';
import type { DeadLetterRule } from './dead-letters.js';
import type { DeferredPublish } from './held-record.js';
import { openQueue, OwnQueues } from './own-queues.js';
import { DRAINING_REASON, EXITING_REASON, PublishError } from './publish-error.js';
import { dropUnneeded, findState, restoreChannels, restoreDeferred, restoreHeld } from './restore.js';
import { TopicBacklog } from './topic-backlog.js';
import { topicBoundsOf } from './topic-bounds.js';
import type { BoundedTopic, TopicBounds } from './topic-bounds.js';
import { TopicChannels } from './topic-channels.js';
import type { ReadTopic } from './topic-channels.js';
import { TopicCheckpoints } from './topic-checkpoints.js';
import type { RememberedTopic } from './topic-checkpoints.js';
import type { Commit, CommitWaiter, TurnTopic } from './turn.js';

export class Topic implements TurnTopic, ReadTopic, RememberedTopic, DeadLetterTopic, BoundedTopic {
  readonly name: string;
  readonly deadLetterRule: DeadLetterRule | null;
  /** Null while it may keep what it likes. */
  readonly bounds: TopicBounds | null;
  readonly isEphemeral: boolean;
  readonly log: MessageLog;
  readonly #backlog: TopicBacklog;
  readonly released: LogReader;
  readonly checkpoints: TopicCheckpoints;
  readonly #queues: OwnQueues;
  readonly #channels: TopicChannels;
  readonly #context: BrokerContext;
  readonly #ids: MessageIdGenerator;
  /** What a former run remembered of this topic; null once it is restored, or when there is nothing usable. */
  #found: RestoredState | null;
  #isPaused = false;
  /** Nothing is released until the channels are there that the topic shall begin with. */
  #isHeld = false;
  #opening: Promise<void> = Promise.resolve();
  #isExiting = false;
  #isDraining = false;
  /** Whether publishes have to be looked at before they are taken: one test on the hot path for all reasons to refuse them. */
  #isGuarded = false;
  /** In this turn's list of topics to commit. */
  #isTouched = false;
  /** Messages and body bytes of this turn, to be taken back from the counters if its commit fails. */
  #turnMessages = 0;
  #turnBytes = 0;
  /** Written, and not yet covered by a flush that `sync` has asked for. */
  #unsyncedMessages = 0;

  messageCount = 0;
  messageBytes = 0;
  /** Messages an ephemeral topic dropped because it was full. */
  overflowCount = 0;

  constructor(name: string, context: BrokerContext) {
    this.name = name;
    this.isEphemeral = isEphemeralName(name);
    this.deadLetterRule = deadLetterRuleOf(context.options, name);
    this.#context = context;
    this.#ids = new MessageIdGenerator(context.options.nodeId);
    const { log, metaText } = openQueue(name, policyOf(name, context.options), this.#ids, context);
    this.log = log;
    this.#found = findState(log, metaText, context.logger);
    this.#backlog = new TopicBacklog(log, this.#found === null ? null : seekPlace(log, this.#found.released), context.clock);
    this.released = this.#backlog.released;
    this.#queues = new OwnQueues(name, log, this.#ids, context);
    this.checkpoints = new TopicCheckpoints(this, this.#queues, context);
    this.#channels = new TopicChannels(this, this.#queues, context);
    this.bounds = topicBoundsOf(this, context, () => this.#guard());
  }

  // --- numbers -------------------------------------------------------------------------------------------------------

  get channels(): ReadonlyMap<string, Channel> {
    return this.#channels.byName;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isExiting(): boolean {
    return this.#isExiting;
  }

  get kept(): LogPosition {
    return this.#backlog.kept;
  }

  get deferred(): readonly DeferredPublish[] {
    return this.#backlog.deferred;
  }

  /** Messages that no channel has yet. */
  depth(): number {
    return this.#backlog.depth();
  }

  /** Of these, how many are on disk only or beyond what `--mem-queue-size` keeps in memory (http-api 6.5). */
  backendDepth(): number {
    if (this.isEphemeral) return 0;
    const depth = this.depth();
    return Math.min(depth, Math.max(this.#backlog.depthOnDiskOnly(), depth - this.#context.options.memQueueSize));
  }

  // --- publishing ------------------------------------------------------------------------------------------------------

  /**
   * Hot path (bench: mpub). Takes over a copy of `source` from `start` to `end` as one message, delivered after `deferMs`.
   * It counts as published once `committed` resolves, or the turn's commit settles.
   * Throws PublishError while the topic is being deleted, closed, drained or full. `isOwn`: a message of the daemon itself.
   */
  publish(source: Uint8Array, deferMs = 0, start = 0, end = source.length, isOwn = false): void {
    if (this.#isGuarded) this.#admit(isOwn);
    const bodyBytes = end - start;
    if (!this.#isTouched) this.#beginTurn();
    this.#count(1, bodyBytes);
    if (this.isEphemeral && this.#isFull()) {
      this.overflowCount += 1;
      return;
    }
    const at = appendRecord(this.log, this.#ids, source, start, end);
    if (deferMs > 0) this.#defer(at, RECORD_OVERHEAD_BYTES + bodyBytes, deferMs);
  }

  /**
   * Hot path (bench: mpub). Publishes `count` messages `| size 4 | body |`, the sizes checked, which follow each other from
   * `start` on; otherwise as `publish`.
   */
  publishBatch(source: Uint8Array, start: number, count: number): void {
    if (this.isEphemeral) return this.#publishEach(source, start, count);
    if (this.#isGuarded) this.#admit(false);
    if (!this.#isTouched) this.#beginTurn();
    const end = appendBatch(this.log, this.#ids, source, start, count);
    this.#count(count, end - start - count * LENGTH_BYTES);
  }

  #publishEach(source: Uint8Array, start: number, count: number): void {
    let at = start;
    for (let left = count; left > 0; left -= 1) {
      const body = at + LENGTH_BYTES;
      at = body + readInt32(source, at);
      this.publish(source, 0, body, at);
    }
  }

  #count(messages: number, bodyBytes: number): void {
    this.messageCount += messages;
    this.messageBytes += bodyBytes;
    this.#turnMessages += messages;
    this.#turnBytes += bodyBytes;
  }

  /** The same for messages of the daemon itself. */
  publishOwn(source: Uint8Array, start: number, end: number): void {
    this.publish(source, 0, start, end, true);
  }

  /** Draining is a matter of those who publish from outside. */
  #admit(isOwn: boolean): void {
    if (this.#isExiting) throw this.#refusal(EXITING_REASON);
    if (this.#isDraining && !isOwn) throw this.#refusal(DRAINING_REASON);
    const text = this.bounds?.isFull === true ? this.bounds.refusal() : null;
    if (text !== null) throw this.#refusal('full', text);
  }

  #guard(): void {
    this.#isGuarded = this.#isExiting || this.#isDraining || this.bounds?.isFull === true;
  }

  set isDraining(isDraining: boolean) {
    this.#isDraining = isDraining;
    this.#guard();
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  #refusal(reason: string, text = reason): PublishError {
    this.#context.measures.refusals.add(reason);
    return new PublishError(text);
  }

  #beginTurn(): void {
    this.#isTouched = true;
    this.#context.turn.touchTopic(this);
    this.#ids.setWallClock(this.#context.turn.wallMs());
    if (this.bounds !== null) this.bounds.timestamping();
  }

  joinTurn(): void {
    if (!this.#isTouched) this.#beginTurn();
  }

  /** All messages of an ephemeral topic are in memory; one whose messages nobody takes keeps `--mem-queue-size` of them (engine.md 5.3). */
  #isFull(): boolean {
    const { options, pool } = this.#context;
    if (pool.isOverBudget()) return true;
    return !this.#isRunning() && this.log.tailIndex - this.released.index >= options.memQueueSize;
  }

  /** DEVIATION(delay-from-publish): stock nsqd starts the delay when the topic hands the message to a channel. */
  #defer(position: number, bytes: number, deferMs: number): void {
    const dueMs = this.#context.clock.monotonicMs() + deferMs;
    const publish = { chunk: this.log.tail!, position, bytes, index: this.log.tailIndex - 1, dueMs };
    this.#backlog.defer(publish);
    this.checkpoints.publishDeferred(publish);
  }

  /** Resolves when what was published in this turn is kept; rejects with PublishError when it is not. */
  committed(): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: CommitWaiter = {
        settled: (commit: Commit) => {
          const failure = commit.failures.get(this);
          if (failure === undefined) resolve();
          else reject(new PublishError(failure.message, failure));
        },
      };
      this.#context.turn.join(waiter);
    });
  }

  // --- the turn ----------------------------------------------------------------------------------------------------------

  commit(): LogPosition {
    this.#isTouched = false;
    const [messages, bytes] = [this.#turnMessages, this.#turnBytes];
    this.#turnMessages = 0;
    this.#turnBytes = 0;
    const isWriting = this.log.hasUncommitted;
    const refusal = isWriting ? this.#lackOfSpace(bytes + messages * RECORD_OVERHEAD_BYTES) : null;
    try {
      this.log.commit(refusal);
    } catch (error) {
      this.#takeBack(messages, bytes);
      this.#context.measures.refusals.add(refusal === null ? 'disk' : 'space', messages);
      if (refusal === null) {
        this.#context.reportStorageFailure(`TOPIC(${this.name}) ERROR: failed to write message to backend`, error);
      }
      throw error;
    }
    if (messages > 0) this.#context.measures.groupMessages.observe(messages);
    this.#unsyncedMessages += messages;
    if (isWriting && this.log.policy === 'through') this.#context.reportStorageSuccess();
    this.checkpoints.commit();
    return this.log.end();
  }

  /** Why the disk is not to be asked for so many bytes, or null. */
  #lackOfSpace(bytes: number): StorageError | null {
    return this.log.policy === 'never' ? null : this.#context.freeSpace.refusalOf(bytes);
  }

  #takeBack(messages: number, bytes: number): void {
    this.messageCount -= messages;
    this.messageBytes -= bytes;
    this.#backlog.takeBack();
    this.checkpoints.takeBack();
  }

  sync(done: (error: StorageError | null) => void): void {
    const messages = this.#unsyncedMessages;
    this.#unsyncedMessages = 0;
    this.log.sync((error) => {
      if (error !== null) {
        this.#context.measures.refusals.add('disk', messages);
        this.#context.reportStorageFailure(`TOPIC(${this.name}): failed to sync`, error);
      }
      done(error);
    });
  }

  /** What lies before `end` is kept: gives it to the channels, if it may flow. */
  release(end: LogPosition): void {
    this.#backlog.keep(end);
    this.#flow();
    if (this.bounds !== null && !this.#isExiting) this.bounds.grown();
  }

  #flow(): void {
    if (this.#isRunning()) this.#backlog.releaseTo(this.channels.values());
  }

  #isRunning(): boolean {
    return this.channels.size > 0 && !this.#isPaused && !this.#isHeld;
  }

  // --- channels ------------------------------------------------------------------------------------------------------------

  findChannel(name: string): Channel | undefined {
    return this.channels.get(name);
  }

  /** Creates the channel if it is missing. A topic's first channel gets everything the topic holds. */
  getChannel(name: string): Channel {
    const existing = this.channels.get(name);
    if (existing !== undefined) return existing;
    const channel = this.#channels.create(name);
    this.#flow();
    return channel;
  }

  /**
   * Keeps everything in the topic until `names` is settled, and creates these channels before the first message flows
   * (engine.md 5.2).
   * DEVIATION(open-while-asking): stock nsqd lets the creating publisher wait as well; here its messages are taken at once.
   */
  holdUntil(names: Promise<readonly string[]>): void {
    this.#isHeld = true;
    this.#opening = names.then((known) => this.#open(known));
  }

  /** Resolves when the topic has the channels it shall begin with. */
  opened(): Promise<void> {
    return this.#opening;
  }

  #open(names: readonly string[]): void {
    if (this.#isExiting) return;
    for (const name of names) {
      try {
        this.getChannel(name);
      } catch (error) {
        this.#context.reportStorageFailure(`TOPIC(${this.name}): failed to create channel ${name}`, error);
      }
    }
    this.#isHeld = false;
    this.#flow();
  }

  /** False when there is no such channel. Its consumers are disconnected, its messages gone. */
  deleteChannel(name: string): boolean {
    if (!this.#channels.delete(name)) return false;
    if (this.isEphemeral && this.channels.size === 0 && !this.#isExiting) this.#context.topicIsOver(this);
    return true;
  }

  /** An ephemeral channel goes with its last consumer. */
  lastSubscriberLeft(channel: Channel): void {
    if (channel.isEphemeral) this.deleteChannel(channel.name);
  }

  // --- administration --------------------------------------------------------------------------------------------------------

  pause(): void {
    this.#isPaused = true;
    this.#context.metadataChanged();
    this.checkpoints.changed();
  }

  unpause(): void {
    this.#isPaused = false;
    this.#context.metadataChanged();
    this.checkpoints.changed();
    this.#flow();
  }

  /** Drops what no channel has yet; the channels keep theirs (engine.md 14.1). */
  empty(): void {
    this.dropUnreleased(this.kept);
  }

  /** The same up to a place that is kept. */
  dropUnreleased(end: LogPosition): void {
    if (this.#backlog.drop(end, this.channels.values())) this.checkpoints.changed();
  }

  /** Closes all consumers and removes everything, memory and files. */
  delete(): void {
    this.#close();
    for (const name of [...this.channels.keys()]) this.deleteChannel(name);
    this.log.discardAll();
    const { directory } = this.#context;
    directory.discard(directory.topicStatePath(this.name));
    directory.discard(directory.queueMetaPath(this.name));
  }

  /** Refuses publishes and stops deliveries; what it holds stays for the export of a clean stop. */
  stop(): void {
    this.#close();
    for (const channel of this.channels.values()) channel.stop();
  }

  #close(): void {
    this.#isExiting = true;
    this.#guard();
    this.checkpoints.stop();
    this.bounds?.stop();
  }

  // --- coming back -----------------------------------------------------------------------------------------------------------

  /** Puts the topic into the state its files describe; called once, before anybody uses it. Throws StorageError. */
  restore(channels: readonly ChannelMetadata[], isPaused: boolean): void {
    const { clock } = this.#context;
    const found = this.#found;
    this.#found = null;
    this.#isPaused = isPaused;
    if (found !== null) this.#backlog.restoreDeferred(restoreDeferred(this, found, clock));
    restoreChannels(this, this.#channels, channels, found);
    this.#flow();
    if (found !== null) restoreHeld(this, this.#queues, found, clock);
    // What was released before this start was counted then.
    for (const channel of this.channels.values()) channel.messageCount = 0;
    dropUnneeded(this.log, this.channels.values());
    this.#queuesOpened();
    if (this.channels.size > 0 || this.depth() > 0) this.checkpoints.changed();
    this.bounds?.restored();
  }

  #queuesOpened(): void {
    const { directory } = this.#context;
    directory.queueOpened(this.name);
    for (const name of this.channels.keys()) directory.queueOpened(channelQueueName(this.name, name));
  }
}

function policyOf(topicName: string, { durability }: BrokerOptions): WritePolicy {
  if (isEphemeralName(topicName)) return 'never';
  return durability === 'memory' ? 'back' : 'through';
}
