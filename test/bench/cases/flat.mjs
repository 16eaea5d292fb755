// Whether a message costs the same whatever else there is: the CPU time of publishing and consuming in step (see
// load/exchange.mjs) with a thousand to ten million messages queued, with 1 to 10,000 channels on the daemon, and while
// another topic is drained. `flatness` is the highest cost by the lowest. At last the longest stall of the event loop
// under full load, and what a bystander notices of it.

import { topicNames, writeMetadata } from '../metadata.mjs';
import { sumOf } from './both.mjs';

const BODY_BYTES = 200;
const MESSAGES_PER_COMMAND = 200;
const RDY = 800;
const BATCHES = { messagesPerCommand: MESSAGES_PER_COMMAND, bodyBytes: BODY_BYTES };
/** The first step is not to pay for code that is still being compiled. */
const WARMUPS = 3;
const EXCHANGE = { kind: 'exchange', channel: 'channel-0', rdy: RDY, window: 4, ...BATCHES };
const DEPTHS = [1_000, 100_000, 1_000_000, 10_000_000];
const CHANNEL_COUNTS = [1, 100, 10_000];
const CHANNELS_PER_TOPIC = 100;
const DRAINED_MESSAGES = 4_000_000;
const BYSTANDER_RATE = 200;
const FLAT = [{ figure: 'flatness', below: 1.15 }];

export const flatCases = [
  {
    name: 'flat-depth',
    title: 'cost per message with 1,000 to 10,000,000 messages queued',
    group: 'full',
    setups: 'depth',
    figure: 'flatness',
    goals: FLAT,
    run: runDepth,
  },
  {
    name: 'flat-channels',
    title: 'cost per message with 1 to 10,000 channels on the daemon',
    group: 'full',
    setups: 'defaults',
    figure: 'flatness',
    goals: FLAT,
    run: runChannels,
  },
  {
    name: 'flat-drain',
    title: 'cost per message while another topic is drained, by the cost of both alone',
    group: 'full',
    setups: 'memory',
    figure: 'flatness',
    goals: FLAT,
    run: runDrain,
  },
  {
    name: 'stall',
    title: 'publishing and consuming at full speed: longest stall of the event loop, latency of a bystander',
    group: 'quick',
    setups: 'memory',
    figure: 'perSecond',
    goals: [{ figure: 'loopDelayMaxMs', below: 25 }],
    run: runStall,
  },
];

async function runDepth(bench) {
  const topic = 'topic-0';
  await bench.createChannel(topic, 'channel-0');
  const costs = [];
  let filled = 0;
  let published = 0;
  for (const depth of DEPTHS) {
    const messagesTotal = bench.scaled((depth - filled) / MESSAGES_PER_COMMAND, 5) * MESSAGES_PER_COMMAND;
    await bench.fill({ topics: [topic], messagesTotal, bodyBytes: BODY_BYTES });
    filled += messagesTotal;
    const [result] = await bench.load([exchangeOn(topic, bench)]);
    published += result.publishedTotal;
    await bench.expectPublished([topic], filled + published);
    await bench.expectKept([topic], filled);
    costs.push([`cpuUsAt${depth}`, cpuUsOf(result)]);
  }
  return figuresOf(costs);
}

async function runChannels(bench) {
  const costs = [];
  for (const count of CHANNEL_COUNTS) {
    const channels = bench.scaled(count);
    const perTopic = Math.min(channels, CHANNELS_PER_TOPIC);
    await bench.startWith((dataPath) => writeMetadata(dataPath, 1 + Math.ceil(channels / perTopic), perTopic));
    const [topic] = topicNames(1);
    // The first topic's other channels would get every message too.
    for (let i = 1; i < perTopic; i++) await bench.http('POST', `/channel/delete?topic=${topic}&channel=channel-${i}`);
    await bench.fill({ topics: [topic], messagesTotal: 5 * MESSAGES_PER_COMMAND, bodyBytes: BODY_BYTES });
    const [result] = await bench.load([exchangeOn(topic, bench)]);
    await bench.expectPublished([topic], 5 * MESSAGES_PER_COMMAND + result.publishedTotal);
    await bench.expectKept([topic], 5 * MESSAGES_PER_COMMAND);
    costs.push([`cpuUsAt${count}`, cpuUsOf(result)]);
  }
  return figuresOf(costs);
}

