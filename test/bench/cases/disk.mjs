// The same as publish.mjs and deliver.mjs with every message on disk: ours with --durability=disk (an OK means that the
// record is in the file) beside stock nsqd with --mem-queue-size=0, and ours with --durability=fsync (an OK means that it
// is on the medium) beside --mem-queue-size=0 --sync-every=1, which answers before it syncs. Then a backlog of ten times
// the memory queue, written and drained.

import { deliverCase } from './deliver.mjs';
import { publishCase } from './publish.mjs';

const BODY_BYTES = 200;
const MPUB = { connections: 1, window: 8, messagesPerCommand: 200 };
const PUB_100 = { connections: 1, window: 100, messagesPerCommand: 1 };
const PUB_64 = { connections: 64, window: 1, messagesPerCommand: 1 };
const DRAIN = { connections: 1, messagesTotal: 1_000_000, messagesPerCommand: 200 };
const BACKLOG_MESSAGES = 1_000_000;
const NOT_SLOWER = [{ figure: 'perSecond', ratioFrom: 1 }];

export const diskCases = [
  publishCase('disk-mpub', 'disk: MPUB, 200 x 200 B, 1 connection', MPUB, {
    group: 'quick',
    setups: 'disk',
    goals: [{ figure: 'perSecond', ratioFrom: 9 }],
  }),
  publishCase('disk-pub-100', 'disk: PUB, 1 connection, 100 outstanding', PUB_100, { setups: 'disk' }),
  publishCase('disk-pub-64', 'disk: PUB, 64 connections, 1 outstanding each', PUB_64, { setups: 'disk' }),
  deliverCase('disk-delivery', 'disk: delivery + FIN, RDY 2500, 1 connection', DRAIN, {
    group: 'quick',
    setups: 'disk',
    goals: [{ figure: 'perSecond', ratioFrom: 8 }],
  }),
  publishCase('fsync-mpub', 'fsync: MPUB, 200 x 200 B, 1 connection', MPUB, {
    group: 'quick',
    setups: 'fsync',
    goals: NOT_SLOWER,
  }),
  publishCase('fsync-pub-100', 'fsync: PUB, 1 connection, 100 outstanding', PUB_100, { setups: 'fsync', goals: NOT_SLOWER }),
  publishCase('fsync-pub-64', 'fsync: PUB, 64 connections, 1 outstanding', PUB_64, { setups: 'fsync', goals: NOT_SLOWER }),
  deliverCase('fsync-delivery', 'fsync: delivery + FIN, RDY 2500, 1 connection', { ...DRAIN, messagesTotal: 100_000 }, {
    setups: 'fsync',
    goals: NOT_SLOWER,
  }),
  {
    name: 'backlog',
    title: '1,000,000 messages with --mem-queue-size=100000: written, then drained, both',
    group: 'full',
    setups: 'overflow',
    figure: 'perSecond',
    goals: [],
    run: runBacklog,
  },
];

async function runBacklog(bench) {
  const topic = 'bench';
  await bench.createChannel(topic, 'channel');
  const messagesTotal = bench.scaled(BACKLOG_MESSAGES / MPUB.messagesPerCommand) * MPUB.messagesPerCommand;
  const write = { kind: 'publish', topics: [topic], ...MPUB, bodyBytes: BODY_BYTES, messagesMax: messagesTotal };
  const [written] = await bench.load([write]);
  await bench.expectKept([topic], messagesTotal);
  const drain = { kind: 'consume', subscriptions: [[topic, 'channel']], rdy: 2500, warmupMessages: 0, messagesTotal };
  const [drained] = await bench.load([drain], () => bench.expectDrained([topic], messagesTotal));
  return {
    messages: written.messages + drained.messages,
    seconds: written.seconds + drained.seconds,
    cpuSeconds: written.cpuSeconds + drained.cpuSeconds,
    loadCpuShare: Math.max(written.loadCpuShare, drained.loadCpuShare),
    publishedPerSecond: written.messages / written.seconds,
    deliveredPerSecond: drained.messages / drained.seconds,
  };
}
