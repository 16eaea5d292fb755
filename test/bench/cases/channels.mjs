// One topic with 1, 4 or 16 channels: publishing alone, and with a consumer on each channel, when every message is
// delivered as many times. The second counts deliveries, from the end of the warm-up to the last one.

const BODY_BYTES = 200;
const RDY = 2500;
const INGEST_MESSAGES_MAX = 4_000_000; // The other daemon keeps a pointer for each channel.
const DELIVERIES_TOTAL = 3_200_000;
const MESSAGES_PER_COMMAND = 200;
const BATCHES = { connections: 1, window: 8, messagesPerCommand: MESSAGES_PER_COMMAND, bodyBytes: BODY_BYTES };
const WARMUP_SHARE = 0.1;

export const channelCases = [
  ...[1, 4].flatMap((count) => [ingestCase(count), fanOutCase(count)]),
  ingestCase(16, { goals: [{ figure: 'perSecond', ratioFrom: 3 }] }),
  fanOutCase(16, { group: 'quick', goals: [{ figure: 'perSecond', ratioFrom: 5 }] }),
];

function ingestCase(count, extra = {}) {
  const [name, title] = [`channels-${count}-in`, `MPUB to ${count} channels without consumers`];
  return { name, title, group: 'full', setups: 'memory', figure: 'perSecond', goals: [], ...extra, run };

  async function run(bench) {
    const topic = await newTopic(bench, count);
    const job = { kind: 'publish', topics: [topic], ...BATCHES, ...bench.times, messagesMax: INGEST_MESSAGES_MAX };
    const [result] = await bench.load([job]);
    await bench.expectPublished([topic], result.publishedTotal);
    await bench.expectKept([topic], result.publishedTotal * count);
    return result;
  }
}

function fanOutCase(count, extra = {}) {
  const [name, title] = [`channels-${count}-both`, `MPUB to ${count} channels, deliveries + FIN on all`];
  return { name, title, group: 'full', setups: 'memory', figure: 'perSecond', goals: [], ...extra, run };

  async function run(bench) {
    const topic = await newTopic(bench, count);
    const messagesTotal = bench.scaled(DELIVERIES_TOTAL / count / MESSAGES_PER_COMMAND, 5) * MESSAGES_PER_COMMAND;
    const deliveries = { warmupMessages: messagesTotal * count * WARMUP_SHARE, messagesTotal: messagesTotal * count };
    const subscriptions = channelNames(count).map((channel) => [topic, channel]);
    const [consumed, published] = await bench.load(
      [
        { kind: 'consume', subscriptions, rdy: RDY, ...deliveries },
        { kind: 'publish', topics: [topic], ...BATCHES, messagesMax: messagesTotal },
      ],
      () => bench.expectDrained([topic], messagesTotal),
    );
    return { ...consumed, publishedPerSecond: published.messages / published.seconds };
  }
}

async function newTopic(bench, count) {
  const topic = 'bench';
  for (const channel of channelNames(count)) await bench.createChannel(topic, channel);
  return topic;
}

function channelNames(count) {
  return Array.from({ length: count }, (_, i) => `channel-${i}`);
}
