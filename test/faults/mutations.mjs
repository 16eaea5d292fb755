// Removes, one at a time and in a copy, what keeps each window of the README's table closed, and expects the test named there
// to fail: a test that passes all the same proves nothing.
//
//   npm run test:mutations                  all of them
//   npm run test:mutations -- --only L8     those of one window
//
// A mutation whose text is not found exactly once in its file is an error: the source has moved on, and so must this list.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { MUTATIONS } from './mutation-list.mjs';

const ROOT = new URL('../..', import.meta.url).pathname;
const COPIED = ['src', 'test', 'bin', 'dist', 'package.json', 'tsconfig.json', 'README.md'];
const TEST_MS = 180_000;

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const chosen = MUTATIONS.filter(({ window }) => values.only === undefined || window === values.only);
const copy = mkdtempSync(join(tmpdir(), 'nsqd-mutations-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));
for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));

let survivors = 0;
for (const mutation of chosen) {
  const outcome = outcomeOf(mutation);
  if (outcome !== 'noticed') survivors += 1;
  console.log(`${mutation.window.padEnd(4)} ${outcome.padEnd(12)} ${mutation.what}  [${mutation.name}]`);
}
console.log(`${chosen.length} mutations, ${survivors} not noticed`);
process.exit(survivors === 0 && chosen.length > 0 ? 0 : 1);

function outcomeOf(mutation) {
  const path = join(copy, mutation.file);
  const original = readFileSync(path, 'utf8');
  if (original.split(mutation.find).length !== 2) return 'NOT FOUND';
  writeFileSync(path, original.replace(mutation.find, () => mutation.replace) + (mutation.append ?? ''));
  try {
    if (mutation.isBuilt) build();
    return isNoticed(mutation) ? 'noticed' : 'SURVIVED';
  } finally {
    writeFileSync(path, original);
    if (mutation.isBuilt) build();
  }
}

/** Type errors do not matter here: a mutation may leave something unused. */
function build() {
  spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], { cwd: copy });
}

/** True when the test fails; one that does not exist is no proof. */
function isNoticed({ test, name }) {
  const report = join(copy, 'report.json');
  const config = test.startsWith('test/faults/') ? 'test/vitest.faults.config.ts' : 'test/vitest.config.ts';
  const pattern = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--config', config, test, '-t', pattern, '--reporter=json', `--outputFile=${report}`];
  rmSync(report, { force: true });
  spawnSync(process.execPath, args, { cwd: copy, timeout: TEST_MS });
  try {
    return JSON.parse(readFileSync(report, 'utf8')).numFailedTests > 0;
  } catch {
    return false;
  }
}
