// One connection publishes batches while another consumes with FIN, each in a load process of its own. The rate is
// the sum of both directions.

import { WARMUP_MS } from '../bench-run.mjs';

const BODY_BYTES = 200;
const RDY = 2500;
const MESSAGES_MAX = 9_000_000;

export const bothCases = [
  { name: 'both', title: 'MPUB and delivery + FIN at once, sum', storage: 'memory', run: runBoth },
];

async function runBoth(bench) {
  const topic = 'bench';
  await bench.createChannel(topic, 'channel');
  const times = { warmupMs: WARMUP_MS, measureMs: bench.measureMs };
  const batch = { connections: 1, window: 8, messagesPerCommand: 200, bodyBytes: BODY_BYTES };
  const [consumed, published] = await bench.load(
    { kind: 'consume', topic, channels: ['channel'], rdy: RDY, ...times },
    { kind: 'publish', topic, ...batch, ...times, messagesMax: MESSAGES_MAX },
  );
  return {
    messages: consumed.messages + published.messages,
    seconds: (consumed.seconds + published.seconds) / 2,
    cpuSeconds: (consumed.cpuSeconds + published.cpuSeconds) / 2,
    loadCpuShare: Math.max(consumed.loadCpuShare, published.loadCpuShare),
    publishedPerSecond: published.messages / published.seconds,
    deliveredPerSecond: consumed.messages / consumed.seconds,
  };
}
