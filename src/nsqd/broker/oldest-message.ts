// When the oldest message that somebody should have finished was published: the figure that tells whether consumers keep
// up. A message whose publisher asked for a delay does not count before it is due; one that a consumer put off does.

import type { Chunk } from '../storage/chunk.js';
import { BODY_OFFSET, recordTimestampMs } from '../storage/record.js';
import { headAt } from '../storage/stored-records.js';
import type { Channel } from './channel.js';
import type { HeldRecord } from './held-record.js';
import type { LogCursor } from './log-cursor.js';
import { walkLog } from './log-walk.js';
import type { Topic } from './topic.js';

/** Of more messages in flight, returned or deferred, the first are looked at: the answer has to be cheap. */
const HELD_MAX = 10_000;
/** Delayed messages at the front of a topic that are looked past. */
const DELAYED_MAX = 100;

interface Place {
  readonly chunk: Chunk;
  readonly position: number;
}

/** Unix milliseconds; null when everything is finished. Throws StorageError. */
export function oldestOfChannel(channel: Channel): number | null {
  const { cursors } = channel;
  let oldest = firstUnread(cursors);
  let left = HELD_MAX;
  for (const record of wanted(channel)) {
    if (left === 0) break;
    left -= 1;
    if (oldest === null || isBefore(record, oldest, cursors)) oldest = record;
  }
  return oldest === null ? null : publishedMs(oldest);
}

function* wanted(channel: Channel): Generator<HeldRecord> {
  yield* channel.held.inFlightRecords();
  yield* channel.held.returnedRecords();
  for (const record of channel.held.deferredRecords()) if (record.attempts > 0) yield record;
}

/** Of the messages that wait for the topic's first channel, or for the end of its pause. */
export function oldestOfTopic(topic: Topic): number | null {
  const { deferred, released } = topic;
  let passed = 0;
  for (const { index, bytes, start } of walkLog(released, topic.log.end().index, [], BODY_OFFSET)) {
    if (deferred[passed]?.index !== index) return recordTimestampMs(bytes, start);
    passed += 1;
    if (passed === DELAYED_MAX) return null;
  }
  return null;
}

function firstUnread(cursors: readonly LogCursor[]): Place | null {
  for (const cursor of cursors) {
    if (cursor.available() === 0) continue;
    const seen = walkLog(cursor.reader, cursor.limit.index, cursor.skips(), BODY_OFFSET).next();
    if (seen.done !== true) return seen.value;
  }
  return null;
}

/** Whether a message was published before another of the same channel: logs are in the order of time, and so are cursors. */
function isBefore(a: Place, b: Place, cursors: readonly LogCursor[]): boolean {
  if (a.chunk === b.chunk) return a.position < b.position;
  if (a.chunk.owner === b.chunk.owner) return a.chunk.firstIndex < b.chunk.firstIndex;
  return a.chunk.owner === cursors[0]?.log;
}

function publishedMs({ chunk, position }: Place): number {
  const { bytes, start } = headAt(chunk, position, BODY_OFFSET);
  return recordTimestampMs(bytes, start);
}
