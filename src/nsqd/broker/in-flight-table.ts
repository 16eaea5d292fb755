// The messages of a channel that were delivered and are not answered: found by id when a client answers, by deadline when
// it does not. Everything of a message sits in one slot of parallel arrays.
//
//   id ---hash---> #buckets[h] -> slot -> slot -> ...      (chained by #nextInBucket)
//   lane of 60 s:  oldest slot <-> ... <-> newest slot     (linked by #earlier and #later, deadlines rising)
//
// Messages delivered with the same timeout expire in the order of their delivery, so each timeout value has a lane of its
// own in which adding and removing cost O(1). A TOUCH that is capped may sort in before others of its lane.
//
// Ids are kept as the four words of their 16 bytes, not as numbers: any 16 bytes can come from a file or from a client.

import type { Chunk } from '../storage/chunk.js';
import { ID_OFFSET, readInt32 } from '../storage/record.js';
import type { Subscriber } from './subscriber.js';

export const NO_SLOT = -1;
const SLOTS_MIN = 16;

/** Messages that time out after the same number of milliseconds. */
interface Lane {
  readonly timeoutMs: number;
  oldest: number;
  newest: number;
}

/** What a slot holds, as an object: for looking at few. Times are monotonic milliseconds. */
export interface InFlightMessage {
  readonly chunk: Chunk;
  readonly position: number;
  readonly attempts: number;
  readonly owner: Subscriber;
  readonly deliveredMs: number;
  readonly deadlineMs: number;
}

export class InFlightTable {
  /** Messages in flight. */
  size = 0;
  #capacity = 0;
  #buckets = new Int32Array(0);
  #nextInBucket = new Int32Array(0);
  #freeSlot = NO_SLOT;
  #ids = new Int32Array(0);
  #earlier = new Int32Array(0);
  #later = new Int32Array(0);
  #laneOf = new Int32Array(0);
  readonly #lanes: Lane[] = [];

  // What a slot holds, for the channel to read.
  chunks: (Chunk | null)[] = [];
  positions = new Int32Array(0);
  /** Deliveries so far, this one included; 0 to 65535. */
  attempts = new Uint16Array(0);
  owners: (Subscriber | null)[] = [];
  deliveredMs = new Float64Array(0);
  /** Unix milliseconds of the publish; filled in by the channel, and only while it measures latencies. */
  publishedMs = new Float64Array(0);
  deadlineMs = new Float64Array(0);
  /** What the side file says of the message (held-journal.ts). */
  remembered = new Uint8Array(0);

  /** Hot path (bench: delivery). The slot of the id whose 16 bytes start at `at`, or NO_SLOT. */
  find(bytes: Uint8Array, at: number): number {
    if (this.size === 0) return NO_SLOT;
    const a = readInt32(bytes, at);
    const b = readInt32(bytes, at + 4);
    const c = readInt32(bytes, at + 8);
    const d = readInt32(bytes, at + 12);
    return this.#findIn(hash(b, c, d) & (this.#capacity - 1), a, b, c, d);
  }

