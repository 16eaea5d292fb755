// A disk in memory with the failures of a real one: any call can fail, writes can fall short, the process can die
// between two calls, and the power can go, which loses or tears what was not synced.
//
//   SimDisk          what the kernel and the medium hold; outlives processes
//   SimFileSystem    one process's access to it: descriptors, planned failures, and its death
//
// Directory changes and file contents reach the medium separately, as on ext4: syncing a file's data makes its bytes
// durable, syncing the directory makes its entries durable.

import { dirname } from 'node:path';

import { StorageError, type FileSystem } from '../../src/nsqd/storage/file-system.js';
import type { Prng } from './prng.js';

/** Thrown by the call at which the process dies, and by every later one. */
export class CrashError extends Error {
  constructor() {
    super('the process is dead');
    this.name = 'CrashError';
  }
}

export type Operation =
  | 'open'
  | 'write'
  | 'read'
  | 'truncate'
  | 'fdatasync'
  | 'fsync'
  | 'stat'
  | 'rename'
  | 'link'
  | 'remove'
  | 'list'
  | 'mkdir'
  | 'statfs';

export interface Failure {
  readonly code: 'ENOSPC' | 'EIO' | 'ESHORT' | 'EMFILE';
  /** Of a failing write, the share of its bytes that reach the file all the same. */
  readonly written?: number;
}

/** Asked before every call; null lets it succeed. */
export type FailurePlan = (operation: Operation, path: string) => Failure | null;

const REASONS = {
  ENOSPC: 'no space left on device',
  EIO: 'input/output error',
  ESHORT: 'short write',
  EMFILE: 'too many open files',
} as const;

const SECTOR_BYTES = 512;

interface Change {
  readonly position: number;
  /** Null for a truncation to `position`. */
  readonly bytes: Buffer | null;
}

class Inode {
  content: Buffer = Buffer.alloc(0);
  size = 0;
  synced: Buffer = Buffer.alloc(0);
  /** Since the last sync, oldest first. */
  unsynced: Change[] = [];

  write(position: number, bytes: Buffer): void {
    const end = position + bytes.length;
    if (end > this.content.length) {
      const larger = Buffer.alloc(Math.max(end, this.content.length * 2, 256));
      this.content.copy(larger, 0, 0, this.size);
      this.content = larger;
    }
    bytes.copy(this.content, position);
    this.size = Math.max(this.size, end);
    this.unsynced.push({ position, bytes });
  }

  truncate(size: number): void {
    if (size < this.size) this.content.fill(0, size, this.size);
    else if (size > this.content.length)
      this.content = Buffer.concat([this.content, Buffer.alloc(size - this.content.length)]);
    this.size = size;
    this.unsynced.push({ position: size, bytes: null });
  }

  bytes(): Buffer {
    return Buffer.from(this.content.subarray(0, this.size));
  }

  /** The end of a sync: its changes are on the medium, or will never be. */
  settle(changes: readonly Change[], isSynced: boolean): void {
    const waiting = new Set(this.unsynced);
    const settled = changes.filter((change) => waiting.delete(change));
    this.unsynced = [...waiting];
    if (!isSynced || settled.length === 0) return;
    const medium = new Inode();
    medium.write(0, this.synced);
    for (const { position, bytes } of settled) {
      if (bytes === null) medium.truncate(position);
      else medium.write(position, bytes);
    }
    this.synced = medium.bytes();
  }

  /** Disks write sectors whole, and so do kernels with the pages they are in: what is written over within one is there or not. */
  isInOneSector(position: number, { length }: Buffer): boolean {
    const isOverwrite = length > 0 && position + length <= this.size;
    return isOverwrite && Math.floor(position / SECTOR_BYTES) === Math.floor((position + length - 1) / SECTOR_BYTES);
  }

  /** What the medium has after the power went: the synced bytes, and of every later change all, a part or nothing. */
  losePower(prng: Prng): void {
    const changes = this.unsynced;
    this.content = Buffer.from(this.synced);
    this.size = this.synced.length;
    for (const { position, bytes } of changes) {
      const fate = prng.next();
      if (fate < 0.4) continue;
      if (bytes === null) this.truncate(position);
      else this.write(position, fate < 0.7 && !this.isInOneSector(position, bytes) ? bytes.subarray(0, prng.integer(0, bytes.length)) : bytes);
    }
    this.synced = this.bytes();
    this.unsynced = [];
  }
}

type EntryChange =
  | { readonly kind: 'set'; readonly path: string; readonly inode: Inode }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly inode: Inode };

export class SimDisk {
  readonly entries = new Map<string, Inode>();
  #durable = new Map<string, Inode>();
  #unsyncedEntries: EntryChange[] = [];

  change(change: EntryChange): void {
    apply(this.entries, change);
    this.#unsyncedEntries.push(change);
  }

  syncEntries(): void {
    this.#durable = new Map(this.entries);
    this.#unsyncedEntries = [];
  }

