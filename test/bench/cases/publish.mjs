// Publishing at full speed to a topic without channels: batches, single messages in windows, many connections, over TCP and
// HTTP.

const BODY_BYTES = 200;
const MESSAGES_MAX = 9_000_000; // stays below the memory queue of the other daemon
const FILES_OF_A_PROCESS = 100; // beside its connections

const MPUB = { connections: 1, window: 8, messagesPerCommand: 200 };
const PUB_WINDOW = { connections: 1, messagesPerCommand: 1 };
const ONE_OUTSTANDING = { window: 1, messagesPerCommand: 1 };

export const publishCases = [
  publishCase('mpub-1', 'MPUB, 200 x 200 B, 1 connection', MPUB, {
    group: 'quick',
    goals: [{ figure: 'perSecond', ratioFrom: 2 }, { figure: 'cpuUsPerMessage', ratioTo: 0.4 }],
  }),
  publishCase('mpub-2', 'MPUB, 200 x 200 B, 2 connections', { ...MPUB, connections: 2 }),
  publishCase('pub-window-1', 'PUB, 1 connection, 1 outstanding', { ...PUB_WINDOW, window: 1 }, {
    group: 'quick',
    goals: [{ figure: 'perSecond', ratioFrom: 1 }],
  }),
  publishCase('pub-window-100', 'PUB, 1 connection, 100 outstanding', { ...PUB_WINDOW, window: 100 }, {
    group: 'quick',
    goals: [{ figure: 'perSecond', ratioFrom: 10 }, { figure: 'cpuUsPerMessage', ratioTo: 0.4 }],
  }),
  publishCase('pub-window-1000', 'PUB, 1 connection, 1,000 outstanding', { ...PUB_WINDOW, window: 1000 }),
  publishCase('pub-64', 'PUB, 64 connections, 1 outstanding each', { ...ONE_OUTSTANDING, connections: 64 }, {
    group: 'quick',
    goals: [{ figure: 'perSecond', ratioFrom: 0.8 }],
  }),
  publishCase('pub-5000', 'PUB, 5,000 connections, 1 outstanding each', { ...ONE_OUTSTANDING, connections: 5000 }, {
    filesMin: 5000 + FILES_OF_A_PROCESS,
  }),
  httpCase('http-pub', 'POST /pub, 16 connections, 1 outstanding each', { connections: 16, messagesPerCommand: 1 }),
  httpCase('http-mpub', 'POST /mpub of 200 x 200 B, 4 connections', { connections: 4, messagesPerCommand: 200 }),
];

/** `extra`: group, setups, goals, filesMin; in `shape` what load/publish.mjs takes. */
export function publishCase(name, title, shape, extra = {}) {
  return { name, title, group: 'full', setups: 'memory', figure: 'perSecond', goals: [], ...extra, run };

  async function run(bench) {
    const topics = ['bench'];
    await bench.createTopic(topics[0]);
    const job = { kind: 'publish', topics, bodyBytes: BODY_BYTES, messagesMax: MESSAGES_MAX, ...shape, ...bench.times };
    const [result] = await bench.load([{ ...job, connections: bench.scaled(shape.connections) }]);
    await bench.expectPublished(topics, result.publishedTotal);
    await bench.expectKept(topics, result.publishedTotal);
    return result;
  }
}

function httpCase(name, title, shape) {
  return { name, title, group: 'full', setups: 'memory', figure: 'perSecond', goals: [], run };

  async function run(bench) {
    const topic = 'bench';
    await bench.createTopic(topic);
    const job = { kind: 'http', topic, bodyBytes: BODY_BYTES, messagesMax: MESSAGES_MAX, ...shape, ...bench.times };
    const [result] = await bench.load([job]);
    await bench.expectPublished([topic], result.publishedTotal);
    await bench.expectKept([topic], result.publishedTotal);
    return result;
  }
}
