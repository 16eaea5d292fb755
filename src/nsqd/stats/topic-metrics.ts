// The metrics of each topic and channel. What /stats knows comes from its snapshot, taken topic by topic so that the event
// loop gets its turn in between; what only metrics show is asked of the broker here.

import { type Exposition, type Family, labelText, type LabelText } from '../../lib/metrics/exposition.js';
import type { Broker } from '../broker/broker.js';
import type { Channel } from '../broker/channel.js';
import { oldestOfChannel, oldestOfTopic } from '../broker/oldest-message.js';
import type { Topic } from '../broker/topic.js';
import { StorageError } from '../storage/file-system.js';
import { type ChannelSnapshot, type LatencySource, takeSnapshot, type TopicSnapshot } from './snapshot.js';

const MS_PER_SECOND = 1000;
const NS_PER_SECOND = 1e9;
/** Work before the event loop gets its turn. */
const SLICE_MS = 5;

/** One row per metric: name without its prefix, type, help, value. */
type Row<T> = readonly [name: string, type: 'counter' | 'gauge', help: string, valueOf: (of: T) => number];

const TOPIC_ROWS: readonly Row<TopicSnapshot>[] = [
  ['depth', 'gauge', 'Messages that no channel has yet.', ({ depth }) => depth],
  ['backend_depth', 'gauge', 'Of these, on disk only or beyond --mem-queue-size.', ({ backendDepth }) => backendDepth],
  ['messages_total', 'counter', 'Messages published.', ({ messageCount }) => messageCount],
  ['message_bytes_total', 'counter', 'Bytes of the bodies published.', ({ messageBytes }) => messageBytes],
  ['overflow_drops_total', 'counter', 'Messages dropped because an ephemeral topic was full.', (of) => of.overflowCount],
  ['bound_drops_total', 'counter', 'Messages dropped at --max-topic-bytes that no channel had yet.', (of) => of.droppedCount],
  ['expired_total', 'counter', 'Messages dropped at --max-topic-age that no channel had yet.', (of) => of.expiredCount],
  ['paused', 'gauge', '1 while the topic is paused.', ({ isPaused }) => Number(isPaused)],
];

const CHANNEL_ROWS: readonly Row<ChannelSnapshot>[] = [
  ['depth', 'gauge', 'Messages waiting for a consumer.', ({ depth }) => depth],
  ['backend_depth', 'gauge', 'Of these, on disk only or beyond --mem-queue-size.', ({ backendDepth }) => backendDepth],
  ['in_flight', 'gauge', 'Messages delivered and not answered.', ({ inFlightCount }) => inFlightCount],
  ['deferred', 'gauge', 'Messages waiting for their due time.', ({ deferredCount }) => deferredCount],
  ['messages_total', 'counter', 'Messages that the topic gave the channel.', ({ messageCount }) => messageCount],
  ['finishes_total', 'counter', 'Messages finished.', ({ finishCount }) => finishCount],
  ['requeues_total', 'counter', 'Messages that consumers gave back.', ({ requeueCount }) => requeueCount],
  ['timeouts_total', 'counter', 'Messages not answered in time.', ({ timeoutCount }) => timeoutCount],
  ['overflow_drops_total', 'counter', 'Messages dropped because an ephemeral channel was full.', (of) => of.overflowCount],
  ['bound_drops_total', 'counter', 'Messages dropped at --max-topic-bytes.', ({ droppedCount }) => droppedCount],
  ['expired_total', 'counter', 'Messages dropped at --max-topic-age.', ({ expiredCount }) => expiredCount],
  ['sample_drops_total', 'counter', 'Messages left out by the sample rate of a consumer.', (of) => of.sampledOutCount],
  ['dead_letters_total', 'counter', 'Messages moved to the dead letter topic.', ({ deadLetterCount }) => deadLetterCount],
  ['clients', 'gauge', 'Consumers.', ({ clientCount }) => clientCount],
  ['paused', 'gauge', '1 while the channel is paused.', ({ isPaused }) => Number(isPaused)],
];

const AGE_HELP = 'Age of the oldest message that should have been finished; 0 without one.';

/** The families of topics or of channels. */
class Table<T> {
  readonly #rows: readonly Row<T>[];
  readonly #families: readonly Family[];

  constructor(exposition: Exposition, prefix: string, rows: readonly Row<T>[]) {
    this.#rows = rows;
    this.#families = rows.map(([name, type, help]) => exposition.family(`${prefix}_${name}`, type, help));
  }

  add(of: T, labels: LabelText): void {
    this.#rows.forEach(([, , , valueOf], index) => this.#families[index]!.add(valueOf(of), labels));
  }
}

class TopicMetrics {
  readonly #latencies: LatencySource;
  readonly #broker: Broker;
  readonly #topics: Table<TopicSnapshot>;
  readonly #channels: Table<ChannelSnapshot>;
  readonly #topicAge: Family;
  readonly #channelAge: Family;
  readonly #diskBytes: Family;
  readonly #diskFiles: Family;
  readonly #latency: Family;
  readonly #nowMs = Date.now();
  /** Topics and channels that may still be listed. */
  #left: number;
  #omittedTopics = 0;
  #omittedChannels = 0;

