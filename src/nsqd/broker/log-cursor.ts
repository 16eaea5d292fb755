// Where a channel stands in a log, and which stretches ahead of it are not its own to take: messages that wait elsewhere
// as deferred, and messages that were dropped for this channel (an overflowing ephemeral one, an emptied topic).
//
//   taken    unread   skip    unread        not released
//   .........|.......[######].........|..................
//            ^reader                  ^end

import { RingBuffer } from '../../lib/collections/ring-buffer.js';
import type { LogPosition, LogReader } from '../storage/log-reader.js';
import { recordBytes } from '../storage/record.js';
import type { MessageLog } from '../storage/message-log.js';

/** Messages from `fromIndex` up to, not including, `to.index`. */
export interface Skip {
  readonly fromIndex: number;
  /** The place of the first, where it is known: what a checkpoint needs to remember the skip. */
  readonly from: LogPosition | null;
  readonly to: LogPosition;
}

/** Whether the record at `start` of `bytes` is to be dropped. */
export type DropTest = (bytes: Uint8Array, start: number) => boolean;

export class LogCursor {
  readonly log: MessageLog;
  readonly reader: LogReader;
  /** Up to where the log may be read; moves on as a topic releases messages. */
  limit: LogPosition;
  readonly #skips = new RingBuffer<Skip>();
  #skippedAhead = 0;
  /** Index of the first skip, Infinity when there is none: one comparison per message. */
  nextSkipIndex = Infinity;

  constructor(log: MessageLog, reader: LogReader, limit: LogPosition) {
    this.log = log;
    this.reader = reader;
    this.limit = limit;
  }

  /** Messages the channel can take. */
  available(): number {
    return this.limit.index - this.reader.index - this.#skippedAhead;
  }

  /** Leaves out a stretch behind all former ones. */
  addSkip(skip: Skip): void {
    this.#skips.push(skip);
    this.#skippedAhead += skip.to.index - skip.fromIndex;
    if (this.#skips.length === 1) this.nextSkipIndex = skip.fromIndex;
  }

  /** The log has grown up to its end by messages that wait elsewhere; `first` is the place of the first of them. */
  extendOver(first: LogPosition): void {
    const end = this.log.end();
    this.addSkip({ fromIndex: first.index, from: first, to: end });
    this.limit = end;
    this.passSkips();
  }

  /** Nothing from there to the limit is for this cursor. */
  leaveOutFrom(place: LogPosition): void {
    const from = place.index < this.reader.index ? this.reader : place;
    if (from.index >= this.limit.index) return;
    this.addSkip({ fromIndex: from.index, from: at(from), to: this.limit });
  }

  /** Puts skips in among those that are there already; of two that begin at the same message the longer one stays. */
  insertSkips(added: readonly Skip[]): void {
    if (added.length === 0) return;
    const all = [...this.#skips.values(), ...added].filter(({ to }) => to.index > this.reader.index);
    all.sort((a, b) => a.fromIndex - b.fromIndex || b.to.index - a.to.index);
    this.#skips.clear();
    this.#skippedAhead = 0;
    this.nextSkipIndex = Infinity;
    let end = this.reader.index;
    for (const skip of all) {
      if (skip.to.index <= end) continue;
      this.addSkip({ ...skip, fromIndex: Math.max(skip.fromIndex, end) });
      end = skip.to.index;
    }
  }

  /** Moves the reader over the skips it has reached. */
  passSkips(): void {
    while (this.reader.index === this.nextSkipIndex) {
      const { fromIndex, to } = this.#skips.shift()!;
      this.#skippedAhead -= to.index - fromIndex;
      this.nextSkipIndex = this.#skips.peek()?.fromIndex ?? Infinity;
      this.reader.moveTo(to);
    }
  }

  /**
   * Gives up unread messages, from the oldest on, while the test is true and at most so many. Returns their number. Throws
   * StorageError where a message cannot be read; what was given up before stays given up.
   */
  dropWhile(isDropped: DropTest, countMax: number): number {
    const { reader } = this;
    let dropped = 0;
    for (; dropped < countMax && this.available() > 0; dropped += 1) {
      this.passSkips();
      reader.skipEnds();
      const bytes = reader.chunk!.load();
      if (!isDropped(bytes, reader.position)) break;
      reader.position += recordBytes(bytes, reader.position);
      reader.index += 1;
    }
    reader.skipEnds();
    return dropped;
  }

  /** Gives up everything unread, up to `end`. */
  skipTo(end: LogPosition): void {
    this.#skips.clear();
    this.#skippedAhead = 0;
    this.nextSkipIndex = Infinity;
    this.reader.moveTo(end);
  }

  skips(): Iterable<Skip> {
    return this.#skips.values();
  }
}

function at({ chunk, position, index }: LogPosition): LogPosition {
  return { chunk, position, index };
}
