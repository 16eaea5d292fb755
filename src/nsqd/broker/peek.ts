// Looks at the messages of a channel or topic without taking them: nothing is counted, moved, loaded or kept. What comes
// back are copies, bounded in number and in bytes. Throws StorageError where a message on disk cannot be read.

import { BODY_OFFSET, recordAttempts, recordBytes, recordId, recordTimestampNs } from '../storage/record.js';
import { headAt } from '../storage/stored-records.js';
import type { Channel } from './channel.js';
import { walkLog, type SeenRecord } from './log-walk.js';
import type { Subscriber } from './subscriber.js';
import type { Topic } from './topic.js';

/** Delayed messages at the front of a topic that are looked past. */
const DELAYED_MAX = 1000;

export interface PeekLimits {
  /** Messages of each kind. */
  readonly countMax: number;
  /** Bytes of each body. */
  readonly bodyBytesMax: number;
}

export interface PeekedMessage {
  readonly id: string;
  readonly timestampNs: bigint;
  /** Deliveries so far. */
  readonly attempts: number;
  readonly bodyBytes: number;
  /** Its beginning. */
  readonly body: Buffer;
}

export interface PeekedInFlight extends PeekedMessage {
  readonly owner: Subscriber;
  /** Milliseconds since it was delivered, and until it times out. */
  readonly ageMs: number;
  readonly timeoutInMs: number;
}

export interface PeekedDeferred extends PeekedMessage {
  /** Milliseconds; 0 for one that is due. */
  readonly dueInMs: number;
}

export interface TopicPeek {
  readonly queued: readonly PeekedMessage[];
  readonly deferred: readonly PeekedDeferred[];
}

export interface ChannelPeek extends TopicPeek {
  readonly inFlight: readonly PeekedInFlight[];
}

/** Queued in the order of delivery, in flight longest out first, deferred earliest due first. `nowMs` is monotonic. */
export function peekChannel(channel: Channel, limits: PeekLimits, nowMs: number): ChannelPeek {
  const { countMax } = limits;
  return {
    queued: queuedOf(channel, limits),
    inFlight: channel.held.longestInFlight(countMax).map(({ chunk, position, attempts, owner, deliveredMs, deadlineMs }) => ({
      ...messageAt(headAt(chunk, position, BODY_OFFSET + limits.bodyBytesMax), attempts, limits),
      owner, ageMs: nowMs - deliveredMs, timeoutInMs: Math.max(0, deadlineMs - nowMs),
    })),
    deferred: channel.held.earliestDeferred(countMax).map(({ chunk, position, attempts, dueMs }) => ({
      ...messageAt(headAt(chunk, position, BODY_OFFSET + limits.bodyBytesMax), attempts, limits),
      dueInMs: Math.max(0, dueMs - nowMs),
    })),
  };
}

/** As the channel would hand them out: returned messages come when their turn has come, or nothing else is there. */
function queuedOf(channel: Channel, limits: PeekLimits): PeekedMessage[] {
  const unread = unreadOf(channel, limits);
  const returned = channel.held.returnedRecords()[Symbol.iterator]();
  const queued: PeekedMessage[] = [];
  let taken = channel.takenCount;
  let nextUnread = unread.next();
  let nextReturned = returned.next();
  while (queued.length < limits.countMax) {
    if (nextReturned.done !== true && (nextReturned.value.turn <= taken || nextUnread.done === true)) {
      const { chunk, position, attempts } = nextReturned.value;
      queued.push(messageAt(headAt(chunk, position, BODY_OFFSET + limits.bodyBytesMax), attempts, limits));
      nextReturned = returned.next();
    } else if (nextUnread.done !== true) {
      const { bytes, start } = nextUnread.value;
      queued.push(messageAt(nextUnread.value, recordAttempts(bytes, start), limits));
      nextUnread = unread.next();
      taken += 1;
    } else {
      break;
    }
  }
  return queued;
}

function* unreadOf(channel: Channel, { bodyBytesMax }: PeekLimits): Generator<SeenRecord> {
  for (const cursor of channel.cursors) {
    if (cursor.available() > 0) yield* walkLog(cursor.reader, cursor.limit.index, cursor.skips(), BODY_OFFSET + bodyBytesMax);
  }
}

/** What no channel has yet, in the order of publishing. `nowMs` is monotonic. */
export function peekTopic(topic: Topic, limits: PeekLimits, nowMs: number): TopicPeek {
  const headBytes = BODY_OFFSET + limits.bodyBytesMax;
  return {
    queued: undelayedOf(topic, limits),
    deferred: topic.deferred.slice(0, limits.countMax).map(({ chunk, position, dueMs }) => ({
      ...messageAt(headAt(chunk, position, headBytes), 0, limits), dueInMs: Math.max(0, dueMs - nowMs),
    })),
  };
}

function undelayedOf({ released, log, deferred }: Topic, limits: PeekLimits): PeekedMessage[] {
  const queued: PeekedMessage[] = [];
  let passed = 0;
  for (const seen of walkLog(released, log.end().index, [], BODY_OFFSET + limits.bodyBytesMax)) {
    if (deferred[passed]?.index === seen.index) passed += 1;
    else queued.push(messageAt(seen, recordAttempts(seen.bytes, seen.start), limits));
    if (queued.length === limits.countMax || passed === DELAYED_MAX) break;
  }
  return queued;
}

function messageAt(
  { bytes, start }: { readonly bytes: Uint8Array; readonly start: number }, attempts: number, { bodyBytesMax }: PeekLimits,
): PeekedMessage {
  const bodyBytes = recordBytes(bytes, start) - BODY_OFFSET;
  const body = Buffer.from(bytes.subarray(start + BODY_OFFSET, start + BODY_OFFSET + Math.min(bodyBytes, bodyBytesMax)));
  return { id: recordId(bytes, start), timestampNs: recordTimestampNs(bytes, start), attempts, bodyBytes, body };
}
