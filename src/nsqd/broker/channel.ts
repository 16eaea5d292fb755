// A channel: its cursor into the topic's log, and everything that left the log but is not finished.
//
//   log --take--> in flight --finish--> gone
//                  |  ^  \--requeue with delay--> deferred --due--\
//     timeout,     v  |                                            v
//     requeue   returned  <-----------------------------------------
//
// What a consumer failed too often leaves for the dead letter topic instead of coming back (dead-letters.ts).
//
// A message of the channel is in exactly one of: the unread part of a log, in flight, returned, deferred, leaving. Each move is one
// method here, which takes it out of its place and puts it into the next without anything in between that can fail.
// Depth = unread + returned.
// What waits, unread or returned, is the ChannelQueue's.

import { isEphemeralName } from '../../lib/protocol/names.js';
import type { Alarm } from '../../lib/time/alarm-clock.js';
import type { Chunk } from '../storage/chunk.js';
import type { LogPosition } from '../storage/log-reader.js';
import { recordAttempts, recordBytes, recordTimestampMs } from '../storage/record.js';
import { ChannelQueue } from './channel-queue.js';
import type { BrokerContext, LatencyRecorder } from './context.js';
import { DeadLetters } from './dead-letters.js';
import type { DeadLetterRule } from './dead-letters.js';
import { DeferredHeap } from './deferred-heap.js';
import type { DeferredPublish, HeldRecord } from './held-record.js';
import { HeldJournal, KNOWN, OUTDATED, UNKNOWN } from './held-journal.js';
import { InFlightTable, NO_SLOT } from './in-flight-table.js';
import type { InFlightMessage } from './in-flight-table.js';
import type { LogCursor } from './log-cursor.js';
import { HeldStraggler, InFlightStraggler } from './straggler.js';
import type { Straggler } from './straggler.js';
import type { Subscriber } from './subscriber.js';
import { RANKS } from './topology.js';
import type { ClientPlace, Standing, Topology } from './topology.js';
import type { TurnChannel } from './turn.js';

/** Expired or due messages handled before the event loop gets its turn. */
const EXPIRIES_PER_RING_MAX = 10_000;
/** Messages handed out before the event loop gets its turn. */
const DELIVERIES_PER_TURN_MAX = 20_000;
/** How long a message waits whose id is in flight already, or whose file cannot be read, before the next try. */
const RETRY_MS = 1000;

/** Whether the record at `start` of `bytes` is to be dropped. */
export type DropTest = (bytes: Uint8Array, start: number) => boolean;

/** What became of FIN, REQ or TOUCH (tcp-protocol 13.1). */
export type AnswerOutcome = 'done' | 'ID not in flight' | 'client does not own message' | 'exiting';

/** The topic, as its channels need it. */
export interface ChannelTopic {
  readonly name: string;
  /** Null while its messages never die. */
  readonly deadLetterRule: DeadLetterRule | null;
  /** Something a checkpoint would remember has changed. */
  checkpointSoon(): void;
  /** A channel deferred a message: its due time is to be on disk with this turn's commit. */
  messageDeferred(channel: Channel, record: HeldRecord): void;
  lastSubscriberLeft(channel: Channel): void;
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
  readonly journal: HeldJournal;
  readonly #inFlight = new InFlightTable();
  readonly #deferred = new DeferredHeap();
  /** Null while messages come back however often they were delivered. */
  readonly #deadLetters: DeadLetters | null;
  readonly #alarm: Alarm;
  #subscribers: Subscriber[] = [];
  /** Null while consumers are not told apart by where they are. */
  readonly #topology: Topology | null;
  /** Of each subscriber; empty without topology. */
  readonly #standings = new Map<Subscriber, Standing>();
  /** Where the next round over the consumers begins. */
  #turnOf = 0;
  #isPaused = false;
  #isExiting = false;
  #isTouched = false;

  messageCount = 0;
  requeueCount = 0;
  timeoutCount = 0;
  finishCount = 0;
  /** Messages an ephemeral channel dropped because it was full. */
  overflowCount = 0;
  /** Messages that a consumer's sample rate left out. */
  sampledOutCount = 0;
  /** Messages dropped because their topic was full, and because they were too old. */
  droppedCount = 0;
  expiredCount = 0;
  zoneLocalMessageCount = 0;
  regionLocalMessageCount = 0;
  globalMessageCount = 0;

