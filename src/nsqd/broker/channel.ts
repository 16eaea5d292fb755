// A channel: its cursor into the topic's log, and everything that left the log but is not finished.
//
//                 released                                 deliver                    FIN
//   topic's log ------------> ChannelQueue: unread part ------------> HeldMessages ---------> gone
//                                           returned   <------------    in flight
//                                                       REQ, timeout    deferred, leaving
//
//   ChannelSubscribers   the consumers, and whose turn it is
//   ChannelDelivery      from the queue into flight
//   ChannelAnswers       what consumers say: FIN, REQ, TOUCH
//
// A message of the channel is in exactly one of: the unread part of a log, in flight, returned, deferred, leaving.
// Depth = unread + returned. Here is what holds these together: when to deliver, pausing, emptying, closing.

import { isEphemeralName } from '../../lib/protocol/names.js';
import type { LogPosition } from '../storage/log-reader.js';
import { ChannelAnswers } from './channel-answers.js';
import type { AnswerOutcome } from './channel-answers.js';
import { ChannelDelivery } from './channel-delivery.js';
import { ChannelQueue } from './channel-queue.js';
import { ChannelSubscribers } from './channel-subscribers.js';
import type { BrokerContext, LatencyRecorder } from './context.js';
import { DeadLetters } from './dead-letters.js';
import type { DeadLetterRule } from './dead-letters.js';
import { HeldJournal, OUTDATED } from './held-journal.js';
import { HeldMessages } from './held-messages.js';
import type { DeferredPublish, HeldRecord } from './held-record.js';
import type { DropTest, LogCursor } from './log-cursor.js';
import type { Subscriber } from './subscriber.js';
import type { ClientPlace } from './topology.js';
import type { TurnChannel } from './turn.js';

/** Which of its counters a channel counts dropped messages in. */
export type DropCounter = 'droppedCount' | 'expiredCount';

/** The topic, as its channels need it. */
export interface ChannelTopic {
  readonly name: string;
  /** Null while its messages never die. */
  readonly deadLetterRule: DeadLetterRule | null;
  readonly checkpoints: ChannelCheckpoints;
  lastSubscriberLeft(channel: Channel): void;
}

/** Who remembers on disk where the topic's channels stand. */
export interface ChannelCheckpoints {
  /** Something a checkpoint would remember has changed. */
  soon(): void;
  /** A channel deferred a message: its due time is to be on disk with this turn's commit. */
  messageDeferred(channel: Channel, record: HeldRecord): void;
}

export class Channel implements TurnChannel {
  readonly #topic: ChannelTopic;
  readonly name: string;
  readonly isEphemeral: boolean;
  /** Null while latencies are not measured. */
  readonly latencyRecorder: LatencyRecorder | null;
  readonly #context: BrokerContext;
  /** Messages an ephemeral channel keeps at most; Infinity otherwise. */
  readonly #depthMax: number;
  readonly #queue: ChannelQueue;
  readonly #journal: HeldJournal;
  /** For checkpoints, the clean stop, and those who look without taking. */
  readonly held: HeldMessages;
  readonly #subscribers: ChannelSubscribers;
  readonly #delivery: ChannelDelivery;
  readonly #answers: ChannelAnswers;
  #isPaused = false;
  #isTouched = false;

  messageCount = 0;
  /** Messages an ephemeral channel dropped because it was full. */
  overflowCount = 0;
  /** Messages dropped because their topic was full, and because they were too old. */
  droppedCount = 0;
  expiredCount = 0;

