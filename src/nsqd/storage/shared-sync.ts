// Flushes of one file or directory, shared by all who need them: whoever asks learns the outcome of a flush that began
// after everything it wrote. One flush runs at a time, so that a failure, which the system reports only once, reaches
// everybody it concerns.

import type { StorageError } from './file-system.js';

export type SyncDone = (error: StorageError | null) => void;

export class SharedSync {
  readonly #start: (done: SyncDone) => void;
  readonly #retries: boolean;
  #changes = 0;
  #syncedChanges = 0;
  #isRunning = false;
  #waiting: SyncDone[] = [];

  /** `retries` false: what a failed flush should have covered is given up, and not flushed again. */
  constructor(start: (done: SyncDone) => void, retries: boolean) {
    this.#start = start;
    this.#retries = retries;
  }

  /** Something was written that the next flush is to cover. */
  changed(): void {
    this.#changes += 1;
  }

  /** True while something written is not known to be on the medium. */
  get isNeeded(): boolean {
    return this.#syncedChanges < this.#changes;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Calls back when everything written so far is on the medium, or could not be brought there. */
  request(done: SyncDone): void {
    if (!this.isNeeded) return done(null);
    this.#waiting.push(done);
    if (!this.#isRunning) this.#run();
  }

  /** What was written so far is on the medium, or given up. */
  settle(): void {
    this.#syncedChanges = this.#changes;
  }

  #run(): void {
    const waiting = this.#waiting;
    const covered = this.#changes;
    this.#waiting = [];
    this.#isRunning = true;
    this.#start((error) => {
      this.#isRunning = false;
      if (error === null || !this.#retries) this.#syncedChanges = Math.max(this.#syncedChanges, covered);
      for (const done of waiting) done(error);
      if (this.#waiting.length > 0 && !this.#isRunning) this.#run();
    });
  }
}
