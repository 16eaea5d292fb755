// Names of the files in the data directory (storage.md 1), and what it held when the daemon started.
// The listing is taken once: from then on the daemon itself knows which files exist.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isEphemeralName, isValidName } from '../../lib/protocol/names.js';
import { StorageError } from './file-system.js';
import type { FileSystem } from './file-system.js';
import { FlushLane } from './flush-lane.js';
import { SetAside } from './set-aside.js';
import { SharedSync } from './shared-sync.js';
import type { SyncDone } from './shared-sync.js';

/** Six digits, or as many as the number has, if it is one that can be counted on from. */
const DATA_FILE = /^(.+)\.diskqueue\.(\d{6}|[1-9]\d{6,14})\.dat$/;
const META_FILE = /^(.+)\.diskqueue\.meta\.dat$/;
const STATE_FILE = /^(.+)\.nsqd-ts\.state$/;
const TEMPORARY_FILE = /^(?:nsqd\.dat|.+\.diskqueue\.meta\.dat|.+\.diskqueue\.\d+\.dat\.bad(?:\.\d+)?|.+\.nsqd-ts\.state)\.\d+\.tmp$/;

const PROBE_BYTES = 1024 * 1024;

export class DataDirectory {
  readonly path: string;
  readonly fileSystem: FileSystem;
  readonly setAside: SetAside;
  readonly flushLane: FlushLane;
  /** Flushes of the entries, which all queues share. */
  readonly entriesSync: SharedSync;
  /** Data file numbers found at start, by queue name, rising; entries are forgotten once their queue is open. */
  readonly #foundFiles = new Map<string, number[]>();
  readonly #foundQueues = new Set<string>();
  readonly #foundStates = new Set<string>();
  /** Files nobody needs that could not be removed. */
  readonly #leftovers = new Set<string>();

  /** `flushesAtOnceMax`: how many files may be flushed at a time. */
  constructor(path: string, fileSystem: FileSystem, flushesAtOnceMax = Infinity) {
    this.path = path === '' ? '.' : path;
    this.fileSystem = fileSystem;
    this.flushLane = new FlushLane(flushesAtOnceMax);
    this.entriesSync = new SharedSync((done) => this.#syncEntries(done), true);
    this.setAside = new SetAside(fileSystem);
  }

  #syncEntries(done: SyncDone): void {
    this.flushLane.run((isOver) => {
      this.fileSystem.syncDirectory(this.path, (error) => {
        isOver();
        done(error);
      });
    });
  }

  /**
   * Names a run of a queue in files that only it can vouch for. A topic that is created again begins another one: what could
   * not be removed of its namesake must not be taken for its own.
   */
  newRun(): string {
    return randomBytes(6).toString('hex');
  }

