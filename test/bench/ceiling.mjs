// How fast the load generator is by itself: the jobs of the cases against load/canned-daemon.mjs, which answers without
// doing a daemon's work. A daemon whose figure comes near these may be faster than its figure says. Generator and stand-in
// share the cores, so where the stand-in shows 100 % it is the limit, and the generator could do more.
//
//   node test/bench/ceiling.mjs

import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { BenchRun } from './bench-run.mjs';
import { bodiesOf, publishCommand, publishRequest } from './load/commands.mjs';

const CANNED_DAEMON = new URL('load/canned-daemon.mjs', import.meta.url).pathname;
const SIZES = { warmupMs: 700, measureMs: 1500, scale: 1 };
const BODY_BYTES = 200;
const TOPIC = 'bench';

const consume = { kind: 'consume', rdy: 2500 };
const [toOne, toTwo] = [1, 2].map((count) => Array.from({ length: count }, () => [TOPIC, 'channel']));

const CEILINGS = [
  ['mpub-1', publishJob({ connections: 1, window: 8, messagesPerCommand: 200 })],
  ['mpub-2', publishJob({ connections: 2, window: 8, messagesPerCommand: 200 })],
  ['pub-window-1', publishJob({ connections: 1, window: 1, messagesPerCommand: 1 })],
  ['pub-window-100', publishJob({ connections: 1, window: 100, messagesPerCommand: 1 })],
  ['pub-window-1000', publishJob({ connections: 1, window: 1000, messagesPerCommand: 1 })],
  ['pub-64', publishJob({ connections: 64, window: 1, messagesPerCommand: 1 })],
  ['pub-5000', publishJob({ connections: 5000, window: 1, messagesPerCommand: 1 })],
  ['http-pub', httpJob({ connections: 16, messagesPerCommand: 1 })],
  ['http-mpub', httpJob({ connections: 4, messagesPerCommand: 200 })],
  ['body-20b-in', publishJob({ connections: 1, window: 8, messagesPerCommand: 200, bodyBytes: 20 })],
  ['body-64k-in', publishJob({ connections: 1, window: 4, messagesPerCommand: 16, bodyBytes: 65_536 })],
  ['delivery-1', { ...consume, subscriptions: toOne }],
  ['delivery-2', { ...consume, subscriptions: toTwo }],
  ['delivery-each-1', { ...consume, subscriptions: toOne, finsPerWrite: 1 }],
];

for (const [name, job] of CEILINGS) {
  const canned = spawn(process.execPath, [CANNED_DAEMON, String(commandBytesOf(job))]);
  try {
    const [port] = await once(canned.stdout, 'data');
    const address = `127.0.0.1:${String(port).trim()}`;
    const daemon = { tcpAddress: address, httpAddress: address, pid: canned.pid };
    const bench = new BenchRun({ daemon, loopDelayPath: '', setup: {}, sizes: SIZES });
    const [{ messages, seconds, loadCpuShare, cpuSeconds }] = await bench.load([{ ...job, ...bench.times }]);
    const rate = Math.round(messages / seconds).toLocaleString('en').padStart(12);
    const [load, standIn] = [loadCpuShare, cpuSeconds / seconds].map((share) => `${(share * 100).toFixed(0)} %`);
    const others = `${(bench.othersCores * 100).toFixed(0)} %`;
    console.log(`${name.padEnd(16)} ${rate} msg/s, load CPU ${load}, stand-in ${standIn}, others ${others}`);
  } finally {
    canned.kill();
  }
}

function publishJob(shape) {
  return { kind: 'publish', topics: [TOPIC], bodyBytes: BODY_BYTES, ...shape };
}

function httpJob(shape) {
  return { kind: 'http', topic: TOPIC, bodyBytes: BODY_BYTES, messagesMax: Number.MAX_SAFE_INTEGER, ...shape };
}

/** What the stand-in counts; the port's digits are part of an HTTP request. */
function commandBytesOf({ kind, messagesPerCommand, bodyBytes }) {
  if (kind === 'consume') return 1;
  const bodies = bodiesOf('x', bodyBytes, messagesPerCommand);
  return (kind === 'http' ? publishRequest('127.0.0.1:65535', TOPIC, bodies) : publishCommand(TOPIC, bodies)).length;
}
