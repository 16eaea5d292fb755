// A topic: the log its publishers append to, and the channels that read it.
//
//   log   .....|.....................|.............|
//              ^ channels' cursors   ^ released    ^ end
//
// What lies before `released` belongs to the channels; what lies behind it is the topic's own depth. `released` follows
// the end while the topic has a channel and is not paused, and stands still otherwise, so that the first channel gets all
// that was published before it (engine.md 5.5).

import { isEphemeralName } from '../../lib/protocol/names.js';
import { MessageIdGenerator } from '../../lib/protocol/message-id.js';
import type { Alarm } from '../../lib/time/alarm-clock.js';
import { channelQueueName } from '../storage/data-directory.js';
import type { StorageError } from '../storage/file-system.js';
import { runOfQueueMeta } from '../storage/queue-meta.js';
import { recoverLog } from '../storage/log-recovery.js';
import type { LogPosition, LogReader } from '../storage/log-reader.js';
import { MessageLog } from '../storage/message-log.js';
import type { WritePolicy } from '../storage/message-log.js';
import { appendBatch, appendRecord } from '../storage/record-encoder.js';
import { LENGTH_BYTES, RECORD_OVERHEAD_BYTES, readInt32 } from '../storage/record.js';
import type { ChannelMetadata } from '../storage/metadata-file.js';
import { TopicStateFile } from '../storage/topic-state-file.js';
import type { RestoredState } from '../storage/state-history.js';
import { parseTopicState } from '../storage/topic-state-reader.js';
import { goesWith, placesOf } from '../storage/topic-state.js';
import type { FilePlace, StateChange } from '../storage/topic-state.js';
import { Channel } from './channel.js';
import type { ChannelTopic } from './channel.js';
import { deferredState, heldState, topicCheckpoint, topicState } from './checkpoint.js';
import type { BrokerContext, DeadLetterTopic } from './context.js';
import { deadLetterRuleOf } from './dead-letters.js';
import type { DeadLetterRule } from './dead-letters.js';
import type { DeferredPublish, HeldRecord } from './held-record.js';
import { LogCursor } from './log-cursor.js';
import { DRAINING_REASON, EXITING_REASON, PublishError } from './publish-error.js';
import { restoreChannel, restoreDeferred } from './restore.js';
import { Stragglers } from './stragglers.js';
import { topicBoundsOf } from './topic-bounds.js';
import type { BoundedTopic, TopicBounds } from './topic-bounds.js';
import type { Commit, CommitWaiter, TurnTopic } from './turn.js';

/** Between two steps of moving messages. */
const STRAGGLER_STEP_MS = 2;

export class Topic implements TurnTopic, ChannelTopic, DeadLetterTopic, BoundedTopic {
  readonly name: string;
  readonly deadLetterRule: DeadLetterRule | null;
  /** Null while it may keep what it likes. */
  readonly bounds: TopicBounds | null;
  readonly isEphemeral: boolean;
  readonly log: MessageLog;
  readonly released: LogReader;
  readonly #context: BrokerContext;
  readonly #channels = new Map<string, Channel>();
  readonly #ids: MessageIdGenerator;
  readonly #checkpointAlarm: Alarm;
  readonly stateFile: TopicStateFile;
  /** What a former run remembered of this topic; null once it is restored, or when there is nothing usable. */
  #found: RestoredState | null;
  /** Channels whose own queue another nsqd has written since: what is remembered of it does not count. */
  readonly #foreignQueues = new Set<string>();
  /** Up to where messages are kept as durably as asked for: what may be released. */
  #kept: LogPosition;
  /** Published with a delay and not released, in log order. */
  #deferred: DeferredPublish[] = [];
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
  /** The state is to be written whole with this turn's commit. */
  #stateIsUrgent = false;
  /** What this turn's commit adds to the state. */
  #changes: StateChange[] = [];

