// The clocks of one connection behind one alarm: when its next heartbeat is due, by when its next whole command must be in,
// by when it must have taken what was written (tcp-protocol 7). Pushing a deadline back costs a store; the alarm finds out
// when it rings.

import type { Alarm, AlarmClock } from '../../lib/time/alarm-clock.js';

/** What happens when time is up. */
export interface DeadlineOwner {
  heartbeatDue(): void;
  /** False when it is not the client that keeps its next command waiting. */
  mayTimeOut(): boolean;
  readTimedOut(): void;
  writeTimedOut(): void;
}

export class Deadlines {
  readonly #owner: DeadlineOwner;
  readonly #nowMs: () => number;
  readonly #alarm: Alarm;
  #intervalMs = 0;
  #readMs = Infinity;
  #heartbeatMs = Infinity;
  #writeMs = Infinity;

  /** `nowMs` may be a time that is read once a turn. */
  constructor(owner: DeadlineOwner, alarmClock: AlarmClock, nowMs: () => number) {
    this.#owner = owner;
    this.#nowMs = nowMs;
    this.#alarm = alarmClock.newAlarm((dueMs) => this.#ring(dueMs));
  }

  /** Heartbeats every so often from now on, commands within two intervals, writes within one; 0 turns all of it off. */
  restart(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#heartbeatMs = intervalMs > 0 ? this.#nowMs() + intervalMs : Infinity;
    this.#readMs = Infinity;
    this.armRead();
    if (intervalMs > 0) this.#alarm.setFor(this.#heartbeatMs);
  }

  /** Two intervals from now for the next whole command. */
  armRead(): void {
    if (this.#intervalMs > 0) this.#readMs = this.#nowMs() + 2 * this.#intervalMs;
  }

  /** What is read next must be in after `timeoutMs`, whatever the interval. */
  armReadFor(timeoutMs: number): void {
    this.#readMs = this.#nowMs() + timeoutMs;
    this.#alarm.setNoLaterThan(this.#readMs);
  }

  disarmRead(): void {
    this.#readMs = Infinity;
  }

  /** One interval from now for the client to take what was written. */
  armWrite(): void {
    if (this.#intervalMs > 0) this.armWriteFor(this.#intervalMs);
  }

  armWriteFor(timeoutMs: number): void {
    this.#writeMs = this.#nowMs() + timeoutMs;
    this.#alarm.setNoLaterThan(this.#writeMs);
  }

  disarmWrite(): void {
    this.#writeMs = Infinity;
  }

  /** No more heartbeats, and nothing more to be read. */
  stopListening(): void {
    this.#heartbeatMs = Infinity;
    this.#readMs = Infinity;
  }

  cancel(): void {
    this.#alarm.cancel();
  }

  #ring(nowMs: number): void {
    if (nowMs >= this.#writeMs) return this.#owner.writeTimedOut();
    if (nowMs >= this.#heartbeatMs) {
      this.#heartbeatMs += this.#intervalMs;
      this.#owner.heartbeatDue();
    }
    if (nowMs >= this.#readMs) {
      if (this.#owner.mayTimeOut()) return this.#owner.readTimedOut();
      this.#readMs = Infinity;
    }
    const nextMs = Math.min(this.#heartbeatMs, this.#readMs, this.#writeMs);
    if (nextMs !== Infinity) this.#alarm.setFor(nextMs);
  }
}
