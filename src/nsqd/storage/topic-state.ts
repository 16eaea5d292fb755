// What go-diskqueue files cannot say about a topic, in a side file of its own, `<topic>.nsqd-ts.state`: where each channel
// stands, which messages are out with which attempts, and when deferred ones are due. Stock nsqd ignores the file.
//
//   line 1   a snapshot, JSON
//   line 2   a change since then, JSON       (appended with the turn it belongs to; the file ends before a damaged line)
//   line 3   a checkpoint: all changes since the line before
//   ...
//
// The snapshot goes with the queue's metadata file: it names the run that wrote both, or repeats the metadata's text as it
// was when the snapshot was taken. When neither fits, another nsqd has run on the directory and the state is ignored
// (storage.md 12). A start that finds a state that fits goes on under the same run, so that neither file is ever ahead.
// Times are wall-clock milliseconds.
//
// DEVIATION(side-file): stock nsqd has no such file. DEVIATION(delay-kept): it loses delays on overflow and restart.

import { runOfQueueMeta } from './queue-meta.js';

/** A place in a queue's files: file number and byte. */
export type FilePlace = readonly [fileNumber: number, position: number];

/** 0 = the channel's own queue, 1 = the topic's log. */
export type QueueOfRecord = 0 | 1;

/** A message that left the unread part of its queue; `dueMs` 0 when it is not deferred. */
export type HeldState = readonly [queue: QueueOfRecord, file: number, position: number, attempts: number, dueMs: number];

export interface ChannelState {
  readonly name: string;
  /** Where it reads the topic's log on. */
  readonly cursor: FilePlace;
  /** Where it reads its own queue on; null when it has none. */
  readonly ownCursor: FilePlace | null;
  /** Up to where its own queue is filled; that is its end when there is none. */
  readonly ownEnd?: FilePlace;
  /** The text of its own queue's metadata, as TopicState.metaText; null when it has no queue of its own. */
  readonly ownMetaText: string | null;
  /** Stretches of the topic's log that are not for this channel. */
  readonly skips: ReadonlyArray<readonly [from: FilePlace, to: FilePlace]>;
  /** The same of its own queue. */
  readonly ownSkips: ReadonlyArray<readonly [from: FilePlace, to: FilePlace]>;
  readonly held: readonly HeldState[];
}

/** A message published with a delay that its channels do not know of yet. */
export type DeferredState = readonly [file: number, position: number, dueMs: number];

export interface TopicState {
  /** Named by the metadata while a daemon runs. */
  readonly run: string;
  /** The metadata on disk when the state was written; after a clean stop the exact form, which names no run. */
  readonly metaText: string | null;
  /** True after a clean stop: another nsqd may have run since without a trace in the topic's own queue. */
  readonly isFinal: boolean;
  /** Up to where the topic's messages were given to its channels. */
  readonly released: FilePlace;
  readonly deferred: readonly DeferredState[];
  readonly channels: readonly ChannelState[];
}

/** A record of the channel's own queue (0) or the topic's log (1). */
export type RecordPlace = readonly [queue: QueueOfRecord, file: number, position: number];

/** What has changed of a channel since the line before: where it stands, what is held, and what is not any more. */
export interface ChannelCheckpoint {
  readonly name: string;
  readonly cursor: FilePlace;
  readonly ownCursor: FilePlace | null;
  readonly ownEnd?: FilePlace;
  readonly ownMetaText: string | null;
  readonly held: readonly HeldState[];
  readonly gone: readonly RecordPlace[];
}

export interface TopicCheckpoint {
  readonly released: FilePlace;
  /** Those that have changed. */
  readonly channels: readonly ChannelCheckpoint[];
}

/** A line behind the snapshot: a message was published with a delay, or deferred by a channel; or a checkpoint. */
export type StateChange =
  | { readonly deferred: DeferredState }
  | { readonly channel: string; readonly held: HeldState }
  | { readonly at: TopicCheckpoint };

/** Of the form. */
export const VERSION = 1;

export function formatTopicState(state: TopicState): string {
  return `${JSON.stringify({ version: VERSION, ...state })}\n`;
}

export function formatStateChange(change: StateChange): string {
  return `${JSON.stringify(change)}\n`;
}

/**
 * Whether what was remembered with `run` and `rememberedText` is about the queue whose metadata this is. Null stands for no
 * metadata: the state of a new queue is written before it.
 */
export function goesWith(run: string, rememberedText: string | null, metaText: string | null): boolean {
  return metaText === rememberedText || (metaText !== null && runOfQueueMeta(metaText) === run);
}

/** Places in the topic's log that the state remembers as read or passed. */
export function placesOf(state: TopicState): FilePlace[] {
  const places = [state.released];
  for (const { cursor, skips } of state.channels) places.push(cursor, ...skips.map(([, to]) => to));
  return places;
}
