// Finds its way back into a data file behind a damaged place: records have no marks between them, so the next ones are
// searched for byte by byte. A place counts when what is there looks like a record of nsqd (storage.md 5), and its length
// leads to another one, or to the end of the file.
//
//   | record | record | #### damage #### | record | record | ...
//                                        ^ found
//
// Only damaged files are searched; what is found is read like any other record.

import type { FileSystem } from './file-system.js';
import { BODY_OFFSET, HEADER_BYTES, ID_BYTES, ID_OFFSET, LENGTH_BYTES, readInt32, TIMESTAMP_OFFSET } from './record.js';

const WINDOW_BYTES = 256 * 1024;
/** Records in a row that are not taken for an accident, if they do not reach the end of the file. */
const RECORDS_MIN = 2;
/** Timestamps of the years 2001 to 2100, in units of 2^32 ns. */
const TIMESTAMP_HIGH_MIN = 232_830_644;
const TIMESTAMP_HIGH_MAX = 955_000_000;

/** A data file as it is searched: a window of its bytes in memory. */
export class DamagedFile {
  readonly #fileSystem: FileSystem;
  readonly #fd: number;
  readonly #path: string;
  readonly size: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #windowStart = 0;
  #windowLength = 0;

  constructor(fileSystem: FileSystem, fd: number, path: string, size: number) {
    this.#fileSystem = fileSystem;
    this.#fd = fd;
    this.#path = path;
    this.size = size;
  }

  /** The first place at or behind `from` where records begin, or null. Throws StorageError. */
  findRecords(from: number): number | null {
    for (let position = from; position + BODY_OFFSET <= this.size; position += 1) {
      if (this.#isRecord(position) && this.#leadsOn(position)) return position;
    }
    return null;
  }

  /** True when a record begins here whose end is missing: what a crash leaves at the end of a file. Throws StorageError. */
  isTorn(position: number): boolean {
    const available = this.size - position;
    if (available < LENGTH_BYTES) return true;
    const at = this.#window(position);
    const payload = readInt32(this.#bytes, at);
    return payload >= HEADER_BYTES && LENGTH_BYTES + payload > available && this.#hasHeader(at, available);
  }

  /** Whole, and with what nsqd writes in front of a body. */
  #isRecord(position: number): boolean {
    const available = this.size - position;
    if (available < BODY_OFFSET) return false;
    const at = this.#window(position);
    const payload = readInt32(this.#bytes, at);
    return payload >= HEADER_BYTES && LENGTH_BYTES + payload <= available && this.#hasHeader(at, available);
  }

  #leadsOn(start: number): boolean {
    let position = start;
    for (let count = 0; count < RECORDS_MIN; count += 1) {
      if (count > 0 && (position === this.size || this.isTorn(position))) return true;
      if (!this.#isRecord(position)) return false;
      position += LENGTH_BYTES + readInt32(this.#bytes, this.#window(position));
    }
    return true;
  }

  /** As far as it is there: a timestamp of our time, an id of hexadecimal digits. */
  #hasHeader(at: number, available: number): boolean {
    const bytes = this.#bytes;
    if (available >= TIMESTAMP_OFFSET + 4) {
      const high = readInt32(bytes, at + TIMESTAMP_OFFSET);
      if (high < TIMESTAMP_HIGH_MIN || high > TIMESTAMP_HIGH_MAX) return false;
    }
    const end = Math.min(ID_OFFSET + ID_BYTES, available);
    for (let offset = ID_OFFSET; offset < end; offset += 1) if (!isHexDigit(bytes[at + offset]!)) return false;
    return true;
  }

  /** Where the position is in `#bytes`; a whole header behind it is there, too, if the file has it. */
  #window(position: number): number {
    const end = Math.min(position + BODY_OFFSET, this.size);
    if (position < this.#windowStart || end > this.#windowStart + this.#windowLength) {
      if (this.#bytes.length === 0) this.#bytes = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, this.size));
      const length = Math.min(this.#bytes.length, this.size - position);
      this.#windowLength = this.#fileSystem.read(this.#fd, this.#path, this.#bytes, 0, length, position);
      this.#windowStart = position;
    }
    return position - this.#windowStart;
  }
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
}
