// What has changed in a channel since the side file was last written: whether anything has, and which of its unfinished
// messages, so that a checkpoint costs what has happened, not what there is. A million deferred messages that wait cost nothing.

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
  readonly #onChange: () => void;
  #waiting: HeldRecord[] = [];
  #gone: RecordPlace[] = [];
  /** Set by the first change after a checkpoint, cleared by the checkpoint. */
  hasChanged = false;

  /** `log` is the topic's; `onChange` hears that a checkpoint is due. */
  constructor(log: MessageLog, isKept: boolean, onChange: () => void) {
    this.#log = log;
    this.#isKept = isKept;
    this.#onChange = onChange;
  }

  /** Something that a checkpoint remembers is not as it was. */
  change(): void {
    this.hasChanged = true;
    this.#onChange();
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

  /** A message that waited is finished, or given up. */
  letGo(record: HeldRecord): void {
    record.isWaiting = false;
    if (record.remembered !== UNKNOWN) this.left(record.chunk, record.position);
    record.chunk.letGo();
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
