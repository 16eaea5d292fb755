// What one push to statsd says (http-api 10.3), and how its lines are packed into datagrams (10.1). Pure.

import { isEphemeralName } from '../../lib/protocol/names.js';
import { memoryFields } from './memory.js';
import type { MemoryStats } from './memory.js';
import type { ChannelSnapshot, LatencySummary, TopicSnapshot } from './snapshot.js';

export interface StatsdSample {
  readonly topics: readonly TopicSnapshot[];
  /** Null if memory statistics are not wanted. */
  readonly memory: MemoryStats | null;
}

export interface StatsdFormat {
  /** Put in front of every name, its dot included. */
  readonly prefix: string;
  readonly excludesEphemeral: boolean;
}

/** The counters of one push, by full name: what the next push subtracts. */
export type StatsdBaseline = ReadonlyMap<string, number>;

const PACKET_BYTES_DEFAULT = 4096;

/** Writes the lines of one push, each with its newline, and remembers the counters. */
class LineWriter {
  readonly lines: string[] = [];
  readonly counters = new Map<string, number>();
  readonly #prefix: string;
  readonly #former: StatsdBaseline;

  constructor(prefix: string, former: StatsdBaseline) {
    this.#prefix = prefix;
    this.#former = former;
  }

  gauge(name: string, value: number): void {
    this.lines.push(`${this.#prefix}${name}:${value}|g\n`);
  }

  /**
   * DEVIATION(statsd-recreated): a total smaller than at the last push, of a topic or channel deleted and created
   * again, is sent whole; stock nsqd sends a negative increase.
   */
  counter(name: string, total: number): void {
    const former = this.#former.get(name) ?? 0;
    this.counters.set(name, total);
    this.lines.push(`${this.#prefix}${name}:${total < former ? total : total - former}|c\n`);
  }

  latency(name: string, { percentiles }: LatencySummary): void {
    for (const { quantile, value } of percentiles ?? []) {
      this.gauge(`${name}.e2e_processing_latency_${roundedToEven(quantile * 100)}`, Math.trunc(value));
    }
  }
}

/** All lines of a push, in nsqd's order, and the baseline for the next one. */
export function statsdLines(
  sample: StatsdSample, format: StatsdFormat, former: StatsdBaseline,
): { readonly lines: readonly string[]; readonly baseline: StatsdBaseline } {
  const writer = new LineWriter(format.prefix, former);
  const isWanted = ({ name }: { readonly name: string }): boolean => {
    return !format.excludesEphemeral || !isEphemeralName(name);
  };
  for (const topic of sample.topics.filter(isWanted)) {
    const name = `topic.${topic.name}`;
    writeTopic(writer, name, topic);
    for (const channel of topic.channels.filter(isWanted)) {
      writeChannel(writer, `${name}.channel.${channel.name}`, channel);
    }
  }
  if (sample.memory !== null) writeMemory(writer, sample.memory);
  return { lines: writer.lines, baseline: writer.counters };
}

function writeTopic(writer: LineWriter, name: string, topic: TopicSnapshot): void {
  writer.counter(`${name}.message_count`, topic.messageCount);
  writer.counter(`${name}.message_bytes`, topic.messageBytes);
  writer.gauge(`${name}.depth`, topic.depth);
  writer.gauge(`${name}.backend_depth`, topic.backendDepth);
  writer.latency(name, topic.latency);
}

function writeChannel(writer: LineWriter, name: string, channel: ChannelSnapshot): void {
  writer.counter(`${name}.message_count`, channel.messageCount);
  writer.gauge(`${name}.depth`, channel.depth);
  writer.gauge(`${name}.backend_depth`, channel.backendDepth);
  writer.gauge(`${name}.in_flight_count`, channel.inFlightCount);
  writer.gauge(`${name}.deferred_count`, channel.deferredCount);
  writer.counter(`${name}.requeue_count`, channel.requeueCount);
  writer.counter(`${name}.timeout_count`, channel.timeoutCount);
  writer.gauge(`${name}.clients`, channel.clientCount);
  writer.latency(name, channel.latency);
}

/** The names of /stats, but for the number of collections, which is a counter called `gc_runs`. */
function writeMemory(writer: LineWriter, memory: MemoryStats): void {
  for (const [name, value] of memoryFields(memory)) {
    if (name !== 'gc_total_runs') writer.gauge(`mem.${name}`, value);
  }
  writer.counter('mem.gc_runs', memory.gcTotalRuns);
}

/** As Go's %.0f: a half goes to the even neighbour. */
function roundedToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Datagrams of whole lines, at most `bytesMax` each (0 or less: 4096); a longer line travels alone. */
export function packDatagrams(lines: readonly string[], bytesMax: number): Buffer[] {
  const limit = bytesMax > 0 ? bytesMax : PACKET_BYTES_DEFAULT;
  const datagrams: Buffer[] = [];
  let gathered = '';
  let gatheredBytes = 0;
  for (const line of lines) {
    const bytes = Buffer.byteLength(line);
    if (gathered !== '' && gatheredBytes + bytes > limit) {
      datagrams.push(Buffer.from(gathered));
      gathered = '';
      gatheredBytes = 0;
    }
    gathered += line;
    gatheredBytes += bytes;
  }
  if (gathered !== '') datagrams.push(Buffer.from(gathered));
  return datagrams;
}