  readonly #stragglers = new Stragglers(this);
  /** Next file numbers of own queues that were dropped, by channel: a number names one content as long as a run lasts. */
  readonly #ownFileNumbers = new Map<string, number>();

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
    this.#checkpointAlarm = context.alarmClock.newAlarm(() => this.checkpoint());
    this.log = this.#openLog(name, this.#policy());
    const { metaText, greatestId, warnings } = recoverLog(this.log);
    this.#continueIds(greatestId);
    for (const warning of warnings) context.logger.warn(`DISKQUEUE(${name}): ${warning}`);
    this.#found = this.#readState(metaText);
    if (this.#found !== null) {
      this.log.run = this.#found.run;
      for (const place of placesOf(this.#found)) this.log.reservePlace(place);
    }
    this.#kept = this.log.end();
    this.released = this.log.addReader(this.#found === null ? null : this.log.seek(...this.#found.released));
    this.stateFile = new TopicStateFile(context.directory, name);
    this.bounds = topicBoundsOf(this, context, () => this.#guard());
  }

  #policy(): WritePolicy {
    if (this.isEphemeral) return 'never';
    return this.#context.options.durability === 'memory' ? 'back' : 'through';
  }

  #readState(metaText: string | null): RestoredState | null {
    const text = this.#context.directory.foundState(this.name);
    if (text === null) return null;
    const state = parseTopicState(text, metaText);
    if (state === null) this.#context.logger.warn(`TOPIC(${this.name}): its side file does not go with its queue, ignored`);
    return state;
  }

  #openLog(queue: string, policy: WritePolicy): MessageLog {
    const { directory, pool, options } = this.#context;
    return new MessageLog(queue, directory, pool, {
      policy,
      bytesPerFileMax: options.maxBytesPerFile,
      memoryRecordsMax: options.memQueueSize,
    });
  }

  // --- numbers -------------------------------------------------------------------------------------------------------

  get channels(): ReadonlyMap<string, Channel> {
    return this.#channels;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isExiting(): boolean {
    return this.#isExiting;
  }

  get kept(): LogPosition {
    return this.#kept;
  }

  /** Messages that no channel has yet. */
  depth(): number {
    return this.log.end().index - this.released.index;
  }

