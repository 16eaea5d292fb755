// Builds what is remembered of a topic on disk from what it is in memory (storage/topic-state.ts).

import { wallOffsetMs } from '../../lib/time/clock.js';
import type { Clock } from '../../lib/time/clock.js';
import type { Chunk } from '../storage/chunk.js';
import type { LogPosition } from '../storage/log-reader.js';
import type { MessageLog } from '../storage/message-log.js';
import type {
  ChannelCheckpoint, ChannelState, DeferredState, FilePlace, HeldState, QueueOfRecord, TopicCheckpoint, TopicState,
} from '../storage/topic-state.js';
import type { Channel } from './channel.js';
import { KNOWN } from './held-journal.js';
import type { DeferredPublish, HeldRecord } from './held-record.js';
import type { LogCursor } from './log-cursor.js';

/** What a checkpoint looks at of a topic. */
export interface CheckpointedTopic {
  readonly log: MessageLog;
  readonly released: LogPosition;
  readonly deferred: readonly DeferredPublish[];
  readonly channels: ReadonlyMap<string, Channel>;
}

/** The state of a running topic. What exists in memory only has no place in it. */
export function topicState(topic: CheckpointedTopic, clock: Clock): TopicState {
  const { log } = topic;
  const { index: end } = log.end();
  const offsetMs = wallOffsetMs(clock);
  const channels = [...topic.channels.values()].filter((channel) => !channel.isEphemeral);
  return {
    run: log.metaFile.run,
    metaText: log.metaFile.text,
    isFinal: false,
    released: log.placeOf(topic.released),
    deferred: topic.deferred
      .filter(({ chunk, index }) => chunk.segment !== null && index < end)
      .map((each) => deferredState(log, each, offsetMs)),
    channels: channels.map((channel) => channelState(topic, channel, offsetMs)),
  };
}

/** What has changed since the last checkpoint; the journals begin anew. */
export function topicCheckpoint(
  topic: CheckpointedTopic, changed: readonly Channel[], clock: Clock,
): TopicCheckpoint {
  const offsetMs = wallOffsetMs(clock);
  return {
    released: topic.log.placeOf(topic.released),
    channels: changed.map((channel) => channelCheckpoint(topic, channel, offsetMs)),
  };
}

function channelCheckpoint(topic: CheckpointedTopic, channel: Channel, offsetMs: number): ChannelCheckpoint {
  const waiting = channel.held.journal.takeWaiting();
  for (const record of waiting) record.remembered = KNOWN;
  const held = [...channel.held.takeInFlightChanges(), ...waiting];
  return {
    name: channel.name,
    ...placesOfCursors(topic, channel),
    held: held.map((record) => heldState(topic.log, record, offsetMs)),
    gone: channel.held.journal.takeGone(),
  };
}

function placesOfCursors(
  topic: CheckpointedTopic, { topicCursor, ownCursor }: Channel,
): Pick<ChannelState, 'cursor' | 'ownCursor' | 'ownEnd' | 'ownMetaText'> {
  return {
    cursor: topic.log.placeOf(topicCursor.reader),
    ownCursor: ownCursor === null ? null : ownCursor.log.placeOf(ownCursor.reader),
    ...(ownCursor === null ? {} : { ownEnd: ownCursor.log.placeOf(ownCursor.log.end()) }),
    ownMetaText: ownCursor === null ? null : ownCursor.log.metaFile.text,
  };
}

/** The journal begins anew with a snapshot that tells everything. */
function takeAll(channel: Channel): HeldRecord[] {
  const held = [...channel.held.inFlightRecords(), ...channel.held.returnedRecords(), ...channel.held.deferredRecords()];
  channel.held.takeInFlightChanges();
  channel.held.journal.takeGone();
  for (const record of held) if (record.chunk.segment !== null) record.remembered = KNOWN;
  channel.held.journal.takeWaiting();
  return held;
}

function channelState(topic: CheckpointedTopic, channel: Channel, offsetMs: number): ChannelState {
  const { topicCursor, ownCursor } = channel;
  const held = takeAll(channel);
  const waiting = new RecordPlaces(held);
  return {
    name: channel.name,
    ...placesOfCursors(topic, channel),
    skips: skipsOf(topicCursor, waiting),
    ownSkips: ownCursor === null ? [] : skipsOf(ownCursor, waiting),
    held: held.filter(({ chunk }) => chunk.segment !== null).map((record) => heldState(topic.log, record, offsetMs)),
  };
}

/** A skipped message that waits elsewhere is in `held`; any other is finished, or was never for this channel. */
function skipsOf(cursor: LogCursor, waiting: RecordPlaces): [FilePlace, FilePlace][] {
  const skips: [FilePlace, FilePlace][] = [];
  for (const { from, to } of cursor.skips()) {
    if (from === null || from.chunk?.segment == null) continue;
    if (to.index - from.index > 1 || !waiting.has(from)) skips.push([cursor.log.placeOf(from), cursor.log.placeOf(to)]);
  }
  return skips;
}

/** The places of some records, to tell whether a message is among them. */
export class RecordPlaces {
  readonly #positions = new Map<Chunk, Set<number>>();

  constructor(records: Iterable<HeldRecord>) {
    for (const { chunk, position } of records) {
      const positions = this.#positions.get(chunk);
      if (positions === undefined) this.#positions.set(chunk, new Set([position]));
      else positions.add(position);
    }
  }

  has({ chunk, position }: Pick<LogPosition, 'chunk' | 'position'>): boolean {
    return chunk !== null && this.#positions.get(chunk)?.has(position) === true;
  }
}

/** `offsetMs`, as of wallOffsetMs, is what turns monotonic into wall-clock milliseconds. */
export function heldState(topicLog: MessageLog, record: HeldRecord, offsetMs: number): HeldState {
  const queue: QueueOfRecord = record.chunk.owner === topicLog ? 1 : 0;
  const [file, position] = placeIn(record);
  return [queue, file, position, record.attempts, record.dueMs === 0 ? 0 : Math.ceil(record.dueMs + offsetMs)];
}

export function deferredState(log: MessageLog, publish: DeferredPublish, offsetMs: number): DeferredState {
  const [file, position] = log.placeOf(publish);
  return [file, position, Math.ceil(publish.dueMs + offsetMs)];
}

function placeIn({ chunk, position }: Pick<LogPosition, 'position'> & HeldRecord): FilePlace {
  return [chunk.segment!.number, chunk.filePosition + position];
}
