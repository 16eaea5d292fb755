// A daemon taken out of service, as nsqlookupds, nsqadmin, publishers and consumers written with go-nsq see it.

import { channelStats, expect, getJson, send } from './cluster.mjs';
import { Program } from './program.mjs';

const TOPIC = 'drained';
const CHANNEL = 'work';
const BODIES_PER_DAEMON = 200;

/** Forgotten by those who send others there, refused to publishers, served to its consumer, gone when it is empty; and back. */
export async function checkDraining(cluster, file) {
  const [first, daemon, third] = cluster.daemons;
  const others = [first, third];
  for (const [index, each] of cluster.daemons.entries()) await fill(each, index);
  await cluster.until('all to be known', () => areKnown(cluster, cluster.daemons));

  await drain(daemon, true);
  await cluster.until('the nsqlookupds to forget it', () => areKnown(cluster, others));
  await expectShown(cluster.admin, others);
  await expectRefused(daemon);
  await drain(daemon, false);
  await cluster.until('the nsqlookupds to know it again', () => areKnown(cluster, cluster.daemons));
  await expectShown(cluster.admin, cluster.daemons);
  await send('POST', daemon.httpAddress, `/pub?topic=${TOPIC}`, 'taken back');

  // Nothing moves before the daemon drains: its consumer has to get all of it afterwards.
  await send('POST', daemon.httpAddress, `/channel/pause?topic=${TOPIC}&channel=${CHANNEL}`);
  const environment = { NSQ_TOPIC: TOPIC, NSQ_CHANNEL: CHANNEL, NSQLOOKUPD_HTTP: cluster.lookupAddresses.join(',') };
  const consumer = new Program(file, ['discover'], environment);
  try {
    const received = (body) => consumer.lines.includes(body);
    await cluster.until('the consumer to come', async () => (await channelStats(daemon, TOPIC, CHANNEL)).client_count === 1);
    await drain(daemon, true);
    await cluster.until('the nsqlookupds to forget it', () => areKnown(cluster, others));
    const { client_count: clients, depth } = await channelStats(daemon, TOPIC, CHANNEL);
    expect(clients === 1 && depth === BODIES_PER_DAEMON + 1, `${clients} consumers and ${depth} messages are left`);
    await send('POST', daemon.httpAddress, `/channel/unpause?topic=${TOPIC}&channel=${CHANNEL}`);
    await daemon.ended();
    await cluster.until('all messages to arrive', () => [...cluster.daemons.keys()].every((index) => bodies(index).every(received)));
    expect(received('taken back'), 'what was published in between did not arrive');

    await daemon.start();
    await cluster.until('the nsqlookupds to know it after its restart', () => areKnown(cluster, cluster.daemons));
    await send('POST', daemon.httpAddress, `/pub?topic=${TOPIC}`, 'after the restart');
    await cluster.until('the consumer to find it again', () => received('after the restart'));
    consumer.input('');
    await consumer.ended();
  } finally {
    consumer.kill();
  }
  return `${depthOf([daemon]) + 1} messages to its consumer, then gone, and back`;
}

function bodies(index) {
  return Array.from({ length: BODIES_PER_DAEMON }, (_, at) => `${index}-${at}`);
}

async function fill({ httpAddress }, index) {
  await send('POST', httpAddress, `/topic/create?topic=${TOPIC}`);
  await send('POST', httpAddress, `/channel/create?topic=${TOPIC}&channel=${CHANNEL}`);
  await send('POST', httpAddress, `/mpub?topic=${TOPIC}`, bodies(index).join('\n'));
}

async function drain({ httpAddress }, isWanted) {
  const answer = await send('PUT', httpAddress, '/config/drain', `${isWanted}`);
  expect(answer === `${isWanted}`, `PUT /config/drain answered ${answer}`);
}

function depthOf(daemons) {
  return daemons.length * BODIES_PER_DAEMON;
}

/** Whether these daemons are the nodes, and the producers of the topic, of every nsqlookupd. */
async function areKnown(cluster, daemons) {
  const expected = addressesOf(daemons);
  for (const address of cluster.lookupAddresses) {
    const { producers: nodes } = await getJson(address, '/nodes');
    if (nodesOf(nodes) !== expected) return false;
    if ((await cluster.producers(address, TOPIC)).join() !== expected) return false;
  }
  return true;
}

/** nsqadmin asks the nsqlookupds. */
async function expectShown({ httpAddress }, daemons) {
  const { nodes } = await getJson(httpAddress, '/api/nodes');
  expect(nodesOf(nodes) === addressesOf(daemons), `nsqadmin shows ${nodesOf(nodes)}`);
  const { depth } = await getJson(httpAddress, `/api/topics/${TOPIC}/${CHANNEL}`);
  expect(depth === depthOf(daemons), `nsqadmin shows a depth of ${depth}`);
}

function nodesOf(nodes) {
  return nodes.map(({ broadcast_address: host, http_port: port }) => `${host}:${port}`).sort().join();
}

function addressesOf(daemons) {
  return daemons.map(({ httpAddress }) => httpAddress).sort().join();
}

async function expectRefused(daemon) {
  const { depth: before } = await channelStats(daemon, TOPIC, CHANNEL);
  const answer = await send('POST', daemon.httpAddress, `/pub?topic=${TOPIC}`, 'refused').catch((error) => error.message);
  expect(answer.includes('503 {"message":"draining"}'), `a publish was answered ${answer}`);
  const { depth } = await channelStats(daemon, TOPIC, CHANNEL);
  expect(depth === before, 'a publish was refused and kept');
}
