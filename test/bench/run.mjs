// Entry of `npm run bench`: runs every case several times against a freshly started daemon, the daemons taking turns,
// and prints median and spread. See README.md for what is measured and how to read it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { DEFAULT_COMMAND, Daemon, PROJECT_ROOT, freePorts } from '../interop/daemon.mjs';
import { BenchRun } from './bench-run.mjs';
import { bothCases } from './cases/both.mjs';
import { channelCases } from './cases/channels.mjs';
import { deliverCases } from './cases/deliver.mjs';
import { diskCases } from './cases/disk.mjs';
import { latencyCases } from './cases/latency.mjs';
import { publishCases } from './cases/publish.mjs';
import { figuresOf, runLine, summarize, table } from './report.mjs';

const CASES = [...publishCases, ...deliverCases, ...bothCases, ...channelCases, ...diskCases, ...latencyCases];
const STOCK_MEMORY_FLAGS = ['--mem-queue-size=10000000'];
const STOCK_DISK_FLAGS = ['--mem-queue-size=0'];
const USAGE = `npm run bench -- [options]
  --peer PATH       another nsqd to take turns with (or NSQD_PEER)
  --only NAME       ours, ours-memory or peer; may be repeated
  --case NAME       a case, or the beginning of its name; may be repeated
  --runs N          runs per case and daemon (default 3)
  --seconds N       measured time of cases that have no end of their own (default 2)
  --directory DIR   where data directories are made, on a real disk (default: the system's temporary directory)
  --json FILE       also writes all figures of all runs
  --list            names the cases`;

const options = readOptions();
if (options.list) {
  for (const { name, title } of CASES) console.log(`${name.padEnd(16)} ${title}`);
} else {
  await main();
}

async function main() {
  const cases = CASES.filter(({ name }) => options.case?.some((beginning) => name.startsWith(beginning)) ?? true);
  const conditions = describeConditions();
  console.log(Object.entries(conditions).map(([key, value]) => `${key}: ${value}`).join('\n'));
  const results = [];
  for (const benchCase of cases) results.push(...(await runCase(benchCase)));
  console.log(`\n${table(results)}`);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ conditions, results }, null, 1)}\n`);
}

/** Runs take turns, so that a slow minute of the machine falls on every daemon. */
async function runCase(benchCase) {
  console.log(`\n${benchCase.name}: ${benchCase.title}`);
  const daemons = daemonsFor(benchCase.storage);
  const runs = daemons.map(() => []);
  for (let i = 0; i < options.runs; i++) {
    for (const [index, daemon] of daemons.entries()) {
      const figures = await runOnce(benchCase, daemon);
      runs[index].push(figures);
      console.log(`  ${daemon.name.padEnd(11)} ${runLine(figures)}`);
    }
  }
  return daemons.map(({ name, flags }, index) => {
    return { name: benchCase.name, daemon: name, flags, summary: summarize(runs[index]), runs: runs[index] };
  });
}

async function runOnce(benchCase, { command, flags }) {
  const directory = mkdtempSync(join(options.directory, 'nsqd-bench-'));
  const removeDirectory = () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', removeDirectory); // when the bench is interrupted
  const dataPath = join(directory, 'data');
  mkdirSync(dataPath);
  const [tcpPort, httpPort] = await freePorts(2);
  const daemon = new Daemon({ command, dataPath, logPath: join(directory, 'log'), tcpPort, httpPort, flags });
  try {
    await daemon.start();
    const bench = new BenchRun(daemon, options.seconds * 1000);
    const result = await benchCase.run(bench);
    return figuresOf(result, { peakRssMb: bench.peakRssMb(), othersCores: bench.othersCores });
  } catch (error) {
    console.error(daemon.logTail());
    throw error;
  } finally {
    daemon.kill(); // Nothing of its data is wanted any more.
    process.off('exit', removeDirectory);
    removeDirectory();
  }
}

/** Memory cases show ours as it comes (on disk) and without disk; disk cases compare only what is on disk. */
function daemonsFor(storage) {
  const command = process.env.NSQD_CMD ?? DEFAULT_COMMAND;
  const isMemory = storage === 'memory';
  const daemons = [{ name: 'ours', command, flags: ['--durability=disk'] }];
  if (isMemory) daemons.push({ name: 'ours-memory', command, flags: ['--durability=memory', ...STOCK_MEMORY_FLAGS] });
  if (options.peer !== undefined) {
    daemons.push({ name: 'peer', command: options.peer, flags: isMemory ? STOCK_MEMORY_FLAGS : STOCK_DISK_FLAGS });
  }
  return daemons.filter(({ name }) => options.only?.includes(name) ?? true);
}

function describeConditions() {
  const git = (...args) => execFileSync('git', args, { cwd: PROJECT_ROOT, encoding: 'utf8' }).trim();
  const conditions = {
    commit: git('describe', '--always', '--dirty'),
    node: process.version,
    cpu: `${availableParallelism()} x ${cpus()[0].model}`,
    ours: process.env.NSQD_CMD ?? DEFAULT_COMMAND,
    runs: options.runs,
    seconds: options.seconds,
  };
  if (options.peer !== undefined) {
    conditions.peer = execFileSync(options.peer, ['--version'], { encoding: 'utf8' }).trim();
  }
  return conditions;
}

function readOptions() {
  const text = { type: 'string' };
  const list = { type: 'string', multiple: true };
  const flag = { type: 'boolean' };
  const texts = { peer: text, runs: text, seconds: text, directory: text, json: text };
  try {
    const { values } = parseArgs({ options: { ...texts, only: list, case: list, list: flag, help: flag } });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const peer = values.peer ?? process.env.NSQD_PEER;
    const { runs = '3', seconds = '2', directory = tmpdir() } = values;
    return { ...values, peer, runs: positive('--runs', runs), seconds: positive('--seconds', seconds), directory };
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

function positive(name, text) {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} must be a positive number`);
  return value;
}
