// What has changed among the unfinished messages of a channel since the side file was last written, so that a checkpoint
// costs what has happened, not what there is. A million deferred messages that wait cost nothing.

import type { Chunk } from '../storage/chunk.js';
import type { MessageLog } from '../storage/message-log.js';
import type { RecordPlace } from '../storage/topic-state.js';
import type { HeldRecord } from './held-record.js';

/** What the side file says of a message. */
export const UNKNOWN = 0;
/** Something that has changed since, or a place from which it could be read again. */
export const OUTDATED = 1;
export const KNOWN = 2;

export class HeldJournal {
  readonly #log: MessageLog;
  /** Ephemeral channels are not remembered. */
  readonly #isKept: boolean;
  #waiting: HeldRecord[] = [];
  #gone: RecordPlace[] = [];

  /** `log` is the topic's. */
  constructor(log: MessageLog, isKept: boolean) {
    this.#log = log;
    this.#isKept = isKept;
  }

  /** A message waits from now on, returned or deferred. */
  waits(record: HeldRecord): void {
    record.isWaiting = true;
    if (this.#isKept && record.remembered !== KNOWN) this.#waiting.push(record);
  }

  /** A message that the side file may name has left this place. */
  left(chunk: Chunk, position: number): void {
    if (!this.#isKept || chunk.segment === null) return;
    this.#gone.push([chunk.owner === this.#log ? 1 : 0, chunk.segment.number, chunk.filePosition + position]);
  }

  /** Waiting messages that the side file does not know as they are; those in memory only have no place yet, and stay. */
  takeWaiting(): HeldRecord[] {
    const waiting = this.#waiting.filter(({ isWaiting, remembered }) => isWaiting && remembered !== KNOWN);
    this.#waiting = waiting.filter(({ chunk }) => chunk.segment === null);
    return this.#waiting.length === 0 ? waiting : waiting.filter(({ chunk }) => chunk.segment !== null);
  }

  takeGone(): RecordPlace[] {
    const gone = this.#gone;
    this.#gone = [];
    return gone;
  }
}