  constructor(exposition: Exposition, broker: Broker, latencies: LatencySource, entriesMax: number) {
    this.#broker = broker;
    this.#latencies = latencies;
    this.#left = entriesMax;
    this.#topics = new Table(exposition, 'nsqd_topic', TOPIC_ROWS);
    this.#topicAge = exposition.family('nsqd_topic_oldest_message_age_seconds', 'gauge', AGE_HELP);
    this.#diskBytes = exposition.family('nsqd_topic_disk_bytes', 'gauge', 'Bytes of the data files of a topic and its channels.');
    this.#diskFiles = exposition.family('nsqd_topic_disk_files', 'gauge', 'Data files of a topic and its channels.');
    this.#channels = new Table(exposition, 'nsqd_channel', CHANNEL_ROWS);
    this.#channelAge = exposition.family('nsqd_channel_oldest_message_age_seconds', 'gauge', AGE_HELP);
    this.#latency = exposition.family(
      'nsqd_channel_e2e_latency_seconds', 'summary', 'From publishing to FIN, within --e2e-processing-latency-window-time.',
    );
  }

  add(topic: Topic): void {
    if (this.#left <= 0) {
      this.#omittedTopics += 1;
      this.#omittedChannels += topic.channels.size;
      return;
    }
    this.#left -= 1;
    const filter = { topic: topic.name, channel: '', includeClients: false };
    const [snapshot] = takeSnapshot(this.#broker, [], filter, this.#latencies).topics ?? [];
    if (snapshot === undefined) return;
    const labels = labelText({ topic: topic.name });
    this.#topics.add(snapshot, labels);
    this.#addAge(this.#topicAge, labels, () => oldestOfTopic(topic));
    this.#addDisk(topic, labels);
    const snapshots = new Map(snapshot.channels.map((each) => [each.name, each]));
    for (const channel of topic.channels.values()) this.#addChannel(topic, channel, snapshots.get(channel.name)!);
  }

  #addChannel(topic: Topic, channel: Channel, snapshot: ChannelSnapshot): void {
    if (this.#left <= 0) {
      this.#omittedChannels += 1;
      return;
    }
    this.#left -= 1;
    const labels = labelText({ topic: topic.name, channel: channel.name });
    this.#channels.add(snapshot, labels);
    this.#addAge(this.#channelAge, labels, () => oldestOfChannel(channel));
    for (const { quantile, value } of snapshot.latency.percentiles ?? []) {
      this.#latency.addQuantile(quantile, value / NS_PER_SECOND, labels);
    }
  }

  /** A disk that cannot be read leaves the figure out: 0 would be a lie. */
  #addAge(family: Family, labels: LabelText, oldestMs: () => number | null): void {
    try {
      const publishedMs = oldestMs();
      family.add(publishedMs === null ? 0 : Math.max(0, Math.round(this.#nowMs - publishedMs)) / MS_PER_SECOND, labels);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
    }
  }

  #addDisk(topic: Topic, labels: LabelText): void {
    const ownLogs = [...topic.channels.values()].flatMap(({ ownCursor }) => ownCursor?.log ?? []);
    let bytes = 0;
    let files = 0;
    for (const { files: { segments } } of [topic.log, ...ownLogs]) {
      files += segments.length;
      for (const { writtenBytes } of segments) bytes += writtenBytes;
    }
    this.#diskBytes.add(bytes, labels);
    this.#diskFiles.add(files, labels);
  }

  addTotals(exposition: Exposition): void {
    const topics = [...this.#broker.topics.values()];
    const channelCount = topics.reduce((sum, { channels }) => sum + channels.size, 0);
    exposition.family('nsqd_topics', 'gauge', 'Topics.').add(topics.length);
    exposition.family('nsqd_channels', 'gauge', 'Channels.').add(channelCount);
    exposition.family('nsqd_metrics_omitted', 'gauge', 'Not listed because of --max-metrics-entries.')
      .add(this.#omittedTopics, labelText({ kind: 'topic' }))
      .add(this.#omittedChannels, labelText({ kind: 'channel' }));
  }
}

/**
 * Lists topics and their channels in the order in which they were created, `entriesMax` of both together: what is listed
 * stays listed when others come.
 */
export async function addTopics(
  exposition: Exposition, broker: Broker, latencies: LatencySource, entriesMax: number,
): Promise<void> {
  const metrics = new TopicMetrics(exposition, broker, latencies, entriesMax);
  let sliceEndMs = performance.now() + SLICE_MS;
  for (const topic of [...broker.topics.values()]) {
    metrics.add(topic);
    if (performance.now() < sliceEndMs) continue;
    await new Promise((resolve) => setImmediate(resolve));
    sliceEndMs = performance.now() + SLICE_MS;
  }
  metrics.addTotals(exposition);
}
