// What no channel of a topic has yet: its log from `released` on.
//
//   log   ..........|......................|.................|...........|
//                   ^ channels' cursors    ^ released        ^ kept      ^ end
//                    theirs                 may be released   this turn's, or not yet synced: may be taken back
//
// `released` follows `kept` whenever the topic lets its messages flow. Messages published with a delay lie in the log like
// any other; the channels get them with their due times when they are released.

import type { Clock } from '../../lib/time/clock.js';
import type { LogPosition, LogReader } from '../storage/log-reader.js';
import type { MessageLog } from '../storage/message-log.js';
import type { DeferredPublish } from './held-record.js';

/** A channel, as the backlog sees it. */
export interface ReleaseTarget {
  /** As Channel.released. */
  released(from: number, deferred: readonly DeferredPublish[], end: LogPosition): void;
  /** As Channel.skip. */
  skip(from: LogPosition, to: LogPosition): void;
}

export class TopicBacklog {
  readonly #log: MessageLog;
  readonly #clock: Clock;
  readonly released: LogReader;
  #kept: LogPosition;
  /** Published with a delay and not released, in log order. */
  #deferred: DeferredPublish[] = [];

  /** Begins at `from`, or with everything the log holds when null; all of it counts as kept. */
  constructor(log: MessageLog, from: LogPosition | null, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#kept = log.end();
    this.released = log.addReader(from);
  }

  /** Up to where messages are kept as durably as asked for: what may be released. */
  get kept(): LogPosition {
    return this.#kept;
  }

  get deferred(): readonly DeferredPublish[] {
    return this.#deferred;
  }

  /** Messages, without those of the running turn. */
  depth(): number {
    return this.#log.end().index - this.released.index;
  }

  /** Of these, how many memory has no copy of. */
  depthOnDiskOnly(): number {
    return this.released.recordsOnDiskOnly();
  }

  // --- what comes ------------------------------------------------------------------------------------------------------

  /** The message appended last is not to be delivered before it is due. */
  defer(publish: DeferredPublish): void {
    this.#deferred.push(publish);
  }

  /** In log order. */
  restoreDeferred(deferred: readonly DeferredPublish[]): void {
    this.#deferred = [...deferred];
  }

  /** The log has taken back what the turn appended. */
  takeBack(): void {
    this.#deferred = this.#deferred.filter(({ index }) => index < this.#log.tailIndex);
  }

  keep(end: LogPosition): void {
    this.#kept = end;
  }

  // --- what goes -------------------------------------------------------------------------------------------------------

  /** Gives everything that is kept to the channels, of which there is one at least. */
  releaseTo(channels: Iterable<ReleaseTarget>): void {
    const end = this.#kept;
    if (end.index <= this.released.index) return;
    const from = this.released.index;
    const deferred = this.#takeDeferred(end.index);
    this.released.moveTo(end);
    for (const channel of channels) channel.released(from, deferred, end);
  }

  /** Those before `endIndex` that are not due yet; one that is due by now is a message like any other. */
  #takeDeferred(endIndex: number): readonly DeferredPublish[] {
    if (this.#deferred.length === 0) return this.#deferred;
    const nowMs = this.#clock.monotonicMs();
    const taken = this.#deferred.filter(({ index }) => index < endIndex);
    this.#deferred = this.#deferred.slice(taken.length);
    return taken.filter(({ dueMs }) => dueMs > nowMs);
  }

  /** Throws away what lies before `end`, for the channels as well. False when there is nothing. */
  drop(end: LogPosition, channels: Iterable<ReleaseTarget>): boolean {
    const from = { chunk: this.released.chunk, position: this.released.position, index: this.released.index };
    if (from.index >= end.index) return false;
    this.#deferred = this.#deferred.filter(({ index }) => index >= end.index);
    this.released.moveTo(end);
    for (const channel of channels) channel.skip(from, end);
    return true;
  }
}
