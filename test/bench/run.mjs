// Entry of `npm run bench`: runs every case several times against a freshly started daemon, the daemons taking turns,
// and prints median and spread. See README.md for what is measured and how to read it.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { DEFAULT_COMMAND, Daemon, PROJECT_ROOT, freePorts } from '../interop/daemon.mjs';
import { BenchRun } from './bench-run.mjs';
import { CASES } from './cases/index.mjs';
import { figuresOf, summarize } from './figures.mjs';
import { openFilesMax } from './process-stat.mjs';
import { goalTable, goalsOf, runLine, table } from './report.mjs';
import { EXTRA_SETUPS, SETUP_NAMES, setupsOf } from './setups.mjs';

const GROUPS = ['quick', 'full'];
const HALT_POLL_FILE = '/sys/module/haltpoll/parameters/guest_halt_poll_ns';
const WARMUP_MS = 700;
const START_TIMEOUT_MS = 120_000;
/** Numbers that show that a case works, and nothing of speed. */
const SMOKE = { runs: 1, sizes: { measureMs: 300, warmupMs: 100, scale: 0.002 } };
const USAGE = `npm run bench -- [options]
  --peer PATH       another nsqd to take turns with (or NSQD_PEER)
  --group NAME      quick (default; ours in its default mode, the cases that matter most) or full (every case)
  --case NAME       a case, or the beginning of its name, of any group; may be repeated, or a list with commas
  --only NAME       one of ${SETUP_NAMES.join(', ')}; may be repeated
  --runs N          runs per case and daemon (default 3)
  --seconds N       measured time of cases that have no end of their own (default 2)
  --scale N         multiplies numbers of messages, connections and channels (default 1)
  --smoke           every case of the group once with tiny numbers: shows that it works, says nothing of speed
  --directory DIR   where data directories are made, on a real disk (default: the system's temporary directory)
  --json FILE       also writes all figures of all runs
  --list            names the cases
NSQD_CMD names another command for our daemon.`;

const options = readOptions();
if (options.list) {
  for (const { name, group, title } of CASES) console.log(`${name.padEnd(18)} ${group.padEnd(6)} ${title}`);
} else {
  await main();
}

async function main() {
  const conditions = describeConditions();
  console.log(Object.entries(conditions).map(([key, value]) => `${key}: ${value}`).join('\n'));
  const results = [];
  const failed = [];
  for (const [index, benchCase] of options.cases.entries()) {
    console.log(`\n${index + 1}/${options.cases.length} ${benchCase.name}: ${benchCase.title}`);
    if (openFilesMax() < (benchCase.filesMin ?? 0)) {
      console.log(`  SKIPPED: needs ${benchCase.filesMin} open files, ulimit -Hn says ${openFilesMax()}`);
    } else {
      try {
        results.push(...(await runCase(benchCase)));
      } catch {
        failed.push(benchCase.name); // The reason was printed where it was met; the others are still wanted.
      }
    }
    if (options.json !== undefined) writeJson(conditions, results); // What is there survives an interruption.
  }
  if (results.length > 0) console.log(`\n${table(results)}`);
  const goals = goalTable(results);
  if (goals !== undefined) console.log(`\n${goals}`);
  if (failed.length > 0) {
    console.log(`\nFAILED: ${failed.join(', ')}`);
    process.exitCode = 1;
  }
}

/** Runs take turns, so that a slow minute of the machine falls on every daemon. */
async function runCase(benchCase) {
  const setups = setupsOf(benchCase.setups, options.peer).filter(isWanted);
  const runs = setups.map(() => []);
  for (let i = 0; i < options.runs; i++) {
    for (const [index, setup] of setups.entries()) {
      const figures = await runOnce(benchCase, setup);
      runs[index].push(figures);
      console.log(`  ${setup.name.padEnd(11)} ${runLine(benchCase.figure, figures)}`);
    }
  }
  return setups.map(({ name, flags }, index) => {
    return { benchCase, daemon: name, flags, summary: summarize(runs[index]), runs: runs[index] };
  });
}

function isWanted({ name }) {
  return options.only?.includes(name) ?? (options.hasExtraSetups || !EXTRA_SETUPS.includes(name));
}

async function runOnce(benchCase, setup) {
  const directory = mkdtempSync(join(options.directory, 'nsqd-bench-'));
  const removeDirectory = () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', removeDirectory); // when the bench is interrupted
  const [dataPath, loopDelayPath] = [join(directory, 'data'), join(directory, 'loop-delay')];
  mkdirSync(dataPath);
  const [tcpPort, httpPort] = await freePorts(2);
  const daemon = new Daemon({
    ...setup,
    dataPath,
    logPath: join(directory, 'log'),
    tcpPort,
    httpPort,
    env: benchCase.isPaced ? {} : probeEnvironment(loopDelayPath),
    startTimeoutMs: START_TIMEOUT_MS,
  });
  const bench = new BenchRun({ daemon, dataPath, loopDelayPath, setup, sizes: options.sizes });
  try {
    benchCase.prepare?.(dataPath, (count) => bench.scaled(count));
    await daemon.start();
    const result = await benchCase.run(bench);
    return figuresOf(result, measuredBesides(bench));
  } catch (error) {
    console.error(`  FAILED ${setup.name}: ${error.stack}\n${daemon.logTail()}`);
    throw error;
  } finally {
    await daemon.crash(); // Nothing of its data is wanted any more.
    process.off('exit', removeDirectory);
    removeDirectory();
  }
}

