// How long a start takes, from the process to the first answer of /ping, with much to find in the data directory: after a
// clean stop and after kill -9. All of it must be there again.

import { topicNames, writeMetadata } from '../metadata.mjs';

const MESSAGES = 1_000_000;
const MESSAGES_PER_COMMAND = 200;
const BODY_BYTES = 200;
const TOPICS = 10_000;

export const startCases = [
  {
    name: 'start-messages',
    title: 'start with 1,000,000 messages on disk',
    group: 'full',
    setups: 'disk',
    figure: 'startSeconds',
    goals: [],
    isPaced: true,
    run: runMessages,
  },
  {
    name: 'start-topics',
    title: 'start with 10,000 topics of one channel and one message',
    group: 'full',
    setups: 'defaults',
    figure: 'startSeconds',
    goals: [],
    isPaced: true,
    prepare: (dataPath, scaled) => writeMetadata(dataPath, scaled(TOPICS), 1),
    run: runTopics,
  },
];

async function runMessages(bench) {
  const topic = 'bench';
  await bench.createChannel(topic, 'channel');
  const messagesTotal = bench.scaled(MESSAGES / MESSAGES_PER_COMMAND) * MESSAGES_PER_COMMAND;
  await bench.fill({ topics: [topic], messagesTotal, bodyBytes: BODY_BYTES });
  await bench.expectKept([topic], messagesTotal);
  return startAgain(bench, [topic], messagesTotal);
}

async function runTopics(bench) {
  const topics = topicNames(bench.scaled(TOPICS));
  await bench.fill({ topics, messagesTotal: topics.length, bodyBytes: BODY_BYTES, messagesPerCommand: 1 });
  await bench.expectKept(topics, topics.length);
  return startAgain(bench, topics, topics.length);
}

async function startAgain(bench, topics, messagesTotal) {
  const stopSeconds = await bench.stop();
  const startSeconds = await bench.start();
  await bench.expectKept(topics, messagesTotal);
  const rssMb = (await bench.settledRssBytes()) / 1024 / 1024;
  await bench.crash();
  const startAfterKillSeconds = await bench.start();
  const figures = { startSeconds, stopSeconds, startAfterKillSeconds, rssMb };
  // What the other daemon loses by a crash is no business of this table.
  if (bench.setup.name === 'ours') await bench.expectKept(topics, messagesTotal);
  return figures;
}
