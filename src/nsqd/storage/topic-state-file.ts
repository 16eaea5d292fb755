// The side file of one topic on disk: replaced by snapshots, appended to in between.

import type { DataDirectory } from './data-directory.js';
import { formatStateChange, formatTopicState } from './topic-state.js';
import type { StateChange, TopicState } from './topic-state.js';

export class TopicStateFile {
  readonly #directory: DataDirectory;
  readonly #path: string;
  #size = 0;
  #fd: number | null = null;
  /** What the file holds, to leave it alone when nothing changed. */
  #snapshot = '';

  constructor(directory: DataDirectory, topicName: string) {
    this.#directory = directory;
    this.#path = directory.topicStatePath(topicName);
  }

  /** True once this run has written a snapshot that changes can follow. */
  get exists(): boolean {
    return this.#size > 0;
  }

  /** Throws StorageError; the former content is then untouched. */
  replace(state: TopicState, isDurable = false): void {
    const text = formatTopicState(state);
    if (!isDurable && text === this.#snapshot && this.#size === Buffer.byteLength(text)) return;
    this.close();
    this.#directory.replace(this.#path, text, isDurable);
    this.#snapshot = text;
    this.#size = Buffer.byteLength(text);
  }

  /** Throws StorageError; what was written before stays valid. */
  append(changes: readonly StateChange[]): void {
    const { fileSystem } = this.#directory;
    const bytes = Buffer.from(changes.map(formatStateChange).join(''));
    this.#fd ??= fileSystem.openForWriting(this.#path);
    fileSystem.write(this.#fd, this.#path, bytes, 0, bytes.length, this.#size);
    this.#size += bytes.length;
  }

  close(): void {
    if (this.#fd !== null) this.#directory.fileSystem.close(this.#fd);
    this.#fd = null;
  }

  remove(): void {
    this.close();
    this.#directory.discard(this.#path);
    this.#size = 0;
    this.#snapshot = '';
  }
}
