// One data file of a log, `<queue>.diskqueue.NNNNNN.dat`: opened when first needed, removed when nothing in it is.

import type { DataDirectory } from './data-directory.js';
import type { FileSystem } from './file-system.js';

export class Segment {
  readonly number: number;
  readonly path: string;
  readonly #fileSystem: FileSystem;
  /** Bytes assigned to chunks; what is in the file may lag behind by the turn that is being gathered. */
  size: number;
  /** End of the last successful write. */
  writtenBytes = 0;
  /** Chunks in this file that are not done. */
  liveChunks = 0;
  /** True once no chunk will be added. */
  isSealed = false;
  /** Set when a part of the file could not be read as records: it is then kept aside instead of removed. */
  damage: string | null = null;
  /** True between a write and the sync that covers it. */
  needsSync = false;
  #fd: number | null = null;

  constructor(directory: DataDirectory, queue: string, number: number, size: number) {
    this.#fileSystem = directory.fileSystem;
    this.number = number;
    this.path = directory.dataPath(queue, number);
    this.size = size;
  }

  write(bytes: Uint8Array, start: number, length: number, position: number): void {
    this.#fd ??= this.#fileSystem.openForWriting(this.path);
    this.needsSync = true;
    this.#fileSystem.write(this.#fd, this.path, bytes, start, length, position);
  }

  read(bytes: Uint8Array, start: number, length: number, position: number): number {
    if (this.#fd !== null) return this.#fileSystem.read(this.#fd, this.path, bytes, start, length, position);
    const fd = this.#fileSystem.openForReading(this.path);
    try {
      return this.#fileSystem.read(fd, this.path, bytes, start, length, position);
    } finally {
      this.#fileSystem.close(fd);
    }
  }

  /** Forgets what lies behind `size`, after a write that failed half way. Throws StorageError. */
  cutBack(size: number): void {
    this.size = size;
    this.writtenBytes = Math.min(this.writtenBytes, size);
    if (this.#fd !== null) this.#fileSystem.truncate(this.#fd, this.path, size);
  }

  /** The descriptor to sync, or null when nothing was written since the last sync. */
  takeUnsynced(): number | null {
    if (!this.needsSync || this.#fd === null) return null;
    this.needsSync = false;
    return this.#fd;
  }

  syncNow(): void {
    const fd = this.takeUnsynced();
    if (fd !== null) this.#fileSystem.syncDataNow(fd, this.path);
  }

  close(): void {
    if (this.#fd === null) return;
    this.#fileSystem.close(this.#fd);
    this.#fd = null;
  }

  /** Removes the file; a damaged one is renamed to `.bad`, as nsqd does. */
  discard(): void {
    this.close();
    if (this.damage === null) this.#fileSystem.remove(this.path);
    else if (this.#fileSystem.size(this.path) !== null) this.#fileSystem.rename(this.path, `${this.path}.bad`);
  }
}
