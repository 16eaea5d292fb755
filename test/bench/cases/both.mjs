// Publishing and consuming at once, each in a load process of its own, until the end of the measured time; then what is
// left is consumed, and everything must have arrived. The rate is the sum of both directions.

const BODY_BYTES = 200;
const RDY = 2500;
const MESSAGES_MAX = 9_000_000;
const BATCHES = { connections: 1, window: 8, messagesPerCommand: 200, bodyBytes: BODY_BYTES };

export const bothCases = [
  {
    name: 'both',
    title: 'MPUB and delivery + FIN at once, sum',
    group: 'quick',
    setups: 'memory',
    figure: 'perSecond',
    goals: [{ figure: 'perSecond', ratioFrom: 3 }, { figure: 'cpuUsPerMessage', ratioTo: 0.4 }],
    run: (bench) => runBoth(bench, 'plain'),
  },
];

export async function runBoth(bench, layer, bodies) {
  const topic = 'bench';
  await bench.createChannel(topic, 'channel');
  const [consumed, published] = await bench.load(
    [
      { kind: 'consume', subscriptions: [[topic, 'channel']], rdy: RDY, layer, ...bench.times },
      { kind: 'publish', topics: [topic], ...BATCHES, bodies, layer, ...bench.times, messagesMax: MESSAGES_MAX },
    ],
    ([, { publishedTotal }]) => bench.expectDrained([topic], publishedTotal),
  );
  return sumOf(consumed, published);
}

/** Two measured parts that lie over each other as one; the daemon's CPU time was taken over both. */
export function sumOf(consumed, published) {
  return {
    messages: consumed.messages + published.messages,
    seconds: (consumed.seconds + published.seconds) / 2,
    cpuSeconds: (consumed.cpuSeconds + published.cpuSeconds) / 2,
    loadCpuShare: Math.max(consumed.loadCpuShare, published.loadCpuShare),
    publishedPerSecond: published.messages / published.seconds,
    deliveredPerSecond: consumed.messages / consumed.seconds,
  };
}
