// The bounds of one topic: how many bytes it may keep, and how old its messages may get.
//
//   size of a channel = bytes it has not read + messages it has read but not finished x their average size
//   size of a topic   = that of its largest channel; without channels, what it keeps for the first one
//
// A full topic refuses publishes, or drops the oldest messages that wait. What a channel has in flight or deferred is never
// dropped; where that takes more than half of the bound, publishes are refused in any case. What waits for its first channel, or
// for the end of a pause, is one line, delayed messages among the others. Messages that are too old are dropped where they wait;
// what is in flight or deferred then is looked at when it comes back.
//
// The size is taken only when so much was published that the topic could be full: the cost per message does not grow with
// the topic.

import type { Alarm } from '../../lib/time/alarm-clock.js';
import { topicOptionsOf } from '../options.js';
import type { TopicOptions } from '../options.js';
import type { Chunk } from '../storage/chunk.js';
import { StorageError } from '../storage/file-system.js';
import type { LogPosition } from '../storage/log-reader.js';
import type { MessageLog } from '../storage/message-log.js';
import { RECORD_OVERHEAD_BYTES, recordBytes, recordTimestampMs } from '../storage/record.js';
import type { Channel, DropCounter } from './channel.js';
import type { BrokerContext } from './context.js';
import type { DropTest } from './log-cursor.js';

/** Messages dropped from one queue before the event loop gets its turn. */
const DROPS_PER_PASS_MAX = 10_000;
/** Where messages are dropped, this share of the bound becomes free: it is not done for every message. */
const FREED_SHARE = 1 / 32;
/** A topic that was full is measured again after this time at the earliest. */
const MEASURE_AGAIN_MS = 10;
const RETRY_MS = 1000;

export interface BoundedTopic {
  readonly name: string;
  readonly log: MessageLog;
  readonly released: LogPosition;
  /** Up to where messages are as durable as asked for; those behind it have not been acknowledged. */
  readonly kept: LogPosition;
  readonly channels: ReadonlyMap<string, Channel>;
  /** Published since the start: with them grows what the topic keeps. */
  readonly messageCount: number;
  readonly messageBytes: number;
  /** Drops what no channel has yet, up to a place. */
  dropUnreleased(end: LogPosition): void;
}

/** Null for a topic without bounds. */
export function topicBoundsOf(topic: BoundedTopic, context: BrokerContext, onFullChanged: () => void): TopicBounds | null {
  const options = topicOptionsOf(context.options, topic.name);
  const isBounded = options.maxTopicBytes > 0 || options.maxTopicAgeMs > 0;
  return isBounded ? new TopicBounds(topic, options, context, onFullChanged) : null;
}

export class TopicBounds {
  readonly #topic: BoundedTopic;
  readonly #options: TopicOptions;
  readonly #context: BrokerContext;
  readonly #onFullChanged: () => void;
  readonly #alarm: Alarm;
  /** Wall clock minus monotonic clock, the smallest since the start: no message has an older timestamp than that makes it. */
  #wallOffsetMs: number;
  #isFull = false;
  /** What the log has been told already. */
  readonly #told = new Set<string>();
  #size = 0;
  #measuredMs = -Infinity;
  /** Bytes published when the size was taken, and how many more there may be before it is taken again. */
  #measuredAt = 0;
  #slack = 0;

  /** Publishes refused, and messages dropped before any channel had them; those of channels are counted there. */
  refusedCount = 0;
  droppedCount = 0;
  expiredCount = 0;

  constructor(topic: BoundedTopic, options: TopicOptions, context: BrokerContext, onFullChanged: () => void) {
    this.#topic = topic;
    this.#options = options;
    this.#context = context;
    this.#onFullChanged = onFullChanged;
    this.#alarm = context.alarmClock.newAlarm((nowMs) => this.#look(nowMs));
    this.#wallOffsetMs = context.clock.wallMs() - context.clock.monotonicMs();
  }

