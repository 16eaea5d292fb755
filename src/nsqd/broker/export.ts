// The clean stop: every queue is left as stock nsqd would leave it, so that either daemon can go on (storage.md 12).
//
//   running                              stopped
//   T.diskqueue.N.dat  (all messages)    T:C.diskqueue.N.dat  what channel C has not finished: unread, returned,
//                                                             in flight, deferred, in this order
//                                        T.diskqueue.N.dat    what no channel has yet
//                                        T.nsqd-ts.state      due times, if anything is deferred
//
// A small backlog is copied. Of a large one whole files are taken over as hard links, and only the rest is copied.
// The channels' queues are complete and synced before the topic's are cut: a stop that is interrupted leaves messages
// twice, never not at all.

import { wallOffsetMs } from '../../lib/time/clock.js';
import type { DataDirectory } from '../storage/data-directory.js';
import { channelQueueName } from '../storage/data-directory.js';
import type { Chunk } from '../storage/chunk.js';
import type { LogPosition, LogReader } from '../storage/log-reader.js';
import type { MessageLog } from '../storage/message-log.js';
import { formatQueueMeta } from '../storage/queue-meta.js';
import { QueueWriter } from '../storage/queue-writer.js';
import { recordAttempts, recordBytes } from '../storage/record.js';
import type { Segment } from '../storage/segment.js';
import { recordAt } from '../storage/stored-records.js';
import type { ChannelState, DeferredState, HeldState, TopicState } from '../storage/topic-state.js';
import type { Channel } from './channel.js';
import { deferredState, RecordPlaces } from './checkpoint.js';
import type { BrokerContext } from './context.js';
import type { HeldRecord } from './held-record.js';
import type { LogCursor, Skip } from './log-cursor.js';
import type { Topic } from './topic.js';

/** Unread bytes of a channel from which on files are linked instead of copied. */
const LINK_BYTES_MIN = 16 * 1024 * 1024;

/**
 * Writes the queues of a stopped topic and its channels. `isListed` is false when `nsqd.dat` does not tell its
 * channels: the side file then does. Throws StorageError; what was there before is then still valid.
 */
export function exportTopic(
  topic: Topic, context: BrokerContext, isListed: boolean, linkBytesMin = LINK_BYTES_MIN,
): void {
  const states: ChannelState[] = [];
  const channels = [...topic.channels.values()].filter((channel) => !channel.isEphemeral);
  for (const channel of channels) states.push(new ChannelExport(topic, channel, context).run(linkBytesMin));
  if (topic.isEphemeral) {
    topic.log.discardAll();
    context.directory.discard(context.directory.queueMetaPath(topic.name));
    return;
  }
  const messages = topic.depth() - topic.backendDepth();
  if (messages > 0) context.logger.info(`TOPIC(${topic.name}): flushing ${messages} memory messages to backend`);
  exportOwnMessages(topic, states, context, isListed);
}

/** Leaves in the topic's own queue what no channel has, and the side file if a due time is to be kept. */
function exportOwnMessages(
  topic: Topic, channelStates: readonly ChannelState[], context: BrokerContext, isListed: boolean,
): void {
  const { log } = topic;
  if (topic.depth() > 0) log.writeOut();
  log.files.syncNow();
  const isCopied = topic.depth() > 0 && !canStay(topic.log, topic.released);
  const own = isCopied ? copyOwnMessages(topic, context) : keepOwnMessages(topic, context);
  const channels = isListed ? channelStates.filter(({ held }) => held.length > 0) : channelStates;
  const needsState = own.deferred.length > 0 || channels.length > 0;
  if (needsState) topic.checkpoints.file.replace({ run: log.metaFile.run, isFinal: isListed, ...own, channels });
  context.directory.replace(context.directory.queueMetaPath(topic.name), own.metaText, true);
  if (!needsState) topic.checkpoints.file.remove();
  if (isCopied) log.discardAll();
  else log.files.close();
}

type OwnQueue = Pick<TopicState, 'released' | 'deferred'> & { readonly metaText: string };

function keepOwnMessages(topic: Topic, { clock }: BrokerContext): OwnQueue {
  const { log } = topic;
  const released = topic.depth() > 0 ? log.placeOf(topic.released) : log.placeOf({ chunk: null, position: 0 });
  const offsetMs = wallOffsetMs(clock);
  const deferred = topic.deferred.map((each) => deferredState(log, each, offsetMs));
  for (const channel of topic.channels.values()) channel.abandon();
  topic.checkpoints.forgetOldPlaces();
  if (topic.depth() === 0) log.trim();
  return { released, deferred, metaText: formatQueueMeta(log.meta(), null) };
}

