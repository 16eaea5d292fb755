// Puts a topic back into the state a former run left: its channels' cursors, the messages that were out, the delays.
// Without a usable state every message of the topic's own files goes to every channel: more than once rather than never.

import type { Logger } from '../../lib/log/logger.js';
import { wallOffsetMs } from '../../lib/time/clock.js';
import type { Clock } from '../../lib/time/clock.js';
import type { LogPosition } from '../storage/log-reader.js';
import type { MessageLog } from '../storage/message-log.js';
import type { ChannelMetadata } from '../storage/metadata-file.js';
import { resolvePlaces, seekPlace } from '../storage/place-resolver.js';
import type { ResolvedRecord } from '../storage/place-resolver.js';
import type { RestoredChannel, RestoredState } from '../storage/state-history.js';
import { parseTopicState } from '../storage/topic-state-reader.js';
import { placesOf } from '../storage/topic-state.js';
import type { ChannelState, FilePlace, HeldState, RecordPlace } from '../storage/topic-state.js';
import type { Channel } from './channel.js';
import { OUTDATED } from './held-journal.js';
import type { DeferredPublish } from './held-record.js';
import type { LogCursor, Skip } from './log-cursor.js';
import type { OwnQueues } from './own-queues.js';
import type { TopicChannels } from './topic-channels.js';

/** The part of a topic that is there when its state comes back. */
export interface RestoredTopic {
  readonly log: MessageLog;
  readonly released: LogPosition;
  readonly channels: ReadonlyMap<string, Channel>;
}

/**
 * What the side file tells of a topic whose log was just opened; null when there is none, or it does not go with the queue's
 * metadata. The log goes on under the run that wrote it. Throws StorageError.
 */
export function findState(log: MessageLog, metaText: string | null, logger: Logger): RestoredState | null {
  const text = log.directory.foundState(log.name);
  if (text === null) return null;
  const state = parseTopicState(text, metaText);
  if (state === null) {
    logger.warn(`TOPIC(${log.name}): its side file does not go with its queue, ignored`);
    return null;
  }
  log.metaFile.run = state.run;
  for (const place of placesOf(state)) log.reservePlace(place);
  return state;
}

/** Deferred messages that the topic has not released, in log order. */
export function restoreDeferred(topic: RestoredTopic, state: RestoredState, clock: Clock): DeferredPublish[] {
  const offsetMs = wallOffsetMs(clock);
  const [file, position] = state.released;
  const open = state.deferred.filter((each) => each[0] > file || (each[0] === file && each[1] >= position));
  const records = resolvePlaces(topic.log, open.map((each) => [each[0], each[1]]));
  const deferred = new Map<number, DeferredPublish>();
  records.forEach((record, at) => {
    if (record === null || record.index < topic.released.index) return;
    deferred.set(record.index, { ...record, dueMs: open[at]![2] - offsetMs });
  });
  return [...deferred.values()].sort((a, b) => a.index - b.index);
}

/** Makes the channels that `nsqd.dat` tells, where the state says they stood. Throws StorageError. */
export function restoreChannels(
  topic: RestoredTopic, channels: TopicChannels, metadata: readonly ChannelMetadata[], found: RestoredState | null,
): void {
  for (const { name, paused } of withFoundChannels(metadata, found)) {
    const state = found?.channels.find((each) => each.name === name);
    const channel = channels.bringBack(name, state === undefined ? topic.released : releasedUpTo(topic, state.cursor), state);
    if (paused) channel.pause();
  }
}

/** After a crash the state may know of channels that `nsqd.dat` does not: it is written first. */
function withFoundChannels(metadata: readonly ChannelMetadata[], state: RestoredState | null): readonly ChannelMetadata[] {
  const found = state?.isFinal === false ? state.channels : [];
  const missing = found.filter((each) => !metadata.some(({ name }) => name === each.name));
  return [...metadata, ...missing.map(({ name }) => ({ name, paused: false }))];
}

