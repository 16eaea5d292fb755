// The nsqjs client program. What it prints and what it may ask for is described in ../suite.mjs, the list of checks in
// ../checks.mjs. This file runs the checks in order and turns each into one line; clients.mjs wraps the library.

import { AUTH_CHECKS } from './auth.mjs';
import * as checks from './checks.mjs';
import { openWriter, printLine } from './clients.mjs';
import { LAYER_CHECKS, Skipped, checkLayers } from './layers.mjs';
import { checkRestart } from './restart.mjs';

const CHECKS = [
  ['publish', checks.checkPublish],
  ['publish-batch', checks.checkPublishBatch],
  ['publish-deferred', checks.checkPublishDeferred],
  ['consume', checks.checkConsume],
  ['finish', checks.checkFinish],
  ['requeue', checks.checkRequeue],
  ['touch', checks.checkTouch],
  ['timeout', checks.checkTimeout],
  ['pause', checks.checkPause],
  ['restart', checkRestart],
  // Last: nsqjs dies when the other side ends a compressed connection.
  ...LAYER_CHECKS.map(([name, layers]) => [name, () => checkLayers(name, layers)]),
];

const isAuth = process.argv[2] === 'auth';
const writer = isAuth ? null : await openWriter();
for (const [check, run] of isAuth ? AUTH_CHECKS : CHECKS) {
  try {
    printLine({ check, ok: true, detail: await run(writer) });
  } catch (error) {
    if (error instanceof Skipped) printLine({ check, skip: error.message });
    else printLine({ check, ok: false, detail: error.message });
  }
}
process.exit(0); // Readers keep their sockets and timers; every check has been reported.