  /** True while publishes have to ask for the reason why they are refused. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Why a publish is refused; null, and not full any more, once there is room. */
  refusal(): string | null {
    const nowMs = this.#context.turn.nowMs();
    if (nowMs - this.#measuredMs >= MEASURE_AGAIN_MS) this.#measure(nowMs);
    if (!this.#isFull) return null;
    this.refusedCount += 1;
    this.#tellOnce('full, publishes are refused');
    return `topic is full: ${this.#size} of ${this.#options.maxTopicBytes} bytes`;
  }

  /** Called when the topic has been put into the state a former run left. */
  restored(): void {
    this.#alarm.setFor(this.#context.clock.monotonicMs());
  }

  /** Called when messages are about to get the timestamp of this turn. */
  timestamping(): void {
    const { turn } = this.#context;
    this.#wallOffsetMs = Math.min(this.#wallOffsetMs, turn.wallMs() - turn.nowMs());
  }

  /** Called when messages were added. */
  grown(): void {
    const { maxTopicBytes, maxTopicAgeMs } = this.#options;
    const nowMs = this.#context.turn.nowMs();
    if (maxTopicAgeMs > 0) this.#alarm.setNoLaterThan(nowMs + maxTopicAgeMs);
    if (maxTopicBytes > 0 && this.#publishedBytes() - this.#measuredAt >= this.#slack) this.#look(nowMs);
  }

  stop(): void {
    this.#alarm.cancel();
  }

  /** The first time it happens; from then on the counters tell. */
  #tellOnce(text: string): void {
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.#context.logger.warn(`TOPIC(${this.#topic.name}): ${text} (said once)`);
  }

  #publishedBytes(): number {
    return this.#topic.messageBytes + this.#topic.messageCount * RECORD_OVERHEAD_BYTES;
  }

  #look(nowMs: number): void {
    try {
      const isDone = this.#dropExcess(nowMs) && this.#dropOld(nowMs);
      if (!isDone) this.#alarm.setNoLaterThan(nowMs + 1);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#context.reportStorageFailure(`TOPIC(${this.#topic.name}): failed to read what is to be dropped`, error);
      this.#alarm.setNoLaterThan(nowMs + RETRY_MS);
    }
  }

  // --- size ----------------------------------------------------------------------------------------------------------

  /** Takes the size and says whether the topic is full. */
  #measure(nowMs: number): void {
    const { maxTopicBytes } = this.#options;
    this.#measuredMs = nowMs;
    this.#size = sizeOf(this.#topic);
    this.#measuredAt = this.#publishedBytes();
    this.#slack = maxTopicBytes - this.#size;
    const isFull = this.#size >= maxTopicBytes;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#onFullChanged();
  }

  /** False when there is more to drop. */
  #dropExcess(nowMs: number): boolean {
    const { maxTopicBytes, topicOverflow } = this.#options;
    if (maxTopicBytes === 0) return true;
    if (topicOverflow === 'drop-oldest' && sizeOf(this.#topic) >= maxTopicBytes) {
      const bytesMax = Math.floor(maxTopicBytes * (1 - FREED_SHARE));
      for (const channel of this.#topic.channels.values()) {
        const { unread, held } = sizeOfChannel(this.#topic, channel);
        const excess = Math.min(unread + held - bytesMax, unread - maxTopicBytes / 2);
        const { dropped, isDone } = dropFrom(channel, excessTest(excess), 'droppedCount');
        if (dropped > 0) this.#tellOnce('full, the oldest messages are dropped');
        if (!isDone) return false;
      }
      const unreleased = bytesFrom(this.#topic.released.chunk, this.#topic.released.position);
      const { dropped, isDone } = this.#dropUnreleased(excessTest(unreleased - bytesMax), 'droppedCount');
      if (dropped > 0) this.#tellOnce('full, the oldest messages are dropped');
      if (!isDone) return false;
    }
    this.#measure(nowMs);
    return true;
  }

  // --- age -----------------------------------------------------------------------------------------------------------

  /** False when there is more to drop. */
  #dropOld(nowMs: number): boolean {
    const { maxTopicAgeMs } = this.#options;
    if (maxTopicAgeMs === 0) return true;
    // The wall clock may be set forward, after it was set back or not: what was published before would seem old at once.
    const wallMs = Math.min(this.#context.clock.wallMs(), nowMs + this.#wallOffsetMs);
    const publishedMs = wallMs - maxTopicAgeMs;
    let oldestMs = Infinity;
    const isOld: DropTest = (bytes, start) => {
      const atMs = recordTimestampMs(bytes, start);
      if (atMs > publishedMs) oldestMs = Math.min(oldestMs, atMs);
      return atMs <= publishedMs;
    };
    let mayComeBack = false;
    for (const channel of this.#topic.channels.values()) {
      const returned = channel.dropReturned(isOld, DROPS_PER_PASS_MAX, 'expiredCount');
      const { isDone } = dropFrom(channel, isOld, 'expiredCount');
      if (!isDone || returned === DROPS_PER_PASS_MAX) return false;
      mayComeBack ||= channel.inFlightCount + channel.deferredCount > 0;
    }
    const { isDone } = this.#dropUnreleased(isOld, 'expiredCount');
    if (!isDone) return false;
    this.#lookAgain(nowMs, oldestMs + maxTopicAgeMs - wallMs, mayComeBack);
    return true;
  }

  /** `restMs` is what the oldest message that waits has left. */
  #lookAgain(nowMs: number, restMs: number, mayComeBack: boolean): void {
    const { maxTopicAgeMs } = this.#options;
    if (restMs !== Infinity) this.#alarm.setNoLaterThan(nowMs + Math.max(restMs, within(maxTopicAgeMs / 100, 1, 1000)));
    if (mayComeBack) this.#alarm.setNoLaterThan(nowMs + within(maxTopicAgeMs / 10, 100, 10_000));
  }

  #dropUnreleased(isDropped: DropTest, counter: DropCounter): DropResult {
    const { kept, released } = this.#topic;
    const end = endOfRun(released, kept, isDropped);
    const dropped = end.index - released.index;
    this[counter] += dropped;
    if (dropped > 0) this.#topic.dropUnreleased(end);
    return { dropped, isDone: dropped < DROPS_PER_PASS_MAX };
  }
}

