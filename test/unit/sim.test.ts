// Short runs of the simulation (test/sim). A failing seed is repeated with: node test/sim/run.mjs --seed N --steps 80 --trace

import { describe, expect, it } from 'vitest';

import { simulate } from '../sim/simulation.js';
import { seedOfRun } from '../support/prng.js';

const STEPS = 80;
/** Always the same ones, so that a red build is red again, and some that nobody has run. */
const FIXED_SEEDS = 150;
const NEW_SEEDS = 50;

/** Of the length of a run from the command line: memory that was refused, consumed and not written is skipped by a clean stop. */
const FOUND_SEED = 6_009_705;
const FOUND_STEPS = 150;

async function failuresOf(first: number, count: number): Promise<string[]> {
  const failures: string[] = [];
  for (let seed = first; seed < first + count; seed += 1) {
    // So that the test runner hears of this process in time, however slow the machine is: it gives up after a minute.
    await new Promise((resolve) => setImmediate(resolve));
    await simulate({ seed, steps: STEPS }).catch((error: Error) => failures.push(`seed ${seed}: ${error.message}`));
  }
  return failures;
}

describe('the broker on a simulated disk and clock', () => {
  it('keeps its promises through failures, crashes and restarts', async () => {
    expect(await failuresOf(1, FIXED_SEEDS)).toEqual([]);
  });

  it('keeps them where it once did not', async () => {
    await simulate({ seed: FOUND_SEED, steps: FOUND_STEPS });
  });

  it('keeps them with new seeds', async () => {
    expect(await failuresOf(seedOfRun() % 1_000_000_000, NEW_SEEDS)).toEqual([]);
  });
});
