// What go-diskqueue files cannot say about a topic, in a side file of its own, `<topic>.nsqd-ts.state`: where each channel
// stands, which messages are out with which attempts, and when deferred ones are due. Stock nsqd ignores the file.
//
//   line 1   a snapshot, JSON
//   line 2   a change since then, JSON       (appended with the turn it belongs to; a torn last line is left out)
//   ...
//
// The snapshot goes with the queue's metadata file: it names the run that wrote both, or repeats the metadata's text as it
// was when the snapshot was taken. When neither fits, another nsqd has run on the directory and the state is ignored
// (storage.md 12). A start that finds a state that fits goes on under the same run, so that neither file is ever ahead.
// Times are wall-clock milliseconds.
//
// DEVIATION(side-file): stock nsqd has no such file. DEVIATION(delay-kept): it loses delays on overflow and restart.

import { isValidName } from '../../lib/protocol/names.js';
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

/** A line behind the snapshot: a message was published with a delay, or deferred by a channel. */
export type StateChange =
  | { readonly deferred: DeferredState }
  | { readonly channel: string; readonly held: HeldState };

export interface RestoredState extends TopicState {
  readonly changes: readonly StateChange[];
}

const VERSION = 1;

export function formatTopicState(state: TopicState): string {
  return `${JSON.stringify({ version: VERSION, ...state })}\n`;
}

export function formatStateChange(change: StateChange): string {
  return `${JSON.stringify(change)}\n`;
}

/** Null when the text is not a state of this version, or does not go with the metadata. */
export function parseTopicState(text: string, metaText: string | null): RestoredState | null {
  const [first = '', ...rest] = text.split('\n');
  const state = parseLine(first);
  if (!isTopicState(state) || !goesWith(state.run, state.metaText, metaText)) return null;
  // The last piece is what follows the last line end: nothing, or a torn line.
  return { ...state, changes: rest.slice(0, -1).map(parseLine).filter(isStateChange) };
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

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

// --- the form of what was read: a damaged file may still be JSON

/** What can be counted on from here: files get rising numbers, and positions are added up. */
const PLACE_MAX = 2 ** 50;

function isTopicState(value: unknown): value is TopicState {
  return isRecord(value)
    && value['version'] === VERSION
    && typeof value['run'] === 'string'
    && isTextOrNull(value['metaText'])
    && typeof value['isFinal'] === 'boolean'
    && isPlace(value['released'])
    && isListOf(value['deferred'], isDeferredState)
    && isListOf(value['channels'], isChannelState)
    && new Set(value['channels'].map(({ name }) => name)).size === value['channels'].length;
}

function isChannelState(value: unknown): value is ChannelState {
  return isRecord(value)
    && typeof value['name'] === 'string' && isValidName(value['name'])
    && isPlace(value['cursor'])
    && (value['ownCursor'] === null || isPlace(value['ownCursor']))
    && (value['ownEnd'] === undefined || isPlace(value['ownEnd']))
    && isTextOrNull(value['ownMetaText'])
    && isListOf(value['skips'], isSkip)
    && isListOf(value['ownSkips'], isSkip)
    && isListOf(value['held'], isHeldState);
}

function isStateChange(value: unknown): value is StateChange {
  if (!isRecord(value)) return false;
  if ('deferred' in value) return isDeferredState(value['deferred']) && !('held' in value);
  return typeof value['channel'] === 'string' && isHeldState(value['held']);
}

function isSkip(value: unknown): value is readonly [FilePlace, FilePlace] {
  if (!Array.isArray(value) || value.length !== 2 || !value.every(isPlace)) return false;
  const [[fromFile, from], [toFile, to]] = value as [FilePlace, FilePlace];
  return fromFile < toFile || (fromFile === toFile && from <= to);
}

function isHeldState(value: unknown): value is HeldState {
  return isNumbers(value, 5) && value[0]! <= 1 && value.slice(0, 4).every(isCount);
}

function isDeferredState(value: unknown): value is DeferredState {
  return isNumbers(value, 3) && value.slice(0, 2).every(isCount);
}

function isPlace(value: unknown): value is FilePlace {
  return isNumbers(value, 2) && value.every(isCount);
}

function isNumbers(value: unknown, length: number): value is number[] {
  return isListOf(value, (each): each is number => typeof each === 'number' && Number.isFinite(each)) && value.length === length;
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= PLACE_MAX;
}

function isListOf<T>(value: unknown, isElement: (element: unknown) => element is T): value is T[] {
  return Array.isArray(value) && value.every(isElement);
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