function measuredBesides(bench) {
  const figures = { peakRssMb: bench.peakRssMb(), othersCores: bench.othersCores };
  return Number.isFinite(bench.loopDelayMaxMs) ? { loopDelayMaxMs: bench.loopDelayMaxMs, ...figures } : figures;
}

/** Only what runs on Node heeds it. */
function probeEnvironment(loopDelayPath) {
  const probe = new URL('loop-delay-probe.mjs', import.meta.url).href;
  const nodeOptions = [process.env.NODE_OPTIONS, `--import=${probe}`].filter(Boolean).join(' ');
  return { NODE_OPTIONS: nodeOptions, BENCH_LOOP_DELAY_FILE: loopDelayPath };
}

function writeJson(conditions, results) {
  const data = results.map(({ benchCase: { name, title }, ...result }) => ({ name, title, ...result }));
  writeFileSync(options.json, `${JSON.stringify({ conditions, goals: goalsOf(results), results: data }, null, 1)}\n`);
}

function describeConditions() {
  const git = (...args) => execFileSync('git', args, { cwd: PROJECT_ROOT, encoding: 'utf8' }).trim();
  const command = process.env.NSQD_CMD ?? DEFAULT_COMMAND;
  const conditions = {
    date: new Date().toISOString(),
    commit: git('describe', '--always', '--dirty'),
    node: `${process.version} ${process.env.NODE_OPTIONS ?? ''}`.trim(),
    cpu: `${availableParallelism()} x ${cpus()[0].model}`,
    memory: `${Math.round(totalmem() / 1024 ** 3)} GB`,
    load: `${loadavg()[0].toFixed(2)} before the first run`,
    ours: command,
    runs: options.runs,
    seconds: options.sizes.measureMs / 1000,
    idle: idleCores(),
  };
  if (options.sizes.scale !== 1) conditions.scale = `${options.sizes.scale}: not the numbers that the titles say`;
  if (options.peer !== undefined) {
    conditions.peer = execFileSync(options.peer, ['--version'], { encoding: 'utf8' }).trim();
  }
  return conditions;
}

/** What cores do that have nothing to do: see README.md, "Virtual machines". */
function idleCores() {
  if (!existsSync(HALT_POLL_FILE)) return 'as the kernel likes';
  const pollNs = Number(readFileSync(HALT_POLL_FILE, 'latin1'));
  return pollNs === 0 ? 'cores are given back to the hypervisor at once' : `cores poll for ${pollNs / 1000} us`;
}

function readOptions() {
  const text = { type: 'string' };
  const list = { type: 'string', multiple: true };
  const flag = { type: 'boolean' };
  const texts = { peer: text, group: text, runs: text, seconds: text, scale: text, directory: text, json: text };
  try {
    const flags = { smoke: flag, list: flag, help: flag };
    const { values } = parseArgs({ options: { ...texts, only: list, case: list, ...flags } });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    return {
      ...values,
      ...runsAndSizes(values),
      cases: selectedCases(values),
      only: values.only?.map((name) => oneOf('--only', SETUP_NAMES, name)),
      hasExtraSetups: values.group === 'full' || values.case !== undefined,
      peer: values.peer ?? process.env.NSQD_PEER,
      directory: values.directory ?? tmpdir(),
    };
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}

function runsAndSizes({ smoke, runs = '3', seconds = '2', scale = '1' }) {
  if (smoke) return SMOKE;
  const measureMs = 1000 * positive('--seconds', seconds);
  return { runs: positive('--runs', runs), sizes: { measureMs, warmupMs: WARMUP_MS, scale: positive('--scale', scale) } };
}

/** The quick cases are part of the full ones. */
function selectedCases({ group = 'quick', case: names }) {
  oneOf('--group', GROUPS, group);
  if (names === undefined) return CASES.filter((each) => group === 'full' || each.group === group);
  const beginnings = names.flatMap((name) => name.split(','));
  for (const beginning of beginnings) {
    if (!CASES.some(({ name }) => name.startsWith(beginning))) throw new Error(`--case: nothing begins with ${beginning}`);
  }
  return CASES.filter(({ name }) => beginnings.some((beginning) => name.startsWith(beginning)));
}

function oneOf(name, values, value) {
  if (!values.includes(value)) throw new Error(`${name} must be one of ${values.join(', ')}`);
  return value;
}

function positive(name, text) {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} must be a positive number`);
  return value;
}
