// A file system of its own for a data directory: a small tmpfs that can be filled, emptied, and made read-only. Mounting takes
// privileges that not every machine gives; tests that need one are then skipped, and say so.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PIECE_BYTES = 64 * 1024;
const BALLAST = 'ballast';

function mount(...words: readonly string[]): void {
  execFileSync('mount', words, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Unmounted when it goes out of scope; whoever uses it must have ended by then. */
export class SmallDisk implements Disposable {
  readonly #root: string;
  /** Where to put the data directory. */
  readonly path: string;

  constructor(bytes: number) {
    this.#root = mkdtempSync(join(tmpdir(), 'nsqd-disk-'));
    try {
      mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', this.#root);
    } catch (error) {
      rmSync(this.#root, { recursive: true, force: true });
      throw error;
    }
    this.path = join(this.#root, 'data');
    mkdirSync(this.path);
  }

  /** Takes all space that is left. */
  fill(): void {
    const fd = openSync(join(this.#root, BALLAST), 'a');
    try {
      for (let piece = PIECE_BYTES; piece >= 1; ) if (!takes(fd, piece)) piece = Math.floor(piece / 2);
    } finally {
      closeSync(fd);
    }
  }

  /** Gives back what `fill` took. */
  empty(): void {
    rmSync(join(this.#root, BALLAST), { force: true });
  }

  /** Fails while a file on it is open for writing. */
  makeReadOnly(): void {
    mount('-o', 'remount,ro', this.#root);
  }

  makeWritable(): void {
    mount('-o', 'remount,rw', this.#root);
  }

  [Symbol.dispose](): void {
    execFileSync('umount', ['-l', this.#root]);
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** False when the disk is full. */
function takes(fd: number, bytes: number): boolean {
  try {
    return writeSync(fd, Buffer.alloc(bytes)) === bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

/** Whether this machine lets a test mount; said aloud when not. */
export function canMount(): boolean {
  try {
    new SmallDisk(PIECE_BYTES)[Symbol.dispose]();
    return true;
  } catch (error) {
    console.warn(`skipped: mounting is not possible here (${(error as Error).message.split('\n')[0]})`);
    return false;
  }
}
