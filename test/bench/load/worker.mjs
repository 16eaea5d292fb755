// The load generator's process. Gets one job from its parent, reports `ready` when its connections stand, starts on
// `go`, reports `begin` and `end` around the part that is measured (the parent reads the daemon's CPU time at both),
// and `done` with its result when it waits for nothing any more.

import { consume } from './consume.mjs';
import { exchange } from './exchange.mjs';
import { http } from './http.mjs';
import { idle } from './idle.mjs';
import { latency } from './latency.mjs';
import { paced } from './paced.mjs';
import { publish } from './publish.mjs';

const JOBS = { publish, consume, exchange, http, idle, paced, latency };

process.once('disconnect', () => process.exit(1)); // the parent is gone
process.once('message', async (job) => {
  const startJob = await JOBS[job.kind](job, new Reporter());
  process.send({ event: 'ready' });
  process.once('message', startJob);
});

/** Marks the measured part and takes this process's own CPU time over it. */
class Reporter {
  #beginMs = 0;
  #cpuAtBegin = undefined;
  #result = undefined;

  begin() {
    this.#beginMs = performance.now();
    this.#cpuAtBegin = process.cpuUsage();
    process.send({ event: 'begin' });
  }

  end(messages) {
    const seconds = (performance.now() - this.#beginMs) / 1000;
    const { user, system } = process.cpuUsage(this.#cpuAtBegin);
    if (seconds === 0) throw new Error('nothing was measured: the load was over at once');
    this.#result = { messages, seconds, loadCpuShare: (user + system) / 1e6 / seconds };
    process.send({ event: 'end' });
  }

  done(extra = {}) {
    process.send({ event: 'done', result: { ...this.#result, ...extra } });
  }
}
