// Canonical Huffman codes of DEFLATE (RFC 1951, 3.2.2): a table from bits to symbols. Codes of up to 10 bits are found by one
// look-up, longer ones bit by bit.

const CODE_BITS_MAX = 15;
const FAST_BITS = 10;
export const FAST_MASK = (1 << FAST_BITS) - 1;

/** A look-up that found no symbol. */
export const NO_SYMBOL = -1;

export class HuffmanTable {
  /** By the next bits of the stream, FAST_MASK of them: symbol << 4 | length of its code; 0 for longer codes, and for none. */
  readonly fast = new Uint16Array(1 << FAST_BITS);
  /** Codes per length, and all symbols in the order of their codes. */
  readonly #counts = new Uint16Array(CODE_BITS_MAX + 1);
  readonly #symbols: Uint16Array;

  constructor(symbolsMax: number) {
    this.#symbols = new Uint16Array(symbolsMax);
  }

  /**
   * Takes the code lengths of the symbols 0, 1, ... Returns false when they are no prefix code: too many codes, or bits that
   * mean nothing, but for the two cases that compressors make: no code at all, and a single one of one bit.
   */
  build(lengths: Uint8Array, start: number, count: number): boolean {
    const counts = this.#counts.fill(0);
    for (let symbol = 0; symbol < count; symbol += 1) counts[lengths[start + symbol]!]! += 1;
    const isEmpty = counts[0] === count;
    counts[0] = 0;
    let left = 1;
    for (let length = 1; length <= CODE_BITS_MAX; length += 1) {
      left = left * 2 - counts[length]!;
      if (left < 0) return false;
    }
    const isSingle = counts[1] === 1 && left === 1 << (CODE_BITS_MAX - 1);
    if (left > 0 && !isEmpty && !isSingle) return false;
    this.#fill(lengths, start, count);
    return true;
  }

  #fill(lengths: Uint8Array, start: number, count: number): void {
    const nextCode = new Uint16Array(CODE_BITS_MAX + 2);
    const nextIndex = new Uint16Array(CODE_BITS_MAX + 2);
    for (let length = 1; length <= CODE_BITS_MAX; length += 1) {
      nextCode[length + 1] = (nextCode[length]! + this.#counts[length]!) << 1;
      nextIndex[length + 1] = nextIndex[length]! + this.#counts[length]!;
    }
    this.fast.fill(0);
    for (let symbol = 0; symbol < count; symbol += 1) {
      const length = lengths[start + symbol]!;
      if (length === 0) continue;
      this.#symbols[nextIndex[length]!++] = symbol;
      const code = nextCode[length]!++;
      if (length > FAST_BITS) continue;
      const step = 1 << length;
      for (let bits = reverse(code, length); bits <= FAST_MASK; bits += step) this.fast[bits] = (symbol << 4) | length;
    }
  }

  /**
   * Hot path (bench: deflate). The symbol that the lowest bits of `bits` begin with, as symbol << 4 | bits used. NO_SYMBOL when
   * none does, be it that no code is like that or that more than `bitCount` bits are needed to tell.
   */
  find(bits: number, bitCount: number): number {
    const entry = this.fast[bits & FAST_MASK]!;
    if (entry !== 0) return (entry & 15) <= bitCount ? entry : NO_SYMBOL;
    return this.#findLong(bits, bitCount);
  }

  #findLong(bits: number, bitCount: number): number {
    let code = 0;
    let first = 0;
    let index = 0;
    for (let length = 1; length <= Math.min(bitCount, CODE_BITS_MAX); length += 1) {
      code |= (bits >>> (length - 1)) & 1;
      const count = this.#counts[length]!;
      if (code - first < count) return (this.#symbols[index + code - first]! << 4) | length;
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return NO_SYMBOL;
  }
}

function reverse(code: number, length: number): number {
  let reversed = 0;
  for (let bit = 0; bit < length; bit += 1) reversed |= ((code >>> bit) & 1) << (length - 1 - bit);
  return reversed;
}
