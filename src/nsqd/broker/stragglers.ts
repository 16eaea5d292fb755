// Messages that outlast their file: deferred for an hour, in flight at a slow consumer, while everything around them is
// finished. They are moved to their channel's own queue, so that the file can go and disk space follows what is alive.
//
//   before   T.diskqueue.7.dat    |..................x.........x......|      x = unfinished, . = finished
//   after    T:C.diskqueue.0.dat  |xx|                                       in the own queue of channel C
//
// Written first, then remembered in the side file, then let go of at the old place: whatever happens in between, the side file
// names one of the two, and the other is left out at the next start. Ids, attempts, due times, owners and the order in which
// they are served stay as they are: only the place of the bytes changes. Other nsqds read the own queue like any.
//
// A file is cleared once less than half of it is unfinished, so that files take at most twice the space of what is alive, and
// one more per queue that is being written.

import type { Chunk } from '../storage/chunk.js';
import type { LogPosition } from '../storage/log-reader.js';
import type { MessageLog } from '../storage/message-log.js';
import { recordBytes, writeAttempts } from '../storage/record.js';
import type { Segment } from '../storage/segment.js';
import type { Channel } from './channel.js';
import type { OwnQueues } from './own-queues.js';
import type { Straggler } from './straggler.js';

/** Bytes of chunks cleared before the event loop gets its turn. */
const STEP_BYTES = 2 * 1024 * 1024;
/** A file that is still written is left alone up to this size. */
const OPEN_BYTES_MAX = 64 * 1024;

/** The topic, as far as its stragglers need it. */
export interface StragglerTopic {
  readonly log: MessageLog;
  readonly channels: ReadonlyMap<string, Channel>;
}

export class Stragglers {
  readonly #topic: StragglerTopic;
  readonly #queues: OwnQueues;
  /** Left, but the side file may still name places in them: one hold for each message. */
  readonly #left: Chunk[] = [];

  constructor(topic: StragglerTopic, queues: OwnQueues) {
    this.#topic = topic;
    this.#queues = queues;
  }

  /** True while something was moved that the side file does not know of. */
  get hasMoved(): boolean {
    return this.#left.length > 0;
  }

  /** Moves some messages. True when more are to be moved. Throws StorageError: what was moved before stays moved. */
  move(): boolean {
    const { log, channels } = this.#topic;
    const logs = [log, ...[...channels.values()].flatMap((channel) => ownLogOf(channel))];
    const chunks = logs.flatMap((each) => chunksToClear(each));
    if (chunks.length === 0) return false;
    const step = firstOf(chunks, STEP_BYTES);
    for (const channel of channels.values()) this.#moveAll(channel, channel.held.stragglersIn(step));
    for (const chunk of step) (chunk.owner as MessageLog).evictIfFar(chunk);
    return step.size < chunks.length;
  }

  #moveAll(channel: Channel, stragglers: readonly Straggler[]): void {
    if (stragglers.length === 0) return;
    const own = this.#queues.of(channel);
    // All is read before anything is appended: what a failure left uncommitted would go in with the next move, as unread.
    for (const { chunk } of stragglers) chunk.load();
    const places = stragglers.map(({ chunk, position, attempts }) => append(own.log, chunk.load(), position, attempts));
    own.log.commit();
    for (const { chunk } of places) chunk!.hold();
    own.extendOver(places[0]!);
    channel.hasChanged = true;
    stragglers.forEach((straggler, index) => {
      const { chunk, position } = places[index]!;
      this.#left.push(straggler.chunk);
      straggler.moveTo(chunk!, position);
    });
  }

  /** The side file names the new places, or nobody will read it any more. */
  forgetOldPlaces(): void {
    for (const chunk of this.#left.splice(0)) chunk.letGo();
  }
}

function append(log: MessageLog, bytes: Uint8Array, start: number, attempts: number): LogPosition {
  const length = recordBytes(bytes, start);
  const position = log.reserve(length);
  const chunk = log.tail!;
  chunk.bytes!.set(bytes.subarray(start, start + length), position);
  writeAttempts(chunk.bytes!, position, attempts);
  const place = { chunk, position, index: log.tailIndex };
  log.advance(length, 1);
  return place;
}

function ownLogOf({ ownCursor: own }: Channel): MessageLog[] {
  if (own === null) return [];
  if (own.available() === 0 && own.log.files.currentBytes > OPEN_BYTES_MAX && isSparse(own.log)) own.log.trim();
  return [own.log];
}

function isSparse(log: MessageLog): boolean {
  let bytes = 0;
  let alive = 0;
  for (const chunk of log.liveChunks()) {
    bytes += chunk.length;
    alive += aliveBytes(chunk);
  }
  return 2 * alive < Math.max(bytes, log.files.currentBytes);
}

/** What is left in files of which less than half is unfinished, and nothing unread. */
function chunksToClear(log: MessageLog): Chunk[] {
  const files = new Map<Segment, { alive: number; isUnread: boolean; readonly chunks: Chunk[] }>();
  for (const chunk of log.liveChunks()) {
    const { segment } = chunk;
    if (segment === null || !segment.isSealed || chunk.isDone) continue;
    let file = files.get(segment);
    if (file === undefined) files.set(segment, (file = { alive: 0, isUnread: false, chunks: [] }));
    file.alive += aliveBytes(chunk);
    file.isUnread ||= chunk.readers > 0;
    file.chunks.push(chunk);
  }
  const toClear: Chunk[] = [];
  for (const [segment, { alive, isUnread, chunks }] of files) {
    if (!isUnread && 2 * alive < segment.size) toClear.push(...chunks);
  }
  return toClear;
}

/** By the average size of the chunk's records: once for each channel that has not finished one. */
function aliveBytes({ held, length, count }: Chunk): number {
  return (held * length) / count;
}

function firstOf(chunks: readonly Chunk[], bytesMax: number): Set<Chunk> {
  const step = new Set<Chunk>();
  let bytes = 0;
  for (const chunk of chunks) {
    if (bytes >= bytesMax) break;
    step.add(chunk);
    bytes += chunk.length;
  }
  return step;
}
