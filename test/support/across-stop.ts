// Scenarios around one end of the daemon, be it a clean stop or a crash: all are arranged on one daemon, each with a
// topic of its own, then the daemon ends, then each is checked. Starting one daemon for all keeps the run short.

import { afterAll, beforeAll, describe, it } from 'vitest';

import { Daemon } from './daemon.js';

/** Arranges something under the topic and returns what must hold afterwards. */
export interface Scenario {
  readonly name: string;
  readonly arrange: (daemon: Daemon, topic: string) => Promise<() => Promise<void>>;
  /** Why it does not hold for the daemon under test; skipped then. */
  readonly isSkipped?: boolean;
}

export interface AcrossStop {
  readonly flags?: readonly string[];
  /** Ends the daemon, and starts it again where the checks need it running. */
  readonly end: (daemon: Daemon) => Promise<void>;
}

export function describeAcrossStop(
  title: string,
  { flags = [], end }: AcrossStop,
  scenarios: readonly Scenario[],
): void {
  describe(title, () => {
    const checks = new Map<Scenario, () => Promise<void>>();
    const active = scenarios.filter((scenario) => scenario.isSkipped !== true);
    let daemon: Daemon | undefined;

    beforeAll(async () => {
      if (active.length === 0) return;
      const started = await Daemon.start({ flags });
      daemon = started;
      await Promise.all(active.map(async (scenario) => checks.set(scenario, await arrange(scenario, started))));
      await end(started);
    });
    afterAll(async () => daemon?.[Symbol.asyncDispose]());

    for (const scenario of scenarios) {
      it.skipIf(scenario.isSkipped === true)(scenario.name, async () => {
        const check = checks.get(scenario);
        if (check === undefined) throw new Error('the scenario was not arranged');
        await check().catch(async (error: unknown) => {
          console.error(await describeState(daemon, scenario));
          throw error;
        });
      });
    }
  });
}

function topicOf(scenario: Scenario): string {
  return scenario.name.replaceAll(/[^a-z0-9]+/gi, '-').slice(0, 50);
}

/** What the daemon says of the scenario's topic, for the report of a failure. */
async function describeState(daemon: Daemon | undefined, scenario: Scenario): Promise<string> {
  const topic = topicOf(scenario);
  const stats = await daemon?.findTopic(topic).catch((error: unknown) => String(error));
  const log = daemon?.output.split('\n').filter((line) => line.includes(topic) || /ERROR|WARNING/.test(line));
  return `${JSON.stringify(stats)}\n${log?.slice(-40).join('\n')}`;
}

/** A failure to arrange is reported by the scenario's own test. */
async function arrange(scenario: Scenario, daemon: Daemon): Promise<() => Promise<void>> {
  try {
    return await scenario.arrange(daemon, topicOf(scenario));
  } catch (error) {
    return () => Promise.reject(error);
  }
}
