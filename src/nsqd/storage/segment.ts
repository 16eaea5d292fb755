// One data file of a log, `<queue>.diskqueue.NNNNNN.dat`: opened when first needed, removed when nothing in it is.

import type { DataDirectory } from './data-directory.js';
import { StorageError } from './file-system.js';
import type { FileSystem } from './file-system.js';
import { SharedSync } from './shared-sync.js';
import type { SyncDone } from './shared-sync.js';

/** `copied`: what is unreadable in the file is kept elsewhere. `whole`: the file is set aside instead of removed. */
export type Damage = 'copied' | 'whole';

export class Segment {
  readonly number: number;
  readonly path: string;
  readonly #directory: DataDirectory;
  readonly #fileSystem: FileSystem;
  /** Bytes assigned to chunks; what is in the file may lag behind by the turn that is being gathered. */
  size: number;
  /** End of the last successful write. */
  writtenBytes = 0;
  /** Chunks in this file that are not done. */
  liveChunks = 0;
  /** True once no chunk will be added. */
  isSealed = false;
  /** Null when all of it could be read as records. */
  damage: Damage | null = null;
  /** Set when more is in the file than the records of this log. */
  hasFragment = false;
  /** A flush that failed: what it should have covered may be lost, and nothing that is added counts as kept. */
  syncFailure: StorageError | null = null;
  #fd: number | null = null;
  /** The file is this log's own creation: whatever has its name before the first write is a leftover. */
  readonly #isNew: boolean;
  readonly #onSyncFailed: (failure: StorageError) => void;
  readonly #onCreated: () => void;
  readonly #sync = new SharedSync((done) => this.#startSync(done), false);
  #closesAfterSync = false;
  #isDiscarded = false;

  constructor(
    directory: DataDirectory, queue: string, number: number, size: number, isNew: boolean,
    onSyncFailed: (failure: StorageError) => void, onCreated: () => void,
  ) {
    this.#directory = directory;
    this.#fileSystem = directory.fileSystem;
    this.number = number;
    this.path = directory.dataPath(queue, number);
    this.size = size;
    this.#isNew = isNew;
    this.#onSyncFailed = onSyncFailed;
    this.#onCreated = onCreated;
  }

  write(bytes: Uint8Array, start: number, length: number, position: number): void {
    this.#fd ??= this.#openForWriting();
    this.#sync.changed();
    this.#fileSystem.write(this.#fd, this.path, bytes, start, length, position);
  }

  #openForWriting(): number {
    const isFirst = this.#isNew && this.writtenBytes === 0;
    if (isFirst) this.#directory.makeRoomFor(this.path);
    const fd = this.#fileSystem.openForWriting(this.path);
    if (isFirst) this.#onCreated();
    return fd;
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
    // While it is closed nothing was added to it, and what an earlier write left is still there.
    if (this.#fd === null) return;
    this.hasFragment = true;
    this.#fileSystem.truncate(this.#fd, this.path, size);
    this.hasFragment = false;
  }

  get needsSync(): boolean {
    return this.#sync.isNeeded;
  }

  /** Calls back when what was written is on the medium. */
  sync(done: SyncDone): void {
    if (this.syncFailure === null || !this.#sync.isNeeded) return this.#sync.request(done);
    this.#sync.settle();
    done(this.syncFailure);
  }

  #startSync(done: SyncDone): void {
    if (this.syncFailure !== null) return done(this.syncFailure);
    this.#directory.flushLane.run((isOver) => {
      this.#flush((error) => {
        isOver();
        if (error !== null) this.#syncFailed(error);
        done(error);
        if (this.#closesAfterSync && !this.#sync.isRunning) this.#closeLater();
      });
    });
  }

  #flush(done: SyncDone): void {
    if (this.#isDiscarded) done(null);
    else this.#fileSystem.syncData(this.#fd!, this.path, done);
  }

  /** A flush is never tried again as if it had not failed: the system may have dropped what it could not write. */
  #syncFailed(error: StorageError): void {
    this.syncFailure = error;
    this.isSealed = true;
    this.#onSyncFailed(error);
  }

  /** Throws StorageError. */
  syncNow(): void {
    if (!this.#sync.isNeeded || this.#fd === null) return;
    this.#fileSystem.syncDataNow(this.#fd, this.path);
    this.#sync.settle();
  }

  /** Closes the file, after the flush of what was written to it. */
  close(): void {
    this.#closesAfterSync = this.#sync.isNeeded || this.#sync.isRunning;
    if (!this.#closesAfterSync) this.#closeNow();
  }

  #closeNow(): void {
    if (this.#fd === null) return;
    this.#fileSystem.close(this.#fd);
    this.#fd = null;
  }

  /** After a flush: if the file was removed meanwhile, this is what gives back its blocks. */
  #closeLater(): void {
    if (this.#sync.isNeeded || this.#fd === null) return;
    this.#fileSystem.closeLater(this.#fd);
    this.#fd = null;
  }

  /** Removes the file, or sets it aside. False when it could not be. */
  discard(): boolean {
    this.#isDiscarded = true;
    if (this.#sync.isRunning) this.#closesAfterSync = true;
    else this.#closeNow();
    this.#sync.settle();
    return this.damage === 'whole' ? this.#setAside() : this.#directory.discard(this.path);
  }

  #setAside(): boolean {
    try {
      if (this.#fileSystem.size(this.path) !== null) this.#directory.setAside.moveFile(this.path);
      return true;
    } catch (error) {
      // It keeps its name: another start finds it and tries again.
      if (error instanceof StorageError) return false;
      throw error;
    }
  }
}
