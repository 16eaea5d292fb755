// Puts a topic back into the state a former run left: its channels' cursors, the messages that were out, the delays.
// Without a usable state every message of the topic's own files goes to every channel: more than once rather than never.

import type { Clock } from '../../lib/time/clock.js';
import type { LogPosition } from '../storage/log-reader.js';
import type { MessageLog } from '../storage/message-log.js';
import { resolvePlaces } from '../storage/place-resolver.js';
import type { ResolvedRecord } from '../storage/place-resolver.js';
import type { RestoredChannel, RestoredState } from '../storage/state-history.js';
import type { ChannelState, HeldState, RecordPlace } from '../storage/topic-state.js';
import type { Channel } from './channel.js';
import { OUTDATED } from './held-journal.js';
import type { DeferredPublish } from './held-record.js';
import type { LogCursor, Skip } from './log-cursor.js';

/** The part of a topic that is there when its state comes back. */
export interface RestoredTopic {
  readonly log: MessageLog;
  readonly released: LogPosition;
}

/** Deferred messages that the topic has not released, in log order. */
export function restoreDeferred(topic: RestoredTopic, state: RestoredState, clock: Clock): DeferredPublish[] {
  const monotonicOffsetMs = clock.monotonicMs() - clock.wallMs();
  const [file, position] = state.released;
  const open = state.deferred.filter((each) => each[0] > file || (each[0] === file && each[1] >= position));
  const records = resolvePlaces(topic.log, open.map((each) => [each[0], each[1]]));
  const deferred = new Map<number, DeferredPublish>();
  records.forEach((record, at) => {
    if (record === null || record.index < topic.released.index) return;
    deferred.set(record.index, { ...record, dueMs: open[at]![2] + monotonicOffsetMs });
  });
  return [...deferred.values()].sort((a, b) => a.index - b.index);
}

/**
 * Gives a channel back what left its queues. Called after the topic has released what followed the state, so that
 * skips are put in among those. `isOwnForeign`: another nsqd has written the channel's own queue since, what the state
 * says about it does not count.
 */
export function restoreChannel(
  topic: RestoredTopic, channel: Channel, state: RestoredChannel, isOwnForeign: boolean, clock: Clock,
): void {
  const topicCursor = channel.cursors.at(-1)!;
  const ownCursor = channel.cursors.length > 1 && !isOwnForeign ? channel.cursors[0]! : null;
  const held = placesByQueue(state.held, topicCursor, ownCursor);
  const gone = placesByQueue(state.gone, topicCursor, ownCursor);
  const skips = new Map<LogCursor, Skip[]>([[topicCursor, gaps(topic.log, state.skips)]]);
  if (ownCursor !== null) skips.set(ownCursor, gaps(ownCursor.log, state.ownSkips));
  const monotonicOffsetMs = clock.monotonicMs() - clock.wallMs();
  state.held.forEach(([, , , attempts, dueMs], index) => {
    const place = held[index]!;
    if (place === null || place.record.index >= place.cursor.limit.index) return;
    const { chunk, position } = place.record;
    if (place.record.index >= place.cursor.reader.index) skips.get(place.cursor)!.push(skipOver(place.record));
    chunk.hold();
    const record = { chunk, position, attempts, dueMs: 0, turn: 0, isWaiting: true, remembered: OUTDATED };
    if (dueMs > 0) channel.held.addDeferred({ ...record, dueMs: dueMs + monotonicOffsetMs });
    else channel.held.addReturned(record);
  });
  for (const place of gone) if (place !== null) skips.get(place.cursor)!.push(skipOver(place.record));
  for (const [cursor, added] of skips) cursor.insertSkips(added);
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
    const start = log.seek(...from);
    return { fromIndex: start.index, from: start, to: log.seek(...to) };
  });
}
