// What a message costs that waits, and a connection that waits: resident memory, and the CPU time of doing nothing.

import { writeMetadata } from '../metadata.mjs';

const MESSAGES = 1_000_000;
const MESSAGES_PER_COMMAND = 200;
const BODY_BYTES = 200;
const CONNECTIONS = 5000;
const IDLE_TOPICS = 100;
const IDLE_CHANNELS_PER_TOPIC = 100;
const IDLE_SECONDS = 10;
const HEARTBEAT_SECONDS = 30; // the default interval, of which the idle time must hold a whole one
const FILES_OF_A_PROCESS = 100;

export const memoryCases = [
  {
    name: 'memory-messages',
    title: 'resident memory with 1,000,000 messages of 200 B queued on a channel',
    group: 'quick',
    setups: 'memory',
    figure: 'rssMb',
    goals: [{ figure: 'rssMb', ratioTo: 0.75 }],
    isPaced: true,
    run: runMessages,
  },
  {
    name: 'idle-connections',
    title: '5,000 subscribed connections that do nothing: memory of each, CPU time of all',
    group: 'full',
    setups: 'defaults',
    figure: 'rssBytesPerConnection',
    goals: [{ figure: 'rssBytesPerConnection', ratioTo: 0.4 }, { figure: 'idleCpuShare', ratioTo: 0.2 }],
    isPaced: true,
    filesMin: CONNECTIONS + FILES_OF_A_PROCESS,
    run: runConnections,
  },
  {
    name: 'idle-channels',
    title: '10,000 channels that do nothing: CPU time',
    group: 'full',
    setups: 'defaults',
    figure: 'idleCpuShare',
    goals: [{ figure: 'idleCpuShare', ratioTo: 0.2 }],
    isPaced: true,
    prepare: (dataPath, scaled) => writeMetadata(dataPath, scaled(IDLE_TOPICS), IDLE_CHANNELS_PER_TOPIC),
    run: runChannels,
  },
];

async function runMessages(bench) {
  const topic = 'bench';
  await bench.createChannel(topic, 'channel');
  const messagesTotal = bench.scaled(MESSAGES / MESSAGES_PER_COMMAND) * MESSAGES_PER_COMMAND;
  const rssBefore = await bench.settledRssBytes();
  await bench.fill({ topics: [topic], messagesTotal, bodyBytes: BODY_BYTES });
  await bench.expectKept([topic], messagesTotal);
  const rss = await bench.settledRssBytes();
  return { rssMb: rss / 1024 / 1024, rssBytesPerMessage: (rss - rssBefore) / messagesTotal };
}

async function runConnections(bench) {
  const [topic, channel] = ['bench', 'channel'];
  await bench.createChannel(topic, channel);
  const connections = bench.scaled(CONNECTIONS);
  const seconds = bench.scaled(HEARTBEAT_SECONDS * 1000) / 1000;
  const rssBefore = await bench.settledRssBytes();
  let figures;
  const job = { kind: 'idle', connections, topic, channel, measureMs: 1 };
  await bench.load([job], async () => {
    const rss = await bench.settledRssBytes();
    const idleCpuShare = await bench.idleCpuShare(seconds);
    figures = { rssBytesPerConnection: (rss - rssBefore) / connections, rssMb: rss / 1024 / 1024, idleCpuShare };
  });
  return figures;
}

async function runChannels(bench) {
  const rss = await bench.settledRssBytes();
  const idleCpuShare = await bench.idleCpuShare(bench.scaled(IDLE_SECONDS * 1000) / 1000);
  return { idleCpuShare, rssMb: rss / 1024 / 1024 };
}
