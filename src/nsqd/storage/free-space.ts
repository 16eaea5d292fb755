// Keeps `--min-free-disk-bytes` free on the data path's file system: messages are refused while they would leave less,
// so that what has to be written all the same (checkpoints, the files of a clean stop) finds room.
//
// The system is asked at most every ASK_INTERVAL_MS, and whenever what was written since would have used up the rest.

import type { Clock } from '../../lib/time/clock.js';
import { StorageError } from './file-system.js';
import type { FileSystem } from './file-system.js';

const ASK_INTERVAL_MS = 100;

export class FreeSpace {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  readonly #bytesMin: number;
  readonly #clock: Clock;
  readonly #onChange: (shortage: StorageError | null) => void;
  #askedMs = -Infinity;
  /** As of the last answer, less what was let through since. Infinity while nobody knows. */
  #freeBytes = Infinity;
  #shortage: StorageError | null = null;

  /** `bytesMin` 0 asks for nothing. `onChange` hears once when it becomes short, and once when there is room again. */
  constructor(
    fileSystem: FileSystem, path: string, bytesMin: number, clock: Clock,
    onChange: (shortage: StorageError | null) => void,
  ) {
    this.#fileSystem = fileSystem;
    this.#path = path;
    this.#bytesMin = bytesMin;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Takes `bytes` that are about to be written into account, or says why they must not be. */
  refusalOf(bytes: number): StorageError | null {
    if (this.#bytesMin <= 0) return null;
    const isOld = this.#clock.monotonicMs() - this.#askedMs >= ASK_INTERVAL_MS;
    if (isOld || (this.#shortage === null && this.#freeBytes - bytes < this.#bytesMin)) this.#ask();
    this.#become(this.#freeBytes < this.#bytesMin ? this.#newShortage() : null);
    if (this.#shortage !== null) return this.#shortage;
    // Less may fit all the same.
    if (this.#freeBytes - bytes < this.#bytesMin) return this.#newShortage();
    this.#freeBytes -= bytes;
    return null;
  }

  /** Why messages are refused, as things are now; null when they are not. */
  shortage(): StorageError | null {
    return this.refusalOf(0);
  }

  #ask(): void {
    this.#askedMs = this.#clock.monotonicMs();
    try {
      this.#freeBytes = this.#fileSystem.freeBytes(this.#path);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      // Nobody can tell: the writes will.
      this.#freeBytes = Infinity;
    }
  }

  #newShortage(): StorageError {
    const reason = `${this.#freeBytes} bytes are free, --min-free-disk-bytes is ${this.#bytesMin}`;
    return new StorageError('write', this.#path, 'ENOSPC', reason);
  }

  #become(shortage: StorageError | null): void {
    const hasChanged = (shortage === null) !== (this.#shortage === null);
    this.#shortage = shortage;
    if (hasChanged) this.#onChange(shortage);
  }
}
