// Notices that files have changed, however that was done: written in place, replaced by a rename, behind a link that now
// points elsewhere. It looks at them from time to time, because notifications of the system miss the last two.

import { stat } from 'node:fs/promises';
import { statSync } from 'node:fs';

export class FileWatch {
  readonly #paths: readonly string[];
  readonly #onChange: () => void;
  readonly #timer: NodeJS.Timeout;
  #seen: string;
  #isLooking = false;
  #isStopped = false;

  /** `onChange` is called after each change of one or more of the files. Does not keep the process alive. */
  constructor(paths: readonly string[], intervalMs: number, onChange: () => void) {
    this.#paths = paths;
    this.#onChange = onChange;
    this.#seen = paths.map((path) => mark(statSync(path, { throwIfNoEntry: false }))).join();
    this.#timer = setInterval(() => void this.#look(), intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#isStopped = true;
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const marks = await Promise.all(this.#paths.map((path) => stat(path).then(mark, () => mark(undefined))));
    this.#isLooking = false;
    const seen = marks.join();
    if (this.#isStopped || seen === this.#seen) return;
    this.#seen = seen;
    this.#onChange();
  }
}

/** What changes when a file does; '' for one that cannot be looked at. */
function mark(stats: { mtimeMs: number; ctimeMs: number; size: number; ino: number } | undefined): string {
  return stats === undefined ? '' : `${stats.mtimeMs}-${stats.ctimeMs}-${stats.size}-${stats.ino}`;
}
