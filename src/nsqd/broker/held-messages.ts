// What a channel holds: the messages that it has taken from its logs and that are not finished.
//
//   deliver --> in flight --finish--> gone
//                 |  ^  \--requeue with delay--> deferred --due--\
//    timeout,     v  |                                            v
//    requeue   returned  <-----------------------------------------
//
// What a consumer failed too often leaves for the dead letter topic instead of coming back (dead-letters.ts).
//
// A held message is in exactly one of these places, and its chunk is held for it (Chunk.hold). Each move is one method, which takes
// it out of its place and puts it into the next without anything in between that can fail. Returned messages wait in the
// channel's queue; what a checkpoint is to hear of all this goes to the journal. One alarm rings at the earliest deadline.

import type { Alarm } from '../../lib/time/alarm-clock.js';
import type { Chunk } from '../storage/chunk.js';
import { recordAt } from '../storage/stored-records.js';
import type { ChannelQueue } from './channel-queue.js';
import type { BrokerContext } from './context.js';
import type { DeadLetters } from './dead-letters.js';
import { DeferredHeap } from './deferred-heap.js';
import { KNOWN, UNKNOWN } from './held-journal.js';
import type { HeldJournal } from './held-journal.js';
import type { HeldRecord } from './held-record.js';
import { InFlightTable, NO_SLOT } from './in-flight-table.js';
import type { InFlightMessage } from './in-flight-table.js';
import type { DropTest } from './log-cursor.js';
import { HeldStraggler, InFlightStraggler } from './straggler.js';
import type { Straggler } from './straggler.js';

/** Expired or due messages handled before the event loop gets its turn. */
const EXPIRIES_PER_RING_MAX = 10_000;

export class HeldMessages {
  readonly #queue: ChannelQueue;
  readonly journal: HeldJournal;
  /** For those who deliver and those who answer. */
  readonly inFlight = new InFlightTable();
  readonly #deferred = new DeferredHeap();
  /** Null while messages come back however often they were delivered. */
  readonly #deadLetters: DeadLetters | null;
  readonly #alarm: Alarm;
  readonly #onRung: () => void;
  #isStopped = false;
  timeoutCount = 0;

  /** `onRung` hears that messages may have come back by the time. */
  constructor(
    context: BrokerContext, queue: ChannelQueue, journal: HeldJournal, deadLetters: DeadLetters | null, onRung: () => void,
  ) {
    this.#queue = queue;
    this.journal = journal;
    this.#deadLetters = deadLetters;
    this.#onRung = onRung;
    this.#alarm = context.alarmClock.newAlarm((nowMs) => this.#ring(nowMs));
  }

  /** True once no deadline counts any more. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Deferred, and leaving for the dead letter topic. */
  get deferredCount(): number {
    return this.#deferred.size + (this.#deadLetters?.size ?? 0);
  }

  /** Messages moved to the dead letter topic since the start. */
  get deadLetterCount(): number {
    return this.#deadLetters?.count ?? 0;
  }

  // --- moves -------------------------------------------------------------------------------------------------------------

  /** Takes over a message that waits for its due time; the caller has held its chunk. */
  addDeferred(record: HeldRecord): void {
    this.journal.waits(record);
    this.#deferred.push(record);
    this.#alarm.setNoLaterThan(record.dueMs);
  }

  /** Takes over a message that waits in the queue; the caller has held its chunk. */
  addReturned(record: HeldRecord): void {
    this.journal.waits(record);
    this.#queue.putBack(record);
  }

