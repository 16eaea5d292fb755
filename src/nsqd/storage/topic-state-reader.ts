// Reads the side file of a topic (topic-state.ts): nothing in it is taken for granted, a damaged file may still be JSON.

import { isValidName } from '../../lib/protocol/names.js';
import { afterChanges } from './state-history.js';
import type { RestoredState } from './state-history.js';
import { goesWith, VERSION } from './topic-state.js';
import type {
  ChannelCheckpoint, ChannelState, DeferredState, FilePlace, HeldState, RecordPlace, StateChange, TopicCheckpoint, TopicState,
} from './topic-state.js';

/** Null when the text is not a state of this version, or does not go with the metadata. */
export function parseTopicState(text: string, metaText: string | null): RestoredState | null {
  const [first = '', ...rest] = text.split('\n');
  const state = parseLine(first);
  if (!isTopicState(state) || !goesWith(state.run, state.metaText, metaText)) return null;
  // The last piece is what follows the last line end: nothing, or a torn line.
  return afterChanges(state, changesOf(rest.slice(0, -1)));
}

/** Up to the first that is none: a power failure may lose a line and keep the next, which only says what changed since. */
function changesOf(lines: readonly string[]): StateChange[] {
  const changes: StateChange[] = [];
  for (const line of lines) {
    const change = parseLine(line);
    if (!isStateChange(change)) break;
    changes.push(change);
  }
  return changes;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

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
  if ('at' in value) return isTopicCheckpoint(value['at']) && !('held' in value);
  return typeof value['channel'] === 'string' && isHeldState(value['held']);
}

function isTopicCheckpoint(value: unknown): value is TopicCheckpoint {
  return isRecord(value) && isPlace(value['released']) && isListOf(value['channels'], isChannelCheckpoint);
}

function isChannelCheckpoint(value: unknown): value is ChannelCheckpoint {
  return isRecord(value)
    && typeof value['name'] === 'string'
    && isPlace(value['cursor'])
    && (value['ownCursor'] === null || isPlace(value['ownCursor']))
    && (value['ownEnd'] === undefined || isPlace(value['ownEnd']))
    && isTextOrNull(value['ownMetaText'])
    && isListOf(value['held'], isHeldState)
    && isListOf(value['gone'], isRecordPlace);
}

function isRecordPlace(value: unknown): value is RecordPlace {
  return isNumbers(value, 3) && value[0]! <= 1 && value.every(isCount);
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
