// What consumers say of the messages they have in flight: FIN, REQ, TOUCH, and that they leave.
//
// Every answer is looked up in the in-flight table first, and refused if it is for a message of somebody else. Who answers
// sees to it that the channel delivers on.

import type { BrokerContext, LatencyRecorder } from './context.js';
import { OUTDATED, UNKNOWN } from './held-journal.js';
import type { HeldMessages } from './held-messages.js';
import type { HeldRecord } from './held-record.js';
import { NO_SLOT } from './in-flight-table.js';
import type { InFlightTable } from './in-flight-table.js';
import type { Subscriber } from './subscriber.js';

/** What became of FIN, REQ or TOUCH (tcp-protocol 13.1). */
export type AnswerOutcome = 'done' | 'ID not in flight' | 'client does not own message' | 'exiting';

export class ChannelAnswers {
  readonly #context: BrokerContext;
  readonly #held: HeldMessages;
  readonly #inFlight: InFlightTable;
  /** Null while latencies are not measured. */
  readonly #latencyRecorder: LatencyRecorder | null;
  readonly #onDeferred: (record: HeldRecord) => void;
  finishCount = 0;
  requeueCount = 0;

  /** `onDeferred` hears of each message that a consumer has deferred. */
  constructor(
    context: BrokerContext, held: HeldMessages, latencyRecorder: LatencyRecorder | null, onDeferred: (record: HeldRecord) => void,
  ) {
    this.#context = context;
    this.#held = held;
    this.#inFlight = held.inFlight;
    this.#latencyRecorder = latencyRecorder;
    this.#onDeferred = onDeferred;
  }

  /** Hot path (bench: delivery). FIN of the id whose 16 bytes start at `at`. */
  finish(subscriber: Subscriber, bytes: Uint8Array, at: number): AnswerOutcome {
    const table = this.#inFlight;
    const slot = table.find(bytes, at);
    if (slot === NO_SLOT) return 'ID not in flight';
    if (table.owners[slot] !== subscriber) return 'client does not own message';
    const { journal } = this.#held;
    const chunk = table.chunks[slot]!;
    if (this.#latencyRecorder !== null) this.#recordLatency(this.#latencyRecorder, slot);
    if (table.remembered[slot] !== UNKNOWN) journal.left(chunk, table.positions[slot]!);
    table.remove(slot);
    subscriber.inFlightCount -= 1;
    this.finishCount += 1;
    chunk.letGo();
    if (!journal.hasChanged) journal.change();
    return 'done';
  }

  #recordLatency(recorder: LatencyRecorder, slot: number): void {
    recorder.record(this.#context.clock.wallMs() - this.#inFlight.publishedMs[slot]!);
  }

  /** REQ: back to the queue now, or after `delayMs`, which the caller has brought into its range. */
  requeue(subscriber: Subscriber, bytes: Uint8Array, at: number, delayMs: number): AnswerOutcome {
    const held = this.#held;
    const slot = this.#inFlight.find(bytes, at);
    if (slot === NO_SLOT) return 'ID not in flight';
    if (this.#inFlight.owners[slot] !== subscriber) return 'client does not own message';
    if (held.isStopped && delayMs === 0) return 'exiting';
    this.requeueCount += 1;
    const record = held.takeFromFlight(slot);
    if (delayMs === 0) {
      held.giveBack(record);
    } else if (!held.leaves(record)) {
      record.dueMs = this.#context.clock.monotonicMs() + delayMs;
      // The topic writes it with this turn, so that it must be told when the message goes.
      record.remembered = OUTDATED;
      held.addDeferred(record);
      this.#onDeferred(record);
    }
    held.journal.change();
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
    this.#held.ringBy(deadlineMs);
    return 'done';
  }

  /** A REQ of everything this consumer has in flight. */
  requeueAllOf(subscriber: Subscriber): void {
    const table = this.#inFlight;
    for (const slot of table.slots()) {
      if (table.owners[slot] !== subscriber) continue;
      this.requeueCount += 1;
      this.#held.giveBack(this.#held.takeFromFlight(slot));
    }
  }
}