  backendDepth(): number {
    if (this.isEphemeral) return 0;
    const depth = this.depth();
    return Math.min(depth, Math.max(this.log.recordsOnDiskOnly(this.released), depth - this.#context.options.memQueueSize));
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
    this.#deferred.push(publish);
    if (publish.chunk.segment !== null) {
      this.#changes.push({ deferred: deferredState(this.log, publish, this.#wallOffsetMs()) });
    }
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
    const isRefusable = isWriting && this.log.policy !== 'never';
    const refusal = isRefusable ? this.#context.freeSpace.refusalOf(bytes + messages * RECORD_OVERHEAD_BYTES) : null;
    try {
      this.log.commit(refusal);
    } catch (error) {
      this.messageCount -= messages;
      this.messageBytes -= bytes;
      this.#context.measures.refusals.add(refusal === null ? 'disk' : 'space', messages);
      this.#changes = this.#changes.filter((change) => !('deferred' in change));
      this.#deferred = this.#deferred.filter(({ index }) => index < this.log.tailIndex);
      if (refusal === null) {
        this.#context.reportStorageFailure(`TOPIC(${this.name}) ERROR: failed to write message to backend`, error);
      }
      throw error;
    }
    if (messages > 0) this.#context.measures.groupMessages.observe(messages);
    this.#unsyncedMessages += messages;
    if (isWriting && this.log.policy === 'through') this.#context.reportStorageSuccess();
    if (!this.#isExiting) {
      if (this.#stateIsUrgent || this.#changes.length > 0) this.#commitState();
      this.checkpointSoon();
    }
    return this.log.end();
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

  #isRunning(): boolean {
    return this.#channels.size > 0 && !this.#isPaused && !this.#isHeld;
  }

  /** What lies before `end` is kept: gives it to the channels, if it may flow. */
  release(end: LogPosition): void {
    this.#kept = end;
    this.#flow();
    if (this.bounds !== null && !this.#isExiting) this.bounds.grown();
  }

  #flow(): void {
    const end = this.#kept;
    if (!this.#isRunning() || end.index <= this.released.index) return;
    const from = this.released.index;
    const deferred = this.#takeDeferred(end.index);
    this.released.moveTo(end);
    for (const channel of this.#channels.values()) channel.released(from, deferred, end);
  }

  #takeDeferred(endIndex: number): DeferredPublish[] {
    if (this.#deferred.length === 0) return this.#deferred;
    const nowMs = this.#context.clock.monotonicMs();
    const taken = this.#deferred.filter(({ index }) => index < endIndex);
    this.#deferred = this.#deferred.slice(taken.length);
    return taken.filter(({ dueMs }) => dueMs > nowMs);
  }

  // --- channels ------------------------------------------------------------------------------------------------------------

  findChannel(name: string): Channel | undefined {
    return this.#channels.get(name);
  }

  /** Creates the channel if it is missing. A topic's first channel gets everything the topic holds. */
  getChannel(name: string): Channel {
    const existing = this.#channels.get(name);
    if (existing !== undefined) return existing;
    const channel = this.#addChannel(name, this.released);
    this.#context.directory.queueOpened(channelQueueName(this.name, name));
    this.#context.logger.info(`TOPIC(${this.name}): new channel(${name})`);
    if (!channel.isEphemeral) {
      this.#context.metadataChanged();
      this.#stateChanged();
    }
    this.#followChannels();
    this.#context.announcer().created(this.name, name);
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

  /** A channel whose place in the topic's log is known. It reads its own queue first, if one is found. */
  #addChannel(name: string, from: LogPosition): Channel {
    const own = isEphemeralName(name) ? null : this.#openOwnQueue(name);
    const cursor = new LogCursor(this.log, this.log.addReader(from), this.released);
    const cursors = own === null ? [cursor] : [own, cursor];
    const channel = new Channel(this, name, this.#context, cursors);
    this.#channels.set(name, channel);
    return channel;
  }

  #openOwnQueue(channelName: string): LogCursor | null {
    const queue = channelQueueName(this.name, channelName);
    const log = this.#openLog(queue, 'through');
    const { metaText, greatestId, warnings } = recoverLog(log);
    this.#continueIds(greatestId);
    this.#ownFileNumbers.set(channelName, log.files.nextNumber);
    for (const warning of warnings) this.#context.logger.warn(`DISKQUEUE(${queue}): ${warning}`);
    if (log.isEmpty()) return null;
    const state = this.#found?.channels.find(({ name }) => name === channelName);
    if (state?.ownCursor === null && metaText !== null && runOfQueueMeta(metaText) === this.log.run) {
      // This run had finished the queue, and could not remove its files.
      log.discardAll();
      this.#removeOwnQueue(channelName);
      return null;
    }
    const isCurrent = state !== undefined && goesWith(this.log.run, state.ownMetaText, metaText);
    log.run = this.log.run;
    if (state !== undefined && !isCurrent) this.#foreignQueues.add(channelName);
    const place = isCurrent ? state.ownCursor : null;
    const cursor = new LogCursor(log, log.addReader(place === null ? null : log.seek(...place)), log.end());
    // What follows was written to be moved here, and is still at its old place.
    if (isCurrent && state.ownEnd !== undefined) cursor.leaveOutFrom(log.seek(...state.ownEnd));
    return cursor;
  }

  ownQueueOf(channel: Channel): LogCursor {
    const [existing] = channel.cursors;
    if (channel.cursors.length > 1) return existing!;
    const queue = channelQueueName(this.name, channel.name);
    const log = this.#openLog(queue, channel.isEphemeral ? 'never' : 'through');
    log.run = this.log.run;
    log.reservePlace([this.#ownFileNumbers.get(channel.name) ?? 0, 0]);
    // Before its first record: it tells a start that this run has begun the queue.
    if (!channel.isEphemeral) log.writeMeta();
    const cursor = new LogCursor(log, log.addReader(null), log.end());
    channel.addOwnQueue(cursor);
    return cursor;
  }

  #dropFinishedQueue(channel: Channel): void {
    const [own] = channel.cursors;
    if (!channel.dropFinishedQueue()) return;
    channel.hasChanged = true;
    this.#ownFileNumbers.set(channel.name, own!.log.files.nextNumber);
    this.#removeOwnQueue(channel.name);
  }

  /** The files that are left to be read hold everything: called by the clean stop, once they do. */
  forgetOldPlaces(): void {
    this.#stragglers.forgetOldPlaces();
  }

  /** A normal channel of an ephemeral topic overflows to disk; an ephemeral topic alone never touches it. */
  #followChannels(): void {
    if (!this.isEphemeral) return;
    const needsDisk = [...this.#channels.values()].some((channel) => !channel.isEphemeral);
    this.log.policy = needsDisk ? 'back' : 'never';
  }

  /** False when there is no such channel. Its consumers are disconnected, its messages gone. */
  deleteChannel(name: string): boolean {
    const channel = this.#channels.get(name);
    if (channel === undefined) return false;
    this.#context.logger.info(`TOPIC(${this.name}): deleting channel ${name}`);
    channel.delete();
    for (const { log } of channel.cursors.slice(0, -1)) log.discardAll();
    channel.detach();
    this.#channels.delete(name);
    this.#context.announcer().deleted(this.name, name);
    this.#removeOwnQueue(name);
    if (!channel.isEphemeral) {
      this.#context.metadataChanged();
      this.#stateChanged();
    }
    if (this.isEphemeral && this.#channels.size === 0 && !this.#isExiting) this.#context.topicIsOver(this);
    return true;
  }

  /** An ephemeral channel goes with its last consumer. */
  lastSubscriberLeft(channel: Channel): void {
    if (channel.isEphemeral) this.deleteChannel(channel.name);
  }

  #removeOwnQueue(channelName: string): void {
    const { directory } = this.#context;
    directory.discard(directory.queueMetaPath(channelQueueName(this.name, channelName)));
  }

  // --- administration --------------------------------------------------------------------------------------------------------

  pause(): void {
    this.#isPaused = true;
    this.#context.metadataChanged();
    this.#stateChanged();
  }

  unpause(): void {
    this.#isPaused = false;
    this.#context.metadataChanged();
    this.#stateChanged();
    this.#flow();
  }

  /** Drops what no channel has yet; the channels keep theirs (engine.md 14.1). */
  empty(): void {
    this.dropUnreleased(this.#kept);
  }

  /** The same up to a place that is kept. */
  dropUnreleased(end: LogPosition): void {
    const from = { chunk: this.released.chunk, position: this.released.position, index: this.released.index };
    if (from.index >= end.index) return;
    this.#deferred = this.#deferred.filter(({ index }) => index >= end.index);
    this.released.moveTo(end);
    for (const channel of this.#channels.values()) channel.skip(from, end);
    this.#stateChanged();
  }

  /** Closes all consumers and removes everything, memory and files. */
  delete(): void {
    this.#isExiting = true;
    this.#guard();
    this.bounds?.stop();
    for (const name of [...this.#channels.keys()]) this.deleteChannel(name);
    this.#checkpointAlarm.cancel();
    this.log.discardAll();
    const { directory } = this.#context;
    directory.discard(directory.topicStatePath(this.name));
    directory.discard(directory.queueMetaPath(this.name));
  }

  // --- checkpoints -------------------------------------------------------------------------------------------------------------

  checkpointSoon(): void {
    if (this.#checkpointAlarm.isSet || this.isEphemeral) return;
    this.#checkpointAlarm.setFor(this.#context.clock.monotonicMs() + this.#context.options.syncTimeoutMs);
  }

  /** What a restart must know has changed: the state is written with this turn's commit. */
  #stateChanged(): void {
    if (this.isEphemeral) return;
    this.#stateIsUrgent = true;
    if (!this.#isTouched) this.#beginTurn();
  }

  messageDeferred(channel: Channel, record: HeldRecord): void {
    if (this.isEphemeral || channel.isEphemeral || record.chunk.segment === null) return;
    const held = heldState(this.log, record, this.#wallOffsetMs());
    this.#changes.push({ channel: channel.name, held });
    if (!this.#isTouched) this.#beginTurn();
  }

  #wallOffsetMs(): number {
    return this.#context.clock.wallMs() - this.#context.clock.monotonicMs();
  }

  get deferred(): readonly DeferredPublish[] {
    return this.#deferred;
  }

  /** Remembers where every channel stands, and gives up memory and files that are no longer needed. */
  checkpoint(): void {
    this.#checkpointAlarm.cancel();
    if (this.#isExiting || this.isEphemeral) return;
    if (this.log.hasUncommitted) {
      // Places of messages that may still be taken back must not be remembered.
      this.#checkpointAlarm.setFor(this.#context.clock.monotonicMs() + 1);
      return;
    }
    try {
      for (const channel of this.#channels.values()) {
        channel.passSkips();
        this.#dropFinishedQueue(channel);
      }
      this.log.trim();
      const hasMore = this.#moveStragglers();
      this.#writeState();
      if (hasMore) this.#checkpointAlarm.setFor(this.#context.clock.monotonicMs() + STRAGGLER_STEP_MS);
      this.log.flush((error) => {
        if (error !== null) this.#context.reportStorageFailure(`TOPIC(${this.name}): failed to sync`, error);
      });
    } catch (error) {
      this.#context.reportStorageFailure(`TOPIC(${this.name}): failed to write its state`, error);
      this.#stateIsUrgent = true;
      this.checkpointSoon();
    }
  }

  /**
   * True when more are to be moved. Nothing is moved while the side file does not stand: without it, a start after a crash
   * reads both the old places and the new ones.
   */
  #moveStragglers(): boolean {
    if (this.#stateIsUrgent) return true;
    try {
      return this.#stragglers.move();
    } catch (error) {
      this.#context.reportStorageFailure(`TOPIC(${this.name}): failed to move messages to another file`, error);
      return false;
    }
  }

  #writeState(): void {
    const isSynced = this.#stragglers.hasMoved && this.#context.options.durability === 'fsync';
    if (isSynced) for (const channel of this.#channels.values()) channel.cursors[0]!.log.files.syncNow();
    this.#writeStateFile(isSynced);
    if (isSynced) this.#context.directory.fileSystem.syncDirectoryNow(this.#context.directory.path);
    this.#stragglers.forgetOldPlaces();
    this.#stateIsUrgent = false;
    this.#changes = [];
    this.log.writeMeta();
    for (const channel of this.#channels.values()) {
      if (channel.cursors.length > 1 && !channel.isEphemeral) channel.cursors[0]!.log.writeMeta();
    }
  }

  #writeStateFile(isSynced: boolean): void {
    const { clock } = this.#context;
    const channels = [...this.#channels.values()].filter(({ isEphemeral }) => !isEphemeral);
    try {
      if (this.#stateIsUrgent || !this.stateFile.takesChanges) {
        this.stateFile.replace(topicState(this, clock), isSynced);
      } else {
        const changed = channels.filter(({ hasChanged }) => hasChanged);
        this.stateFile.appendCheckpoint(this.#changes, topicCheckpoint(this, changed, clock), isSynced);
      }
    } catch (error) {
      // The journals have begun anew: only everything can follow.
      this.#stateIsUrgent = true;
      throw error;
    }
    for (const channel of channels) channel.hasChanged = false;
  }

  /** What this turn deferred goes behind the last snapshot; what changes more than that makes a new one. */
  #commitState(): void {
    try {
      if (this.#stateIsUrgent || (this.#changes.length > 0 && !this.stateFile.takesChanges)) this.#writeState();
      else if (this.#changes.length > 0) this.stateFile.append(this.#changes);
      this.#changes = [];
    } catch (error) {
      this.#stateIsUrgent = true;
      this.#context.reportStorageFailure(`TOPIC(${this.name}): failed to write its state`, error);
    }
  }

  /** After a crash the state may know of channels that `nsqd.dat` does not: it is written first. */
  #withFoundChannels(channels: readonly ChannelMetadata[]): readonly ChannelMetadata[] {
    const found = this.#found?.isFinal === false ? this.#found.channels : [];
    const missing = found.filter((state) => !channels.some(({ name }) => name === state.name));
    return [...channels, ...missing.map(({ name }) => ({ name, paused: false }))];
  }

  /** Puts the topic into the state its files describe; called once, before anybody uses it. */
  restore(channels: readonly ChannelMetadata[], isPaused: boolean): void {
    const { clock } = this.#context;
    const found = this.#found;
    this.#isPaused = isPaused;
    if (found !== null) this.#deferred = restoreDeferred(this, found, clock);
    for (const { name, paused } of this.#withFoundChannels(channels)) {
      const state = found?.channels.find((each) => each.name === name);
      const channel = this.#addChannel(name, state === undefined ? this.released : this.#releasedUpTo(state.cursor));
      if (paused) channel.pause();
    }
    this.#followChannels();
    this.#flow();
    for (const state of found?.channels ?? []) {
      const channel = this.#channels.get(state.name);
      if (channel === undefined) continue;
      restoreChannel(this, channel, state, this.#foreignQueues.has(state.name), clock);
    }
    this.#foreignQueues.clear();
    this.#found = null;
    this.log.dropUnneeded();
    for (const channel of this.#channels.values()) {
      for (const { log } of channel.cursors) {
        log.dropUnneeded();
        log.forgetLoaded();
      }
      // What was released before this start was counted then.
      channel.messageCount = 0;
    }
    this.log.forgetLoaded();
    this.#context.directory.queueOpened(this.name);
    for (const name of this.#channels.keys()) this.#context.directory.queueOpened(channelQueueName(this.name, name));
    if (this.#channels.size > 0 || this.depth() > 0) this.#stateChanged();
    this.bounds?.restored();
  }

  /** A place among the released messages: a channel that were ahead of them would miss what comes. */
  #releasedUpTo(place: FilePlace): LogPosition {
    const at = this.log.seek(...place);
    return at.index > this.released.index ? this.released : at;
  }

  /** New ids are to be greater than those of a former run, even if the wall clock was stepped back since. */
  #continueIds(greatestId: string | null): void {
    this.#ids.setWallClock(this.#context.turn.wallMs());
    if (greatestId !== null) this.#ids.continueAfter(greatestId);
  }

  /** Refuses publishes and stops deliveries; what it holds stays for the export of a clean stop. */
  stop(): void {
    this.#isExiting = true;
    this.#guard();
    this.#checkpointAlarm.cancel();
    this.bounds?.stop();
    for (const channel of this.#channels.values()) channel.stop();
  }
}
