// The place of one unfinished message, as who moves messages from one file to another sees it (stragglers.ts).

import type { Chunk } from '../storage/chunk.js';
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

  constructor(record: HeldRecord) {
    this.#record = record;
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
    this.#record.chunk = chunk;
    this.#record.position = position;
  }
}

export class InFlightStraggler implements Straggler {
  readonly #table: InFlightTable;
  readonly #slot: number;

  constructor(table: InFlightTable, slot: number) {
    this.#table = table;
    this.#slot = slot;
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
    this.#table.chunks[this.#slot] = chunk;
    this.#table.positions[this.#slot] = position;
  }
}