/** A place among the released messages: a channel that were ahead of them would miss what comes. */
function releasedUpTo({ log, released }: RestoredTopic, place: FilePlace): LogPosition {
  const at = seekPlace(log, place);
  return at.index > released.index ? released : at;
}

/**
 * Gives the channels back what left their queues. Called after the topic has released what followed the state, so that
 * skips are put in among those. Throws StorageError.
 */
export function restoreHeld(topic: RestoredTopic, queues: OwnQueues, found: RestoredState, clock: Clock): void {
  for (const state of found.channels) {
    const channel = topic.channels.get(state.name);
    if (channel !== undefined) restoreHeldOf(topic, channel, state, queues.isForeign(state.name), clock);
  }
}

/** `isOwnForeign`: another nsqd has written the channel's own queue since, what the state says about it does not count. */
function restoreHeldOf(
  topic: RestoredTopic, channel: Channel, state: RestoredChannel, isOwnForeign: boolean, clock: Clock,
): void {
  const { topicCursor } = channel;
  const ownCursor = isOwnForeign ? null : channel.ownCursor;
  const held = placesByQueue(state.held, topicCursor, ownCursor);
  const gone = placesByQueue(state.gone, topicCursor, ownCursor);
  const skips = new Map<LogCursor, Skip[]>([[topicCursor, gaps(topic.log, state.skips)]]);
  if (ownCursor !== null) skips.set(ownCursor, gaps(ownCursor.log, state.ownSkips));
  const offsetMs = wallOffsetMs(clock);
  state.held.forEach(([, , , attempts, dueMs], index) => {
    const place = held[index]!;
    if (place === null || place.record.index >= place.cursor.limit.index) return;
    const { chunk, position } = place.record;
    if (place.record.index >= place.cursor.reader.index) skips.get(place.cursor)!.push(skipOver(place.record));
    chunk.hold();
    const record = { chunk, position, attempts, dueMs: 0, turn: 0, isWaiting: true, remembered: OUTDATED };
    if (dueMs > 0) channel.held.addDeferred({ ...record, dueMs: dueMs - offsetMs });
    else channel.held.addReturned(record);
  });
  for (const place of gone) if (place !== null) skips.get(place.cursor)!.push(skipOver(place.record));
  for (const [cursor, added] of skips) cursor.insertSkips(added);
}

/** Once everybody has found their places: lets go of what nobody needs, in files and in memory. */
export function dropUnneeded(log: MessageLog, channels: Iterable<Channel>): void {
  const ownLogs = [...channels].flatMap(({ ownCursor }) => ownCursor?.log ?? []);
  for (const each of [log, ...ownLogs]) {
    each.dropUnneeded();
    each.forgetLoaded();
  }
}

interface PlaceInQueue {
  readonly cursor: LogCursor;
  readonly record: ResolvedRecord;
}

/** Where these are now; null for what is not there any more. */
function placesByQueue(
  states: ReadonlyArray<HeldState | RecordPlace>, topicCursor: LogCursor, ownCursor: LogCursor | null,
): (PlaceInQueue | null)[] {
  const found: (PlaceInQueue | null)[] = new Array<null>(states.length).fill(null);
  for (const cursor of [topicCursor, ownCursor]) {
    if (cursor === null) continue;
    const queue = cursor === topicCursor ? 1 : 0;
    const indices = states.map((_, index) => index).filter((index) => states[index]![0] === queue);
    const records = resolvePlaces(cursor.log, indices.map((index) => [states[index]![1], states[index]![2]]));
    records.forEach((record, at) => {
      if (record !== null) found[indices[at]!] = { cursor, record };
    });
  }
  return found;
}

function skipOver({ chunk, position, index, bytes }: ResolvedRecord): Skip {
  const to = { chunk, position: position + bytes, index: index + 1 };
  return { fromIndex: index, from: { chunk, position, index }, to };
}

function gaps(log: MessageLog, skips: ChannelState['skips']): Skip[] {
  return skips.map(([from, to]) => {
    const start = seekPlace(log, from);
    return { fromIndex: start.index, from: start, to: seekPlace(log, to) };
  });
}
