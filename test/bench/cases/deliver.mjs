// Delivery with FIN: the channel is filled first, then drained with RDY 2500; all the FINs of one read go out in one
// write.

const BODY_BYTES = 200;
const RDY = 2500;
const MESSAGES_TOTAL = 2_000_000;
const WARMUP_MESSAGES = 200_000;

export const deliverCases = [
  deliverCase('deliver-1', 'delivery + FIN, RDY 2500, 1 connection', 1),
  deliverCase('deliver-2', 'delivery + FIN, RDY 2500, 2 connections', 2),
];

export function deliverCase(name, title, connections, storage = 'memory') {
  return { name, title, storage, run: (bench) => runDeliver(bench, connections) };
}

async function runDeliver(bench, connections) {
  const topic = 'bench';
  await bench.createChannel(topic, 'channel');
  await bench.fill(topic, MESSAGES_TOTAL, BODY_BYTES);
  await bench.expectPublished(topic, MESSAGES_TOTAL);
  const channels = Array.from({ length: connections }, () => 'channel');
  const counts = { warmupMessages: WARMUP_MESSAGES, messagesTotal: MESSAGES_TOTAL };
  const [result] = await bench.load({ kind: 'consume', topic, channels, rdy: RDY, ...counts });
  await bench.expectDrained(topic);
  return result;
}
