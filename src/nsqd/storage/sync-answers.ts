// Who published to a log is told once its records are flushed to the medium. A file is flushed for many reasons, and the system
// reports a failure once: whoever asked, those whose records may have been in the file are the ones to hear of it.
//
//   log   ......................|........................|...............
//         answered              ^ answered up to         ^ suspect up to: the next answer is the failure

import type { StorageError } from './file-system.js';
import type { LogFiles } from './log-files.js';
import type { SyncDone } from './shared-sync.js';

export class SyncAnswers {
  readonly #files: LogFiles;
  /** Records before this one may be in a file whose flush failed; those before the other one were answered for. */
  #suspectIndex = 0;
  #answeredIndex = 0;
  #failure: StorageError | null = null;

  constructor(files: LogFiles) {
    this.#files = files;
  }

  /** A flush of one of the files failed, whoever asked for it; `endIndex` is the log's end. */
  failed(failure: StorageError, endIndex: number): void {
    this.#failure = failure;
    this.#suspectIndex = endIndex;
  }

  /** Flushes, and answers for the records before `endIndex` that were not answered for. */
  request(endIndex: number, done: SyncDone): void {
    this.#files.sync((error) => {
      const failure = error ?? (this.#suspectIndex > this.#answeredIndex ? this.#failure : null);
      this.#answeredIndex = Math.max(this.#answeredIndex, endIndex);
      done(failure);
    });
  }
}
