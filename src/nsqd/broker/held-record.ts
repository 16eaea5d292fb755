// A message of a channel that is neither in the log's unread part nor in flight: returned to the queue, or deferred.

import type { Chunk } from '../storage/chunk.js';

export interface HeldRecord {
  /** The record's place; the channel holds the chunk (Chunk.hold) for as long as this object stands for it. */
  chunk: Chunk;
  position: number;
  /** Deliveries so far. */
  readonly attempts: number;
  /** Deferred: monotonic milliseconds when it goes back to the queue. Otherwise 0. */
  dueMs: number;
  /** Returned: served once the channel has taken this many messages from its logs. */
  turn: number;
  /** True while it stands for the message; false once that was delivered, finished or dropped. */
  isWaiting: boolean;
  /** What the side file says of it (held-journal.ts). */
  remembered: number;
}

/** A message published with a delay, before its topic has released it. */
export interface DeferredPublish {
  readonly chunk: Chunk;
  readonly position: number;
  /** Bytes of the whole record. */
  readonly bytes: number;
  /** Its place in the topic's log, counted in records. */
  readonly index: number;
  /** Monotonic milliseconds. */
  readonly dueMs: number;
}
