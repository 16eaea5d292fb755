// What a million deferred messages cost a daemon that is otherwise idle: CPU and stalls of its checkpoints, and the time
// of a restart after kill -9 and after a clean stop. `node test/bench/deferred.mjs [messages]`, after `npm run build`.

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MESSAGES = Number(process.argv[2] ?? 1_000_000);
const BATCH = 10_000;
const OBSERVED_MS = 20_000;
const TICKS_PER_SECOND = 100;
const BODY = 'x'.repeat(200);
const PROGRAM = new URL('../../bin/nsqd-ts.js', import.meta.url).pathname;

const dataPath = mkdtempSync(join(tmpdir(), 'nsqd-deferred-'));
let daemon;
let base;

async function start() {
  const startedMs = performance.now();
  const flags = ['--tcp-address=127.0.0.1:0', '--http-address=127.0.0.1:0', `--data-path=${dataPath}`];
  daemon = spawn(process.execPath, [PROGRAM, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
  base = await new Promise((resolve, reject) => {
    let text = '';
    daemon.stderr.on('data', (chunk) => {
      text = (text + chunk).slice(-10_000);
      const address = / HTTP: listening on (\S+)/.exec(text)?.[1];
      if (address !== undefined) resolve(`http://${address}`);
    });
    daemon.on('exit', () => reject(new Error(text)));
  });
  return performance.now() - startedMs;
}

async function end(signal) {
  const startedMs = performance.now();
  daemon.removeAllListeners('exit');
  const exited = new Promise((resolve) => daemon.on('exit', resolve));
  daemon.kill(signal);
  await exited;
  return performance.now() - startedMs;
}

async function post(path, body) {
  const response = await fetch(base + path, { method: 'POST', body });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

async function deferredCount() {
  const stats = await (await fetch(`${base}/stats?format=json`)).json();
  return stats.topics[0]?.channels[0]?.deferred_count;
}

function cpuSeconds() {
  const [, rest] = readFileSync(`/proc/${daemon.pid}/stat`, 'latin1').split(') ');
  const fields = rest.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** CPU seconds, the longest answer to a ping, and bytes written, while a message comes now and then. */
async function observe() {
  const [cpu, endMs] = [cpuSeconds(), performance.now() + OBSERVED_MS];
  let stallMs = 0;
  for (let round = 0; performance.now() < endMs; round += 1) {
    if (round % 20 === 0) await post('/pub?topic=t&defer=3600000', BODY);
    const askedMs = performance.now();
    await (await fetch(`${base}/ping`)).text();
    stallMs = Math.max(stallMs, performance.now() - askedMs);
    await sleep(10);
  }
  return { cpu: cpuSeconds() - cpu, stallMs };
}

function directoryBytes() {
  return readdirSync(dataPath).reduce((sum, name) => sum + statSync(join(dataPath, name)).size, 0);
}

try {
  await start();
  await post('/channel/create?topic=t&channel=c', '').catch(() => {});
  await post('/topic/create?topic=t', '');
  await post('/channel/create?topic=t&channel=c', '');
  const batch = Array.from({ length: BATCH }, () => BODY).join('\n');
  const [publishedMs, cpu] = [performance.now(), cpuSeconds()];
  for (let left = MESSAGES; left > 0; left -= BATCH) await post('/mpub?topic=t&defer=3600000', batch);
  console.log(`published ${MESSAGES} in ${Math.round(performance.now() - publishedMs)} ms, CPU ${(cpuSeconds() - cpu).toFixed(2)} s`);
  const { cpu: observedCpu, stallMs } = await observe();
  console.log(`checkpoints: CPU ${(observedCpu / (OBSERVED_MS / 1000)).toFixed(3)} s per second, longest answer ${stallMs.toFixed(1)} ms`);
  await end('SIGKILL');
  console.log(`start after kill -9: ${Math.round(await start())} ms, CPU ${cpuSeconds().toFixed(2)} s, deferred ${await deferredCount()}`);
  console.log(`clean stop: ${Math.round(await end('SIGTERM'))} ms, ${directoryBytes()} bytes`);
  console.log(`start after a clean stop: ${Math.round(await start())} ms, deferred ${await deferredCount()}`);
} finally {
  daemon.kill('SIGKILL');
  rmSync(dataPath, { recursive: true, force: true });
}
