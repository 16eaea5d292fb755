// What nsqadmin shows of the daemons, and what its buttons do to them, through its HTTP API.

import { channelStats, expect, getJson, send, topicStats } from './cluster.mjs';

const CHANNEL = 'audit';

/** Publishes `perDaemon` messages to each daemon; the topic and its channel exist on all of them then. */
async function fill(cluster, topic, perDaemon) {
  const bodies = Array.from({ length: perDaemon }, (_, index) => `message ${index}`).join('\n');
  for (const { httpAddress } of cluster.daemons) {
    await send('POST', httpAddress, `/topic/create?topic=${topic}`);
    await send('POST', httpAddress, `/channel/create?topic=${topic}&channel=${CHANNEL}`);
    await send('POST', httpAddress, `/mpub?topic=${topic}`, bodies);
  }
  await cluster.until('the topic to be known', async () => {
    const known = await Promise.all(cluster.lookupAddresses.map((address) => cluster.producers(address, topic)));
    return known.every((producers) => producers.length === cluster.daemons.length);
  });
}

async function everyDaemon(cluster, what, isTrue) {
  for (const daemon of cluster.daemons) expect(await isTrue(daemon), `${what} on ${daemon.httpAddress}`);
}

/** All daemons with ports, version, and both nsqlookupds. */
export async function checkNodes({ admin, daemons, lookupds }) {
  const { nodes } = await getJson(admin.httpAddress, '/api/nodes');
  const shown = nodes.map((node) => `${node.broadcast_address}:${node.http_port}`).sort();
  expect(shown.join() === daemons.map(({ httpAddress }) => httpAddress).sort().join(), `nodes are ${shown}`);
  for (const node of nodes) {
    expect(node.remote_addresses.length === lookupds.length, `${node.http_port} is not known to all nsqlookupds`);
    expect(node.version === '1.3.0' && !node.out_of_date, `${node.http_port} has version ${node.version}`);
    const tcpAddress = `${node.broadcast_address}:${node.tcp_port}`;
    expect(daemons.some((daemon) => daemon.tcpAddress === tcpAddress), `no daemon listens on ${tcpAddress}`);
  }
  return `${nodes.length} nodes of version ${nodes[0].version}`;
}

/** Topics, sums over the daemons, and what each of them has. */
export async function checkCounts(cluster) {
  await fill(cluster, 'counted', 4);
  const { admin } = cluster;
  const { topics } = await getJson(admin.httpAddress, '/api/topics');
  expect(topics.includes('counted'), `topics are ${topics}`);
  const topic = await getJson(admin.httpAddress, '/api/topics/counted');
  expect(topic.message_count === 12 && topic.nodes.length === 3, `topic shows ${topic.message_count} messages`);
  const channel = await getJson(admin.httpAddress, `/api/topics/counted/${CHANNEL}`);
  const isShared = channel.nodes.every(({ depth }) => depth === 4);
  expect(channel.depth === 12 && isShared, `channel shows depth ${channel.depth}`);
  const { stats } = await getJson(admin.httpAddress, '/api/counter');
  const counted = Object.values(stats).filter(({ topic_name: name }) => name === 'counted');
  expect(counted.length === 3 && counted.every(({ message_count: count }) => count === 4), 'counters differ');
  const node = await getJson(admin.httpAddress, `/api/nodes/${cluster.daemons[0].httpAddress}`);
  expect(node.topics.some(({ topic_name: name }) => name === 'counted'), 'the node does not show the topic');
  return 'topics, 12 messages on 3 nodes, counters';
}

