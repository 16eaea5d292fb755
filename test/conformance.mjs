// Entry of `npm run test:conformance`: replays recorded conversations with stock nsqd against the daemon. They and
// their harness are kept outside this repository; arguments are passed on to it (for instance --area, --case,
// --verbose).
//
//   NSQ_CONFORMANCE_DIR   the harness (default: ../shared/conformance beside the project)
//   NSQD_CMD              daemon command, split on spaces (default: node bin/nsqd-ts.js)

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const PROJECT_ROOT = join(import.meta.dirname, '..');
const directory = resolve(PROJECT_ROOT, process.env.NSQ_CONFORMANCE_DIR ?? '../shared/conformance');
const harness = join(directory, 'check.mjs');

if (!existsSync(harness)) {
  console.error(`no conformance harness at ${directory}: set NSQ_CONFORMANCE_DIR to the directory of its check.mjs`);
  process.exit(1);
}
// An absolute path, because the harness may run the daemon in another directory.
const command = process.env.NSQD_CMD ?? `${process.execPath} ${join(PROJECT_ROOT, 'bin', 'nsqd-ts.js')}`;
const child = spawn(process.execPath, [harness, ...process.argv.slice(2)], {
  cwd: PROJECT_ROOT,
  env: { ...process.env, NSQD_CMD: command },
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
