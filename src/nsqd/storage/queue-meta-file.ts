// The metadata file of one queue on disk (queue-meta.ts says what is in it), while a run of this daemon writes it.

import type { DataDirectory } from './data-directory.js';
import { formatQueueMeta, runOfQueueMeta } from './queue-meta.js';
import type { QueueMeta } from './queue-meta.js';

export class QueueMetaFile {
  readonly #directory: DataDirectory;
  readonly #path: string;
  /** Its text as it is on disk; null when there is none. */
  text: string | null = null;
  /** The run it names, and with it the state that goes with it. */
  run: string;
  /** Set when a file was created: metadata naming it must be written before its first record is acknowledged. */
  isStale = false;

  constructor(queue: string, directory: DataDirectory) {
    this.#directory = directory;
    this.#path = directory.queueMetaPath(queue);
    this.run = directory.newRun();
  }

  /** Leaves it alone if it says so already. True when a new file took its place. Throws StorageError. */
  write(meta: QueueMeta): boolean {
    const text = formatQueueMeta(meta, this.run);
    const isReplaced = text !== this.text && this.#replace(text);
    this.text = text;
    this.isStale = false;
    return isReplaced;
  }

  /** Replacing a file by renaming makes some file systems flush the new one at once: it is done once a run. */
  #replace(text: string): boolean {
    const isOurs = this.text !== null && runOfQueueMeta(this.text) === this.run;
    const fits = isOurs && this.text!.length === text.length;
    if (fits) this.#directory.overwrite(this.#path, text);
    else this.#directory.replace(this.#path, text, false);
    return !fits;
  }
}
