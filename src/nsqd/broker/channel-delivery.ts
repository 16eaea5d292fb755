// Handing out what waits in a channel: from its queue into flight.
//
//   round    over the consumers that are ready: the next one gets its share, until nothing waits or nobody is ready
//   share    what waits, divided by the consumers that are ready
//   run      messages that lie side by side in one chunk, as many as share and consumer take: one copy to its output
//
// A message that came back, or that is for a consumer with a sample rate, goes alone.

import type { Chunk } from '../storage/chunk.js';
import { recordAttempts, recordBytes, recordTimestampMs } from '../storage/record.js';
import { recordAt } from '../storage/stored-records.js';
import type { ChannelQueue } from './channel-queue.js';
import type { ChannelSubscribers } from './channel-subscribers.js';
import type { BrokerContext } from './context.js';
import { OUTDATED, UNKNOWN } from './held-journal.js';
import type { HeldMessages } from './held-messages.js';
import type { HeldRecord } from './held-record.js';
import { NO_SLOT } from './in-flight-table.js';
import type { InFlightTable } from './in-flight-table.js';
import type { LogCursor } from './log-cursor.js';
import type { Subscriber } from './subscriber.js';
import { RANKS } from './topology.js';

/** Messages handed out before the event loop gets its turn. */
const DELIVERIES_PER_TURN_MAX = 20_000;
/** How long a message waits whose id is in flight already, or whose file cannot be read, before the next try. */
const RETRY_MS = 1000;

/** What a delivery works with; the channel's own. */
export interface DeliveryParts {
  /** Names the channel in the log. */
  readonly where: string;
  readonly context: BrokerContext;
  readonly queue: ChannelQueue;
  readonly held: HeldMessages;
  readonly subscribers: ChannelSubscribers;
  readonly isLatencyMeasured: boolean;
  /** Asked for another round in a later turn. */
  readonly onMore: () => void;
}

export class ChannelDelivery {
  readonly #where: string;
  readonly #context: BrokerContext;
  readonly #queue: ChannelQueue;
  readonly #held: HeldMessages;
  readonly #inFlight: InFlightTable;
  readonly #subscribers: ChannelSubscribers;
  readonly #isLatencyMeasured: boolean;
  readonly #onMore: () => void;
  /** Messages that a consumer's sample rate left out. */
  sampledOutCount = 0;

  constructor({ where, context, queue, held, subscribers, isLatencyMeasured, onMore }: DeliveryParts) {
    this.#where = where;
    this.#context = context;
    this.#queue = queue;
    this.#held = held;
    this.#inFlight = held.inFlight;
    this.#subscribers = subscribers;
    this.#isLatencyMeasured = isLatencyMeasured;
    this.#onMore = onMore;
  }

  // --- rounds ------------------------------------------------------------------------------------------------------------

  /** Hands out as much as the ready consumers take, or as one turn allows. */
  deliver(): void {
    const ready = this.#subscribers.ready();
    if (ready.length === 0) return;
    try {
      if (this.#subscribers.areRanked) this.#deliverByRank(ready);
      else this.#deliverTo(ready);
    } catch (error) {
      this.#context.reportStorageFailure(`${this.#where}: failed to read message from backend`, error);
      this.#held.ringBy(this.#context.clock.monotonicMs() + RETRY_MS);
    }
    this.#held.rearm();
  }

  /** The nearest consumers get as much as they take; the others share what is left. */
  #deliverByRank(ready: readonly Subscriber[]): void {
    for (const rank of RANKS) {
      const peers = this.#subscribers.ofRank(ready, rank);
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
    if (last !== null) this.#subscribers.servedLast(last);
    if (left <= 0) this.#onMore();
  }

  #shareOf(ready: readonly Subscriber[]): number {
    return Math.max(1, Math.floor(this.#queue.length() / ready.length));
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

  // --- unread messages ---------------------------------------------------------------------------------------------------

  /**
   * Hot path (bench: delivery). Up to `max` messages that lie side by side, at least one. They are registered in flight first: an
   * answer can never come too early (engine.md 8).
   */
  #deliverRun(cursor: LogCursor, max: number, subscriber: Subscriber, nowMs: number): number {
    if (subscriber.sampleRate > 0) return this.#deliverOne(cursor, subscriber, nowMs);
    const table = this.#inFlight;
    const { chunk, position } = cursor.reader;
    const bytes = chunk!.bytes ?? chunk!.load();
    const runMax = Math.min(max, this.#queue.runLength(cursor), subscriber.readyRoom());
    const endMax = position + subscriber.outputRoomBytes();
    let end = position;
    let count = 0;
    while (count < runMax) {
      const next = end + recordBytes(bytes, end);
      if (next > endMax && count > 0) break;
      const slot = table.add(bytes, end, chunk!, end, recordAttempts(bytes, end) + 1, subscriber, nowMs);
      if (slot === NO_SLOT) break;
      if (this.#isLatencyMeasured) table.publishedMs[slot] = recordTimestampMs(bytes, end);
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
    if (!chunk.isFromDisk) this.#subscribers.countDeliveries(count, subscriber);
    const { journal } = this.#held;
    if (!journal.hasChanged) journal.change();
  }

  // --- messages that came back -------------------------------------------------------------------------------------------

  #deliverReturned(record: HeldRecord, subscriber: Subscriber, nowMs: number): void {
    const { chunk, position } = record;
    const { bytes, start } = recordAt(chunk, position);
    this.#queue.dropFirstReturned();
    record.isWaiting = false;
    const remembered = record.remembered === UNKNOWN ? UNKNOWN : OUTDATED;
    if (bytes === chunk.bytes) this.#subscribers.countDeliveries(1, subscriber);
    if (isSampledOut(subscriber.sampleRate)) {
      if (remembered !== UNKNOWN) this.#held.journal.left(chunk, position);
      this.#sampleOut(chunk);
    } else {
      this.#hand(bytes, start, chunk, position, record.attempts, subscriber, nowMs, remembered);
    }
  }

  // --- one message -------------------------------------------------------------------------------------------------------

  #sampleOut(chunk: Chunk): void {
    this.sampledOutCount += 1;
    chunk.letGo();
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
      this.#held.addDeferred({ chunk, position, attempts: attemptsBefore, dueMs, turn: 0, isWaiting: true, remembered });
      return;
    }
    if (remembered !== UNKNOWN) this.#inFlight.remembered[slot] = remembered;
    if (this.#isLatencyMeasured) this.#inFlight.publishedMs[slot] = recordTimestampMs(bytes, start);
    subscriber.inFlightCount += 1;
    subscriber.messageCount += 1;
    subscriber.deliver(bytes, start, attempts);
  }
}

/** Keeps (rate + 1) percent, as stock nsqd does (tcp-protocol 16.4). */
function isSampledOut(sampleRate: number): boolean {
  return sampleRate > 0 && Math.floor(Math.random() * 100) > sampleRate;
}
