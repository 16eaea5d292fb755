// The place of one unfinished message, as who moves messages from one file to another sees it (stragglers.ts).

import type { Chunk } from '../storage/chunk.js';
import { OUTDATED, UNKNOWN } from './held-journal.js';
import type { HeldJournal } from './held-journal.js';
import type { HeldRecord } from './held-record.js';
import type { InFlightTable } from './in-flight-table.js';

export interface Straggler {
  readonly chunk: Chunk;
  readonly position: number;
  /** Deliveries so far. */
  readonly attempts: number;
  /** The message is there from now on; the caller has held the chunk, and answers for the hold on the old one. */
  moveTo(chunk: Chunk, position: number): void;
}

/** Returned to its queue, deferred, or leaving. */
export class HeldStraggler implements Straggler {
  readonly #record: HeldRecord;

  readonly #journal: HeldJournal;

  constructor(record: HeldRecord, journal: HeldJournal) {
    this.#record = record;
    this.#journal = journal;
  }

  get chunk(): Chunk {
    return this.#record.chunk;
  }

  get position(): number {
    return this.#record.position;
  }

  get attempts(): number {
    return this.#record.attempts;
  }

  moveTo(chunk: Chunk, position: number): void {
    const record = this.#record;
    if (record.remembered !== UNKNOWN) this.#journal.left(record.chunk, record.position);
    record.chunk = chunk;
    record.position = position;
    record.remembered = OUTDATED;
    this.#journal.waits(record);
  }
}

export class InFlightStraggler implements Straggler {
  readonly #table: InFlightTable;
  readonly #slot: number;

  readonly #journal: HeldJournal;

  constructor(table: InFlightTable, slot: number, journal: HeldJournal) {
    this.#table = table;
    this.#slot = slot;
    this.#journal = journal;
  }

  get chunk(): Chunk {
    return this.#table.chunks[this.#slot]!;
  }

  get position(): number {
    return this.#table.positions[this.#slot]!;
  }

  get attempts(): number {
    return this.#table.attempts[this.#slot]!;
  }

  moveTo(chunk: Chunk, position: number): void {
    const [table, slot] = [this.#table, this.#slot];
    if (table.remembered[slot] !== UNKNOWN) this.#journal.left(this.chunk, this.position);
    table.chunks[slot] = chunk;
    table.positions[slot] = position;
    table.remembered[slot] = OUTDATED;
  }
}
