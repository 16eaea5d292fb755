// Publishing at full speed to a topic without channels: batches, single messages in windows, many connections.

import { WARMUP_MS } from '../bench-run.mjs';

const BODY_BYTES = 200;
const MESSAGES_MAX = 9_000_000; // stays below the memory queue of the other daemon

export const publishCases = [
  publishCase('mpub-1', 'MPUB, 200 x 200 B, 1 connection', { connections: 1, window: 8, messagesPerCommand: 200 }),
  publishCase('mpub-2', 'MPUB, 200 x 200 B, 2 connections', { connections: 2, window: 8, messagesPerCommand: 200 }),
  publishCase('pub-window-1', 'PUB, 1 connection, 1 outstanding', { connections: 1, window: 1, messagesPerCommand: 1 }),
  publishCase('pub-window-100', 'PUB, 1 connection, 100 outstanding', {
    connections: 1,
    window: 100,
    messagesPerCommand: 1,
  }),
  publishCase('pub-64', 'PUB, 64 connections, 1 outstanding each', {
    connections: 64,
    window: 1,
    messagesPerCommand: 1,
  }),
];

export function publishCase(name, title, shape, storage = 'memory') {
  return { name, title, storage, run: (bench) => runPublish(bench, shape) };
}

async function runPublish(bench, shape) {
  const topic = 'bench';
  await bench.createTopic(topic);
  const limits = { bodyBytes: BODY_BYTES, messagesMax: MESSAGES_MAX, warmupMs: WARMUP_MS, measureMs: bench.measureMs };
  const [result] = await bench.load({ kind: 'publish', topic, ...shape, ...limits });
  await bench.expectPublished(topic, result.publishedTotal);
  return result;
}
