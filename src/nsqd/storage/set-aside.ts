// What could not be read, kept for a human in `<file>.bad`, as stock nsqd names it, or in `<file>.bad.1`, ...: nothing that
// was set aside is ever replaced. Counts what is there.

import { StorageError } from './file-system.js';
import type { FileSystem } from './file-system.js';

const SET_ASIDE_FILE = /\.bad(?:\.\d+)?$/;

/** Bytes of a file that are no records. */
export interface Gap {
  readonly start: number;
  readonly end: number;
}

/** What `/stats` and the metrics show. */
export interface SetAsideCounts {
  /** Files that were set aside, by former runs as well. */
  readonly files: number;
  readonly bytes: number;
  /** Unreadable stretches found since the start; each is one record or more. */
  readonly gaps: number;
}

export class SetAside implements SetAsideCounts {
  readonly #fileSystem: FileSystem;
  files = 0;
  bytes = 0;
  gaps = 0;

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  /** Counts a file of a former run, if it is one that was set aside. */
  found(path: string): void {
    if (!SET_ASIDE_FILE.test(path)) return;
    try {
      this.#count(this.#fileSystem.size(path) ?? 0);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#count(0);
    }
  }

  /** Renames the file. Returns its new path. Throws StorageError. */
  moveFile(path: string): string {
    const bytes = this.#fileSystem.size(path) ?? 0;
    const target = this.#freeName(path);
    this.#fileSystem.rename(path, target);
    this.#count(bytes);
    return target;
  }

  /**
   * Copies what is unreadable in a file, unless a former start did; it is on the medium then, so that the file can go once
   * the rest is read. Returns the path of the copy. Throws StorageError.
   */
  copyGaps(fd: number, path: string, gaps: readonly Gap[], directory: string): string {
    const content = Buffer.concat(gaps.map(({ start, end }) => {
      const bytes = Buffer.alloc(end - start);
      return bytes.subarray(0, this.#fileSystem.read(fd, path, bytes, 0, bytes.length, start));
    }));
    let target = `${path}.bad`;
    for (let number = 1; ; number += 1) {
      const size = this.#fileSystem.size(target);
      if (size === null) break;
      if (size === content.length && this.#fileSystem.readWhole(target)?.equals(content) === true) return target;
      target = `${path}.bad.${number}`;
    }
    this.#fileSystem.replace(target, content, true);
    this.#fileSystem.syncDirectoryNow(directory);
    this.#count(content.length);
    return target;
  }

  #freeName(path: string): string {
    let target = `${path}.bad`;
    for (let number = 1; this.#fileSystem.size(target) !== null; number += 1) target = `${path}.bad.${number}`;
    return target;
  }

  #count(bytes: number): void {
    this.files += 1;
    this.bytes += bytes;
  }
}
