// Counters told apart by one word: refusals by reason, errors by code. The words come from the program, never from
// clients, so that there are few.

export class Tally {
  readonly #counts = new Map<string, number>();

  /** `words` are shown from the start, at 0: a series that appears with its first event hides that event from `rate()`. */
  constructor(words: readonly string[] = []) {
    for (const word of words) this.#counts.set(word, 0);
  }

  add(word: string, count = 1): void {
    this.#counts.set(word, (this.#counts.get(word) ?? 0) + count);
  }

  entries(): Iterable<readonly [word: string, count: number]> {
    return this.#counts;
  }
}
