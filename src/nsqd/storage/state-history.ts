// What the lines behind a snapshot make of it (topic-state.ts): the state as of the last one. Of each message the last word
// counts; one that was finished is forgotten, but for the ones ahead of their reader, which are not to be read again.

import type {
  ChannelCheckpoint, ChannelState, DeferredState, FilePlace, HeldState, RecordPlace, StateChange, TopicState,
} from './topic-state.js';

export interface RestoredChannel extends ChannelState {
  /** Finished, and ahead of where the channel reads on. */
  readonly gone: readonly RecordPlace[];
}

export interface RestoredState extends TopicState {
  readonly channels: readonly RestoredChannel[];
}

export function afterChanges(snapshot: TopicState, changes: readonly StateChange[]): RestoredState {
  const channels = new Map(snapshot.channels.map((channel) => [channel.name, new ChannelHistory(channel)]));
  const deferred: DeferredState[] = [...snapshot.deferred];
  let { released } = snapshot;
  for (const change of changes) {
    if ('deferred' in change) {
      deferred.push(change.deferred);
    } else if ('at' in change) {
      ({ released } = change.at);
      for (const each of change.at.channels) channels.get(each.name)?.checkpoint(each);
    } else {
      channels.get(change.channel)?.held(change.held);
    }
  }
  return { ...snapshot, released, deferred, channels: [...channels.values()].map((each) => each.result()) };
}

class ChannelHistory {
  #state: ChannelState;
  readonly #held = new PlaceMap<HeldState>();
  readonly #gone = new PlaceMap<RecordPlace>();

  constructor(state: ChannelState) {
    this.#state = state;
    for (const each of state.held) this.held(each);
  }

  held(held: HeldState): void {
    this.#held.set(held[0], held[1], held[2], held);
  }

  checkpoint({ held, gone, ...places }: ChannelCheckpoint): void {
    this.#state = { ...this.#state, ...places };
    for (const place of gone) {
      this.#held.delete(...place);
      this.#gone.set(...place, place);
    }
    for (const each of held) this.held(each);
  }

  result(): RestoredChannel {
    const { cursor, ownCursor } = this.#state;
    const isAhead = ([queue, ...place]: RecordPlace): boolean => {
      const from = queue === 1 ? cursor : ownCursor;
      return from !== null && !isBefore(place, from);
    };
    return { ...this.#state, held: this.#held.values(), gone: this.#gone.values().filter(isAhead) };
  }
}

function isBefore([file, position]: FilePlace, [otherFile, otherPosition]: FilePlace): boolean {
  return file < otherFile || (file === otherFile && position < otherPosition);
}

/** By queue, file and position. */
class PlaceMap<T> {
  /** One map for each file, keyed by 2 * number + queue: no strings are made for a million places. */
  readonly #files = new Map<number, Map<number, T>>();

  set(queue: number, file: number, position: number, value: T): void {
    const key = 2 * file + queue;
    const positions = this.#files.get(key);
    if (positions === undefined) this.#files.set(key, new Map([[position, value]]));
    else positions.set(position, value);
  }

  delete(queue: number, file: number, position: number): void {
    this.#files.get(2 * file + queue)?.delete(position);
  }

  values(): T[] {
    return [...this.#files.values()].flatMap((positions) => [...positions.values()]);
  }
}
