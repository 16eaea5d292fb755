// All deadlines of a daemon behind one timer: a binary heap of alarms, the timer armed for the earliest.
// An alarm knows its place in the heap, so that moving or cancelling one costs O(log n). Nothing fires early. When much is
// due at once, such as the checkpoints of a thousand topics, the event loop has its turn in between.
// DEVIATION(precise-time): stock nsqd scans for what is due, every 100 ms, new channels after up to 5 s.

import type { Clock } from './clock.js';

const NOT_SET = -1;
/** Node cannot wait longer; a later deadline is looked at again then. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** After so long, sockets are served before the next alarm rings. */
const RINGING_MS_MAX = 5;

export class Alarm {
  readonly #clock: AlarmClock;
  readonly #onDue: (nowMs: number) => void;
  /** Monotonic milliseconds; meaningful while the alarm is set. */
  deadlineMs = Infinity;
  /** Owned by the AlarmClock. */
  heapIndex = NOT_SET;

  constructor(clock: AlarmClock, onDue: (nowMs: number) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get isSet(): boolean {
    return this.heapIndex !== NOT_SET;
  }

  /** Sets or moves the alarm; Infinity cancels it. */
  setFor(deadlineMs: number): void {
    this.#clock.schedule(this, deadlineMs);
  }

  /** Sets the alarm unless it is due earlier already. */
  setNoLaterThan(deadlineMs: number): void {
    if (!this.isSet || deadlineMs < this.deadlineMs) this.#clock.schedule(this, deadlineMs);
  }

  cancel(): void {
    this.#clock.schedule(this, Infinity);
  }

  ring(nowMs: number): void {
    this.#onDue(nowMs);
  }
}

export class AlarmClock {
  readonly #clock: Clock;
  readonly #heap: Alarm[] = [];
  #timer: NodeJS.Timeout | null = null;
  #timerForMs = Infinity;
  #isRinging = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  newAlarm(onDue: (nowMs: number) => void): Alarm {
    return new Alarm(this, onDue);
  }

  schedule(alarm: Alarm, deadlineMs: number): void {
    if (alarm.isSet) this.#remove(alarm);
    alarm.deadlineMs = deadlineMs;
    if (deadlineMs === Infinity) return;
    this.#heap.push(alarm);
    this.#place(alarm, this.#heap.length - 1);
    this.#siftUp(alarm.heapIndex);
    if (!this.#isRinging) this.#arm();
  }

  /** Rings every alarm that is due, as far as the time allows; the rest when the timer comes again. A simulation may call it. */
  ringDue(): void {
    const startMs = this.#clock.monotonicMs();
    let nowMs = startMs;
    this.#isRinging = true;
    try {
      for (let first = this.#heap[0]; first !== undefined && first.deadlineMs <= startMs; first = this.#heap[0]) {
        if (nowMs - startMs >= RINGING_MS_MAX) break;
        this.#remove(first);
        first.ring(nowMs);
        nowMs = this.#clock.monotonicMs();
      }
    } finally {
      this.#isRinging = false;
      this.#arm();
    }
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerForMs = Infinity;
    for (const alarm of this.#heap) alarm.heapIndex = NOT_SET;
    this.#heap.length = 0;
  }

  #arm(): void {
    const earliestMs = this.#heap[0]?.deadlineMs ?? Infinity;
    if (this.#timer !== null) {
      if (this.#timerForMs <= earliestMs && earliestMs !== Infinity) return;
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#timerForMs = Infinity;
    }
    if (earliestMs === Infinity) return;
    const delayMs = Math.ceil(earliestMs - this.#clock.monotonicMs());
    this.#timerForMs = earliestMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#timerForMs = Infinity;
      this.ringDue();
    }, Math.min(Math.max(delayMs, 1), TIMER_MS_MAX));
  }

  #remove(alarm: Alarm): void {
    const at = alarm.heapIndex;
    const last = this.#heap.pop()!;
    alarm.heapIndex = NOT_SET;
    if (last === alarm) return;
    this.#place(last, at);
    this.#siftUp(at);
    this.#siftDown(last.heapIndex);
  }

  #place(alarm: Alarm, at: number): void {
    this.#heap[at] = alarm;
    alarm.heapIndex = at;
  }

  #siftUp(from: number): void {
    const alarm = this.#heap[from]!;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#heap[above]!;
      if (parent.deadlineMs <= alarm.deadlineMs) break;
      this.#place(parent, at);
      at = above;
    }
    this.#place(alarm, at);
  }

  #siftDown(from: number): void {
    const alarm = this.#heap[from]!;
    const size = this.#heap.length;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= size) break;
      if (below + 1 < size && this.#heap[below + 1]!.deadlineMs < this.#heap[below]!.deadlineMs) below += 1;
      const child = this.#heap[below]!;
      if (child.deadlineMs >= alarm.deadlineMs) break;
      this.#place(child, at);
      at = below;
    }
    this.#place(alarm, at);
  }
}
