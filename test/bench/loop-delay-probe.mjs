// Loaded into a daemon that runs on Node (NODE_OPTIONS=--import): writes down, ten times a second, the longest time
// between two turns of its event loop. A line is the time in milliseconds of the system's monotonic clock, and that
// longest time. The figure is at most the resolution above the truth, never below.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { openSync, writeSync } from 'node:fs';

const RESOLUTION_MS = 2;
const INTERVAL_MS = 100;

const file = openSync(process.env.BENCH_LOOP_DELAY_FILE, 'a');
const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
histogram.enable();
setInterval(() => {
  writeSync(file, `${Number(process.hrtime.bigint()) / 1e6} ${histogram.max / 1e6}\n`);
  histogram.reset();
}, INTERVAL_MS).unref();