interface DropResult {
  readonly dropped: number;
  readonly isDone: boolean;
}

/** Drops what the channel has not read, from its oldest message on. */
function dropFrom(channel: Channel, isDropped: DropTest, counter: DropCounter): DropResult {
  const dropped = channel.dropUnread(isDropped, DROPS_PER_PASS_MAX, counter);
  return { dropped, isDone: dropped < DROPS_PER_PASS_MAX };
}

/** True for the records that make up the first `bytes`. */
function excessTest(bytes: number): DropTest {
  let left = bytes;
  return (record, start) => {
    if (left <= 0) return false;
    left -= recordBytes(record, start);
    return true;
  };
}

/** Behind the records from `from` on that the test is true for, at most so many as one pass may drop. */
function endOfRun(from: LogPosition, end: LogPosition, isDropped: DropTest): LogPosition {
  let { chunk, position, index } = from;
  const indexMax = Math.min(end.index, index + DROPS_PER_PASS_MAX);
  while (chunk !== null && index < indexMax) {
    if (position >= chunk.length) {
      [chunk, position] = [chunk.next, 0];
      continue;
    }
    const bytes = chunk.load();
    if (!isDropped(bytes, position)) break;
    position += recordBytes(bytes, position);
    index += 1;
  }
  return { chunk, position, index };
}

function sizeOf(topic: BoundedTopic): number {
  let size = bytesFrom(topic.released.chunk, topic.released.position);
  for (const channel of topic.channels.values()) {
    const { unread, held } = sizeOfChannel(topic, channel);
    size = Math.max(size, unread + held);
  }
  return size;
}

/** Bytes that the channel has yet to read, and about how many it has read and not finished. */
function sizeOfChannel(topic: BoundedTopic, channel: Channel): { readonly unread: number; readonly held: number } {
  let unread = 0;
  let heldCount = channel.depth() + channel.inFlightCount + channel.deferredCount;
  for (const cursor of channel.cursors) {
    unread += bytesFrom(cursor.reader.chunk, cursor.reader.position);
    heldCount -= cursor.available();
  }
  return { unread, held: heldCount === 0 ? 0 : Math.round(heldCount * averageRecordBytes(topic, channel)) };
}

function bytesFrom(first: Chunk | null, position: number): number {
  let bytes = -position;
  for (let chunk = first; chunk !== null; chunk = chunk.next) bytes += chunk.length;
  return Math.max(bytes, 0);
}

function averageRecordBytes(topic: BoundedTopic, channel: Channel): number {
  if (topic.messageCount > 0) return topic.messageBytes / topic.messageCount + RECORD_OVERHEAD_BYTES;
  // Nothing was published since the start.
  for (const { chunk } of [...channel.held.returnedRecords(), ...channel.held.deferredRecords()]) return chunk.length / chunk.count;
  return RECORD_OVERHEAD_BYTES;
}

function within(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
