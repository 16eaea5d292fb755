// What the broker needs of a disk: an interface, so that a simulated disk can take its place in tests.
// Calls are synchronous where one write per event-loop turn is cheaper than a round trip to the thread pool; what may
// take long (a flush to the medium) is asynchronous.

/** A failed operation on a file. `message` is the operating system's text in the form nsqd prints it. */
export class StorageError extends Error {
  readonly operation: string;
  readonly path: string;
  /** POSIX name of the error, `ENOSPC` for example; `ESHORT` for a short write. */
  readonly code: string;

  constructor(operation: string, path: string, code: string, reason: string, cause?: unknown) {
    super(`${operation} ${path}: ${reason}`, { cause });
    this.name = 'StorageError';
    this.operation = operation;
    this.path = path;
    this.code = code;
  }
}

/** Paths are complete; offsets and lengths are bytes. Every method throws StorageError. */
export interface FileSystem {
  /** Opens for reading and writing, creating with mode 0600. Never truncates. */
  openForWriting(path: string): number;
  openForReading(path: string): number;
  close(fd: number): void;
  /** The same in another thread, for what may take long: the last descriptor of a removed file gives back its blocks. */
  closeLater(fd: number): void;
  /** Writes all of it or throws; a short write is an error (a full disk may report one as success). */
  write(fd: number, path: string, bytes: Uint8Array, start: number, length: number, position: number): void;
  /** Returns the bytes read, fewer than asked only at the end of the file. */
  read(fd: number, path: string, bytes: Uint8Array, start: number, length: number, position: number): number;
  truncate(fd: number, path: string, size: number): void;
  /** Calls back when the file's data is on the medium. */
  syncData(fd: number, path: string, done: (error: StorageError | null) => void): void;
  syncDataNow(fd: number, path: string): void;
  /** Makes created, renamed and removed entries of a directory durable. */
  syncDirectory(path: string, done: (error: StorageError | null) => void): void;
  syncDirectoryNow(path: string): void;
  /** Null when the file does not exist. */
  size(path: string): number | null;
  /** Null when the file does not exist. */
  readWhole(path: string): Buffer | null;
  /**
   * Replaces a file atomically: a temporary file beside it, then a rename. `isDurable` also flushes the content before
   * the rename; the directory is the caller's to sync.
   */
  replace(path: string, content: string | Uint8Array, isDurable: boolean): void;
  rename(from: string, to: string): void;
  /** False when the file system has no hard links, or not between these two. */
  link(from: string, to: string): boolean;
  /** Removing what does not exist is no error. */
  remove(path: string): void;
  /** Names, not paths, in no order. */
  list(directory: string): string[];
  makeDirectory(path: string): void;
  /** Bytes that this process may still use on the file system of an existing directory. */
  freeBytes(directory: string): number;
}
