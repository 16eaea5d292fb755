// GET /metrics as a whole: takes the samples of one moment and has them written in Prometheus' format. Keeps no state but
// what is asked for in its parts.

import { performance as loop } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { Exposition, labelText } from '../../lib/metrics/exposition.js';
import type { Tally } from '../../lib/metrics/tally.js';
import type { Broker } from '../broker/broker.js';
import { StorageError } from '../storage/file-system.js';
import type { DiskMeasures } from '../storage/measured-file-system.js';
import type { EventLoopMonitor } from './event-loop.js';
import type { MemoryMonitor } from './memory.js';
import type { LatencySource } from './snapshot.js';
import { addTopics } from './topic-metrics.js';

const MS_PER_SECOND = 1000;
const US_PER_SECOND = 1e6;

export interface MetricsParts {
  readonly version: string;
  readonly durability: string;
  /** Topics and channels that are listed one by one. */
  readonly entriesMax: number;
  /** Unix milliseconds. */
  readonly startTimeMs: number;
  readonly broker: Broker;
  readonly disk: DiskMeasures;
  /** Bytes that can still be written to the data path. Throws StorageError. */
  readonly freeBytes: () => number;
  readonly eventLoop: EventLoopMonitor;
  readonly memory: MemoryMonitor;
  readonly latencies: LatencySource;
  /** TCP connections that are open, and those accepted so far. */
  readonly connections: () => { readonly open: number; readonly accepted: number };
  /** Errors that clients were answered with, by code. */
  readonly tcpErrors: Tally;
  readonly httpErrors: Tally;
  /** Empty when clients are welcome. */
  readonly unreadyReasons: () => readonly string[];
}

export class Metrics {
  readonly #parts: MetricsParts;

  constructor(parts: MetricsParts) {
    this.#parts = parts;
  }

  /** The text of one scrape. With many topics the event loop gets its turn in between. */
  async text(): Promise<string> {
    const { broker, latencies, entriesMax, eventLoop } = this.#parts;
    eventLoop.asked();
    const exposition = new Exposition();
    this.#addDaemon(exposition);
    await addTopics(exposition, broker, latencies, entriesMax);
    this.#addPublishing(exposition);
    this.#addClients(exposition);
    this.#addDisk(exposition);
    this.#addProcess(exposition);
    return exposition.text();
  }

  #addDaemon(exposition: Exposition): void {
    const { version, durability, broker, unreadyReasons } = this.#parts;
    const build = labelText({ version, durability, node_version: process.version });
    exposition.family('nsqd_build_info', 'gauge', 'Always 1; what runs is in the labels.').add(1, build);
    exposition.family('nsqd_healthy', 'gauge', '0 while the disk refuses writes, as /ping.')
      .add(Number(broker.healthError() === null));
    exposition.family('nsqd_ready', 'gauge', '1 when /health/ready answers 200.')
      .add(Number(unreadyReasons().length === 0));
  }

  #addPublishing(exposition: Exposition): void {
    const { measures } = this.#parts.broker;
    const help = 'Messages that the broker did not take, by reason; a batch refused at its first message counts once.';
    addTally(exposition, 'nsqd_publish_refusals_total', help, 'reason', measures.refusals);
    exposition.family('nsqd_publish_group_messages', 'histogram', 'Messages of one topic that were committed together.')
      .addHistogram(measures.groupMessages);
  }

  #addClients(exposition: Exposition): void {
    const { connections, tcpErrors, httpErrors } = this.#parts;
    const { open, accepted } = connections();
    exposition.family('nsqd_tcp_connections', 'gauge', 'Open TCP connections.').add(open);
    exposition.family('nsqd_tcp_connections_accepted_total', 'counter', 'TCP connections accepted.').add(accepted);
    addTally(exposition, 'nsqd_tcp_errors_total', 'Error frames sent, by code.', 'code', tcpErrors);
    addTally(exposition, 'nsqd_http_errors_total', 'HTTP errors answered, by code.', 'code', httpErrors);
  }

  #addDisk(exposition: Exposition): void {
    const { disk, freeBytes } = this.#parts;
    exposition.family('nsqd_disk_write_seconds', 'histogram', 'Time of a write to a file.').addHistogram(disk.writeSeconds);
    exposition.family('nsqd_disk_written_bytes_total', 'counter', 'Bytes written to files.').add(disk.writtenBytes);
    exposition.family('nsqd_disk_sync_seconds', 'histogram', 'Time of an fdatasync.').addHistogram(disk.syncSeconds);
    addTally(exposition, 'nsqd_disk_failures_total', 'Failed disk operations.', 'operation', disk.failures);
    const free = exposition.family('nsqd_data_path_free_bytes', 'gauge', 'Bytes that can still be written to the data path.');
    try {
      free.add(freeBytes());
    } catch (error) {
      // Nobody can tell: the figure is left out.
      if (!(error instanceof StorageError)) throw error;
    }
  }

  #addProcess(exposition: Exposition): void {
    const { broker, eventLoop, memory, startTimeMs } = this.#parts;
    const { active, idle } = loop.eventLoopUtilization();
    const { messageMemory } = broker;
    const heap = getHeapStatistics();
    const { rss, external, arrayBuffers } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const gauge = (name: string, help: string, value: number): unknown => exposition.family(name, 'gauge', help).add(value);
    const counter = (name: string, help: string, value: number): unknown => exposition.family(name, 'counter', help).add(value);
    exposition.family('nsqd_event_loop_delay_seconds', 'histogram', 'How late a timer rang, sampled while metrics are scraped.')
      .addHistogram(eventLoop.delaySeconds);
    counter('nsqd_event_loop_active_seconds_total', 'Time in which the event loop worked.', active / MS_PER_SECOND);
    counter('nsqd_event_loop_idle_seconds_total', 'Time in which the event loop waited.', idle / MS_PER_SECOND);
    exposition.family('nsqd_gc_pause_seconds', 'summary', 'Garbage collections.')
      .addTotals(memory.pausedMs / MS_PER_SECOND, memory.runCount);
    gauge('nsqd_message_memory_bytes', 'Memory that messages take.', messageMemory.usedBytes);
    gauge('nsqd_message_memory_budget_bytes', 'From here on, messages that are on disk leave memory.', messageMemory.budgetBytes);
    gauge('nsqd_heap_used_bytes', 'JavaScript heap in use.', heap.used_heap_size);
    gauge('nsqd_heap_limit_bytes', 'Where the JavaScript heap ends.', heap.heap_size_limit);
    gauge('nsqd_external_memory_bytes', 'Memory beside the JavaScript heap, buffers included.', external);
    gauge('nsqd_buffer_memory_bytes', 'Memory of buffers.', arrayBuffers);
    gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', rss);
    counter('process_cpu_seconds_total', 'User and system CPU time.', (user + system) / US_PER_SECOND);
    gauge('process_start_time_seconds', 'Start of the process, Unix time.', startTimeMs / MS_PER_SECOND);
  }
}

function addTally(exposition: Exposition, name: string, help: string, label: string, tally: Tally): void {
  const family = exposition.family(name, 'counter', help);
  for (const [word, count] of tally.entries()) family.add(count, labelText({ [label]: word }));
}
