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
//
// A channel reads its own queue first (what a clean stop, or stock nsqd, left under its name), then follows the topic.

import { RingBuffer } from '../../lib/collections/ring-buffer.js';
import { isEphemeralName } from '../../lib/protocol/names.js';
import type { Alarm } from '../../lib/time/alarm-clock.js';
import type { Chunk } from '../storage/chunk.js';
import type { LogPosition } from '../storage/log-reader.js';
import { ID_OFFSET, recordAttempts, recordBytes, recordTimestampMs } from '../storage/record.js';
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

/** A returned message waits for at most this many queued ones, as it would behind stock nsqd's default memory queue. */
const RETURN_BEHIND_MAX = 10_000;
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
  readonly #cursors: LogCursor[];
  readonly journal: HeldJournal;
  readonly #inFlight = new InFlightTable();
  readonly #returned = new RingBuffer<HeldRecord>();
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
  /** Messages taken from the logs so far; the clock by which returned messages wait. */
  #taken = 0;

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
    this.#cursors = cursors;
    this.journal = new HeldJournal(cursors.at(-1)!.log, !this.isEphemeral && !isEphemeralName(topic.name));
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
    return this.#unread() + this.#returned.length;
  }

  /** Of these, how many are on disk only or beyond what `--mem-queue-size` keeps in memory (http-api 6.5). */
  backendDepth(): number {
    if (this.isEphemeral) return 0;
    const depth = this.depth();
    const onDisk = this.#cursors.reduce((sum, { log, reader }) => sum + log.recordsOnDiskOnly(reader), 0);
    return Math.min(depth, Math.max(onDisk, depth - this.#context.options.memQueueSize));
  }

  #unread(): number {
    let unread = 0;
    for (const cursor of this.#cursors) unread += cursor.available();
    return unread;
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
      this.#topicCursor().addSkip({ fromIndex: next + room, from: null, to: end });
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
    if (isUnread) this.#topicCursor().addSkip({ fromIndex: index, from, to });
    chunk.hold();
    // From its place ahead of the reader it could be read again once it is finished.
    this.addDeferred({ chunk, position, attempts: 0, dueMs, turn: 0, isWaiting: true, remembered: OUTDATED });
  }

  /** Leaves out messages that the topic has thrown away before releasing them. */
  skip(from: LogPosition, to: LogPosition): void {
    this.#topicCursor().addSkip({ fromIndex: from.index, from, to });
  }

  #topicCursor(): LogCursor {
    return this.#cursors.at(-1)!;
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
   * Hot path (bench: delivery). One message to each ready consumer in turn until there are no more of either; who takes no
   * more is removed from the list. The next round begins behind the consumer that was served last.
   */
  #deliverTo(ready: Subscriber[]): void {
    const nowMs = this.#context.turn.nowMs();
    let last: Subscriber | null = null;
    let at = 0;
    let left = DELIVERIES_PER_TURN_MAX;
    for (; left > 0 && ready.length > 0; left -= 1) {
      if (at >= ready.length) at = 0;
      const subscriber = ready[at]!;
      if (!this.#deliverNext(subscriber, nowMs)) break;
      last = subscriber;
      if (subscriber.isReady()) {
        at += 1;
      } else {
        subscriber.requestFlush();
        ready.splice(at, 1);
      }
    }
    if (last !== null) this.#turnOf = this.#subscribers.indexOf(last) + 1;
    if (left === 0) this.touch();
  }

  /** Hot path (bench: delivery). False when the queue is empty. */
  #deliverNext(subscriber: Subscriber, nowMs: number): boolean {
    const returned = this.#returned.peek();
    if (returned !== undefined && (returned.turn <= this.#taken || this.#unread() === 0)) {
      this.#deliverReturned(subscriber, nowMs);
      return true;
    }
    for (const cursor of this.#cursors) {
      if (cursor.available() > 0) {
        this.#deliverFromLog(cursor, subscriber, nowMs);
        return true;
      }
    }
    return false;
  }

  /** Hot path (bench: delivery). */
  #deliverFromLog(cursor: LogCursor, subscriber: Subscriber, nowMs: number): void {
    const { reader } = cursor;
    if (reader.index === cursor.nextSkipIndex) cursor.passSkips();
    reader.skipEnds();
    const chunk = reader.chunk!;
    const bytes = chunk.bytes ?? chunk.load();
    const { position } = reader;
    chunk.held += 1;
    reader.position = position + recordBytes(bytes, position);
    reader.index += 1;
    this.#taken += 1;
    if (!chunk.isFromDisk) this.#countDelivery(subscriber);
    if (!this.hasChanged) this.#change();
    if (isSampledOut(subscriber.sampleRate)) this.#sampleOut(chunk);
    else this.#hand(bytes, position, chunk, position, recordAttempts(bytes, position), subscriber, nowMs, UNKNOWN);
  }

  #deliverReturned(subscriber: Subscriber, nowMs: number): void {
    const record = this.#returned.peek()!;
    const { chunk, position } = record;
    const { bytes, start } = this.#context.readRecord(chunk, position);
    this.#returned.shift();
    record.isWaiting = false;
    const remembered = record.remembered === UNKNOWN ? UNKNOWN : OUTDATED;
    if (bytes === chunk.bytes) this.#countDelivery(subscriber);
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
  #countDelivery(subscriber: Subscriber): void {
    if (this.#topology === null) this.globalMessageCount += 1;
    else this.#countByLocality(this.#standings.get(subscriber)!);
  }

  #countByLocality({ locality }: Standing): void {
    if (locality === 'zone') this.zoneLocalMessageCount += 1;
    else if (locality === 'region') this.regionLocalMessageCount += 1;
    else this.globalMessageCount += 1;
  }

  /** Registers in flight, then delivers: an answer can never come too early (engine.md 8). */
  #hand(
    bytes: Uint8Array, start: number, chunk: Chunk, position: number, attemptsBefore: number, subscriber: Subscriber,
    nowMs: number, remembered: number,
  ): void {
    if (this.#inFlight.find(bytes, start + ID_OFFSET) !== NO_SLOT) {
      // A second copy, which a crash can leave: it waits until the first is answered, or could not be told from it.
      // DEVIATION(one-copy-in-flight): stock nsqd sends it without keeping track of it.
      const dueMs = nowMs + RETRY_MS;
      this.addDeferred({ chunk, position, attempts: attemptsBefore, dueMs, turn: 0, isWaiting: true, remembered });
      return;
    }
    const attempts = (attemptsBefore + 1) & 0xffff;
    const slot = this.#inFlight.add(bytes, start, chunk, position, attempts, subscriber, nowMs);
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
    record.turn = this.#taken + Math.min(this.#unread(), RETURN_BEHIND_MAX);
    this.#returned.push(record);
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
    for (const record of this.#returned.values()) this.#letGo(record);
    this.#returned.clear();
    for (const record of this.#deferred.values()) this.#letGo(record);
    this.#deferred.clear();
    this.#deadLetters?.clear();
    this.#alarm.cancel();
    for (const cursor of this.#cursors) cursor.skipTo(cursor.limit);
    this.#change();
    this.touch();
  }

  /** Gives up unread messages, oldest first, as LogCursor.dropWhile. */
  dropUnread(isDropped: DropTest, countMax: number): number {
    let dropped = 0;
    try {
      for (const cursor of this.#cursors) {
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
    for (; dropped < countMax && this.#returned.length > 0; dropped += 1) {
      const { chunk, position } = this.#returned.peek()!;
      const { bytes, start } = this.#context.readRecord(chunk, position);
      if (!isDropped(bytes, start)) break;
      this.#returned.shift();
      chunk.letGo();
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
    for (const { log, reader } of this.#cursors) log.removeReader(reader);
  }

  /** After the export of a clean stop: the topic's log keeps nothing for this channel any more. */
  abandon(): void {
    const { log, reader } = this.#topicCursor();
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
    return this.#cursors;
  }

  /** Reads an own queue from now on, before what the topic releases. */
  addOwnQueue(cursor: LogCursor): void {
    this.#cursors.unshift(cursor);
  }

  /** Steps over messages that wait elsewhere, or are for others, as far as nothing unread comes before them. */
  passSkips(): void {
    for (const cursor of this.#cursors) cursor.passSkips();
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
    const own = this.#cursors.length > 1 ? this.#cursors[0]! : null;
    if (own === null || own.available() > 0 || own.log.liveChunks().some(({ held }) => held > 0)) return false;
    own.skipTo(own.limit);
    own.log.trim();
    if (!own.log.isEmpty()) return false;
    own.log.removeReader(own.reader);
    this.#cursors.shift();
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
    yield* this.#returned.values();
    if (this.#deadLetters !== null) yield* this.#deadLetters.records();
  }

  deferredRecords(): readonly HeldRecord[] {
    return this.#deferred.values();
  }

  // --- for those who look without taking ---------------------------------------------------------------------------------

  /** Messages taken from the logs so far: a returned message comes once this is its `turn`. */
  get takenCount(): number {
    return this.#taken;
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
    if (this.#unread() < 0) throw new Error(`channel ${this.name}: ${this.#unread()} unread`);
  }
}

/** Keeps (rate + 1) percent, as stock nsqd does (tcp-protocol 16.4). */
function isSampledOut(sampleRate: number): boolean {
  return sampleRate > 0 && Math.floor(Math.random() * 100) > sampleRate;
}
