// Builds what is remembered of a topic on disk from what it is in memory (storage/topic-state.ts).

import type { Clock } from '../../lib/time/clock.js';
import type { LogPosition } from '../storage/log-reader.js';
import type { MessageLog } from '../storage/message-log.js';
import type { ChannelState, DeferredState, FilePlace, HeldState, QueueOfRecord, TopicState } from '../storage/topic-state.js';
import type { Channel } from './channel.js';
import type { DeferredPublish, HeldRecord } from './held-record.js';
import type { Topic } from './topic.js';

/** The state of a running topic. What exists in memory only has no place in it. */
export function topicState(topic: Topic, run: string, clock: Clock): TopicState {
  const { log } = topic;
  const wallOffsetMs = clock.wallMs() - clock.monotonicMs();
  const channels = [...topic.channels.values()].filter((channel) => !channel.isEphemeral);
  return {
    run,
    metaText: null,
    released: log.placeOf(topic.released),
    deferred: topic.deferred.filter(({ chunk }) => chunk.segment !== null).map((each) => deferredState(log, each, wallOffsetMs)),
    channels: channels.map((channel) => channelState(topic, channel, wallOffsetMs)),
  };
}

function channelState(topic: Topic, channel: Channel, wallOffsetMs: number): ChannelState {
  const topicCursor = channel.cursors.at(-1)!;
  const ownCursor = channel.cursors.length > 1 ? channel.cursors[0]! : null;
  const skips: (readonly [FilePlace, FilePlace])[] = [];
  for (const { from, to } of topicCursor.skips()) {
    // A skip of one message is a deferred one, which `held` has.
    if (from !== null && to.index - from.index > 1) skips.push([topic.log.placeOf(from), topic.log.placeOf(to)]);
  }
  const held = [...channel.inFlightRecords(), ...channel.returnedRecords(), ...channel.deferredRecords()];
  return {
    name: channel.name,
    cursor: topic.log.placeOf(topicCursor.reader),
    ownCursor: ownCursor === null ? null : ownCursor.reader.log.placeOf(ownCursor.reader),
    ownMetaText: null,
    skips,
    held: held.filter(({ chunk }) => chunk.segment !== null).map((record) => heldState(topic.log, record, wallOffsetMs)),
  };
}

/** `wallOffsetMs` is what turns monotonic into wall-clock milliseconds. */
export function heldState(topicLog: MessageLog, record: HeldRecord, wallOffsetMs: number): HeldState {
  const queue: QueueOfRecord = record.chunk.owner === topicLog ? 1 : 0;
  const [file, position] = placeIn(record);
  return [queue, file, position, record.attempts, record.dueMs === 0 ? 0 : Math.round(record.dueMs + wallOffsetMs)];
}

export function deferredState(log: MessageLog, publish: DeferredPublish, wallOffsetMs: number): DeferredState {
  const [file, position] = log.placeOf(publish);
  return [file, position, Math.round(publish.dueMs + wallOffsetMs)];
}

function placeIn({ chunk, position }: Pick<LogPosition, 'position'> & HeldRecord): FilePlace {
  return [chunk.segment!.number, chunk.filePosition + position];
}
