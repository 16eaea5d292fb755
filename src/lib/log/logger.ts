// The log: lines of options.md 10.1 on stderr, with a level that can be changed while running.
// A log line that cannot be written is lost; logging never throws and never ends the process.

import { writeSync } from 'node:fs';

import { formatTimestamp, wallClockMs } from './timestamp.js';

/** Levels as the numbers that GET /config/log_level shows. Messages below the log's level are not written. */
export const LogLevel = { debug: 1, info: 2, warn: 3, error: 4, fatal: 5 } as const;
export type LogLevel = (typeof LogLevel)[keyof typeof LogLevel];

/** The words inside log lines. They differ from the option values: `warn` is written as WARNING. */
const LEVEL_WORDS: Readonly<Record<LogLevel, string>> = { 1: 'DEBUG', 2: 'INFO', 3: 'WARNING', 4: 'ERROR', 5: 'FATAL' };

/** A level as options name it. */
export type LogLevelName = keyof typeof LogLevel;

const LEVELS_BY_NAME: ReadonlyMap<string, LogLevel> = new Map(Object.entries(LogLevel));

const STDERR_FD = 2;

/** The level of an option value (`debug`, `info`, `warn`, `error`, `fatal`) in any letter case; else undefined. */
export function parseLogLevel(name: string): LogLevel | undefined {
  return LEVELS_BY_NAME.get(name.toLowerCase());
}

/** One line of the log, with its newline; a message that ends in one gets no second. `timeMs` is Unix time. */
export function formatLogLine(prefix: string, level: LogLevel, message: string, timeMs: number): string {
  const newline = message.endsWith('\n') ? '' : '\n';
  return `${prefix}${formatTimestamp(timeMs)} ${LEVEL_WORDS[level]}: ${message}${newline}`;
}

/** Writes to stderr at once, so that the last words before an exit are not lost. */
export function writeToStderr(line: string): void {
  let bytes = Buffer.from(line);
  try {
    while (bytes.length > 0) bytes = bytes.subarray(writeSync(STDERR_FD, bytes));
  } catch {
    // A full pipe (EAGAIN), a reader gone (EPIPE), a full disk: there is nowhere left to report it, and serving
    // clients matters more than the rest of this line.
  }
}

export interface LoggerSettings {
  /** Start of every line, exactly as it shall appear (`--log-prefix`). */
  readonly prefix: string;
  readonly level: LogLevel;
  /** Takes one line with its newline, and what it is made of. Default: stderr. */
  readonly write?: (line: string, level: LogLevel, message: string) => void;
  /** Unix time in milliseconds with fractions. Default: the system's clock. */
  readonly nowMs?: () => number;
}

/** Owns the level. Callers that build costly messages ask isEnabled() first. */
export class Logger {
  readonly #prefix: string;
  readonly #write: (line: string, level: LogLevel, message: string) => void;
  readonly #nowMs: () => number;
  #level: LogLevel;

  constructor(settings: LoggerSettings) {
    this.#prefix = settings.prefix;
    this.#write = settings.write ?? writeToStderr;
    this.#nowMs = settings.nowMs ?? wallClockMs;
    this.#level = settings.level;
  }

  /** The lowest level that is written. */
  level(): LogLevel {
    return this.#level;
  }

  setLevel(level: LogLevel): void {
    this.#level = level;
  }

  isEnabled(level: LogLevel): boolean {
    return level >= this.#level;
  }

  debug(message: string): void {
    this.#log(LogLevel.debug, message);
  }

  info(message: string): void {
    this.#log(LogLevel.info, message);
  }

  warn(message: string): void {
    this.#log(LogLevel.warn, message);
  }

  error(message: string): void {
    this.#log(LogLevel.error, message);
  }

  /** Only writes the line; ending the process is up to the caller. */
  fatal(message: string): void {
    this.#log(LogLevel.fatal, message);
  }

  #log(level: LogLevel, message: string): void {
    if (level < this.#level) return;
    this.#write(formatLogLine(this.#prefix, level, message, this.#nowMs()), level, message);
  }
}