  /** The power goes: unsynced entries survive as far as the journal got, contents as far as they were written. */
  losePower(prng: Prng): void {
    const survivors = prng.integer(0, this.#unsyncedEntries.length);
    for (const change of this.#unsyncedEntries.slice(0, survivors)) apply(this.#durable, change);
    this.entries.clear();
    for (const [path, inode] of this.#durable) this.entries.set(path, inode);
    for (const inode of new Set(this.entries.values())) inode.losePower(prng);
    this.syncEntries();
  }

  /** Puts a file there, durable at once: what a test starts from. */
  put(path: string, content: string | Uint8Array): void {
    const inode = new Inode();
    inode.write(0, Buffer.from(content));
    inode.synced = inode.bytes();
    inode.unsynced = [];
    this.entries.set(path, inode);
    this.#durable.set(path, inode);
  }

  content(path: string): Buffer | null {
    return this.entries.get(path)?.bytes() ?? null;
  }

  names(directory: string): string[] {
    return [...this.entries.keys()]
      .filter((path) => dirname(path) === directory)
      .map((path) => path.slice(directory.length + 1))
      .sort();
  }
}

function apply(entries: Map<string, Inode>, change: EntryChange): void {
  if (change.kind === 'set') {
    entries.set(change.path, change.inode);
  } else if (change.kind === 'remove') {
    entries.delete(change.path);
  } else {
    entries.delete(change.from);
    entries.set(change.to, change.inode);
  }
}

export interface SimFileSystemSettings {
  readonly disk?: SimDisk;
  /** False for a file system without hard links. */
  readonly hasLinks?: boolean;
  /** How much of a write reaches the file when the process dies in it. */
  readonly prng?: Prng;
}

export class SimFileSystem implements FileSystem {
  readonly disk: SimDisk;
  readonly #hasLinks: boolean;
  readonly #prng: Prng | null;
  readonly #open = new Map<number, Inode>();
  #nextFd = 3;
  /** Calls so far; a replaced file counts each of its steps. */
  operations = 0;
  isDead = false;
  /** What the disk says is free. */
  spareBytes = Infinity;
  /** The process dies at this call; 0 for never. */
  crashAt = 0;
  failures: FailurePlan | null = null;
  /** Failures that happened. */
  failed: { readonly operation: Operation; readonly path: string }[] = [];
  /** Called after a file was replaced, and after a part of it was written. */
  onReplaced: ((path: string) => void) | null = null;
  onWritten: ((path: string, bytes: Uint8Array) => void) | null = null;
  /** While true, syncs wait for `completeSyncs`; otherwise they are done at once. */
  holdsSyncs = false;
  #pendingSyncs: (() => void)[] = [];

  constructor({ disk = new SimDisk(), hasLinks = true, prng }: SimFileSystemSettings = {}) {
    this.disk = disk;
    this.#hasLinks = hasLinks;
    this.#prng = prng ?? null;
  }

  /** Makes the `n`th call from now on fail, once; only calls of this operation count if one is given. */
  failNth(n: number, failure: Failure, operation?: Operation): void {
    let left = n;
    this.failures = (each) => {
      if (operation !== undefined && each !== operation) return null;
      left -= 1;
      return left === 0 ? failure : null;
    };
  }

  get openFiles(): number {
    return this.#open.size;
  }

  get pendingSyncs(): number {
    return this.#pendingSyncs.length;
  }

  /** Finishes the syncs under way, those they lead to not included. */
  completeSyncs(): void {
    const pending = this.#pendingSyncs;
    this.#pendingSyncs = [];
    for (const complete of pending) if (!this.isDead) complete();
  }

  die(): void {
    this.isDead = true;
    this.#open.clear();
  }

  // --- FileSystem --------------------------------------------------------------------------------------------------

  openForWriting(path: string): number {
    this.#step('open', path);
    let inode = this.disk.entries.get(path);
    if (inode === undefined) {
      inode = new Inode();
      this.disk.change({ kind: 'set', path, inode });
    }
    return this.#descriptor(inode);
  }

  openForReading(path: string): number {
    this.#step('open', path);
    return this.#descriptor(this.#existing('open', path));
  }

  close(fd: number): void {
    this.#open.delete(fd);
  }

  closeLater(fd: number): void {
    this.close(fd);
  }

  write(fd: number, path: string, bytes: Uint8Array, start: number, length: number, position: number): void {
    const inode = this.#inode('write', path, fd);
    const all = Buffer.from(bytes.subarray(start, start + length));
    try {
      this.#step('write', path);
    } catch (error) {
      const share = error instanceof CrashError ? this.#shareAtDeath() : (error as SimulatedError).written;
      const part = all.subarray(0, Math.min(Math.floor(all.length * share), all.length - 1));
      if (part.length > 0 && !inode.isInOneSector(position, all)) inode.write(position, part);
      throw error;
    }
    inode.write(position, all);
    this.onWritten?.(path, all);
  }

  read(fd: number, path: string, bytes: Uint8Array, start: number, length: number, position: number): number {
    const inode = this.#inode('read', path, fd);
    this.#step('read', path);
    const count = Math.max(0, Math.min(length, inode.size - position));
    bytes.set(inode.content.subarray(position, position + count), start);
    return count;
  }

  truncate(fd: number, path: string, size: number): void {
    const inode = this.#inode('truncate', path, fd);
    this.#step('truncate', path);
    inode.truncate(size);
  }

  syncData(fd: number, path: string, done: (error: StorageError | null) => void): void {
    let finish: () => void;
    try {
      const inode = this.#inode('fdatasync', path, fd);
      finish = this.#startSync(inode, path);
    } catch (error) {
      if (error instanceof CrashError) throw error;
      finish = () => {
        throw error;
      };
    }
    this.#whenSynced(finish, done);
  }

  syncDataNow(fd: number, path: string): void {
    this.#startSync(this.#inode('fdatasync', path, fd), path)();
  }

  syncDirectory(path: string, done: (error: StorageError | null) => void): void {
    this.#whenSynced(() => this.syncDirectoryNow(path), done);
  }

  syncDirectoryNow(path: string): void {
    this.#step('fsync', path);
    this.disk.syncEntries();
  }

  size(path: string): number | null {
    this.#step('stat', path);
    return this.disk.entries.get(path)?.size ?? null;
  }

  readWhole(path: string): Buffer | null {
    this.#step('open', path);
    return this.disk.content(path);
  }

  replace(path: string, content: string | Uint8Array, isDurable: boolean): void {
    const temporary = `${path}.${this.operations}.tmp`;
    try {
      const fd = this.openForWriting(temporary);
      const bytes = Buffer.from(content);
      if (bytes.length > 0) this.write(fd, temporary, bytes, 0, bytes.length, 0);
      if (isDurable) this.syncDataNow(fd, temporary);
      this.close(fd);
      this.rename(temporary, path);
    } catch (error) {
      if (!this.isDead) this.disk.change({ kind: 'remove', path: temporary });
      throw error;
    }
    this.onReplaced?.(path);
  }

  rename(from: string, to: string): void {
    this.#step('rename', from);
    this.disk.change({ kind: 'rename', from, to, inode: this.#existing('rename', from) });
  }

  link(from: string, to: string): boolean {
    this.#step('link', to);
    if (!this.#hasLinks) return false;
    if (this.disk.entries.has(to)) throw new StorageError('link', to, 'EEXIST', 'file exists');
    this.disk.change({ kind: 'set', path: to, inode: this.#existing('link', from) });
    return true;
  }

  remove(path: string): void {
    this.#step('remove', path);
    if (this.disk.entries.has(path)) this.disk.change({ kind: 'remove', path });
  }

  list(directory: string): string[] {
    this.#step('list', directory);
    return this.disk.names(directory);
  }

  makeDirectory(path: string): void {
    this.#step('mkdir', path);
  }

  freeBytes(directory: string): number {
    this.#step('statfs', directory);
    return this.spareBytes;
  }

  // --- failures ----------------------------------------------------------------------------------------------------

  #step(operation: Operation, path: string): void {
    if (this.isDead) throw new CrashError();
    this.operations += 1;
    if (this.operations === this.crashAt) {
      this.die();
      throw new CrashError();
    }
    const failure = this.failures?.(operation, path) ?? null;
    if (failure === null) return;
    this.failed.push({ operation, path });
    throw new SimulatedError(operation, path, failure);
  }

  #shareAtDeath(): number {
    return this.operations === this.crashAt && this.#prng !== null && this.#prng.next() < 0.5 ? this.#prng.next() : 0;
  }

  #descriptor(inode: Inode): number {
    const fd = this.#nextFd;
    this.#nextFd += 1;
    this.#open.set(fd, inode);
    return fd;
  }

  #inode(operation: Operation, path: string, fd: number): Inode {
    if (this.isDead) throw new CrashError();
    const inode = this.#open.get(fd);
    if (inode === undefined) throw new StorageError(operation, path, 'EBADF', 'bad file descriptor');
    return inode;
  }

  #existing(operation: Operation, path: string): Inode {
    const inode = this.disk.entries.get(path);
    if (inode === undefined) throw new StorageError(operation, path, 'ENOENT', 'no such file or directory');
    return inode;
  }

  /** What is written later is not covered. A failed sync gives up what it should have covered: kernels try once. */
  #startSync(inode: Inode, path: string): () => void {
    const covered = [...inode.unsynced];
    return () => {
      let isSynced = false;
      try {
        this.#step('fdatasync', path);
        isSynced = true;
      } finally {
        if (!this.isDead) inode.settle(covered, isSynced);
      }
    };
  }

  #whenSynced(finish: () => void, done: (error: StorageError | null) => void): void {
    const complete = (): void => {
      let failure: StorageError | null = null;
      try {
        finish();
      } catch (error) {
        if (!(error instanceof StorageError)) return;
        failure = error;
      }
      done(failure);
    };
    if (this.holdsSyncs) this.#pendingSyncs.push(complete);
    else complete();
  }
}

class SimulatedError extends StorageError {
  /** Share of a write's bytes that reached the file. */
  readonly written: number;

  constructor(operation: Operation, path: string, { code, written = 0 }: Failure) {
    super(operation, path, code, REASONS[code]);
    this.written = written;
  }
}