  /**
   * Reads the listing, and removes what a crash left behind: files that were to replace others, and what ephemeral
   * topics had put on disk.
   */
  scan(): void {
    for (const name of this.fileSystem.list(this.path)) {
      this.setAside.found(join(this.path, name));
      const data = DATA_FILE.exec(name);
      const queue = data?.[1] ?? META_FILE.exec(name)?.[1];
      if (queue !== undefined && isEphemeralName(queue)) {
        this.discard(join(this.path, name));
        continue;
      }
      if (data !== null) {
        this.#foundQueues.add(data[1]!);
        const numbers = this.#foundFiles.get(data[1]!);
        if (numbers === undefined) this.#foundFiles.set(data[1]!, [Number(data[2])]);
        else numbers.push(Number(data[2]));
      } else if (TEMPORARY_FILE.test(name)) {
        this.discard(join(this.path, name));
      } else {
        const meta = META_FILE.exec(name);
        if (meta !== null) this.#foundQueues.add(meta[1]!);
        const state = STATE_FILE.exec(name);
        if (state !== null) this.#foundStates.add(state[1]!);
      }
    }
    for (const numbers of this.#foundFiles.values()) numbers.sort((a, b) => a - b);
  }

  /** The data files found at start for a queue, null when it had no file at all, or was opened since. */
  foundFiles(queue: string): readonly number[] | null {
    return this.#foundQueues.has(queue) ? (this.#foundFiles.get(queue) ?? []) : null;
  }

  /** The text of a topic's side file found at start, null when it had none. Throws StorageError. */
  foundState(topic: string): string | null {
    if (!this.#foundStates.has(topic)) return null;
    return this.fileSystem.readWhole(this.topicStatePath(topic))?.toString('utf8') ?? null;
  }

  /** The queue is open, and knows its files from now on. An attempt to open it that failed must not get here. */
  queueOpened(queue: string): void {
    this.#foundQueues.delete(queue);
    this.#foundFiles.delete(queue);
    this.#foundStates.delete(queue);
  }

  /**
   * Removes a file that nobody needs any more. When that fails it is tried again at the clean stop; whoever finished
   * the last message in the file is not to hear of it. False when it failed.
   */
  discard(path: string): boolean {
    this.#leftovers.delete(path);
    try {
      this.fileSystem.remove(path);
      return true;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#leftovers.add(path);
      return false;
    }
  }

  /**
   * Whether there is room for a piece as large as the ones that are written at once: writes one, and removes it. Throws
   * StorageError.
   */
  probe(isDurable: boolean): void {
    const path = `${this.metadataPath()}.0.tmp`; // A name that the next start cleans up.
    const fd = this.fileSystem.openForWriting(path);
    try {
      this.fileSystem.write(fd, path, Buffer.alloc(PROBE_BYTES), 0, PROBE_BYTES, 0);
      if (isDurable) this.fileSystem.syncDataNow(fd, path);
    } finally {
      this.fileSystem.close(fd);
      this.discard(path);
    }
  }

  /** Replaces a file by a new one of the same name, atomically. Throws StorageError: then the former one is untouched. */
  replace(path: string, content: string, isDurable: boolean): void {
    this.fileSystem.replace(path, content, isDurable);
    this.#leftovers.delete(path);
  }

  /** Writes over a file in place. What is shorter than a sector of the disk is then there whole or not at all. Throws StorageError. */
  overwrite(path: string, content: string): void {
    const bytes = Buffer.from(content);
    const fd = this.fileSystem.openForWriting(path);
    try {
      this.fileSystem.write(fd, path, bytes, 0, bytes.length, 0);
    } finally {
      this.fileSystem.close(fd);
    }
  }

  /** Makes the name free for a new file. Throws StorageError. */
  makeRoomFor(path: string): void {
    // Removed, not truncated: a leftover may be a link to a file that another queue needs.
    this.fileSystem.remove(path);
    this.#leftovers.delete(path);
  }

  /** Tries once more to remove what could not be removed. False when something is left. */
  discardLeftovers(): boolean {
    return [...this.#leftovers].map((path) => this.discard(path)).every((isGone) => isGone);
  }

  /** Queues found at start that nobody has opened. */
  unopenedQueues(): string[] {
    return [...this.#foundQueues].sort();
  }

  /** Topics and their channels as the file names tell them, for a start without usable `nsqd.dat`. */
  foundTopics(): Map<string, Set<string>> {
    const topics = new Map<string, Set<string>>();
    for (const queue of this.#foundQueues) {
      const [topic, channel, ...rest] = queue.split(':') as [string, ...string[]];
      if (rest.length > 0 || !isValidName(topic) || (channel !== undefined && !isValidName(channel))) continue;
      const channels = topics.get(topic) ?? new Set();
      if (channel !== undefined) channels.add(channel);
      topics.set(topic, channels);
    }
    return topics;
  }

  metadataPath(): string {
    return join(this.path, 'nsqd.dat');
  }

  dataPath(queue: string, fileNumber: number): string {
    return join(this.path, `${queue}.diskqueue.${String(fileNumber).padStart(6, '0')}.dat`);
  }

  queueMetaPath(queue: string): string {
    return join(this.path, `${queue}.diskqueue.meta.dat`);
  }

  topicStatePath(topic: string): string {
    return join(this.path, `${topic}.nsqd-ts.state`);
  }
}

/** Name of a channel's own disk queue. */
export function channelQueueName(topic: string, channel: string): string {
  return `${topic}:${channel}`;
}
