// One daemon per data directory: a BSD lock (`flock`) on the directory itself, as stock nsqd takes it, so that the two keep
// each other out (storage.md 2). No lock file, nothing to clean up: the lock dies with the process.
//
// Node has no flock. A lock belongs to the open file, not to the process that asked for it: a child process that inherits
// our descriptor locks it and ends, and the lock stays with the descriptor that we keep open.

import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** Programs that lock descriptor 3 without waiting, in order of preference; exit code 1 = somebody else has it. */
const LOCKERS: ReadonlyArray<readonly [program: string, args: readonly string[]]> = [
  ['flock', ['-x', '-n', '3']],
  ['perl', ['-e', 'open(my $d, "<&=", 3) or exit 2; exit(flock($d, 6) ? 0 : 1)']],
  ['python3', ['-c', 'import fcntl,sys\ntry: fcntl.flock(3, 6)\nexcept OSError: sys.exit(1)']],
];
const CHILD_FD = 3;
const LOCKED_ELSEWHERE = 1;

export type LockResult =
  | { readonly kind: 'locked'; readonly lock: DirectoryLock }
  /** No locking program is installed; the daemon may run, unprotected. */
  | { readonly kind: 'unavailable' }
  /** The end of nsqd's sentence `failed to lock data-path: ...`. */
  | { readonly kind: 'refused'; readonly reason: string };

export class DirectoryLock {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  release(): void {
    closeSync(this.#fd);
  }
}

/** Locks an existing directory. */
export function lockDirectory(path: string): LockResult {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { kind: 'refused', reason: `open ${path}: ${code === 'EACCES' ? 'permission denied' : (error as Error).message}` };
  }
  const outcome = runLockers(fd);
  if (outcome === 'locked') return { kind: 'locked', lock: new DirectoryLock(fd) };
  closeSync(fd);
  if (outcome === 'unavailable') return { kind: 'unavailable' };
  const reason =
    `cannot flock directory ${path} - resource temporarily unavailable ` +
    '(possibly in use by another instance of nsqd)';
  return { kind: 'refused', reason };
}

function runLockers(fd: number): 'locked' | 'unavailable' | 'taken' {
  for (const [program, args] of LOCKERS) {
    const stdio = Array.from({ length: CHILD_FD }, () => 'ignore' as const);
    const { status } = spawnSync(program, args, { stdio: [...stdio, fd] });
    if (status === 0) return 'locked';
    if (status === LOCKED_ELSEWHERE) return 'taken';
  }
  return 'unavailable';
}
