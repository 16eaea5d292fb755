// What waits in a channel: the unread part of its logs, and messages that came back.
//
//   own queue  ......| unread |    topic's log  .........| unread | skip | unread |    returned  first | ... | last
//
// A channel reads its own queue first (what a clean stop, or stock nsqd, left under its name), then follows the topic. A message
// that comes back gets a turn: how many must have been taken from the logs before it is served. So it waits about as long as
// behind stock nsqd's memory queue, whatever is published meanwhile.

import { RingBuffer } from '../../lib/collections/ring-buffer.js';
import type { HeldRecord } from './held-record.js';
import type { DropTest, LogCursor } from './log-cursor.js';

/** A returned message waits for at most this many queued ones, as it would behind stock nsqd's default memory queue. */
const RETURN_BEHIND_MAX = 10_000;

export class ChannelQueue {
  /** In the order in which they are read; the last one is the topic's. */
  readonly cursors: LogCursor[];
  readonly #returned = new RingBuffer<HeldRecord>();
  /** Messages taken from the logs so far: the clock by which returned messages wait. */
  #taken = 0;

  constructor(cursors: LogCursor[]) {
    this.cursors = cursors;
  }

  get takenCount(): number {
    return this.#taken;
  }

  get topicCursor(): LogCursor {
    return this.cursors[this.cursors.length - 1]!;
  }

  /** The cursor of the channel's own queue, if there is one. */
  get ownCursor(): LogCursor | null {
    return this.cursors.length > 1 ? this.cursors[0]! : null;
  }

  /** Messages that wait for a consumer. */
  length(): number {
    return this.unread() + this.#returned.length;
  }

  unread(): number {
    let unread = 0;
    for (const cursor of this.cursors) unread += cursor.available();
    return unread;
  }

  // --- messages that came back -------------------------------------------------------------------------------------------

  putBack(record: HeldRecord): void {
    record.turn = this.#taken + Math.min(this.unread(), RETURN_BEHIND_MAX);
    this.#returned.push(record);
  }

  firstReturned(): HeldRecord | undefined {
    return this.#returned.peek();
  }

  /** The one whose turn it is; undefined while what comes next is in a log. */
  dueReturned(): HeldRecord | undefined {
    const first = this.#returned.peek();
    return first !== undefined && (first.turn <= this.#taken || this.unread() === 0) ? first : undefined;
  }

  dropFirstReturned(): void {
    this.#returned.shift();
  }

  returned(): Iterable<HeldRecord> {
    return this.#returned.values();
  }

  clearReturned(): void {
    this.#returned.clear();
  }

  // --- unread messages ---------------------------------------------------------------------------------------------------

  /** Hot path (bench: delivery). The cursor to take from, standing at its next record; null when nothing is unread. */
  nextCursor(): LogCursor | null {
    for (const cursor of this.cursors) {
      if (cursor.available() <= 0) continue;
      if (cursor.reader.index === cursor.nextSkipIndex) cursor.passSkips();
      cursor.reader.skipEnds();
      return cursor;
    }
    return null;
  }

  /** How many messages lie side by side where this cursor stands, and come before any that came back. */
  runLength({ reader, limit, nextSkipIndex }: LogCursor): number {
    const { firstIndex, count } = reader.chunk!;
    const run = Math.min(nextSkipIndex, limit.index, firstIndex + count) - reader.index;
    const returned = this.#returned.peek();
    return returned === undefined ? run : Math.min(run, returned.turn - this.#taken);
  }

  /** Moves the cursor over `count` records of its chunk, up to `position`. */
  take({ reader }: LogCursor, count: number, position: number): void {
    reader.position = position;
    reader.index += count;
    this.#taken += count;
  }

  /** Gives up unread messages, oldest first, as LogCursor.dropWhile. */
  dropUnread(isDropped: DropTest, countMax: number): number {
    let dropped = 0;
    for (const cursor of this.cursors) {
      dropped += cursor.dropWhile(isDropped, countMax - dropped);
      if (cursor.available() > 0) break;
    }
    return dropped;
  }

  skipUnread(): void {
    for (const cursor of this.cursors) cursor.skipTo(cursor.limit);
  }

  // --- logs --------------------------------------------------------------------------------------------------------------

  /** Unread records of which memory has no copy. */
  recordsOnDiskOnly(): number {
    return this.cursors.reduce((sum, { reader }) => sum + reader.recordsOnDiskOnly(), 0);
  }

  /** Steps over messages that wait elsewhere, or are for others, as far as nothing unread comes before them. */
  passSkips(): void {
    for (const cursor of this.cursors) cursor.passSkips();
  }

  /** Reads an own queue from now on, before what the topic releases. */
  addOwnQueue(cursor: LogCursor): void {
    this.cursors.unshift(cursor);
  }

  /** Forgets the own queue once everything in it is finished. True when it did. */
  dropFinishedQueue(): boolean {
    const own = this.ownCursor;
    if (own === null || own.available() > 0 || own.log.liveChunks().some(({ held }) => held > 0)) return false;
    own.skipTo(own.limit);
    own.log.trim();
    if (!own.log.isEmpty()) return false;
    own.log.removeReader(own.reader);
    this.cursors.shift();
    return true;
  }

  /** Lets go of the readers. */
  detach(): void {
    for (const { log, reader } of this.cursors) log.removeReader(reader);
  }
}
