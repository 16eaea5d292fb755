// How fast the load generator is by itself: the jobs of the cases against load/canned-daemon.mjs, which answers without
// doing a daemon's work. A daemon whose figure comes near these may be faster than its figure says.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { BenchRun, WARMUP_MS } from './bench-run.mjs';

const CANNED_DAEMON = join(import.meta.dirname, 'load', 'canned-daemon.mjs');
const MEASURE_MS = 1500;
const BODY_BYTES = 200;
const PUB_BYTES = 'PUB bench\n'.length + 4 + BODY_BYTES;
const MPUB_BYTES = 'MPUB bench\n'.length + 8 + 200 * (4 + BODY_BYTES);
const times = { warmupMs: WARMUP_MS, measureMs: MEASURE_MS };
const publish = { kind: 'publish', topic: 'bench', bodyBytes: BODY_BYTES, ...times };
const consume = { kind: 'consume', topic: 'bench', rdy: 2500, ...times };

const CEILINGS = [
  ['mpub-1', MPUB_BYTES, { ...publish, connections: 1, window: 8, messagesPerCommand: 200 }],
  ['mpub-2', MPUB_BYTES, { ...publish, connections: 2, window: 8, messagesPerCommand: 200 }],
  ['pub-window-1', PUB_BYTES, { ...publish, connections: 1, window: 1, messagesPerCommand: 1 }],
  ['pub-window-100', PUB_BYTES, { ...publish, connections: 1, window: 100, messagesPerCommand: 1 }],
  ['pub-64', PUB_BYTES, { ...publish, connections: 64, window: 1, messagesPerCommand: 1 }],
  ['deliver-1', PUB_BYTES, { ...consume, channels: ['channel'] }],
  ['deliver-2', PUB_BYTES, { ...consume, channels: ['channel', 'channel'] }],
];

for (const [name, commandBytes, job] of CEILINGS) {
  const canned = spawn(process.execPath, [CANNED_DAEMON, String(commandBytes)]);
  try {
    const [port] = await once(canned.stdout, 'data');
    const daemon = { tcpAddress: `127.0.0.1:${String(port).trim()}`, pid: canned.pid };
    const [{ messages, seconds, loadCpuShare, cpuSeconds }] = await new BenchRun(daemon, MEASURE_MS).load(job);
    const rate = Math.round(messages / seconds).toLocaleString('en').padStart(12);
    const [load, standIn] = [loadCpuShare, cpuSeconds / seconds].map((share) => `${(share * 100).toFixed(0)} %`);
    console.log(`${name.padEnd(14)} ${rate} msg/s, load CPU ${load}, stand-in ${standIn}`);
  } finally {
    canned.kill();
  }
}
