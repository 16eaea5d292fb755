// Entry of `npm run test:prepare`: fetches and builds the clients and NSQ's own programs, so that `npm test` runs what it
// skips without them. What cannot be had here is told and skipped there; that is no error.

import { CLIENTS } from './clients.mjs';
import { prepareStock } from './stock.mjs';
import { lastLine } from './tools.mjs';

const STEPS = [...CLIENTS, { name: 'nsqd, nsqlookupd, nsqadmin', prepare: prepareStock }];

for (const { name, prepare } of STEPS) {
  const startMs = performance.now();
  try {
    prepare();
    console.log(`ok   ${name} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
  } catch (error) {
    console.log(`skip ${name}: ${lastLine(error)}`);
  }
}
