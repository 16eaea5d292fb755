// `/stats` for people: the layout of http-api 6.9 to the byte, trailing blanks included. Columns are padded, never cut.

import { splitHostPort } from '../../lib/http/address.js';
import { formatDuration } from '../../lib/options/duration.js';
import type { ClientDescription } from '../broker/subscriber.js';
import { memoryFields, type MemoryStats } from './memory.js';
import type { StatsReport } from './report.js';
import type { ChannelSnapshot, LatencySummary, TopicSnapshot } from './snapshot.js';

const MS_PER_SECOND = 1000;
const MS_PER_MINUTE = 60_000;

/** `nowMs` (Unix milliseconds) dates the clients' connection times. */
export function statsText(report: StatsReport, nowMs: number): string {
  const { memory, snapshot } = report;
  return [
    `${report.versionLine}\n`,
    `start_time ${rfc3339(new Date(report.startTimeMs))}\n`,
    `uptime ${formatDuration(report.uptimeMs)}\n`,
    `\nHealth: ${report.health}\n`,
    report.drainingMessages === null ? '' : `\nDraining: ${report.drainingMessages} messages left\n`,
    memory === null ? '' : memoryText(memory),
    topicsText(snapshot.topics ?? [], nowMs),
    producersText(snapshot.producers ?? [], nowMs),
  ].join('');
}

function memoryText(memory: MemoryStats): string {
  const lines = memoryFields(memory).map(([name, value]) => `   ${name.padEnd(25)}\t${value}\n`);
  return `\nMemory:\n${lines.join('')}`;
}

/** Each topic begins with a newline, which ends the heading of the first and separates the others. */
function topicsText(topics: readonly TopicSnapshot[], nowMs: number): string {
  if (topics.length === 0) return '\nTopics: None\n';
  return `\nTopics:${topics.map((topic) => topicText(topic, nowMs)).join('')}`;
}

function topicText(topic: TopicSnapshot, nowMs: number): string {
  const line = [
    `${topic.isPaused ? '*P' : '  '} [${padded(topic.name, 15)}]`,
    `depth: ${padded(topic.depth, 5)}`,
    `be-depth: ${padded(topic.backendDepth, 5)}`,
    `msgs: ${padded(topic.messageCount, 8)}`,
    ...unlessZero('refused', topic.refusedCount),
    ...unlessZero('dropped', topic.droppedCount),
    ...unlessZero('expired', topic.expiredCount),
    `e2e%: ${latencyText(topic.latency)}`,
  ].join(' ');
  return `\n${line}\n${topic.channels.map((channel) => channelText(channel, nowMs)).join('')}`;
}

function channelText(channel: ChannelSnapshot, nowMs: number): string {
  const line = [
    `   ${channel.isPaused ? '*P' : '  '} [${padded(channel.name, 25)}]`,
    `depth: ${padded(channel.depth, 5)}`,
    `be-depth: ${padded(channel.backendDepth, 5)}`,
    `inflt: ${padded(channel.inFlightCount, 4)}`,
    `def: ${padded(channel.deferredCount, 4)}`,
    `re-q: ${padded(channel.requeueCount, 5)}`,
    `timeout: ${padded(channel.timeoutCount, 5)}`,
    `msgs: ${padded(channel.messageCount, 8)}`,
    ...unlessZero('dead', channel.deadLetterCount),
    ...unlessZero('dropped', channel.droppedCount),
    ...unlessZero('expired', channel.expiredCount),
    `e2e%: ${latencyText(channel.latency)}`,
  ].join(' ');
  const clients = (channel.clients ?? []).map((client) => `        ${clientText(client, nowMs)}\n`);
  return `${line}\n${clients.join('')}`;
}

/** A column that stock nsqd does not have is there only when it has something to say. */
function unlessZero(label: string, count: number): string[] {
  return count === 0 ? [] : [`${label}: ${padded(count, 5)}`];
}

function producersText(producers: readonly ClientDescription[], nowMs: number): string {
  if (producers.length === 0) return '\nProducers: None\n';
  return `\nProducers:\n${producers.map((client) => `   ${clientText(client, nowMs)}\n`).join('')}`;
}

/** The form depends only on whether published counts are left after the topic filter, not on where it is printed. */
function clientText(client: ClientDescription, nowMs: number): string {
  const port = splitHostPort(client.remoteAddress)?.port ?? '';
  const id = `${client.hostname}:${port} ${client.userAgent}`;
  const connectedSeconds = Math.floor(nowMs / MS_PER_SECOND - client.connectedAtSeconds);
  return [
    `[V2 ${padded(id, 21)}]`,
    ...(client.publishedCounts.length > 0 ? producerColumns(client) : consumerColumns(client)),
    `connected: ${formatDuration(Math.max(0, connectedSeconds) * MS_PER_SECOND)}`,
  ].join(' ');
}

function producerColumns({ publishedCounts }: ClientDescription): string[] {
  const total = publishedCounts.reduce((sum, { count }) => sum + count, 0);
  const topics = publishedCounts.map(({ topic, count }) => `${topic}=${count}`).join(',');
  return [`msgs: ${padded(total, 8)}`, `topics: ${topics}`];
}

function consumerColumns(client: ClientDescription): string[] {
  return [
    `state: ${client.state}`,
    `inflt: ${padded(client.inFlightCount, 4)}`,
    `rdy: ${padded(client.readyCount, 4)}`,
    `fin: ${padded(client.finishCount, 8)}`,
    `re-q: ${padded(client.requeueCount, 8)}`,
    `msgs: ${padded(client.messageCount, 8)}`,
  ];
}

function latencyText(latency: LatencySummary): string {
  return (latency.percentiles ?? []).map(({ value }) => nanosecondsText(value)).join(', ');
}

function nanosecondsText(value: number): string {
  if (value > 1e9) return `${(value / 1e9).toFixed(1)}s`;
  if (value > 1e6) return `${(value / 1e6).toFixed(1)}ms`;
  if (value > 1e3) return `${(value / 1e3).toFixed(1)}us`;
  return `${value.toFixed(1)}ns`;
}

function padded(value: string | number, width: number): string {
  return String(value).padEnd(width);
}

/** Local time in whole seconds with its offset: `2026-11-21T00:21:15Z`, `2026-11-21T01:21:15+01:00`. */
function rfc3339(date: Date): string {
  const offsetMinutes = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offsetMinutes * MS_PER_MINUTE).toISOString().slice(0, 19);
  if (offsetMinutes === 0) return `${local}Z`;
  const hours = String(Math.floor(Math.abs(offsetMinutes) / 60)).padStart(2, '0');
  const minutes = String(Math.abs(offsetMinutes) % 60).padStart(2, '0');
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${hours}:${minutes}`;
}
