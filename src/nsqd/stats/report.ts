// Everything one answer of `/stats` shows, before it is written as JSON or as text.

import type { SetAsideCounts } from '../storage/set-aside.js';
import type { MemoryStats } from './memory.js';
import type { StatsSnapshot } from './snapshot.js';

export interface StatsReport {
  /** Bare semantic version, for JSON. */
  readonly version: string;
  /** The line `--version` prints, for text. */
  readonly versionLine: string;
  /** `OK`, or `NOK - ` and the error (http-api 8). */
  readonly health: string;
  /** Messages left to deliver while the daemon drains, otherwise null. */
  readonly drainingMessages: number | null;
  /** Unix milliseconds. */
  readonly startTimeMs: number;
  /** Milliseconds with fractions. */
  readonly uptimeMs: number;
  /** Null if memory was not asked for. */
  readonly memory: MemoryStats | null;
  readonly snapshot: StatsSnapshot;
  readonly setAside: SetAsideCounts;
}

/** The daemon's health as `/ping` and `/stats` show it. */
export function healthText(error: string | null): string {
  return error === null ? 'OK' : `NOK - ${error}`;
}
