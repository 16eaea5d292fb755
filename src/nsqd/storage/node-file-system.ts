// The real disk: FileSystem over node:fs.

import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { StorageError } from './file-system.js';
import type { FileSystem } from './file-system.js';

const FILE_MODE = 0o600;

/** Texts that nsqd's users see where Go's wording differs from libuv's. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on device',
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EEXIST: 'file exists',
  EROFS: 'read-only file system',
  EMFILE: 'too many open files',
  EFBIG: 'file too large',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EDQUOT: 'disk quota exceeded',
};

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function storageError(operation: string, path: string, error: unknown): StorageError {
  const { code = 'EUNKNOWN', errno, message } = error as NodeJS.ErrnoException;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return new StorageError(operation, path, code, REASONS[code] ?? known ?? message, error);
}

function attempt<T>(operation: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw storageError(operation, path, error);
  }
}

/** Node's own recursion never returns where an existing directory takes no new ones, as below /proc. */
function makeDirectories(path: string): void {
  if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
  if (dirname(path) !== path) makeDirectories(dirname(path));
  fs.mkdirSync(path);
}

export class NodeFileSystem implements FileSystem {
  openForWriting(path: string): number {
    return attempt('open', path, () => fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, FILE_MODE));
  }

  openForReading(path: string): number {
    return attempt('open', path, () => fs.openSync(path, 'r'));
  }

  close(fd: number): void {
    try {
      fs.closeSync(fd);
    } catch {
      // The descriptor is gone either way, and what was written through it has been accounted for by its write.
    }
  }

  closeLater(fd: number): void {
    fs.close(fd, () => {});
  }

  /** After a short write the rest is tried once more: only that call tells why, ENOSPC for example. */
  write(fd: number, path: string, bytes: Uint8Array, start: number, length: number, position: number): void {
    let written = 0;
    while (written < length) {
      const count = attempt('write', path, () =>
        fs.writeSync(fd, bytes, start + written, length - written, position + written),
      );
      if (count === 0) throw new StorageError('write', path, 'ESHORT', `short write (${written} of ${length} bytes)`);
      written += count;
    }
  }

  read(fd: number, path: string, bytes: Uint8Array, start: number, length: number, position: number): number {
    let total = 0;
    while (total < length) {
      const count = attempt('read', path, () =>
        fs.readSync(fd, bytes, start + total, length - total, position + total),
      );
      if (count === 0) break;
      total += count;
    }
    return total;
  }

  truncate(fd: number, path: string, size: number): void {
    attempt('truncate', path, () => fs.ftruncateSync(fd, size));
  }

  syncData(fd: number, path: string, done: (error: StorageError | null) => void): void {
    fs.fdatasync(fd, (error) => done(error === null ? null : storageError('fdatasync', path, error)));
  }

  syncDataNow(fd: number, path: string): void {
    attempt('fdatasync', path, () => fs.fdatasyncSync(fd));
  }

  syncDirectory(path: string, done: (error: StorageError | null) => void): void {
    fs.open(path, 'r', (openError, fd) => {
      if (openError !== null) return done(storageError('open', path, openError));
      fs.fsync(fd, (error) => {
        this.close(fd);
        done(error === null ? null : storageError('fsync', path, error));
      });
    });
  }

  syncDirectoryNow(path: string): void {
    const fd = this.openForReading(path);
    try {
      attempt('fsync', path, () => fs.fsyncSync(fd));
    } finally {
      this.close(fd);
    }
  }

  size(path: string): number | null {
    return this.#unlessMissing('stat', path, () => fs.statSync(path).size);
  }

  readWhole(path: string): Buffer | null {
    return this.#unlessMissing('open', path, () => fs.readFileSync(path));
  }

  replace(path: string, content: string | Uint8Array, isDurable: boolean): void {
    const temporary = `${path}.${Math.floor(Math.random() * Number.MAX_SAFE_INTEGER)}.tmp`;
    try {
      const fd = this.openForWriting(temporary);
      try {
        const bytes = typeof content === 'string' ? Buffer.from(content) : content;
        if (bytes.length > 0) this.write(fd, temporary, bytes, 0, bytes.length, 0);
        if (isDurable) this.syncDataNow(fd, temporary);
      } finally {
        this.close(fd);
      }
      this.rename(temporary, path);
    } catch (error) {
      this.#removeQuietly(temporary);
      throw error;
    }
  }

  rename(from: string, to: string): void {
    attempt('rename', from, () => fs.renameSync(from, to));
  }

  link(from: string, to: string): boolean {
    try {
      fs.linkSync(from, to);
      return true;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? '';
      if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EXDEV', 'ENOSYS'].includes(code)) return false;
      throw storageError('link', to, error);
    }
  }

  /**
   * The name goes at once. Giving back the blocks of a large file takes a while, 100 ms for 100 MB: while it is open they stay, and
   * closing it is left to another thread.
   */
  remove(path: string): void {
    const fd = this.#openQuietly(path);
    try {
      this.#unlessMissing('remove', path, () => fs.unlinkSync(path));
    } finally {
      if (fd !== null) this.closeLater(fd);
    }
  }

  #openQuietly(path: string): number | null {
    try {
      return fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    } catch {
      return null; // Then it is removed in one step.
    }
  }

  list(directory: string): string[] {
    return attempt('open', directory, () => fs.readdirSync(directory));
  }

  makeDirectory(path: string): void {
    attempt('mkdir', path, () => makeDirectories(resolve(path)));
  }

  freeBytes(directory: string): number {
    const { bavail, bsize } = attempt('statfs', directory, () => fs.statfsSync(directory));
    return bavail * bsize;
  }

  #unlessMissing<T>(operation: string, path: string, action: () => T): T | null {
    try {
      return action();
    } catch (error) {
      if (isMissing(error)) return null;
      throw storageError(operation, path, error);
    }
  }

  #removeQuietly(path: string): void {
    try {
      fs.unlinkSync(path);
    } catch {
      // The original failure is what the caller must hear of.
    }
  }
}
