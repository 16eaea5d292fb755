// What a seed decides before anything happens: options of the daemon, and which calamities the run has.

import type { BrokerOptions } from '../../src/nsqd/broker/context.js';
import { DEFAULTS } from '../../src/nsqd/options.js';
import type { Prng } from '../support/prng.js';

export interface Conditions {
  readonly options: BrokerOptions;
  readonly hasLinks: boolean;
  readonly linkBytesMin: number;
  readonly withFailures: boolean;
  readonly withCrashes: boolean;
  readonly withPowerFailures: boolean;
  readonly withClockSteps: boolean;
  readonly bodyBytesMax: number;
}

/** Numbers small enough that files roll, memory overflows and checkpoints come all the time. */
export function drawConditions(prng: Prng): Conditions {
  const durability = prng.pick(['disk', 'disk', 'disk', 'disk', 'fsync', 'memory'] as const);
  return {
    options: {
      ...DEFAULTS,
      durability,
      maxBytesPerFile: prng.pick([100, 400, 3000, 60_000, 1_000_000]),
      maxChannelConsumers: 0,
      maxMsgTimeoutMs: 9000,
      minFreeDiskBytes: prng.pick([0, 0, 1000]),
      memQueueSize: prng.pick([0, 1, 5, 30, 10_000]),
      nodeId: prng.integer(0, 1023),
      requeueOnDisconnect: prng.next() < 0.5,
      syncEvery: 2500,
      syncTimeoutMs: prng.pick([10, 300, 2000]),
      maxAttempts: prng.pick([0, 0, 1, 2, 4]),
      maxTopicBytes: prng.pick([0, 0, 0, 600, 4000]),
      topicRules: [{ pattern: '*.dead*', values: { maxTopicBytes: 0, maxTopicAgeMs: 0 } }],
      topicOverflow: prng.pick(['refuse', 'drop-oldest'] as const),
      maxTopicAgeMs: prng.pick([0, 0, 0, 0, 600, 5000, 60_000]),
    },
    hasLinks: prng.next() < 0.8,
    linkBytesMin: prng.pick([0, 300, 16 * 1024 * 1024]),
    withFailures: prng.next() < 0.5,
    withCrashes: prng.next() < 0.7,
    withPowerFailures: durability === 'fsync' && prng.next() < 0.5,
    withClockSteps: prng.next() < 0.3,
    bodyBytesMax: prng.pick([10, 60, 60, 500, 9000]),
  };
}

export function describe({ options, ...rest }: Conditions): string {
  const { durability, maxAttempts, maxBytesPerFile, maxTopicBytes, memQueueSize, syncTimeoutMs } = options;
  return (
    `${durability} files ${maxBytesPerFile} memory ${memQueueSize} checkpoints ${syncTimeoutMs} ` +
    `bodies ${rest.bodyBytesMax} links ${rest.hasLinks} from ${rest.linkBytesMin} ` +
    `attempts ${maxAttempts} topics ${maxTopicBytes} ${options.topicOverflow} age ${options.maxTopicAgeMs} ` +
    `failures ${rest.withFailures} crashes ${rest.withCrashes} clock steps ${rest.withClockSteps}`
  );
}
