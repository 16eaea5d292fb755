// The program: arguments, signals and exit codes around one daemon (options.md 1, 11, 12).

import { readFileSync } from 'node:fs';
import { resolveCommandLine, startUpFailure } from './command-line.js';
import type { Exit } from './command-line.js';
import { newLogger, Nsqd, StartError } from './nsqd.js';
import type { Options } from './options.js';

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
 * The first signal stops cleanly, or drains first; one that comes while it drains stops.
 * DEVIATION(second-signal): one that comes while it stops, which stock nsqd ignores, ends at once.
 */
function leaveOnSignal(nsqd: Nsqd, { sigtermMode }: Pick<Options, 'sigtermMode'>): void {
  let isStopping = false;
  let drainsBySignal = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    nsqd.stop().then((isComplete) => process.exit(isComplete ? 0 : 1), () => process.exit(1));
  };
  nsqd.onDrained = stop;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (isStopping) process.exit(EXIT_INTERRUPTED);
      if (sigtermMode === 'stop' || signal !== 'SIGTERM' || (drainsBySignal && nsqd.isDraining)) return stop();
      drainsBySignal = true;
      nsqd.drain();
    });
  }
}

await run();
