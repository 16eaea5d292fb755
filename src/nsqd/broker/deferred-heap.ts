// Deferred messages of a channel, the earliest due first: a binary min-heap.

import type { HeldRecord } from './held-record.js';

export class DeferredHeap {
  readonly #heap: HeldRecord[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** Due time of the first, or Infinity. */
  firstDueMs(): number {
    return this.#heap[0]?.dueMs ?? Infinity;
  }

  push(record: HeldRecord): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(record);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above]!;
      if (parent.dueMs <= record.dueMs) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = record;
  }

  /** Takes the first out; undefined when empty. */
  pop(): HeldRecord | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) this.#sink(last);
    return first;
  }

  /** All records, in no order. */
  values(): readonly HeldRecord[] {
    return this.#heap;
  }

  /** At most `countMax` records, the earliest due first: goes down the heap no further than it must. */
  earliest(countMax: number): HeldRecord[] {
    const heap = this.#heap;
    const found: HeldRecord[] = [];
    const candidates = heap.length === 0 ? [] : [0];
    while (candidates.length > 0 && found.length < countMax) {
      let best = 0;
      candidates.forEach((at, index) => {
        if (heap[at]!.dueMs < heap[candidates[best]!]!.dueMs) best = index;
      });
      const [at] = candidates.splice(best, 1) as [number];
      found.push(heap[at]!);
      for (const below of [2 * at + 1, 2 * at + 2]) if (below < heap.length) candidates.push(below);
    }
    return found;
  }

  clear(): void {
    this.#heap.length = 0;
  }

  #sink(record: HeldRecord): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && heap[below + 1]!.dueMs < heap[below]!.dueMs) below += 1;
      const child = heap[below]!;
      if (child.dueMs >= record.dueMs) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = record;
  }
}
