// Writes a complete go-diskqueue of its own: what a clean stop leaves of a channel, or of a topic, for whoever comes next.
// Files are rolled and named as stock nsqd does it; whole files of another queue are taken over as hard links.

import type { DataDirectory } from './data-directory.js';
import { formatQueueMeta } from './queue-meta.js';
import { recordBytes, writeAttempts } from './record.js';
import type { FilePlace } from './topic-state.js';

const BUFFER_BYTES = 1024 * 1024;

export class QueueWriter {
  readonly #directory: DataDirectory;
  readonly #queue: string;
  readonly #bytesPerFileMax: number;
  #fileNumber: number;
  /** Bytes of the current file, the buffered ones included. */
  #fileSize = 0;
  #fd: number | null = null;
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #buffered = 0;
  #depth = 0;
  #readPlace: FilePlace | null = null;

  /** `firstFileNumber` and all after it must be free. */
  constructor(directory: DataDirectory, queue: string, firstFileNumber: number, bytesPerFileMax: number) {
    this.#directory = directory;
    this.#queue = queue;
    this.#fileNumber = firstFileNumber;
    this.#bytesPerFileMax = bytesPerFileMax;
  }

  /** Counts `records` that lie in files of this queue already, to be read from `place` on, before everything added. */
  keepExisting(place: FilePlace, records: number): void {
    this.#readPlace = place;
    this.#depth += records;
  }

  /** Adds one record, `attempts` replacing what it says; returns where it is. Throws StorageError. */
  append(bytes: Uint8Array, start: number, attempts: number): FilePlace {
    const length = recordBytes(bytes, start);
    if (this.#fileSize > 0 && this.#fileSize + length > this.#bytesPerFileMax) this.#roll();
    if (this.#buffered + length > this.#buffer.length) this.#writeOut();
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(length);
    this.#buffer.set(bytes.subarray(start, start + length), this.#buffered);
    writeAttempts(this.#buffer, this.#buffered, attempts);
    const place: FilePlace = [this.#fileNumber, this.#fileSize];
    this.#buffered += length;
    this.#fileSize += length;
    this.#count(place, 1);
    return place;
  }

  /**
   * Takes over a file of another queue, of which nothing was read. False when the file system has no hard links. The file is
   * shared, so nothing may ever be appended to it: the queue goes on in a new one.
   */
  link(path: string, records: number): boolean {
    this.#roll();
    const { fileSystem } = this.#directory;
    const target = this.#directory.dataPath(this.#queue, this.#fileNumber);
    this.#directory.makeRoomFor(target);
    if (!fileSystem.link(path, target)) return false;
    this.#count([this.#fileNumber, 0], records);
    this.#fileNumber += 1;
    return true;
  }

  /** Number the next linked file gets. */
  get nextLinkNumber(): number {
    return this.#fileSize === 0 ? this.#fileNumber : this.#fileNumber + 1;
  }

  get readPlace(): FilePlace {
    return this.#readPlace ?? [this.#fileNumber, this.#fileSize];
  }

  /** Flushes data, then metadata, to the medium; returns the metadata's text. */
  finish(): string {
    const text = this.flush();
    this.#directory.replace(this.#directory.queueMetaPath(this.#queue), text, true);
    return text;
  }

  /** Flushes data to the medium; returns the text of the metadata that goes with it. */
  flush(): string {
    this.#closeFile();
    const [readFileNumber, readPosition] = this.readPlace;
    const meta = {
      depth: this.#depth, readFileNumber, readPosition, writeFileNumber: this.#fileNumber, writePosition: this.#fileSize,
    };
    return formatQueueMeta(meta, null);
  }

  #count(place: FilePlace, records: number): void {
    this.#readPlace ??= place;
    this.#depth += records;
  }

  #roll(): void {
    if (this.#fileSize === 0) return;
    this.#closeFile();
    this.#fileNumber += 1;
    this.#fileSize = 0;
  }

  #writeOut(): void {
    if (this.#buffered === 0) return;
    const { fileSystem } = this.#directory;
    const path = this.#directory.dataPath(this.#queue, this.#fileNumber);
    this.#fd ??= this.#createFile(path);
    fileSystem.write(this.#fd, path, this.#buffer, 0, this.#buffered, this.#fileSize - this.#buffered);
    this.#buffered = 0;
  }

  #createFile(path: string): number {
    this.#directory.makeRoomFor(path);
    return this.#directory.fileSystem.openForWriting(path);
  }

  #closeFile(): void {
    this.#writeOut();
    if (this.#fd === null) return;
    this.#directory.fileSystem.syncDataNow(this.#fd, this.#directory.dataPath(this.#queue, this.#fileNumber));
    this.#directory.fileSystem.close(this.#fd);
    this.#fd = null;
  }
}