async function runDrain(bench) {
  const [steady, drained] = ['steady', 'drained'];
  for (const topic of [steady, drained]) await bench.createChannel(topic, 'channel-0');
  const messagesTotal = bench.scaled(DRAINED_MESSAGES / MESSAGES_PER_COMMAND, 5) * MESSAGES_PER_COMMAND;
  const kept = 5 * MESSAGES_PER_COMMAND;
  await bench.fill({ topics: [steady], messagesTotal: kept, bodyBytes: BODY_BYTES });
  const exchange = exchangeOn(steady, bench);
  const drain = { kind: 'consume', subscriptions: [[drained, 'channel-0']], rdy: 2500 };

  const [exchanging] = await bench.load([exchange]);
  await bench.fill({ topics: [drained], messagesTotal, bodyBytes: BODY_BYTES });
  const counts = { warmupMessages: messagesTotal / 10, messagesTotal };
  const [draining] = await bench.load([{ ...drain, ...counts }], () => bench.expectDrained([drained], messagesTotal));

  await bench.fill({ topics: [drained], messagesTotal, bodyBytes: BODY_BYTES });
  // It begins when the other one is measured, so that it is not over by then.
  const alongsideIt = { warmupMessages: 0, delayMs: exchange.warmupMs, measureMs: exchange.measureMs };
  const jobs = [exchange, { ...drain, ...alongsideIt }];
  const [exchanged, alongside] = await bench.load(jobs, () => bench.expectKept([drained], 0));
  await bench.expectKept([steady], kept);
  if (alongside.messages === 0) throw new Error('nothing was drained in the measured time');
  const both = sumOf(alongside, exchanged);
  const usAlone = cpuUsOf(exchanging) * exchanged.messages + cpuUsOf(draining) * alongside.messages;
  return {
    flatness: (both.cpuSeconds * 1e6) / usAlone,
    exchangeAloneUs: cpuUsOf(exchanging),
    drainAloneUs: cpuUsOf(draining),
    loadCpuShare: both.loadCpuShare,
  };
}

async function runStall(bench) {
  const [topic, bystander] = ['bench', 'bystander'];
  for (const each of [topic, bystander]) await bench.createChannel(each, 'channel');
  const batches = { connections: 1, window: 8, ...BATCHES };
  const times = { ...bench.times, warmupMs: 2 * bench.sizes.warmupMs };
  const paced = Math.max(10, Math.floor(((times.warmupMs + times.measureMs) * BYSTANDER_RATE) / 1000));
  const warmupMessages = Math.floor((times.warmupMs * BYSTANDER_RATE) / 1000);
  const [consumed, published, noticed] = await bench.load(
    [
      { kind: 'consume', subscriptions: [[topic, 'channel']], rdy: 2500, ...times },
      { kind: 'publish', topics: [topic], ...batches, ...times, messagesMax: 9_000_000 },
      { kind: 'latency', topic: bystander, channel: 'channel', rdy: 100, messagesTotal: paced, warmupMessages },
      { kind: 'paced', topic: bystander, rate: BYSTANDER_RATE, messagesTotal: paced, bodyBytes: BODY_BYTES },
    ],
    async ([, { publishedTotal }]) => {
      await bench.expectDrained([topic], publishedTotal);
      await bench.expectDrained([bystander], paced);
    },
  );
  const { p50Ms, p99Ms, maxMs } = noticed;
  return { ...sumOf(consumed, published), p50Ms, p99Ms, maxMs };
}

function exchangeOn(topic, bench) {
  return { ...EXCHANGE, topic, ...bench.times, warmupMs: WARMUPS * bench.sizes.warmupMs };
}

function cpuUsOf({ cpuSeconds, messages }) {
  return (cpuSeconds * 1e6) / messages;
}

function figuresOf(costs) {
  const values = costs.map(([, cost]) => cost);
  return { flatness: Math.max(...values) / Math.min(...values), ...Object.fromEntries(costs) };
}
