// The side file of one topic on disk: replaced by snapshots, appended to in between.

import type { DataDirectory } from './data-directory.js';
import { formatStateChange, formatTopicState } from './topic-state.js';
import type { StateChange, TopicCheckpoint, TopicState } from './topic-state.js';

/** Changes behind a small snapshot before it is written anew; behind a large one, as many bytes as it has. */
const CHANGES_BYTES_MIN = 8 * 1024;

export class TopicStateFile {
  readonly #directory: DataDirectory;
  readonly #path: string;
  #size = 0;
  #snapshotBytes = 0;
  /** The last checkpoint behind the snapshot, to leave the file alone when nothing has changed. */
  #lastCheckpoint = '';

  constructor(directory: DataDirectory, topicName: string) {
    this.#directory = directory;
    this.#path = directory.topicStatePath(topicName);
  }

  /** True once this run has written a snapshot that changes can follow, and not too many of them do yet. */
  get takesChanges(): boolean {
    return this.#size > 0 && this.#size - this.#snapshotBytes <= Math.max(this.#snapshotBytes, CHANGES_BYTES_MIN);
  }

  /** `isDurable` flushes it to the medium. Throws StorageError; the former content is then untouched. */
  replace(state: TopicState, isDurable = false): void {
    const text = formatTopicState(state);
    this.#directory.replace(this.#path, text, isDurable);
    this.#size = Buffer.byteLength(text);
    this.#snapshotBytes = this.#size;
    this.#lastCheckpoint = '';
  }

  /** Throws StorageError; what was written before stays valid. */
  append(changes: readonly StateChange[]): void {
    this.#append(changes.map(formatStateChange).join(''), false);
  }

  /** The same for changes that end with a checkpoint; one that says the same as the last is left out. */
  appendCheckpoint(changes: readonly StateChange[], at: TopicCheckpoint, isDurable: boolean): void {
    const checkpoint = formatStateChange({ at });
    const isNew = checkpoint !== this.#lastCheckpoint || changes.length > 0;
    if (isNew) this.#append(changes.map(formatStateChange).join('') + checkpoint, isDurable);
    this.#lastCheckpoint = checkpoint;
  }

  #append(text: string, isDurable: boolean): void {
    const { fileSystem } = this.#directory;
    const bytes = Buffer.from(text);
    // Not kept open: with thousands of topics, descriptors are scarcer than the time that opening takes.
    const fd = fileSystem.openForWriting(this.#path);
    try {
      fileSystem.write(fd, this.#path, bytes, 0, bytes.length, this.#size);
      this.#size += bytes.length;
      if (isDurable) fileSystem.syncDataNow(fd, this.#path);
    } finally {
      fileSystem.close(fd);
    }
  }

  remove(): void {
    this.#directory.discard(this.#path);
    this.#size = 0;
    this.#snapshotBytes = 0;
  }
}
