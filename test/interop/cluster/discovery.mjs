// Consumers written with go-nsq that know the nsqlookupds only, while a daemon and an nsqlookupd crash and return.

import { setTimeout as sleep } from 'node:timers/promises';

import { getJson, send } from './cluster.mjs';
import { Program } from './program.mjs';

const TOPIC = 'discovered';
const CHANNELS = ['archive', 'metrics'];
const CONSUMERS_PER_CHANNEL = 2;
const MESSAGES_PER_REQUEST = 20;
const REQUESTS_PER_DAEMON = 150;
/** Requests to each daemon are spread over the crashes. */
const PAUSE_MS = 15;
const DOWNTIME_MS = 700;

/** Every acknowledged message reaches every channel, whatever crashes meanwhile. `file` is the go-nsq program. */
export async function checkDiscovery(cluster, file) {
  // Known to the nsqlookupds alone: each daemon has to ask for them when its first message comes.
  for (const address of cluster.lookupAddresses) {
    for (const channel of CHANNELS) await send('POST', address, `/channel/create?topic=${TOPIC}&channel=${channel}`);
  }
  const acknowledged = new Set();
  const publishing = cluster.daemons.map((daemon, index) => publish(daemon, index, acknowledged));
  const consumers = CHANNELS.flatMap((channel) => startConsumers(file, channel, cluster));
  try {
    await crashAndReturn(cluster);
    const refused = (await Promise.all(publishing)).reduce((sum, count) => sum + count, 0);
    const received = await receiveAll(cluster, consumers, acknowledged);
    await Promise.all(consumers.map(({ program }) => endOf(program)));
    const twice = received - acknowledged.size * CHANNELS.length;
    return `${acknowledged.size} messages on ${CHANNELS.length} channels, ${twice} twice; ${refused} requests failed`;
  } finally {
    for (const { program } of consumers) program.kill();
  }
}

function startConsumers(file, channel, cluster) {
  const environment = { NSQ_TOPIC: TOPIC, NSQ_CHANNEL: channel, NSQLOOKUPD_HTTP: cluster.lookupAddresses.join(',') };
  return Array.from({ length: CONSUMERS_PER_CHANNEL }, () => ({
    channel,
    program: new Program(file, ['discover'], environment),
  }));
}

/** Publishes until all requests were tried; resolves to how many were refused. What was answered with OK is noted. */
async function publish(daemon, index, acknowledged) {
  let refused = 0;
  for (let request = 0; request < REQUESTS_PER_DAEMON; request += 1) {
    const bodies = Array.from({ length: MESSAGES_PER_REQUEST }, (_, at) => `${index}-${request}-${at}`);
    try {
      await send('POST', daemon.httpAddress, `/mpub?topic=${TOPIC}`, bodies.join('\n'));
      for (const body of bodies) acknowledged.add(body);
    } catch {
      refused += 1; // The daemon is down: not acknowledged, so nothing is promised.
    }
    await sleep(PAUSE_MS);
  }
  return refused;
}

/** Kills the second daemon, then an nsqlookupd, and starts them again. */
async function crashAndReturn(cluster) {
  const [, daemon] = cluster.daemons;
  const [lookupd] = cluster.lookupds;
  await sleep(DOWNTIME_MS);
  await daemon.crash();
  await cluster.until('the nsqlookupds to notice the crash', async () => {
    const left = await Promise.all(cluster.lookupAddresses.map((address) => cluster.producers(address, TOPIC)));
    return left.every((producers) => producers.length === 2 && !producers.includes(daemon.httpAddress));
  });
  await sleep(DOWNTIME_MS);
  await daemon.start();
  await lookupd.crash();
  await sleep(DOWNTIME_MS);
  await lookupd.start();
  await cluster.until('all daemons to be registered again', async () => {
    const all = await Promise.all(cluster.lookupAddresses.map((address) => cluster.producers(address, TOPIC)));
    return all.every((producers) => producers.length === cluster.daemons.length);
  });
}

/** Resolves to the number of messages received, once every channel has got all. */
async function receiveAll(cluster, consumers, acknowledged) {
  const linesOf = (channel) => {
    return consumers.filter((each) => each.channel === channel).flatMap(({ program }) => program.lines);
  };
  await cluster.until('all acknowledged messages to arrive', () => {
    return CHANNELS.every((channel) => {
      const received = new Set(linesOf(channel));
      const missing = [...acknowledged].filter((body) => !received.has(body));
      if (missing.length > 0) throw new Error(`${missing.length} missing on ${channel}, for example ${missing[0]}`);
      return true;
    });
  });
  await cluster.until('the daemons to be empty', async () => {
    const stats = await Promise.all(cluster.daemons.map(({ httpAddress }) => {
      return getJson(httpAddress, `/stats?format=json&include_mem=false&topic=${TOPIC}`);
    }));
    const channels = stats.flatMap(({ topics }) => topics[0].channels);
    return channels.every(({ depth, in_flight_count: inFlight }) => depth === 0 && inFlight === 0);
  });
  return CHANNELS.reduce((sum, channel) => sum + linesOf(channel).length, 0);
}

function endOf(program) {
  program.input('');
  return program.ended();
}
