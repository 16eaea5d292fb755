// A thousand topics that share one connection of a publisher: PUBs that go round them, batches that go round them, and
// batches with a consumer on a channel of each.

import { topicNames, writeMetadata } from '../metadata.mjs';
import { sumOf } from './both.mjs';

const BODY_BYTES = 200;
const TOPICS = 1000;
const RDY = 100;
const MESSAGES_MAX = 9_000_000;
const FILES_MIN = 5 * TOPICS;

export const topicCases = [
  ingestCase('topics-1000-pub', 'PUB round 1,000 topics, 1,000 outstanding', { window: 1000, messagesPerCommand: 1 }),
  ingestCase('topics-1000-mpub', 'MPUB of 200 round 1,000 topics, 8 outstanding', { window: 8, messagesPerCommand: 200 }),
  {
    name: 'topics-1000-both',
    title: 'PUB round 1,000 topics, 1,000 outstanding, and delivery + FIN on each, sum',
    group: 'full',
    setups: 'defaults',
    figure: 'perSecond',
    goals: [],
    filesMin: FILES_MIN,
    prepare: (dataPath, scaled) => writeMetadata(dataPath, scaled(TOPICS), 1),
    run: runBoth,
  },
];

function ingestCase(name, title, shape) {
  const prepare = (dataPath, scaled) => writeMetadata(dataPath, scaled(TOPICS), 0);
  // Nine thousand messages for each topic fit into the other one's default memory queue.
  const common = { group: 'full', setups: 'defaults', figure: 'perSecond', goals: [], filesMin: FILES_MIN };
  return { name, title, ...common, prepare, run };

  async function run(bench) {
    const topics = topicNames(bench.scaled(TOPICS));
    const job = { kind: 'publish', topics, connections: 1, bodyBytes: BODY_BYTES, messagesMax: MESSAGES_MAX, ...shape };
    const [result] = await bench.load([{ ...job, ...bench.times }]);
    await bench.expectPublished(topics, result.publishedTotal);
    await bench.expectKept(topics, result.publishedTotal);
    return result;
  }
}

async function runBoth(bench) {
  const topics = topicNames(bench.scaled(TOPICS));
  const shape = { connections: 1, window: 1000, messagesPerCommand: 1, bodyBytes: BODY_BYTES, messagesMax: MESSAGES_MAX };
  const subscriptions = topics.map((topic) => [topic, 'channel-0']);
  const [consumed, published] = await bench.load(
    [
      { kind: 'consume', subscriptions, rdy: RDY, ...bench.times },
      { kind: 'publish', topics, ...shape, ...bench.times },
    ],
    async ([, { publishedTotal }]) => {
      await bench.expectPublished(topics, publishedTotal);
      await bench.expectKept(topics, 0);
    },
  );
  return sumOf(consumed, published);
}
