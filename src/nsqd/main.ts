// The program: arguments, signals and exit codes around one daemon (options.md 1, 11, 12).

import { readFileSync } from 'node:fs';
import { resolveCommandLine, startUpFailure } from './command-line.js';
import type { Exit } from './command-line.js';
import { Departure } from './departure.js';
import { newLogger, Nsqd } from './nsqd.js';
import type { Options } from './options.js';
import { StartError } from './start-error.js';

/** Go's runtime ignores these; Node would die of them, or open its inspector. */
const IGNORED_SIGNALS = ['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGPIPE', 'SIGXCPU', 'SIGXFSZ'] as const;
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
const EXIT_INTERRUPTED = 130;

function finish({ code, stdout, stderr }: Exit): never {
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exit(code);
}

async function run(): Promise<void> {
  const result = resolveCommandLine(process.argv.slice(2), { readFile: readFileSync });
  if (result.kind === 'exit') return finish(result);
  for (const signal of IGNORED_SIGNALS) process.on(signal, () => undefined);
  const logger = newLogger(result.options);
  for (const warning of result.warnings) logger.warn(warning);
  let nsqd: Nsqd;
  try {
    nsqd = await Nsqd.start(result.options, logger);
  } catch (error) {
    if (error instanceof StartError) return finish(startUpFailure(`failed to instantiate nsqd - ${error.message}`));
    throw error;
  }
  leaveOnSignal(nsqd, result.options);
  process.on('uncaughtException', (error) => logger.error(`uncaught exception - ${error.stack ?? error.message}`));
}

/**
 * The first signal lets the daemon leave.
 * DEVIATION(second-signal): one that comes while it stops, which stock nsqd ignores, ends at once.
 */
function leaveOnSignal(nsqd: Nsqd, { sigtermMode }: Pick<Options, 'sigtermMode'>): void {
  const departure = new Departure(nsqd, sigtermMode);
  departure.ended.then((isComplete) => process.exit(isComplete ? 0 : 1), () => process.exit(1));
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (departure.isStopping) process.exit(EXIT_INTERRUPTED);
      if (signal === 'SIGTERM') departure.terminate();
      else departure.stop();
    });
  }
}

await run();
