// Puts a topic back into the state a former run left: its channels' cursors, the messages that were out, the delays.
// Without a usable state every message of the topic's own files goes to every channel: more than once rather than never.

import type { Clock } from '../../lib/time/clock.js';
import { recordBytes } from '../storage/record.js';
import type { LogPosition } from '../storage/log-reader.js';
import type { MessageLog } from '../storage/message-log.js';
import type { ChannelState, DeferredState, FilePlace, HeldState, RestoredState, StateChange } from '../storage/topic-state.js';
import type { Channel } from './channel.js';
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
  const places = new Map<string, DeferredState>();
  const fromChanges = state.changes.flatMap((change) => ('deferred' in change ? [change.deferred] : []));
  for (const each of [...state.deferred, ...fromChanges]) places.set(`${each[0]},${each[1]}`, each);
  const deferred: DeferredPublish[] = [];
  for (const [file, position, dueMs] of places.values()) {
    const at = exactly(topic.log, [file, position]);
    if (at === null || at.index < topic.released.index) continue;
    const bytes = recordBytes(at.chunk!.load(), at.position);
    deferred.push({ chunk: at.chunk!, position: at.position, bytes, index: at.index, dueMs: dueMs + monotonicOffsetMs });
  }
  return deferred.sort((a, b) => a.index - b.index);
}

/**
 * Gives a channel back what left its queues. Called after the topic has released what followed the state, so that
 * skips are put in among those. `isOwnForeign`: another nsqd has written the channel's own queue since, what the state
 * says about it does not count.
 */
export function restoreChannel(
  topic: RestoredTopic, channel: Channel, state: ChannelState, changes: readonly StateChange[], isOwnForeign: boolean,
  clock: Clock,
): void {
  const monotonicOffsetMs = clock.monotonicMs() - clock.wallMs();
  const held = new Map<string, HeldState>();
  const fromChanges = changes.flatMap((change) =>
    'held' in change && change.channel === channel.name ? [change.held] : [],
  );
  for (const each of [...state.held, ...fromChanges]) held.set(`${each[0]},${each[1]},${each[2]}`, each);
  const topicCursor = channel.cursors.at(-1)!;
  const ownCursor = channel.cursors.length > 1 && !isOwnForeign ? channel.cursors[0]! : null;
  const skips = new Map<LogCursor, Skip[]>([[topicCursor, gaps(topic.log, state.skips)]]);
  if (ownCursor !== null) skips.set(ownCursor, gaps(ownCursor.log, state.ownSkips));
  for (const [queue, file, position, attempts, dueMs] of held.values()) {
    const cursor = queue === 1 ? topicCursor : ownCursor;
    const at = cursor === null ? null : exactly(cursor.log, [file, position]);
    if (cursor === null || at === null || at.index >= cursor.limit.index) continue;
    const chunk = at.chunk!;
    if (at.index >= cursor.reader.index) {
      const to = { chunk, position: at.position + recordBytes(chunk.load(), at.position), index: at.index + 1 };
      skips.get(cursor)!.push({ fromIndex: at.index, from: at, to });
    }
    chunk.hold();
    const record = { chunk, position: at.position, attempts, dueMs: dueMs + monotonicOffsetMs, turn: 0 };
    if (dueMs > 0) channel.addDeferred(record);
    else channel.addReturned({ ...record, dueMs: 0 });
  }
  for (const [cursor, added] of skips) cursor.insertSkips(added);
}

function gaps(log: MessageLog, skips: ChannelState['skips']): Skip[] {
  return skips.map(([from, to]) => {
    const start = log.seek(...from);
    return { fromIndex: start.index, from: start, to: log.seek(...to) };
  });
}

/** The record that starts at exactly this byte, or null. */
function exactly(log: MessageLog, [file, position]: FilePlace): LogPosition | null {
  const at = log.seek(file, position);
  if (at.chunk === null || at.chunk.segment === null || at.position >= at.chunk.length) return null;
  const isThere = at.chunk.segment.number === file && at.chunk.filePosition + at.position === position;
  return isThere ? at : null;
}
