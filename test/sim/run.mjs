// Runs the simulation from the command line:
//
//   node test/sim/run.mjs --seed 1 --runs 1000 --steps 150     seeds 1 to 1000; prints each failing seed
//   node test/sim/run.mjs --seed 77 --trace                    one seed, with everything that happens in it

import { register } from 'node:module';
import { parseArgs } from 'node:util';

register('./typescript-loader.mjs', import.meta.url);
process.setSourceMapsEnabled(true);
const { simulate } = await import('./simulation.ts');

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    runs: { type: 'string', default: '1' },
    steps: { type: 'string', default: '150' },
    trace: { type: 'boolean', default: false },
    'failures-max': { type: 'string', default: '10' },
  },
});

const first = Number(values.seed);
const runs = Number(values.runs);
const started = performance.now();
let failures = 0;
let seed = first;
for (; seed < first + runs && failures < Number(values['failures-max']); seed += 1) {
  try {
    await simulate({ seed, steps: Number(values.steps), ...(values.trace ? { trace: (line) => console.log(line) } : {}) });
  } catch (error) {
    failures += 1;
    console.log(`seed ${seed}: ${values.trace || error.name !== 'Violation' ? error.stack : error.message}`);
  }
}
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`${seed - first} seeds from ${first} on, ${failures} failed, ${seconds} s`);
process.exit(failures > 0 ? 1 : 0);
