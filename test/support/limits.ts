// Limits of the system on a running daemon: set by `prlimit`, lifted the same way.

import { execFileSync } from 'node:child_process';

export type Limit = 'fsize' | 'nofile';

/** The soft limit alone, so that it can be lifted again. */
export function setLimit(processId: number, limit: Limit, value: number | 'unlimited'): void {
  execFileSync('prlimit', [`--pid=${processId}`, `--${limit}=${value}:`]);
}

/** Whether this machine can do it; said aloud when not. */
export function canLimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.warn('skipped: this machine has no prlimit');
    return false;
  }
}
