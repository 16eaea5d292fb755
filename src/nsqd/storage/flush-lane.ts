// Flushes that take turns. Where nobody waits for a flush it must not be in the way of those who wait for something else: while
// a journaling file system commits, a write to a file that is part of the commit stands still, and the longer the more the disk
// has been given to do; and Node has four threads for all that is slow. One at a time takes the disk hardly longer, and what is
// removed before its turn comes need not be flushed at all.

/** How many flushes may run at a time: as many as are asked for where publishers wait for them. */
export function flushesAtOnceMax(durability: string): number {
  return durability === 'fsync' ? Infinity : 1;
}

/** Begins a flush; `isOver` is called when it has ended, at once or later. */
export type Flush = (isOver: () => void) => void;

export class FlushLane {
  readonly #atOnceMax: number;
  readonly #waiting: Flush[] = [];
  #running = 0;
  #isStarting = false;

  /** `atOnceMax`: how many may run at a time, Infinity for all. */
  constructor(atOnceMax: number) {
    this.#atOnceMax = atOnceMax;
  }

  /** Begins the flush when it is its turn. */
  run(flush: Flush): void {
    this.#waiting.push(flush);
    this.#startWaiting();
  }

  #startWaiting(): void {
    if (this.#isStarting) return; // A flush that was over at once: the loop below goes on.
    this.#isStarting = true;
    while (this.#running < this.#atOnceMax && this.#waiting.length > 0) {
      this.#running += 1;
      this.#waiting.shift()!(() => {
        this.#running -= 1;
        this.#startWaiting();
      });
    }
    this.#isStarting = false;
  }
}