  /** `cursors` in the order in which they are read; the last one is the topic's. */
  constructor(topic: ChannelTopic, name: string, context: BrokerContext, cursors: LogCursor[]) {
    this.#topic = topic;
    this.name = name;
    this.isEphemeral = isEphemeralName(name);
    this.latencyRecorder = context.newLatencyRecorder?.() ?? null;
    this.#context = context;
    this.#depthMax = this.isEphemeral ? context.options.memQueueSize : Infinity;
    const where = `CHANNEL(${name})`;
    const queue = new ChannelQueue(cursors);
    const isRemembered = !this.isEphemeral && !isEphemeralName(topic.name);
    const { checkpoints } = topic;
    const journal = new HeldJournal(queue.topicCursor.log, isRemembered, () => checkpoints.soon());
    const deadLetters = topic.deadLetterRule === null ? null : new DeadLetters(topic.deadLetterRule, context, where, journal);
    const held = new HeldMessages(context, queue, journal, deadLetters, () => this.touch());
    const subscribers = new ChannelSubscribers(context.topology ?? null);
    this.#queue = queue;
    this.#journal = journal;
    this.held = held;
    this.#subscribers = subscribers;
    this.#delivery = new ChannelDelivery({
      where, context, queue, held, subscribers, isLatencyMeasured: this.latencyRecorder !== null, onMore: () => this.touch(),
    });
    this.#answers = new ChannelAnswers(context, held, this.latencyRecorder, (record) => checkpoints.messageDeferred(this, record));
  }

  // --- numbers -------------------------------------------------------------------------------------------------------

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isExiting(): boolean {
    return this.held.isStopped;
  }

  get subscribers(): readonly Subscriber[] {
    return this.#subscribers.all;
  }

  /** Messages waiting for a consumer. */
  depth(): number {
    return this.#queue.length();
  }

  /** Of these, how many are on disk only or beyond what `--mem-queue-size` keeps in memory (http-api 6.5). */
  backendDepth(): number {
    if (this.isEphemeral) return 0;
    const depth = this.depth();
    return Math.min(depth, Math.max(this.#queue.recordsOnDiskOnly(), depth - this.#context.options.memQueueSize));
  }

  get inFlightCount(): number {
    return this.held.inFlight.size;
  }

  /** Deferred, and leaving for the dead letter topic. */
  get deferredCount(): number {
    return this.held.deferredCount;
  }

  /** Messages moved to the dead letter topic since the start. */
  get deadLetterCount(): number {
    return this.held.deadLetterCount;
  }

  get finishCount(): number {
    return this.#answers.finishCount;
  }

  get requeueCount(): number {
    return this.#answers.requeueCount;
  }

  get timeoutCount(): number {
    return this.held.timeoutCount;
  }

  /** Messages that a consumer's sample rate left out. */
  get sampledOutCount(): number {
    return this.#delivery.sampledOutCount;
  }

  get zoneLocalMessageCount(): number {
    return this.#subscribers.zoneLocalMessageCount;
  }

  get regionLocalMessageCount(): number {
    return this.#subscribers.regionLocalMessageCount;
  }

  get globalMessageCount(): number {
    return this.#subscribers.globalMessageCount;
  }

  // --- consumers -----------------------------------------------------------------------------------------------------

  /** The text of the refusal, or null. `place` is null for a client that has not said where it is. */
  addSubscriber(subscriber: Subscriber, place: ClientPlace | null = null): string | null {
    if (this.isExiting) return 'exiting';
    const { maxChannelConsumers } = this.#context.options;
    if (maxChannelConsumers > 0 && this.#subscribers.size >= maxChannelConsumers) {
      return `consumers for ${this.#topic.name}:${this.name} exceeds limit of ${maxChannelConsumers}`;
    }
    this.#subscribers.add(subscriber, place);
    return null;
  }

  /** Its messages stay in flight until they time out (tcp-protocol 16.6), unless `--requeue-on-disconnect`. */
  removeSubscriber(subscriber: Subscriber): void {
    if (!this.#subscribers.remove(subscriber)) return;
    if (this.#context.options.requeueOnDisconnect) this.#answers.requeueAllOf(subscriber);
    if (this.#subscribers.size === 0 && !this.isExiting) this.#topic.lastSubscriberLeft(this);
    this.touch();
  }

  // --- from the topic --------------------------------------------------------------------------------------------------

  /**
   * The topic released the messages from index `from` to `end`. `deferred` are those among them that are not due yet, in
   * log order. An ephemeral channel that is full loses the newest ones (engine.md 12).
   */
  released(from: number, deferred: readonly DeferredPublish[], end: LogPosition): void {
    this.messageCount += end.index - from;
    let room = this.#depthMax === Infinity ? Infinity : Math.max(0, this.#depthMax - this.#depthBefore(end.index - from));
    let next = from;
    for (const publish of deferred) {
      const isInside = publish.index - next <= room;
      if (isInside) {
        room -= publish.index - next;
        next = publish.index + 1;
      }
      this.#deferPublish(publish, isInside);
    }
    if (end.index - next > room) {
      this.overflowCount += end.index - next - room;
      this.#queue.topicCursor.addSkip({ fromIndex: next + room, from: null, to: end });
    }
    this.#journal.change();
    this.touch();
  }

  #depthBefore(releasedCount: number): number {
    return this.depth() - releasedCount;
  }

  #deferPublish({ chunk, position, bytes, index, dueMs }: DeferredPublish, isUnread: boolean): void {
    const from = { chunk, position, index };
    const to = { chunk, position: position + bytes, index: index + 1 };
    if (isUnread) this.#queue.topicCursor.addSkip({ fromIndex: index, from, to });
    chunk.hold();
    // From its place ahead of the reader it could be read again once it is finished.
    this.held.addDeferred({ chunk, position, attempts: 0, dueMs, turn: 0, isWaiting: true, remembered: OUTDATED });
  }

  /** Leaves out messages that the topic has thrown away before releasing them. */
  skip(from: LogPosition, to: LogPosition): void {
    this.#queue.topicCursor.addSkip({ fromIndex: from.index, from, to });
  }

  // --- delivering ------------------------------------------------------------------------------------------------------

  /** Asks for a `pump` at the end of this turn. */
  touch(): void {
    if (this.#isTouched || this.#isPaused || this.isExiting || this.#subscribers.size === 0) return;
    this.#isTouched = true;
    this.#context.turn.touchChannel(this);
  }

  pump(): void {
    this.#isTouched = false;
    if (this.#isPaused || this.isExiting || this.depth() === 0) return;
    this.#delivery.deliver();
  }

  // --- answers, as in ChannelAnswers -------------------------------------------------------------------------------------

  /** Hot path (bench: delivery). */
  finish(subscriber: Subscriber, bytes: Uint8Array, at: number): AnswerOutcome {
    const outcome = this.#answers.finish(subscriber, bytes, at);
    if (outcome === 'done') this.touch();
    return outcome;
  }

  requeue(subscriber: Subscriber, bytes: Uint8Array, at: number, delayMs: number): AnswerOutcome {
    const outcome = this.#answers.requeue(subscriber, bytes, at, delayMs);
    if (outcome === 'done') this.touch();
    return outcome;
  }

  extend(subscriber: Subscriber, bytes: Uint8Array, at: number): AnswerOutcome {
    return this.#answers.extend(subscriber, bytes, at);
  }

  // --- administration ------------------------------------------------------------------------------------------------------

  pause(): void {
    this.#isPaused = true;
    this.#context.metadataChanged();
  }

  unpause(): void {
    this.#isPaused = false;
    this.#context.metadataChanged();
    this.touch();
  }

  /** Forgets everything queued, in flight and deferred; consumers stay, their windows open again (engine.md 14.2). */
  empty(): void {
    this.held.empty();
    this.#queue.skipUnread();
    this.#journal.change();
    this.touch();
  }

  /** Gives up unread messages, oldest first, as LogCursor.dropWhile. They are counted also where the rest cannot be read. */
  dropUnread(isDropped: DropTest, countMax: number, counter: DropCounter): number {
    const before = this.#queue.unread();
    try {
      return this.#queue.dropUnread(isDropped, countMax);
    } finally {
      this[counter] += before - this.#queue.unread();
      this.#journal.change();
    }
  }

  /** The same for messages that came back, in the order in which they did. */
  dropReturned(isDropped: DropTest, countMax: number, counter: DropCounter): number {
    const before = this.#queue.length();
    try {
      return this.held.dropReturned(isDropped, countMax);
    } finally {
      this[counter] += before - this.#queue.length();
    }
  }

  /** Closes the consumers and lets go of everything. The topic takes it out of its map. */
  delete(): void {
    this.stop();
    for (const subscriber of [...this.subscribers]) subscriber.closeAbruptly();
    this.empty();
  }

  /** No more deliveries and deadlines; what is held stays readable for the flush of a clean stop. */
  stop(): void {
    this.held.stop();
  }

  /** Lets go of the readers, after everything was emptied. */
  detach(): void {
    this.#queue.detach();
  }

  /** After the export of a clean stop: the topic's log keeps nothing for this channel any more. */
  abandon(): void {
    const { log, reader } = this.#queue.topicCursor;
    const held = [...this.held.inFlightRecords(), ...this.held.returnedRecords(), ...this.held.deferredRecords()];
    for (const { chunk } of held) if (chunk.owner === log) chunk.letGo();
    log.removeReader(reader);
  }

  // --- for checkpoints and the clean stop ------------------------------------------------------------------------------------

  /** Whether there is something for a checkpoint to remember. */
  get hasChanged(): boolean {
    return this.#journal.hasChanged;
  }

  set hasChanged(hasChanged: boolean) {
    this.#journal.hasChanged = hasChanged;
  }

  /** In the order in which they are read: of its own queue, if it has one, and of the topic's log. */
  get cursors(): readonly LogCursor[] {
    return this.#queue.cursors;
  }

  get topicCursor(): LogCursor {
    return this.#queue.topicCursor;
  }

  get ownCursor(): LogCursor | null {
    return this.#queue.ownCursor;
  }

  /** Messages taken from the logs so far: a returned message comes once this is its `turn`. */
  get takenCount(): number {
    return this.#queue.takenCount;
  }

  /** Reads an own queue from now on, before what the topic releases. */
  addOwnQueue(cursor: LogCursor): void {
    this.#queue.addOwnQueue(cursor);
  }

  /** Steps over messages that wait elsewhere, or are for others, as far as nothing unread comes before them. */
  passSkips(): void {
    this.#queue.passSkips();
  }

  /** Forgets its own queue once everything in it is finished. True when it did. */
  dropFinishedQueue(): boolean {
    return this.#queue.dropFinishedQueue();
  }

  checkInvariants(): void {
    this.held.checkInvariants();
    if (this.#queue.unread() < 0) throw new Error(`channel ${this.name}: ${this.#queue.unread()} unread`);
  }
}