export async function checkPause(cluster) {
  await fill(cluster, 'paused', 1);
  const { httpAddress } = cluster.admin;
  const act = (path, action) => send('POST', httpAddress, `/api/topics/${path}`, { action });
  await act('paused', 'pause');
  await act(`paused/${CHANNEL}`, 'pause');
  await everyDaemon(cluster, 'not paused', async (daemon) => {
    return (await topicStats(daemon, 'paused')).paused && (await channelStats(daemon, 'paused', CHANNEL)).paused;
  });
  expect((await getJson(httpAddress, '/api/topics/paused')).paused, 'not shown as paused');
  await act('paused', 'unpause');
  await act(`paused/${CHANNEL}`, 'unpause');
  await everyDaemon(cluster, 'still paused', async (daemon) => {
    return !(await topicStats(daemon, 'paused')).paused && !(await channelStats(daemon, 'paused', CHANNEL)).paused;
  });
  return 'topic and channel, both ways';
}

export async function checkEmpty(cluster) {
  await fill(cluster, 'emptied', 5);
  const { httpAddress } = cluster.admin;
  await send('POST', httpAddress, `/api/topics/emptied/${CHANNEL}`, { action: 'empty' });
  await everyDaemon(cluster, 'the channel is not empty', async (daemon) => {
    return (await channelStats(daemon, 'emptied', CHANNEL)).depth === 0;
  });
  await send('POST', httpAddress, '/api/topics/emptied', { action: 'pause' });
  for (const daemon of cluster.daemons) await send('POST', daemon.httpAddress, '/mpub?topic=emptied', 'a\nb');
  await send('POST', httpAddress, '/api/topics/emptied', { action: 'empty' });
  await everyDaemon(cluster, 'the topic is not empty', async (daemon) => {
    return (await topicStats(daemon, 'emptied')).depth === 0;
  });
  return '15 messages of a channel, 6 of a topic';
}

export async function checkDelete(cluster) {
  await fill(cluster, 'deleted', 1);
  const { httpAddress } = cluster.admin;
  await send('DELETE', httpAddress, `/api/topics/deleted/${CHANNEL}`);
  await everyDaemon(cluster, 'the channel is there', async (daemon) => {
    return (await channelStats(daemon, 'deleted', CHANNEL)) === undefined;
  });
  for (const address of cluster.lookupAddresses) {
    const { channels } = await getJson(address, '/channels?topic=deleted');
    expect(channels.length === 0, `${address} knows ${channels}`);
  }
  await send('DELETE', httpAddress, '/api/topics/deleted');
  await everyDaemon(cluster, 'the topic is there', async (daemon) => {
    return (await topicStats(daemon, 'deleted')) === undefined;
  });
  for (const address of cluster.lookupAddresses) {
    const { topics } = await getJson(address, '/topics');
    expect(!topics.includes('deleted'), `${address} knows the topic`);
  }
  return 'channel and topic, on daemons and nsqlookupds';
}

/** Takes a topic from one daemon: it goes there, the others keep it, and nobody is sent there any more. */
export async function checkTombstone(cluster) {
  await fill(cluster, 'buried', 2);
  const [first, ...others] = cluster.daemons;
  await send('DELETE', cluster.admin.httpAddress, `/api/nodes/${first.httpAddress}`, { topic: 'buried' });
  expect((await topicStats(first, 'buried')) === undefined, 'the topic is there');
  for (const daemon of others) {
    expect((await topicStats(daemon, 'buried')).message_count === 2, 'gone elsewhere as well');
  }
  for (const address of cluster.lookupAddresses) {
    const left = await cluster.producers(address, 'buried');
    expect(left.join() === others.map(({ httpAddress }) => httpAddress).sort().join(), `${address} names ${left}`);
  }
  return 'gone from one of three';
}

/** A topic and channel of nsqadmin's form reach the daemons with their first message. */
export async function checkCreate(cluster) {
  await send('POST', cluster.admin.httpAddress, '/api/topics', { topic: 'planned', channel: CHANNEL });
  const [first] = cluster.daemons;
  await send('POST', first.httpAddress, '/pub?topic=planned', 'first');
  await cluster.until('the channel to have the message', async () => {
    return (await channelStats(first, 'planned', CHANNEL))?.depth === 1;
  });
  return 'the first message found the channel';
}
