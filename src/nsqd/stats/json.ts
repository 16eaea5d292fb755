// `/stats?format=json`: field names, their order and when they are left out (http-api 6.3 to 6.6). nsqadmin and
// nsq_stat decode this with strict types: numbers are integers, and `e2e_processing_latency` is always an object.

import { goJsonText } from '../../lib/protocol/go-json.js';
import type { ClientDescription } from '../broker/subscriber.js';
import type { SetAsideCounts } from '../storage/set-aside.js';
import { memoryFields } from './memory.js';
import type { StatsReport } from './report.js';
import type { ChannelSnapshot, TopicSnapshot } from './snapshot.js';

type JsonObject = Record<string, unknown>;

const MS_PER_SECOND = 1000;

export function statsJson(report: StatsReport): string {
  const { snapshot, memory } = report;
  return goJsonText({
    version: report.version,
    health: report.health,
    ...(report.drainingMessages === null ? {} : { draining: true, draining_messages: report.drainingMessages }),
    start_time: Math.floor(report.startTimeMs / MS_PER_SECOND),
    topics: snapshot.topics?.map(topicObject) ?? null,
    ...(memory === null ? {} : { memory: Object.fromEntries(memoryFields(memory)) }),
    producers: snapshot.producers?.map(clientObject) ?? null,
    // DEVIATION(set-aside): stock nsqd does not count what it could not read.
    set_aside: setAsideObject(report.setAside),
  });
}

/** Left out while there is nothing: clients of stock nsqd do not know the field. */
function setAsideObject({ files, bytes, gaps }: SetAsideCounts): JsonObject | undefined {
  return files + gaps === 0 ? undefined : { files, bytes, gaps };
}

function topicObject(topic: TopicSnapshot): JsonObject {
  return {
    topic_name: topic.name,
    channels: topic.channels.map(channelObject),
    depth: topic.depth,
    backend_depth: topic.backendDepth,
    message_count: topic.messageCount,
    message_bytes: topic.messageBytes,
    refused_count: unlessZero(topic.refusedCount),
    dropped_count: unlessZero(topic.droppedCount),
    expired_count: unlessZero(topic.expiredCount),
    paused: topic.isPaused,
    e2e_processing_latency: topic.latency,
  };
}

function channelObject(channel: ChannelSnapshot): JsonObject {
  return {
    channel_name: channel.name,
    depth: channel.depth,
    backend_depth: channel.backendDepth,
    in_flight_count: channel.inFlightCount,
    deferred_count: channel.deferredCount,
    message_count: channel.messageCount,
    zone_local_msg_count: unlessZero(channel.zoneLocalMessageCount),
    region_local_msg_count: unlessZero(channel.regionLocalMessageCount),
    global_msg_count: unlessZero(channel.globalMessageCount),
    requeue_count: channel.requeueCount,
    timeout_count: channel.timeoutCount,
    dead_letter_count: unlessZero(channel.deadLetterCount),
    dropped_count: unlessZero(channel.droppedCount),
    expired_count: unlessZero(channel.expiredCount),
    client_count: channel.clientCount,
    clients: channel.clients?.map(clientObject) ?? null,
    paused: channel.isPaused,
    e2e_processing_latency: channel.latency,
  };
}

function clientObject(client: ClientDescription): JsonObject {
  return {
    client_id: client.clientId,
    hostname: client.hostname,
    version: 'V2',
    remote_address: client.remoteAddress,
    state: client.state,
    ready_count: client.readyCount,
    in_flight_count: client.inFlightCount,
    message_count: client.messageCount,
    finish_count: client.finishCount,
    requeue_count: client.requeueCount,
    connect_ts: client.connectedAtSeconds,
    sample_rate: client.sampleRate,
    deflate: client.isDeflate,
    snappy: client.isSnappy,
    user_agent: client.userAgent,
    authed: client.isAuthenticated || undefined,
    auth_identity: unlessEmpty(client.authIdentity),
    auth_identity_url: unlessEmpty(client.authIdentityUrl),
    topology_zone: client.topologyZone,
    topology_region: client.topologyRegion,
    pub_counts: client.publishedCounts.length === 0 ? undefined : client.publishedCounts,
    tls: client.isTls,
    tls_cipher_suite: client.tlsCipherSuite,
    tls_version: client.tlsVersion,
    tls_negotiated_protocol: '',
    tls_negotiated_protocol_is_mutual: client.isTls,
  };
}

/** JSON.stringify leaves undefined fields out. */
function unlessZero(count: number): number | undefined {
  return count === 0 ? undefined : count;
}

function unlessEmpty(text: string): string | undefined {
  return text === '' ? undefined : text;
}
