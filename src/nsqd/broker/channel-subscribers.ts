// The consumers of a channel, and whose turn it is.
//
//   subscribers   A  B  C  D        the round after: C, D, A, B, as far as they are ready
//                       ^begin      (B was served last)
//
// With topology each has a standing: the rank in which it is served, and the counter that its deliveries raise.

import type { Subscriber } from './subscriber.js';
import type { ClientPlace, Standing, Topology } from './topology.js';

export class ChannelSubscribers {
  readonly #subscribers: Subscriber[] = [];
  /** Null while consumers are not told apart by where they are. */
  readonly #topology: Topology | null;
  /** Of each subscriber; empty without topology. */
  readonly #standings = new Map<Subscriber, Standing>();
  /** Where the next round begins. */
  #begin = 0;

  // Messages delivered from memory (http-api 6.5).
  zoneLocalMessageCount = 0;
  regionLocalMessageCount = 0;
  globalMessageCount = 0;

  constructor(topology: Topology | null) {
    this.#topology = topology;
  }

  get all(): readonly Subscriber[] {
    return this.#subscribers;
  }

  get size(): number {
    return this.#subscribers.length;
  }

  /** Whether some are to be served before others. */
  get areRanked(): boolean {
    return this.#topology !== null;
  }

  /** `place` is null for a client that has not said where it is. */
  add(subscriber: Subscriber, place: ClientPlace | null): void {
    this.#subscribers.push(subscriber);
    if (this.#topology !== null) this.#standings.set(subscriber, this.#topology.standingOf(place));
  }

  /** False when it is none of them. */
  remove(subscriber: Subscriber): boolean {
    const at = this.#subscribers.indexOf(subscriber);
    if (at < 0) return false;
    this.#subscribers.splice(at, 1);
    this.#standings.delete(subscriber);
    return true;
  }

  /** Those that take messages now, in the order of the next round: a list of the caller's own. */
  ready(): Subscriber[] {
    const all = this.#subscribers;
    const ready: Subscriber[] = [];
    for (let step = 0; step < all.length; step += 1) {
      const subscriber = all[(this.#begin + step) % all.length]!;
      if (subscriber.isReady()) ready.push(subscriber);
    }
    return ready;
  }

  /** Of these, the ones of one rank (topology.ts). */
  ofRank(subscribers: readonly Subscriber[], rank: number): Subscriber[] {
    return subscribers.filter((subscriber) => this.#standings.get(subscriber)?.rank === rank);
  }

  /** The next round begins behind this one. */
  servedLast(subscriber: Subscriber): void {
    this.#begin = this.#subscribers.indexOf(subscriber) + 1;
  }

  /** Deliveries from memory only; one that sampling leaves out counts as well (http-api 6.5). */
  countDeliveries(count: number, subscriber: Subscriber): void {
    const locality = this.#topology === null ? null : this.#standings.get(subscriber)!.locality;
    if (locality === 'zone') this.zoneLocalMessageCount += count;
    else if (locality === 'region') this.regionLocalMessageCount += count;
    else this.globalMessageCount += count;
  }
}