  #findIn(bucket: number, a: number, b: number, c: number, d: number): number {
    const ids = this.#ids;
    let slot = this.#buckets[bucket]!;
    while (slot !== NO_SLOT) {
      const i = slot << 2;
      if (ids[i + 3] === d && ids[i + 2] === c && ids[i + 1] === b && ids[i] === a) return slot;
      slot = this.#nextInBucket[slot]!;
    }
    return NO_SLOT;
  }

  /**
   * Hot path (bench: delivery). Takes in the record that starts at `position` of `bytes`, the chunk's content or a copy of
   * the record at `recordAt`. Returns the slot, or NO_SLOT when the id is in the table already.
   */
  add(
    bytes: Uint8Array, recordAt: number, chunk: Chunk, position: number, attempts: number, owner: Subscriber,
    nowMs: number,
  ): number {
    if (this.#freeSlot === NO_SLOT) this.#grow();
    const at = recordAt + ID_OFFSET;
    const a = readInt32(bytes, at);
    const b = readInt32(bytes, at + 4);
    const c = readInt32(bytes, at + 8);
    const d = readInt32(bytes, at + 12);
    const bucket = hash(b, c, d) & (this.#capacity - 1);
    if (this.#findIn(bucket, a, b, c, d) !== NO_SLOT) return NO_SLOT;
    const slot = this.#freeSlot;
    this.#freeSlot = this.#nextInBucket[slot]!;
    const i = slot << 2;
    const ids = this.#ids;
    ids[i] = a;
    ids[i + 1] = b;
    ids[i + 2] = c;
    ids[i + 3] = d;
    this.#nextInBucket[slot] = this.#buckets[bucket]!;
    this.#buckets[bucket] = slot;
    this.chunks[slot] = chunk;
    this.positions[slot] = position;
    this.attempts[slot] = attempts;
    this.remembered[slot] = 0;
    this.owners[slot] = owner;
    this.deliveredMs[slot] = nowMs;
    this.size += 1;
    this.#link(slot, this.#laneFor(owner.messageTimeoutMs), nowMs + owner.messageTimeoutMs);
    return slot;
  }

  remove(slot: number): void {
    this.#unlink(slot);
    const i = slot << 2;
    const bucket = hash(this.#ids[i + 1]!, this.#ids[i + 2]!, this.#ids[i + 3]!) & (this.#capacity - 1);
    const next = this.#nextInBucket[slot]!;
    if (this.#buckets[bucket] === slot) {
      this.#buckets[bucket] = next;
    } else {
      let before = this.#buckets[bucket]!;
      while (this.#nextInBucket[before] !== slot) before = this.#nextInBucket[before]!;
      this.#nextInBucket[before] = next;
    }
    this.#nextInBucket[slot] = this.#freeSlot;
    this.#freeSlot = slot;
    this.chunks[slot] = null;
    this.owners[slot] = null;
    this.size -= 1;
  }

  /** Moves a message's deadline; `timeoutMs` names the lane it waits in from now on. */
  setDeadline(slot: number, timeoutMs: number, deadlineMs: number): void {
    this.#unlink(slot);
    this.#link(slot, this.#laneFor(timeoutMs), deadlineMs);
  }

  /** The slot that expires first, or NO_SLOT. */
  first(): number {
    let first = NO_SLOT;
    for (const { oldest } of this.#lanes) {
      if (oldest !== NO_SLOT && (first === NO_SLOT || this.deadlineMs[oldest]! < this.deadlineMs[first]!)) first = oldest;
    }
    return first;
  }

  /** Occupied slots in no order; the caller may remove the one it is given. */
  *slots(): Generator<number> {
    for (let slot = 0; slot < this.#capacity; slot += 1) if (this.owners[slot] !== null) yield slot;
  }

  /** At most `countMax` messages, those delivered first. Looks at every slot: lanes are in the order of deadlines, which TOUCH moves. */
  longestOut(countMax: number): InFlightMessage[] {
    let found: number[] = [];
    let latestMs = Infinity;
    const keepFirst = (): void => {
      found.sort((a, b) => this.deliveredMs[a]! - this.deliveredMs[b]!);
      found = found.slice(0, countMax);
    };
    for (const slot of this.slots()) {
      if (this.deliveredMs[slot]! >= latestMs) continue;
      found.push(slot);
      if (found.length < 2 * countMax) continue;
      keepFirst();
      latestMs = this.deliveredMs[found.at(-1)!]!;
    }
    keepFirst();
    return found.map((slot) => ({
      chunk: this.chunks[slot]!, position: this.positions[slot]!, attempts: this.attempts[slot]!,
      owner: this.owners[slot]!, deliveredMs: this.deliveredMs[slot]!, deadlineMs: this.deadlineMs[slot]!,
    }));
  }

  /** The id of a slot, as its 16 characters. */
  idAt(slot: number): string {
    const bytes = Buffer.alloc(16);
    for (let word = 0; word < 4; word += 1) bytes.writeInt32BE(this.#ids[(slot << 2) + word]!, word * 4);
    return bytes.toString('latin1');
  }

  checkInvariants(): void {
    let linked = 0;
    for (const { oldest } of this.#lanes) {
      for (let slot = oldest; slot !== NO_SLOT; slot = this.#later[slot]!) {
        const later = this.#later[slot]!;
        if (later !== NO_SLOT && this.deadlineMs[later]! < this.deadlineMs[slot]!) throw new Error('lane out of order');
        linked += 1;
      }
    }
    if (linked !== this.size) throw new Error(`${linked} linked of ${this.size} in flight`);
  }

  #laneFor(timeoutMs: number): number {
    const lanes = this.#lanes;
    for (let index = 0; index < lanes.length; index += 1) if (lanes[index]!.timeoutMs === timeoutMs) return index;
    const empty = lanes.findIndex((lane) => lane.oldest === NO_SLOT);
    const index = empty >= 0 ? empty : lanes.length;
    lanes[index] = { timeoutMs, oldest: NO_SLOT, newest: NO_SLOT };
    return index;
  }

  /** Sorts the slot into its lane from the newest end, where all but capped TOUCHes belong. */
  #link(slot: number, laneIndex: number, deadlineMs: number): void {
    const lane = this.#lanes[laneIndex]!;
    this.#laneOf[slot] = laneIndex;
    this.deadlineMs[slot] = deadlineMs;
    let earlier = lane.newest;
    while (earlier !== NO_SLOT && this.deadlineMs[earlier]! > deadlineMs) earlier = this.#earlier[earlier]!;
    const later = earlier === NO_SLOT ? lane.oldest : this.#later[earlier]!;
    this.#earlier[slot] = earlier;
    this.#later[slot] = later;
    if (earlier === NO_SLOT) lane.oldest = slot;
    else this.#later[earlier] = slot;
    if (later === NO_SLOT) lane.newest = slot;
    else this.#earlier[later] = slot;
  }

  #unlink(slot: number): void {
    const lane = this.#lanes[this.#laneOf[slot]!]!;
    const earlier = this.#earlier[slot]!;
    const later = this.#later[slot]!;
    if (earlier === NO_SLOT) lane.oldest = later;
    else this.#later[earlier] = later;
    if (later === NO_SLOT) lane.newest = earlier;
    else this.#earlier[later] = earlier;
  }

  #grow(): void {
    const before = this.#capacity;
    const capacity = Math.max(SLOTS_MIN, before * 2);
    this.#capacity = capacity;
    this.#ids = enlarged(this.#ids, new Int32Array(capacity * 4));
    this.#earlier = enlarged(this.#earlier, new Int32Array(capacity));
    this.#later = enlarged(this.#later, new Int32Array(capacity));
    this.#laneOf = enlarged(this.#laneOf, new Int32Array(capacity));
    this.positions = enlarged(this.positions, new Int32Array(capacity));
    this.attempts = enlarged(this.attempts, new Uint16Array(capacity));
    this.remembered = enlarged(this.remembered, new Uint8Array(capacity));
    this.deliveredMs = enlarged(this.deliveredMs, new Float64Array(capacity));
    this.publishedMs = enlarged(this.publishedMs, new Float64Array(capacity));
    this.deadlineMs = enlarged(this.deadlineMs, new Float64Array(capacity));
    for (let slot = before; slot < capacity; slot += 1) {
      this.chunks.push(null);
      this.owners.push(null);
    }
    this.#rehash(before);
  }

  /** Every slot below `occupied` is in use when the table grows; the others become the free list. */
  #rehash(occupied: number): void {
    const capacity = this.#capacity;
    this.#buckets = new Int32Array(capacity).fill(NO_SLOT);
    this.#nextInBucket = new Int32Array(capacity);
    for (let slot = 0; slot < occupied; slot += 1) {
      const i = slot << 2;
      const bucket = hash(this.#ids[i + 1]!, this.#ids[i + 2]!, this.#ids[i + 3]!) & (capacity - 1);
      this.#nextInBucket[slot] = this.#buckets[bucket]!;
      this.#buckets[bucket] = slot;
    }
    for (let slot = capacity - 1; slot >= occupied; slot -= 1) {
      this.#nextInBucket[slot] = this.#freeSlot;
      this.#freeSlot = slot;
    }
  }
}

function enlarged<T extends Int32Array | Uint8Array | Uint16Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

/**
 * Hot path (bench: channels-16-both). Ids that were given out one after the other lie in neighbouring buckets, which is what the
 * processor's caches are made for: the last three digits count within about a millisecond (message-id.ts), so they are
 * added to what the others make. Those are multiplied and folded, because most of them are the same in all ids.
 */
function hash(b: number, c: number, d: number): number {
  let h = Math.imul(d >>> 24, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b) ^ Math.imul(b, 0xc2b2ae35);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  const digits = (d & 0x0f0f0f) + ((d >>> 6) & 0x010101) * 9; // one in each byte
  return (h ^ (h >>> 13)) + ((digits >>> 8) & 0xf00) + ((digits >>> 4) & 0xf0) + (digits & 0xf);
}
