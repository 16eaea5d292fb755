// Compilers and package managers as child processes, with errors of which the last line tells what is missing.

import { spawnSync } from 'node:child_process';

const INSTALL_TIMEOUT_MS = 300_000;

/** Throws unless the tool runs with these arguments. */
export function requireTool(file, args) {
  const { error, status } = spawnSync(file, args, { stdio: 'ignore' });
  if (error !== undefined || status !== 0) throw new Error(`${file} is not usable here (${file} ${args.join(' ')})`);
}

/** For what is native and not everywhere: its checks report themselves as skipped. */
export function tryTool(file, args, cwd) {
  spawnSync(file, args, { cwd, stdio: 'ignore', timeout: INSTALL_TIMEOUT_MS });
}

export function runTool(file, args, cwd) {
  const result = spawnSync(file, args, { cwd, encoding: 'utf8', timeout: INSTALL_TIMEOUT_MS });
  if (result.status === 0) return;
  throw new Error(`${file} ${args[0]} failed: ${result.error?.message ?? result.stderr}`);
}

/** The line of an error that says most, of tools that print what they did before they tell what failed. */
export function lastLine(error) {
  return error.message.trim().split('\n').at(-1);
}
