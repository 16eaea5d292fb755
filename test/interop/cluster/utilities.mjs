// NSQ's command-line utilities with the daemons: what goes in through to_nsq comes out of all others.

import { createServer } from 'node:http';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { channelStats, send, topicStats } from './cluster.mjs';
import { Program } from './program.mjs';

const TOPIC = 'utilities';
const BODIES = Array.from({ length: 500 }, (_, index) => `line ${index}`);

function lookupFlags(cluster) {
  return cluster.lookupAddresses.map((address) => `--lookupd-http-address=${address}`);
}

function consumer(cluster, name, flags) {
  return new Program(cluster.program(name), [`--topic=${TOPIC}`, ...lookupFlags(cluster), ...flags]);
}

/** Puts the bodies into the first daemon. to_nsq cuts the last byte of what it reads, so there is one more. */
async function feed(cluster, topic = TOPIC) {
  const flags = [`--topic=${topic}`, `--nsqd-tcp-address=${cluster.daemons[0].tcpAddress}`];
  const program = new Program(cluster.program('to_nsq'), flags);
  program.input(`${BODIES.join('\n')}\n\n`);
  await program.ended();
}

function expectBodies(received, what) {
  const sorted = [...received].sort();
  const expected = [...BODIES].sort();
  if (sorted.join('\n') === expected.join('\n')) return;
  throw new Error(`${what}: ${received.length} of ${BODIES.length} lines`);
}

async function isConsumed(daemon, channel) {
  const { message_count: messages, depth, in_flight_count: inFlight } = await channelStats(daemon, TOPIC, channel);
  return messages >= BODIES.length && depth === 0 && inFlight === 0;
}

export async function checkToNsq(cluster) {
  await feed(cluster, 'to-nsq');
  const stats = await topicStats(cluster.daemons[0], 'to-nsq');
  if (stats.message_count !== BODIES.length) throw new Error(`${stats.message_count} messages`);
  return `${stats.message_count} messages, depth ${stats.depth}`;
}

export async function checkTail(cluster) {
  await send('POST', cluster.daemons[0].httpAddress, `/topic/create?topic=${TOPIC}`);
  const tail = consumer(cluster, 'nsq_tail', [`-n=${BODIES.length}`]);
  await cluster.until('nsq_tail to subscribe', async () => {
    const stats = await topicStats(cluster.daemons[0], TOPIC);
    return stats.channels.some(({ channel_name: name, client_count: count }) => name.startsWith('tail') && count === 1);
  });
  await feed(cluster);
  await tail.ended();
  expectBodies(tail.lines, 'nsq_tail');
  await cluster.until('its channel to go', async () => {
    const stats = await topicStats(cluster.daemons[0], TOPIC);
    return stats.channels.every(({ channel_name: name }) => !name.startsWith('tail'));
  });
  return `${tail.lines.length} lines, and its channel is gone`;
}

export async function checkToFile(cluster) {
  const output = join(cluster.directory, 'files');
  mkdirSync(output);
  await createChannel(cluster, 'nsq_to_file');
  const program = consumer(cluster, 'nsq_to_file', [`--output-dir=${output}`, '--sync-interval=500ms']);
  await feed(cluster);
  await cluster.until('nsq_to_file to finish all', () => isConsumed(cluster.daemons[0], 'nsq_to_file'));
  await program.stop();
  const text = readdirSync(output).map((name) => readFileSync(join(output, name), 'utf8')).join('');
  expectBodies(text.trimEnd().split('\n'), 'nsq_to_file');
  return `${BODIES.length} lines in ${readdirSync(output)}`;
}

export async function checkToNsqd(cluster) {
  const [first, , third] = cluster.daemons;
  await createChannel(cluster, 'nsq_to_nsq');
  const program = consumer(cluster, 'nsq_to_nsq', [
    `--destination-nsqd-tcp-address=${third.tcpAddress}`, '--destination-topic=copied',
  ]);
  await feed(cluster);
  await cluster.until('nsq_to_nsq to finish all', () => isConsumed(first, 'nsq_to_nsq'));
  await program.stop();
  const copied = await topicStats(third, 'copied');
  if (copied.message_count !== BODIES.length) throw new Error(`${copied.message_count} messages were copied`);
  return `${copied.message_count} messages from the first to the third daemon`;
}

export async function checkToHttp(cluster) {
  const received = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      received.push(body);
      response.end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  await createChannel(cluster, 'nsq_to_http');
  const program = consumer(cluster, 'nsq_to_http', [`--post=http://127.0.0.1:${server.address().port}/`]);
  try {
    await feed(cluster);
    await cluster.until('nsq_to_http to finish all', () => isConsumed(cluster.daemons[0], 'nsq_to_http'));
    await program.stop();
  } finally {
    program.kill();
    server.closeAllConnections();
    server.close();
  }
  expectBodies(received, 'nsq_to_http');
  return `${received.length} requests`;
}

/** Depth, in flight and rates of a channel of several daemons. */
export async function checkStat(cluster) {
  await createChannel(cluster, 'watched');
  await feed(cluster);
  const program = consumer(cluster, 'nsq_stat', ['--channel=watched', '--interval=300ms', '--count=2']);
  await program.ended();
  const row = program.lines.at(-1).split('|').map((part) => part.trim().split(/\s+/).map(Number));
  const [, [total], [, , messages, clients]] = row;
  if (total !== BODIES.length || messages !== BODIES.length || clients !== 0) {
    throw new Error(`unexpected row: ${program.lines.at(-1)}`);
  }
  return program.lines.at(-1).replaceAll(/\s+/g, ' ').trim();
}

/** Before anything is published, so that the channel gets all of it; on all daemons that have the topic. */
async function createChannel(cluster, channel) {
  const [first] = cluster.daemons;
  await send('POST', first.httpAddress, `/topic/create?topic=${TOPIC}`);
  await send('POST', first.httpAddress, `/channel/create?topic=${TOPIC}&channel=${channel}`);
}
