// A first-in first-out queue in a circular array.
//
//      0   1   2   3   4   5   6   7
//    |   |   | a | b | c |   |   |   |        capacity is a power of two; positions wrap around with `& mask`
//              ^head       ^head + length

const CAPACITY_MIN = 8;

export class RingBuffer<T> {
  #items: (T | undefined)[] = [];
  #head = 0;
  length = 0;

  push(item: T): void {
    if (this.length === this.#items.length) this.#resize(Math.max(CAPACITY_MIN, this.length * 2));
    this.#items[(this.#head + this.length) & (this.#items.length - 1)] = item;
    this.length += 1;
  }

  peek(): T | undefined {
    return this.length === 0 ? undefined : this.#items[this.#head];
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.length -= 1;
    if (this.length === 0 && this.#items.length > 1024) this.clear();
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.length = 0;
  }

  *values(): Generator<T> {
    for (let at = 0; at < this.length; at += 1) yield this.#items[(this.#head + at) & (this.#items.length - 1)]!;
  }

  #resize(capacity: number): void {
    const items = new Array<T | undefined>(capacity).fill(undefined);
    let at = 0;
    for (const item of this.values()) items[at++] = item;
    this.#items = items;
    this.#head = 0;
  }
}
