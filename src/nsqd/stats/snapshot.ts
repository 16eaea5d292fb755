// What the daemon is doing right now, as plain data: topics, channels and clients, filtered and sorted as `/stats`
// wants them (http-api 6.2). Topics and channels are sampled one after the other; nothing here keeps state or formats
// anything.

import type { Broker } from '../broker/broker.js';
import type { Channel } from '../broker/channel.js';
import type { ClientDescription, Subscriber } from '../broker/subscriber.js';
import type { Topic } from '../broker/topic.js';

/** End-to-end processing latency (http-api 7). */
export interface LatencySummary {
  /** Samples in the current window. */
  readonly count: number;
  /** In configured order, values in nanoseconds; null while the feature is off. */
  readonly percentiles: ReadonlyArray<{ readonly quantile: number; readonly value: number }> | null;
}

export interface ChannelSnapshot {
  readonly name: string;
  readonly depth: number;
  readonly backendDepth: number;
  readonly inFlightCount: number;
  readonly deferredCount: number;
  readonly messageCount: number;
  readonly zoneLocalMessageCount: number;
  readonly regionLocalMessageCount: number;
  readonly globalMessageCount: number;
  readonly requeueCount: number;
  readonly timeoutCount: number;
  /** Moved to the dead letter topic. */
  readonly deadLetterCount: number;
  readonly finishCount: number;
  readonly overflowCount: number;
  readonly sampledOutCount: number;
  /** Dropped because the topic was full, and because they were too old. */
  readonly droppedCount: number;
  readonly expiredCount: number;
  readonly clientCount: number;
  /** In order of subscription; null if clients were not asked for. */
  readonly clients: readonly ClientDescription[] | null;
  readonly isPaused: boolean;
  readonly latency: LatencySummary;
}

export interface TopicSnapshot {
  readonly name: string;
  readonly channels: readonly ChannelSnapshot[];
  readonly depth: number;
  readonly backendDepth: number;
  readonly messageCount: number;
  readonly messageBytes: number;
  readonly overflowCount: number;
  /** Publishes refused because it was full. */
  readonly refusedCount: number;
  /** Dropped before any channel had them, because it was full, and because they were too old. */
  readonly droppedCount: number;
  readonly expiredCount: number;
  readonly isPaused: boolean;
  readonly latency: LatencySummary;
}

export interface StatsSnapshot {
  /** Null if the filter names a topic that does not exist. */
  readonly topics: readonly TopicSnapshot[] | null;
  /** Connections that have published, in order of connection; null if there are none or clients were not asked for. */
  readonly producers: readonly ClientDescription[] | null;
}

/** Empty names filter nothing. */
export interface StatsFilter {
  readonly topic: string;
  readonly channel: string;
  readonly includeClients: boolean;
}

/** Where the latencies come from; the disabled feature is the default. */
export interface LatencySource {
  ofTopic(topic: Topic): LatencySummary;
  ofChannel(channel: Channel): LatencySummary;
}

const NO_LATENCY: LatencySummary = { count: 0, percentiles: null };
export const LATENCY_OFF: LatencySource = { ofTopic: () => NO_LATENCY, ofChannel: () => NO_LATENCY };

/** Samples the broker and, for the producers, all connections. */
export function takeSnapshot(
  broker: Broker,
  connections: Iterable<Subscriber>,
  filter: StatsFilter,
  latencies: LatencySource = LATENCY_OFF,
): StatsSnapshot {
  const topics = selectedTopics(broker, filter.topic);
  if (topics === null) return { topics: null, producers: null };
  return {
    topics: topics
      .filter((topic) => filter.channel === '' || topic.channels.has(filter.channel))
      .map((topic) => topicSnapshot(topic, filter, latencies)),
    producers: filter.includeClients ? producersOf(connections, filter.topic) : null,
  };
}

function selectedTopics(broker: Broker, name: string): Topic[] | null {
  if (name === '') return byName(broker.topics.values());
  const topic = broker.findTopic(name);
  return topic === undefined ? null : [topic];
}

function topicSnapshot(topic: Topic, filter: StatsFilter, latencies: LatencySource): TopicSnapshot {
  const channels = byName(topic.channels.values());
  const selected = filter.channel === '' ? channels : channels.filter((channel) => channel.name === filter.channel);
  return {
    name: topic.name,
    channels: selected.map((channel) => channelSnapshot(channel, filter, latencies)),
    depth: topic.depth(),
    backendDepth: topic.backendDepth(),
    messageCount: topic.messageCount,
    messageBytes: topic.messageBytes,
    overflowCount: topic.overflowCount,
    refusedCount: topic.bounds?.refusedCount ?? 0,
    droppedCount: topic.bounds?.droppedCount ?? 0,
    expiredCount: topic.bounds?.expiredCount ?? 0,
    isPaused: topic.isPaused,
    latency: latencies.ofTopic(topic),
  };
}

function channelSnapshot(channel: Channel, filter: StatsFilter, latencies: LatencySource): ChannelSnapshot {
  const { subscribers } = channel;
  return {
    name: channel.name,
    depth: channel.depth(),
    backendDepth: channel.backendDepth(),
    inFlightCount: channel.inFlightCount,
    deferredCount: channel.deferredCount,
    messageCount: channel.messageCount,
    zoneLocalMessageCount: channel.zoneLocalMessageCount,
    regionLocalMessageCount: channel.regionLocalMessageCount,
    globalMessageCount: channel.globalMessageCount,
    requeueCount: channel.requeueCount,
    timeoutCount: channel.timeoutCount,
    deadLetterCount: channel.deadLetterCount,
    finishCount: channel.finishCount,
    overflowCount: channel.overflowCount,
    sampledOutCount: channel.sampledOutCount,
    droppedCount: channel.droppedCount,
    expiredCount: channel.expiredCount,
    clientCount: subscribers.length,
    clients: filter.includeClients ? subscribers.map((subscriber) => subscriber.describe(filter.topic)) : null,
    isPaused: channel.isPaused,
    latency: latencies.ofChannel(channel),
  };
}

function producersOf(connections: Iterable<Subscriber>, topicFilter: string): ClientDescription[] | null {
  const producers: ClientDescription[] = [];
  for (const connection of connections) {
    const description = connection.describe(topicFilter);
    if (description.isProducer) producers.push(description);
  }
  return producers.length === 0 ? null : producers;
}

/** Names are ASCII, so that comparing strings compares bytes. */
function byName<Named extends { readonly name: string }>(items: Iterable<Named>): Named[] {
  return [...items].sort((a, b) => (a.name < b.name ? -1 : 1));
}