/** Writes the queue anew, for files that stock nsqd would stumble over: one is missing, or ends with a fragment. */
function copyOwnMessages(topic: Topic, { clock, directory, options }: BrokerContext): OwnQueue {
  const { log } = topic;
  const offsetMs = wallOffsetMs(clock);
  const writer = new QueueWriter(directory, topic.name, log.files.nextNumber, options.maxBytesPerFile);
  const deferred: DeferredState[] = [];
  let nextDeferred = 0;
  let { chunk, position } = topic.released as LogPosition;
  for (let { index } = topic.released; index < log.end().index; index += 1) {
    while (position >= chunk!.length) [chunk, position] = [chunk!.next, 0];
    const { bytes, start } = recordAt(chunk!, position);
    const place = writer.append(bytes, start, recordAttempts(bytes, start));
    const publish = topic.deferred[nextDeferred];
    if (publish?.index === index) {
      deferred.push([...place, Math.ceil(publish.dueMs + offsetMs)]);
      nextDeferred += 1;
    }
    position += recordBytes(bytes, start);
  }
  return { released: writer.readPlace, deferred, metaText: writer.flush() };
}

/** True when stock nsqd can read the files from the reader on: all there, and nothing but records in them. */
function canStay(log: MessageLog, reader: LogReader): boolean {
  reader.skipEnds();
  let number = reader.chunk!.segment!.number;
  for (let { chunk } = reader; chunk !== null; chunk = chunk.next) {
    const segment = chunk.segment!;
    if (segment.number > number + 1 || !isWhole(segment, lastOf(chunk, segment))) return false;
    number = segment.number;
  }
  return number === log.files.nextNumber - 1;
}

class ChannelExport {
  readonly #topic: Topic;
  readonly #channel: Channel;
  readonly #directory: DataDirectory;
  readonly #context: BrokerContext;
  readonly #writer: QueueWriter;
  readonly #own: LogCursor | null;
  readonly #deferredPlaces: RecordPlaces;
  readonly #held: HeldState[] = [];
  #lastRead: Chunk | null = null;
  readonly #wallOffsetMs: number;
  /** Deferred messages that lie in files taken over whole, by chunk and position. */
  readonly #taken = new Map<Chunk, { readonly file: number; readonly upTo: number; readonly from: number }[]>();

  constructor(topic: Topic, channel: Channel, context: BrokerContext) {
    this.#topic = topic;
    this.#channel = channel;
    this.#context = context;
    this.#directory = context.directory;
    this.#own = channel.ownCursor;
    this.#wallOffsetMs = wallOffsetMs(context.clock);
    this.#deferredPlaces = new RecordPlaces(channel.held.deferredRecords());
    const queue = channelQueueName(topic.name, channel.name);
    const firstFile = this.#own?.log.files.nextNumber ?? 0;
    this.#writer = new QueueWriter(this.#directory, queue, firstFile, context.options.maxBytesPerFile);
  }

  run(linkBytesMin: number): ChannelState {
    this.#announce();
    const isLarge = this.#unreadBytes() >= linkBytesMin;
    const keepsOwn = this.#own !== null && isLarge && this.#canKeepFiles(this.#own);
    if (this.#own !== null && keepsOwn) this.#keepOwnFiles(this.#own);
    else if (this.#own !== null) this.#copyUnread(this.#own);
    const cursor = this.#channel.topicCursor;
    if (isLarge) this.#linkOrCopyUnread(cursor);
    else this.#copyUnread(cursor);
    for (const record of this.#channel.held.returnedRecords()) this.#copyHeld(record);
    for (const record of this.#channel.held.inFlightRecords()) this.#copyHeld(record);
    for (const record of this.#deferredInLogOrder()) this.#exportDeferred(record);
    this.#evict(null);
    const ownMetaText = this.#writer.finish();
    if (keepsOwn) this.#own?.log.files.discardBelow(this.#writer.readPlace[0]);
    else this.#own?.log.discardAll();
    const place = this.#topic.log.placeOf(this.#topic.released);
    return {
      name: this.#channel.name, cursor: place, ownCursor: this.#writer.readPlace, ownMetaText, skips: [], ownSkips: [],
      held: this.#held,
    };
  }

  #announce(): void {
    const { name, inFlightCount, deferredCount } = this.#channel;
    const memory = this.#channel.depth() - this.#channel.backendDepth();
    if (memory + inFlightCount + deferredCount === 0) return;
    this.#context.logger.info(
      `CHANNEL(${name}): flushing ${memory} memory ${inFlightCount} in-flight ${deferredCount} deferred messages to backend`,
    );
  }

  #unreadBytes(): number {
    let bytes = 0;
    for (const { reader } of this.#channel.cursors) {
      for (let chunk = reader.chunk; chunk !== null; chunk = chunk.next) bytes += chunk.length;
    }
    return bytes;
  }

  /** True when the queue's files can stay as they are, read on from the cursor. */
  #canKeepFiles(own: LogCursor): boolean {
    const { log, reader, limit } = own;
    return reader.index < limit.index && !this.#hasGap(own, reader.index, limit.index) && canStay(log, reader);
  }

  #keepOwnFiles({ log, reader, limit }: LogCursor): void {
    this.#writer.keepExisting(log.placeOf(reader), limit.index - reader.index);
    for (let chunk = reader.chunk; chunk !== null; chunk = chunk.next) {
      const from = chunk === reader.chunk ? reader.position : 0;
      this.#remember(chunk, chunk.segment!.number, from);
    }
  }

