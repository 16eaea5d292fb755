// Takes the answers of an nsqlookupd out of the bytes of its connection (nsqlookupd.md 2.2). There is one request at a
// time, so there is one answer at a time, and nothing may follow it.
//
//   0        4
//   | length | text |      length: signed, 32 bits, big-endian

const LENGTH_BYTES = 4;

export type AnswerResult =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'complete'; readonly text: string }
  | { readonly kind: 'refused'; readonly reason: string };

const INCOMPLETE: AnswerResult = { kind: 'incomplete' };

/** Owns the bytes of an incomplete answer: fewer than it has declared, and never more than the limit. */
export class AnswerReader {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** `bytesMax` bounds the text. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes over `chunk`. After `complete` the next answer begins; after `refused` the connection is of no more use. */
  push(chunk: Buffer): AnswerResult {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < LENGTH_BYTES) return INCOMPLETE;
    const length = this.#declaredLength();
    if (length < 0) return refused(`response body size (${length}) is negative`);
    const bytesMax = this.#bytesMax;
    if (length > bytesMax) return refused(`response body size (${length}) is greater than limit (${bytesMax})`);
    if (this.#bytes < LENGTH_BYTES + length) return INCOMPLETE;
    if (this.#bytes > LENGTH_BYTES + length) return refused('more bytes than the response has');
    const text = Buffer.concat(this.#chunks).toString('utf8', LENGTH_BYTES);
    this.#chunks = [];
    this.#bytes = 0;
    return { kind: 'complete', text };
  }

  #declaredLength(): number {
    if (this.#chunks[0]!.length < LENGTH_BYTES) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!.readInt32BE(0);
  }
}

function refused(reason: string): AnswerResult {
  return { kind: 'refused', reason };
}