  /** Set by the first change after a checkpoint, cleared by the checkpoint. */
  hasChanged = false;

  /** `cursors` in the order in which they are read; the last one is the topic's. */
  constructor(topic: ChannelTopic, name: string, context: BrokerContext, cursors: LogCursor[]) {
    this.#topic = topic;
    this.name = name;
    this.isEphemeral = isEphemeralName(name);
    this.latencyRecorder = context.newLatencyRecorder?.() ?? null;
    this.#context = context;
    this.#depthMax = this.isEphemeral ? context.options.memQueueSize : Infinity;
    this.#queue = new ChannelQueue(cursors);
    this.journal = new HeldJournal(this.#queue.topicCursor.log, !this.isEphemeral && !isEphemeralName(topic.name));
    this.#topology = context.topology ?? null;
    this.#deadLetters = topic.deadLetterRule === null ? null
      : new DeadLetters(topic.deadLetterRule, context, `CHANNEL(${name})`, this.journal, () => this.#change());
    this.#alarm = context.alarmClock.newAlarm((nowMs) => this.#ring(nowMs));
  }

  // --- numbers -------------------------------------------------------------------------------------------------------

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isExiting(): boolean {
    return this.#isExiting;
  }

  get subscribers(): readonly Subscriber[] {
    return this.#subscribers;
  }

  get inFlightCount(): number {
    return this.#inFlight.size;
  }

  /** Deferred, and leaving for the dead letter topic. */
  get deferredCount(): number {
    return this.#deferred.size + (this.#deadLetters?.size ?? 0);
  }

  /** Messages moved to the dead letter topic since the start. */
  get deadLetterCount(): number {
    return this.#deadLetters?.count ?? 0;
  }

  /** Messages waiting for a consumer. */
  depth(): number {
    return this.#queue.length();
  }

  /** Of these, how many are on disk only or beyond what `--mem-queue-size` keeps in memory (http-api 6.5). */
  backendDepth(): number {
    if (this.isEphemeral) return 0;
    const depth = this.depth();
    const onDisk = this.#queue.cursors.reduce((sum, { log, reader }) => sum + log.recordsOnDiskOnly(reader), 0);
    return Math.min(depth, Math.max(onDisk, depth - this.#context.options.memQueueSize));
  }

  // --- consumers -----------------------------------------------------------------------------------------------------

  /** The text of the refusal, or null. `place` is null for a client that has not said where it is. */
  addSubscriber(subscriber: Subscriber, place: ClientPlace | null = null): string | null {
    if (this.#isExiting) return 'exiting';
    const { maxChannelConsumers } = this.#context.options;
    if (maxChannelConsumers > 0 && this.#subscribers.length >= maxChannelConsumers) {
      return `consumers for ${this.#topic.name}:${this.name} exceeds limit of ${maxChannelConsumers}`;
    }
    this.#subscribers.push(subscriber);
    if (this.#topology !== null) this.#standings.set(subscriber, this.#topology.standingOf(place));
    return null;
  }

  /** Its messages stay in flight until they time out (tcp-protocol 16.6), unless `--requeue-on-disconnect`. */
  removeSubscriber(subscriber: Subscriber): void {
    const at = this.#subscribers.indexOf(subscriber);
    if (at < 0) return;
    this.#subscribers.splice(at, 1);
    this.#standings.delete(subscriber);
    if (this.#context.options.requeueOnDisconnect) this.#requeueAllOf(subscriber);
    if (this.#subscribers.length === 0 && !this.#isExiting) this.#topic.lastSubscriberLeft(this);
    this.touch();
  }

  #requeueAllOf(subscriber: Subscriber): void {
    const table = this.#inFlight;
    for (const slot of table.slots()) {
      if (table.owners[slot] !== subscriber) continue;
      this.requeueCount += 1;
      this.#giveBack(this.#takeFromFlight(slot));
    }
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
    this.#change();
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
    this.addDeferred({ chunk, position, attempts: 0, dueMs, turn: 0, isWaiting: true, remembered: OUTDATED });
  }

  /** Leaves out messages that the topic has thrown away before releasing them. */
  skip(from: LogPosition, to: LogPosition): void {
    this.#queue.topicCursor.addSkip({ fromIndex: from.index, from, to });
  }

  /** Takes over a message that waits for its due time; the caller has held its chunk. */
  addDeferred(record: HeldRecord): void {
    this.journal.waits(record);
    this.#deferred.push(record);
    this.#alarm.setNoLaterThan(record.dueMs);
  }

  /** Takes over a message that waits in the queue; the caller has held its chunk. */
  addReturned(record: HeldRecord): void {
    this.#return(record);
  }

  // --- delivering ------------------------------------------------------------------------------------------------------

  /** Asks for a `pump` at the end of this turn. */
  touch(): void {
    if (this.#isTouched || this.#isPaused || this.#isExiting || this.#subscribers.length === 0) return;
    this.#isTouched = true;
    this.#context.turn.touchChannel(this);
  }

  pump(): void {
    this.#isTouched = false;
    if (this.#isPaused || this.#isExiting || this.depth() === 0) return;
    const ready = this.#readySubscribers();
    if (ready.length === 0) return;
    try {
      if (this.#topology === null) this.#deliverTo(ready);
      else this.#deliverByRank(ready);
    } catch (error) {
      this.#context.reportStorageFailure(`CHANNEL(${this.name}): failed to read message from backend`, error);
      this.#alarm.setNoLaterThan(this.#context.clock.monotonicMs() + RETRY_MS);
    }
    this.#rearm();
  }

  #readySubscribers(): Subscriber[] {
    const all = this.#subscribers;
    const ready: Subscriber[] = [];
    for (let step = 0; step < all.length; step += 1) {
      const subscriber = all[(this.#turnOf + step) % all.length]!;
      if (subscriber.isReady()) ready.push(subscriber);
    }
    return ready;
  }

  /** The nearest consumers get as much as they take; the others share what is left. */
  #deliverByRank(ready: readonly Subscriber[]): void {
    for (const rank of RANKS) {
      const peers = ready.filter((subscriber) => this.#standings.get(subscriber)?.rank === rank);
      if (peers.length === 0) continue;
      this.#deliverTo(peers);
      if (peers.length > 0) return;
    }
  }

  /**
   * Hot path (bench: delivery). A share of what waits to each ready consumer in turn until there are no more of either; who takes
   * no more is removed from the list. The next round begins behind the consumer that was served last.
   */
  #deliverTo(ready: Subscriber[]): void {
    const nowMs = this.#context.turn.nowMs();
    let last: Subscriber | null = null;
    let at = 0;
    let share = this.#shareOf(ready);
    let left = DELIVERIES_PER_TURN_MAX;
    while (left > 0 && ready.length > 0) {
      const subscriber = ready[at]!;
      const count = this.#deliverSome(subscriber, Math.min(share, left), nowMs);
      if (count === 0) break;
      left -= count;
      last = subscriber;
      if (subscriber.isReady()) {
        at += 1;
      } else {
        subscriber.requestFlush();
        ready.splice(at, 1);
      }
      if (at < ready.length) continue;
      at = 0;
      share = this.#shareOf(ready);
    }
    if (last !== null) this.#turnOf = this.#subscribers.indexOf(last) + 1;
    if (left <= 0) this.touch();
  }

  #shareOf(ready: readonly Subscriber[]): number {
    return Math.max(1, Math.floor(this.depth() / ready.length));
  }

  /** Returns how many the consumer got, up to `max`; fewer when it takes no more, or when the queue is empty. */
  #deliverSome(subscriber: Subscriber, max: number, nowMs: number): number {
    let count = 0;
    while (count < max && subscriber.isReady()) {
      const returned = this.#queue.dueReturned();
      const cursor = returned === undefined ? this.#queue.nextCursor() : null;
      if (returned !== undefined) {
        this.#deliverReturned(returned, subscriber, nowMs);
        count += 1;
      } else if (cursor !== null) {
        count += this.#deliverRun(cursor, max - count, subscriber, nowMs);
      } else {
        break;
      }
    }
    return count;
  }

  /**
   * Hot path (bench: delivery). Up to `max` messages that lie side by side, at least one. They are registered in flight first: an
   * answer can never come too early (engine.md 8).
   */
  #deliverRun(cursor: LogCursor, max: number, subscriber: Subscriber, nowMs: number): number {
    if (subscriber.sampleRate > 0) return this.#deliverOne(cursor, subscriber, nowMs);
    const { chunk, position } = cursor.reader;
    const bytes = chunk!.bytes ?? chunk!.load();
    const runMax = Math.min(max, this.#queue.runLength(cursor), subscriber.readyRoom());
    const endMax = position + subscriber.outputRoomBytes();
    let end = position;
    let count = 0;
    while (count < runMax) {
      const next = end + recordBytes(bytes, end);
      if (next > endMax && count > 0) break;
      const slot = this.#inFlight.add(bytes, end, chunk!, end, recordAttempts(bytes, end) + 1, subscriber, nowMs);
      if (slot === NO_SLOT) break;
      if (this.latencyRecorder !== null) this.#inFlight.publishedMs[slot] = recordTimestampMs(bytes, end);
      end = next;
      count += 1;
    }
    if (count === 0) return this.#deliverOne(cursor, subscriber, nowMs);
    this.#take(cursor, count, end, subscriber);
    subscriber.inFlightCount += count;
    subscriber.messageCount += count;
    subscriber.deliverRun(bytes, position, end, count);
    return count;
  }

  /** The same for one message, which may be left out, or in flight already. */
  #deliverOne(cursor: LogCursor, subscriber: Subscriber, nowMs: number): number {
    const { chunk, position } = cursor.reader;
    const bytes = chunk!.bytes ?? chunk!.load();
    this.#take(cursor, 1, position + recordBytes(bytes, position), subscriber);
    if (isSampledOut(subscriber.sampleRate)) this.#sampleOut(chunk!);
    else this.#hand(bytes, position, chunk!, position, recordAttempts(bytes, position), subscriber, nowMs, UNKNOWN);
    return 1;
  }

  /** The channel holds the messages from now on, instead of its cursor. */
  #take(cursor: LogCursor, count: number, position: number, subscriber: Subscriber): void {
    const chunk = cursor.reader.chunk!;
    chunk.held += count;
    this.#queue.take(cursor, count, position);
    if (!chunk.isFromDisk) this.#countDeliveries(count, subscriber);
    if (!this.hasChanged) this.#change();
  }

  #deliverReturned(record: HeldRecord, subscriber: Subscriber, nowMs: number): void {
    const { chunk, position } = record;
    const { bytes, start } = this.#context.readRecord(chunk, position);
    this.#queue.dropFirstReturned();
    record.isWaiting = false;
    const remembered = record.remembered === UNKNOWN ? UNKNOWN : OUTDATED;
    if (bytes === chunk.bytes) this.#countDeliveries(1, subscriber);
    if (isSampledOut(subscriber.sampleRate)) {
      if (remembered !== UNKNOWN) this.journal.left(chunk, position);
      this.#sampleOut(chunk);
    } else {
      this.#hand(bytes, start, chunk, position, record.attempts, subscriber, nowMs, remembered);
    }
  }

  #sampleOut(chunk: Chunk): void {
    this.sampledOutCount += 1;
    chunk.letGo();
  }

  /** Deliveries from memory only; one that sampling leaves out counts as well (http-api 6.5). */
  #countDeliveries(count: number, subscriber: Subscriber): void {
    const locality = this.#topology === null ? null : this.#standings.get(subscriber)!.locality;
    if (locality === 'zone') this.zoneLocalMessageCount += count;
    else if (locality === 'region') this.regionLocalMessageCount += count;
    else this.globalMessageCount += count;
  }

  #hand(
    bytes: Uint8Array, start: number, chunk: Chunk, position: number, attemptsBefore: number, subscriber: Subscriber,
    nowMs: number, remembered: number,
  ): void {
    const attempts = (attemptsBefore + 1) & 0xffff;
    const slot = this.#inFlight.add(bytes, start, chunk, position, attempts, subscriber, nowMs);
    if (slot === NO_SLOT) {
      // A second copy, which a crash can leave: it waits until the first is answered, or could not be told from it.
      // DEVIATION(one-copy-in-flight): stock nsqd sends it without keeping track of it.
      const dueMs = nowMs + RETRY_MS;
      this.addDeferred({ chunk, position, attempts: attemptsBefore, dueMs, turn: 0, isWaiting: true, remembered });
      return;
    }
    if (remembered !== UNKNOWN) this.#inFlight.remembered[slot] = remembered;
    if (this.latencyRecorder !== null) this.#inFlight.publishedMs[slot] = recordTimestampMs(bytes, start);
    subscriber.inFlightCount += 1;
    subscriber.messageCount += 1;
    subscriber.deliver(bytes, start, attempts);
  }

  // --- answers -----------------------------------------------------------------------------------------------------------

  /** Hot path (bench: delivery). FIN of the id whose 16 bytes start at `at`. */
  finish(subscriber: Subscriber, bytes: Uint8Array, at: number): AnswerOutcome {
    const slot = this.#inFlight.find(bytes, at);
    if (slot === NO_SLOT) return 'ID not in flight';
    if (this.#inFlight.owners[slot] !== subscriber) return 'client does not own message';
    const chunk = this.#inFlight.chunks[slot]!;
    if (this.latencyRecorder !== null) this.#recordLatency(this.latencyRecorder, slot);
    if (this.#inFlight.remembered[slot] !== UNKNOWN) this.journal.left(chunk, this.#inFlight.positions[slot]!);
    this.#inFlight.remove(slot);
    subscriber.inFlightCount -= 1;
    this.finishCount += 1;
    chunk.letGo();
    if (!this.hasChanged) this.#change();
    this.touch();
    return 'done';
  }

  #recordLatency(recorder: LatencyRecorder, slot: number): void {
    recorder.record(this.#context.clock.wallMs() - this.#inFlight.publishedMs[slot]!);
  }

  /** REQ: back to the queue now, or after `delayMs`, which the caller has brought into its range. */
  requeue(subscriber: Subscriber, bytes: Uint8Array, at: number, delayMs: number): AnswerOutcome {
    const slot = this.#inFlight.find(bytes, at);
    if (slot === NO_SLOT) return 'ID not in flight';
    if (this.#inFlight.owners[slot] !== subscriber) return 'client does not own message';
    if (this.#isExiting && delayMs === 0) return 'exiting';
    this.requeueCount += 1;
    const record = this.#takeFromFlight(slot);
    if (delayMs === 0) {
      this.#giveBack(record);
    } else if (this.#deadLetters === null || !this.#deadLetters.takes(record)) {
      record.dueMs = this.#context.clock.monotonicMs() + delayMs;
      // The topic writes it with this turn, so that it must be told when the message goes.
      record.remembered = OUTDATED;
      this.addDeferred(record);
      this.#topic.messageDeferred(this, record);
    }
    this.#change();
    this.touch();
    return 'done';
  }

  /** TOUCH: the deadline moves to now + the client's timeout, capped (tcp-protocol 13.5). */
  extend(subscriber: Subscriber, bytes: Uint8Array, at: number): AnswerOutcome {
    const table = this.#inFlight;
    const slot = table.find(bytes, at);
    if (slot === NO_SLOT) return 'ID not in flight';
    if (table.owners[slot] !== subscriber) return 'client does not own message';
    const { messageTimeoutMs } = subscriber;
    const latestMs = table.deliveredMs[slot]! + this.#context.options.maxMsgTimeoutMs;
    const deadlineMs = Math.min(this.#context.clock.monotonicMs() + messageTimeoutMs, latestMs);
    table.setDeadline(slot, messageTimeoutMs, deadlineMs);
    this.#alarm.setNoLaterThan(deadlineMs);
    return 'done';
  }

  #takeFromFlight(slot: number): HeldRecord {
    const table = this.#inFlight;
    const record = {
      chunk: table.chunks[slot]!,
      position: table.positions[slot]!,
      attempts: table.attempts[slot]!,
      dueMs: 0,
      turn: 0,
      isWaiting: true,
      remembered: table.remembered[slot]!,
    };
    table.owners[slot]!.inFlightCount -= 1;
    table.remove(slot);
    return record;
  }

  /** From a consumer to the queue, or to the dead letter topic. */
  #giveBack(record: HeldRecord): void {
    // A channel that is being deleted closes its consumers: what they had is nobody's any more.
    if (this.#isExiting || this.#deadLetters === null || !this.#deadLetters.takes(record)) this.#return(record);
  }

  /** A message that waited is finished. */
  #letGo(record: HeldRecord): void {
    record.isWaiting = false;
    if (record.remembered !== UNKNOWN) this.journal.left(record.chunk, record.position);
    record.chunk.letGo();
  }

  #return(record: HeldRecord): void {
    this.journal.waits(record);
    this.#queue.putBack(record);
  }

  // --- time --------------------------------------------------------------------------------------------------------------

  /** Timed-out and due messages go back to the queue. */
  #ring(nowMs: number): void {
    const table = this.#inFlight;
    let left = EXPIRIES_PER_RING_MAX;
    for (let slot = table.first(); slot !== NO_SLOT && table.deadlineMs[slot]! <= nowMs && left > 0; left -= 1) {
      this.timeoutCount += 1;
      this.#giveBack(this.#takeFromFlight(slot));
      slot = table.first();
    }
    for (; this.#deferred.firstDueMs() <= nowMs && left > 0; left -= 1) this.#return(this.#deferred.pop()!);
    this.#change();
    this.#rearm();
    this.touch();
  }

  #rearm(): void {
    const slot = this.#inFlight.first();
    const expiryMs = slot === NO_SLOT ? Infinity : this.#inFlight.deadlineMs[slot]!;
    const dueMs = Math.min(expiryMs, this.#deferred.firstDueMs());
    if (dueMs !== Infinity) this.#alarm.setNoLaterThan(dueMs);
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
    const table = this.#inFlight;
    for (const slot of table.slots()) {
      const chunk = table.chunks[slot]!;
      table.owners[slot]!.inFlightCount -= 1;
      if (table.remembered[slot] !== UNKNOWN) this.journal.left(chunk, table.positions[slot]!);
      table.remove(slot);
      chunk.letGo();
    }
    for (const record of this.#queue.returned()) this.#letGo(record);
    for (const record of this.#deferred.values()) this.#letGo(record);
    this.#deferred.clear();
    this.#deadLetters?.clear();
    this.#alarm.cancel();
    this.#queue.empty();
    this.#change();
    this.touch();
  }

  /** Gives up unread messages, oldest first, as LogCursor.dropWhile. */
  dropUnread(isDropped: DropTest, countMax: number): number {
    let dropped = 0;
    try {
      for (const cursor of this.#queue.cursors) {
        dropped += cursor.dropWhile(isDropped, countMax - dropped);
        if (cursor.available() > 0) break;
      }
    } finally {
      this.#change();
    }
    return dropped;
  }

  /** The same for messages that came back, in the order in which they did. */
  dropReturned(isDropped: DropTest, countMax: number): number {
    let dropped = 0;
    for (; dropped < countMax; dropped += 1) {
      const record = this.#queue.firstReturned();
      if (record === undefined) break;
      const { bytes, start } = this.#context.readRecord(record.chunk, record.position);
      if (!isDropped(bytes, start)) break;
      this.#queue.dropFirstReturned();
      this.#letGo(record);
    }
    if (dropped > 0) this.#change();
    return dropped;
  }

  /** Closes the consumers and lets go of everything. The topic takes it out of its map. */
  delete(): void {
    this.#isExiting = true;
    for (const subscriber of [...this.#subscribers]) subscriber.closeAbruptly();
    this.empty();
    this.stop();
  }

  /** No more deliveries and deadlines; what is held stays readable for the flush of a clean stop. */
  stop(): void {
    this.#isExiting = true;
    this.#alarm.cancel();
    this.#deadLetters?.stop();
  }

  /** Lets go of the readers, after everything was emptied. */
  detach(): void {
    for (const { log, reader } of this.#queue.cursors) log.removeReader(reader);
  }

  /** After the export of a clean stop: the topic's log keeps nothing for this channel any more. */
  abandon(): void {
    const { log, reader } = this.#queue.topicCursor;
    const held = [...this.inFlightRecords(), ...this.returnedRecords(), ...this.#deferred.values()];
    for (const { chunk } of held) if (chunk.owner === log) chunk.letGo();
    log.removeReader(reader);
  }

  #change(): void {
    this.hasChanged = true;
    this.#topic.checkpointSoon();
  }

  // --- for checkpoints and the clean stop ------------------------------------------------------------------------------------

  get cursors(): readonly LogCursor[] {
    return this.#queue.cursors;
  }

  /** Reads an own queue from now on, before what the topic releases. */
  addOwnQueue(cursor: LogCursor): void {
    this.#queue.cursors.unshift(cursor);
  }

  /** Steps over messages that wait elsewhere, or are for others, as far as nothing unread comes before them. */
  passSkips(): void {
    for (const cursor of this.#queue.cursors) cursor.passSkips();
  }

  /** Unfinished messages in these chunks that are not waiting to be read. */
  stragglersIn(chunks: ReadonlySet<Chunk>): Straggler[] {
    const found: Straggler[] = [];
    const table = this.#inFlight;
    for (const slot of table.slots()) {
      if (chunks.has(table.chunks[slot]!)) found.push(new InFlightStraggler(table, slot, this.journal));
    }
    for (const record of this.returnedRecords()) if (chunks.has(record.chunk)) found.push(new HeldStraggler(record, this.journal));
    for (const record of this.#deferred.values()) if (chunks.has(record.chunk)) found.push(new HeldStraggler(record, this.journal));
    return found;
  }

  /** Forgets its own queue once everything in it is finished. True when it did. */
  dropFinishedQueue(): boolean {
    const own = this.#queue.ownCursor;
    if (own === null || own.available() > 0 || own.log.liveChunks().some(({ held }) => held > 0)) return false;
    own.skipTo(own.limit);
    own.log.trim();
    if (!own.log.isEmpty()) return false;
    own.log.removeReader(own.reader);
    this.#queue.cursors.shift();
    return true;
  }

  /** Messages in flight, as the records they would be if they came back now. */
  /** In flight, and not known to the side file as they are; from now on they are. */
  takeInFlightChanges(): HeldRecord[] {
    const changed: HeldRecord[] = [];
    const { remembered, chunks, positions, attempts } = this.#inFlight;
    for (const slot of this.#inFlight.slots()) {
      const chunk = chunks[slot]!;
      if (remembered[slot] === KNOWN || chunk.segment === null) continue;
      remembered[slot] = KNOWN;
      changed.push({
        chunk, position: positions[slot]!, attempts: attempts[slot]!, dueMs: 0, turn: 0, isWaiting: false, remembered: KNOWN,
      });
    }
    return changed;
  }

  *inFlightRecords(): Generator<HeldRecord> {
    const table = this.#inFlight;
    for (const slot of table.slots()) {
      yield {
        chunk: table.chunks[slot]!, position: table.positions[slot]!, attempts: table.attempts[slot]!, dueMs: 0, turn: 0,
        isWaiting: false, remembered: table.remembered[slot]!,
      };
    }
  }

  /** Those that leave are the channel's until they have left. */
  *returnedRecords(): Generator<HeldRecord> {
    yield* this.#queue.returned();
    if (this.#deadLetters !== null) yield* this.#deadLetters.records();
  }

  deferredRecords(): readonly HeldRecord[] {
    return this.#deferred.values();
  }

  // --- for those who look without taking ---------------------------------------------------------------------------------

  /** Messages taken from the logs so far: a returned message comes once this is its `turn`. */
  get takenCount(): number {
    return this.#queue.takenCount;
  }

  /** At most `countMax` messages in flight, those delivered first. */
  longestInFlight(countMax: number): InFlightMessage[] {
    return this.#inFlight.longestOut(countMax);
  }

  /** At most `countMax` deferred messages, those due first. */
  earliestDeferred(countMax: number): HeldRecord[] {
    return this.#deferred.earliest(countMax);
  }

  checkInvariants(): void {
    this.#inFlight.checkInvariants();
    if (this.#queue.unread() < 0) throw new Error(`channel ${this.name}: ${this.#queue.unread()} unread`);
  }
}

/** Keeps (rate + 1) percent, as stock nsqd does (tcp-protocol 16.4). */
function isSampledOut(sampleRate: number): boolean {
  return sampleRate > 0 && Math.floor(Math.random() * 100) > sampleRate;
}
