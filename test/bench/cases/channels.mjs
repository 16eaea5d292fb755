// A topic with 16 channels and a consumer on each, while one connection publishes: every message is delivered 16
// times. The rate counts deliveries, from the end of the warm-up to the last one.

const BODY_BYTES = 200;
const RDY = 2500;
const CHANNELS = 16;
const MESSAGES_TOTAL = 100_000;
const WARMUP_MESSAGES = 10_000;

export const channelCases = [
  { name: 'channels-16', title: 'MPUB to 16 channels, deliveries + FIN', storage: 'memory', run: runChannels },
];

async function runChannels(bench) {
  const topic = 'bench';
  const channels = Array.from({ length: CHANNELS }, (_, i) => `channel-${i}`);
  for (const channel of channels) await bench.createChannel(topic, channel);
  const counts = { warmupMessages: WARMUP_MESSAGES * CHANNELS, messagesTotal: MESSAGES_TOTAL * CHANNELS };
  const batch = { connections: 1, window: 8, messagesPerCommand: 200, bodyBytes: BODY_BYTES };
  const [consumed] = await bench.load(
    { kind: 'consume', topic, channels, rdy: RDY, ...counts },
    { kind: 'publish', topic, ...batch, messagesMax: MESSAGES_TOTAL },
  );
  await bench.expectDrained(topic);
  return consumed;
}