  #copyUnread(cursor: LogCursor): void {
    this.#copyRange(cursor, cursor.reader, cursor.limit);
  }

  /** Copies the records from one place to another but for the skipped ones. */
  #copyRange(cursor: LogCursor, from: LogPosition, to: LogPosition): void {
    const skips = [...cursor.skips()].filter((skip) => skip.to.index > from.index);
    let nextSkip = 0;
    let { chunk, position, index } = from;
    while (index < to.index) {
      while (position >= chunk!.length) {
        cursor.log.evictIfFar(chunk!);
        [chunk, position] = [chunk!.next, 0];
      }
      const skip: Skip | undefined = skips[nextSkip];
      if (skip !== undefined && skip.fromIndex <= index) {
        ({ chunk, position, index } = skip.to);
        nextSkip += 1;
        continue;
      }
      const bytes = chunk!.load();
      this.#writer.append(bytes, position, recordAttempts(bytes, position));
      position += recordBytes(bytes, position);
      index += 1;
    }
  }

  /** Files of which nothing was read are linked, the parts of the others copied. */
  #linkOrCopyUnread(cursor: LogCursor): void {
    this.#topic.log.writeOut();
    let at: LogPosition = cursor.reader;
    while (at.index < cursor.limit.index) {
      at = skipEnd(at);
      const segment = at.chunk!.segment!;
      const last = lastOf(at.chunk!, segment);
      const next = { chunk: last, position: last.length, index: last.firstIndex + last.count };
      const isStart = at.position === 0 && at.chunk!.filePosition === 0;
      const canLink =
        isStart && next.index <= cursor.limit.index && isWhole(segment, last) &&
        !this.#hasGap(cursor, at.index, next.index);
      if (!canLink || !this.#link(at, segment, next.index - at.index)) {
        this.#copyRange(cursor, at, next.index <= cursor.limit.index ? next : cursor.limit);
      }
      at = next;
    }
  }

  /** True when something between two places is not to be delivered from there. Deferred messages may stay. */
  #hasGap(cursor: LogCursor, fromIndex: number, toIndex: number): boolean {
    for (const { fromIndex: from, from: place, to } of cursor.skips()) {
      if (from >= toIndex || to.index <= fromIndex) continue;
      if (to.index - from > 1 || place === null || !this.#deferredPlaces.has(place)) return true;
    }
    return false;
  }

  #link(at: LogPosition, segment: Segment, records: number): boolean {
    const file = this.#writer.nextLinkNumber;
    if (!this.#writer.link(segment.path, records)) return false;
    for (let { chunk } = at; chunk !== null && chunk.segment === segment; chunk = chunk.next) {
      this.#remember(chunk, file, 0);
    }
    return true;
  }

  #remember(chunk: Chunk, file: number, from: number): void {
    this.#taken.set(chunk, [{ file, from, upTo: chunk.length }]);
  }

  #copyHeld({ chunk, position, attempts }: HeldRecord): void {
    const { bytes, start } = recordAt(chunk, position);
    this.#writer.append(bytes, start, attempts);
  }

  /** For records in the order of their log: their chunks are read whole, one after the other. */
  #copyNext({ chunk, position, attempts }: HeldRecord): readonly [number, number] {
    this.#evict(chunk);
    return this.#writer.append(chunk.load(), position, attempts);
  }

  #evict(next: Chunk | null): void {
    const last = this.#lastRead;
    if (last !== null && last !== next) (last.owner as MessageLog).evictIfFar(last);
    this.#lastRead = next;
  }

  /** The channel's own queue first, then the topic's log. */
  #deferredInLogOrder(): HeldRecord[] {
    const { log } = this.#topic;
    return [...this.#channel.held.deferredRecords()].sort((a, b) =>
      Number(a.chunk.owner === log) - Number(b.chunk.owner === log)
      || a.chunk.firstIndex - b.chunk.firstIndex || a.position - b.position);
  }

  /** A deferred message ahead of the cursor may lie in a file taken over; any other is copied. */
  #exportDeferred(record: HeldRecord): void {
    const taken = this.#taken.get(record.chunk)?.find(({ from }) => record.position >= from);
    const [file, position] =
      taken === undefined ? this.#copyNext(record) : [taken.file, record.chunk.filePosition + record.position];
    this.#held.push([0, file, position, record.attempts, Math.ceil(record.dueMs + this.#wallOffsetMs)]);
  }
}

/** The same place, but in the chunk whose record begins there. */
function skipEnd(at: LogPosition): LogPosition {
  let { chunk, position } = at;
  while (position >= chunk!.length) [chunk, position] = [chunk!.next, 0];
  return { chunk, position, index: at.index };
}

/** The last chunk of a file, seen from a chunk in it. */
function lastOf(from: Chunk, segment: Segment): Chunk {
  let chunk = from;
  while (chunk.next !== null && chunk.next.segment === segment) chunk = chunk.next;
  return chunk;
}

/** True when the file is nothing but records, up to the end of `last`. */
function isWhole(segment: Segment, last: Chunk): boolean {
  return segment.damage === null && !segment.hasFragment && segment.writtenBytes === last.filePosition + last.length;
}