  /** Out of the table, for the caller to put it somewhere else. */
  takeFromFlight(slot: number): HeldRecord {
    const table = this.inFlight;
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
  giveBack(record: HeldRecord): void {
    // A channel that is being deleted closes its consumers: what they had is nobody's any more.
    if (this.#isStopped || !this.leaves(record)) this.addReturned(record);
  }

  /** True when a message that came back has been delivered often enough: it is on its way to the dead letter topic. */
  leaves(record: HeldRecord): boolean {
    return this.#deadLetters !== null && this.#deadLetters.takes(record);
  }

  /** Forgets everything in flight, returned and deferred. */
  empty(): void {
    const table = this.inFlight;
    for (const slot of table.slots()) {
      const chunk = table.chunks[slot]!;
      table.owners[slot]!.inFlightCount -= 1;
      if (table.remembered[slot] !== UNKNOWN) this.journal.left(chunk, table.positions[slot]!);
      table.remove(slot);
      chunk.letGo();
    }
    for (const record of this.#queue.returned()) this.journal.letGo(record);
    this.#queue.clearReturned();
    for (const record of this.#deferred.values()) this.journal.letGo(record);
    this.#deferred.clear();
    this.#deadLetters?.clear();
    this.#alarm.cancel();
  }

  /** Gives up returned messages, in the order in which they came back, as LogCursor.dropWhile. */
  dropReturned(isDropped: DropTest, countMax: number): number {
    let dropped = 0;
    for (; dropped < countMax; dropped += 1) {
      const record = this.#queue.firstReturned();
      if (record === undefined) break;
      const { bytes, start } = recordAt(record.chunk, record.position);
      if (!isDropped(bytes, start)) break;
      this.#queue.dropFirstReturned();
      this.journal.letGo(record);
    }
    if (dropped > 0) this.journal.change();
    return dropped;
  }

  // --- time --------------------------------------------------------------------------------------------------------------

  /** Timed-out and due messages go back to the queue. */
  #ring(nowMs: number): void {
    const table = this.inFlight;
    let left = EXPIRIES_PER_RING_MAX;
    for (let slot = table.first(); slot !== NO_SLOT && table.deadlineMs[slot]! <= nowMs && left > 0; left -= 1) {
      this.timeoutCount += 1;
      this.giveBack(this.takeFromFlight(slot));
      slot = table.first();
    }
    for (; this.#deferred.firstDueMs() <= nowMs && left > 0; left -= 1) this.addReturned(this.#deferred.pop()!);
    this.journal.change();
    this.rearm();
    this.#onRung();
  }

  /** Sees to it that the alarm rings at the earliest deadline. */
  rearm(): void {
    const slot = this.inFlight.first();
    const expiryMs = slot === NO_SLOT ? Infinity : this.inFlight.deadlineMs[slot]!;
    const dueMs = Math.min(expiryMs, this.#deferred.firstDueMs());
    if (dueMs !== Infinity) this.#alarm.setNoLaterThan(dueMs);
  }

  /** The alarm rings by then, whatever is due. */
  ringBy(deadlineMs: number): void {
    this.#alarm.setNoLaterThan(deadlineMs);
  }

  /** No more deadlines; what is held stays readable for the flush of a clean stop. */
  stop(): void {
    this.#isStopped = true;
    this.#alarm.cancel();
    this.#deadLetters?.stop();
  }

  // --- for checkpoints, the clean stop, and those who look without taking --------------------------------------------------

  /** Messages in flight, as the records they would be if they came back now. */
  *inFlightRecords(): Generator<HeldRecord> {
    const table = this.inFlight;
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

  /** In flight, and not known to the side file as they are; from now on they are. */
  takeInFlightChanges(): HeldRecord[] {
    const changed: HeldRecord[] = [];
    const { remembered, chunks, positions, attempts } = this.inFlight;
    for (const slot of this.inFlight.slots()) {
      const chunk = chunks[slot]!;
      if (remembered[slot] === KNOWN || chunk.segment === null) continue;
      remembered[slot] = KNOWN;
      changed.push({
        chunk, position: positions[slot]!, attempts: attempts[slot]!, dueMs: 0, turn: 0, isWaiting: false, remembered: KNOWN,
      });
    }
    return changed;
  }

  /** Those in these chunks. */
  stragglersIn(chunks: ReadonlySet<Chunk>): Straggler[] {
    const found: Straggler[] = [];
    const table = this.inFlight;
    for (const slot of table.slots()) {
      if (chunks.has(table.chunks[slot]!)) found.push(new InFlightStraggler(table, slot, this.journal));
    }
    for (const record of this.returnedRecords()) if (chunks.has(record.chunk)) found.push(new HeldStraggler(record, this.journal));
    for (const record of this.#deferred.values()) if (chunks.has(record.chunk)) found.push(new HeldStraggler(record, this.journal));
    return found;
  }

  /** At most `countMax` messages in flight, those delivered first. */
  longestInFlight(countMax: number): InFlightMessage[] {
    return this.inFlight.longestOut(countMax);
  }

  /** At most `countMax` deferred messages, those due first. */
  earliestDeferred(countMax: number): HeldRecord[] {
    return this.#deferred.earliest(countMax);
  }

  checkInvariants(): void {
    this.inFlight.checkInvariants();
  }
}
