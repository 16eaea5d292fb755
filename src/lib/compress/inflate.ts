// Decompresses a raw DEFLATE stream (RFC 1951) in pieces of any size. Pure: bytes in, bytes out, synchronous.
//
// Why not node:zlib: its streams drop what they decoded in the piece that holds the damage, cannot tell that the final block
// has ended before more bytes come, and hand every piece, a FIN of 30 bytes too, to another thread and back.
//
//   window  | history | decoded, not handed on |   free   |      65,536 bytes; when it is full, the last 32 KiB move to
//                     ^handedOn                ^at               the front and become the history

import { copyBytes, repeatWide, viewOf, WIDE_EXCESS_BYTES } from './bytes-view.js';
import { FAST_MASK, HuffmanTable, NO_SYMBOL } from './huffman.js';

/** Not a DEFLATE stream, or a damaged one. */
export class InflateError extends Error {
  constructor(message: string) {
    super(`deflate: ${message}`);
    this.name = 'InflateError';
  }
}

const WINDOW_BYTES = 65_536;
const HISTORY_BYTES = 32_768;
const MATCH_BYTES_MAX = 258;
/** A call decodes about so much; what it left is for the next call. */
export const CONTENT_BYTES_PER_CALL = 64 * 1024;
/** So much input lets a symbol and its distance be decoded without looking for the end. */
const FAST_INPUT_BYTES = 8;
/** While the bit buffer holds no more, it can be filled and shifted in one go. */
const FAST_BITS_MAX = 31;
/** More bits than one step of decoding looks at: a symbol of 15 bits and 5 bits behind it. */
const STEP_BITS_MAX = 20;
const CODE_BITS_MAX = 15;

const LENGTH_CODES_MAX = 286;
const DISTANCE_CODES_MAX = 30;
const END_OF_BLOCK = 256;
const LENGTH_BASES = new Uint16Array([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]);
const LENGTH_EXTRA_BITS = new Uint8Array([
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]);
const DISTANCE_BASES = new Uint16Array([
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193,
  12289, 16385, 24577,
]);
const DISTANCE_EXTRA_BITS = new Uint8Array([
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]);
/** The order in which the code lengths of the code lengths are sent. */
const CODE_LENGTH_ORDER = new Uint8Array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

const Step = {
  blockHead: 0, storedHead: 1, stored: 2, tableHead: 3, codeLengthLengths: 4, codeLengths: 5,
  symbol: 6, distance: 7, distanceExtra: 8, ended: 9,
} as const;
type Step = (typeof Step)[keyof typeof Step];

const [FIXED_SYMBOLS, FIXED_DISTANCES] = fixedTables();

export class Inflater {
  readonly #onContent: (content: Buffer) => void;
  readonly #window = Buffer.allocUnsafeSlow(WINDOW_BYTES + WIDE_EXCESS_BYTES);
  readonly #windowView = viewOf(this.#window);
  #at = 0;
  #handedOn = 0;
  /** Bytes decoded so far, up to the size of the history: a match cannot reach further back. */
  #historyBytes = 0;

  #input: Uint8Array = this.#window;
  /** The same bytes. */
  #inputView = this.#windowView;
  #inputAt = 0;
  #inputEnd = 0;
  #bits = 0;
  #bitCount = 0;

  #step: Step = Step.blockHead;
  #isFinalBlock = false;
  /** Of a stored block: bytes left. Of a match: its length. */
  #length = 0;
  #distanceSymbol = 0;
  #symbols = FIXED_SYMBOLS;
  #distances = FIXED_DISTANCES;

  // Reading the tables of a block.
  readonly #ownSymbols = new HuffmanTable(LENGTH_CODES_MAX + 2);
  readonly #ownDistances = new HuffmanTable(DISTANCE_CODES_MAX + 2);
  readonly #lengths = new Uint8Array(LENGTH_CODES_MAX + DISTANCE_CODES_MAX + CODE_LENGTH_ORDER.length);
  #symbolCount = 0;
  #distanceCount = 0;
  #codeLengthCount = 0;
  #lengthsRead = 0;

  /** `onContent` gets what was decoded, never empty, valid during the call only. */
  constructor(onContent: (content: Buffer) => void) {
    this.#onContent = onContent;
  }

  /** True when the last call stopped only because it had decoded enough: the next may need no more bytes. */
  hasMore = false;

  /** True once the final block has ended: what follows it is not looked at. */
  get hasEnded(): boolean {
    return this.#step === Step.ended;
  }

  /**
   * Decodes from `start` on; returns how far it came, which is the end of `bytes` unless the stream ended or there is more
   * than CONTENT_BYTES_PER_CALL, in which case `hasMore` is true. Throws InflateError where the stream is damaged, after handing on what came before.
   */
  inflate(bytes: Uint8Array, start = 0): number {
    this.#input = bytes;
    this.#inputView = viewOf(bytes);
    this.#inputAt = start;
    this.#inputEnd = bytes.length;
    this.hasMore = true;
    try {
      for (let decoded = 0; this.hasMore && decoded < CONTENT_BYTES_PER_CALL;) {
        this.hasMore = this.#run();
        decoded += this.#handOn();
      }
    } catch (error) {
      this.#handOn();
      throw error;
    }
    // What was looked at ahead of time is not the stream's, behind its end.
    if (this.#step === Step.ended) this.#returnWholeBytes(start);
    return this.#inputAt;
  }

  #returnWholeBytes(start: number): void {
    const count = Math.min(this.#bitCount >>> 3, this.#inputAt - start);
    this.#inputAt -= count;
    this.#bitCount -= count * 8;
    this.#bits &= this.#bitCount === 32 ? -1 : (1 << this.#bitCount) - 1;
  }

  /** Decodes until the window is full (true), or input or stream end (false). */
  #run(): boolean {
    for (;;) {
      switch (this.#step) {
        case Step.blockHead: if (!this.#readBlockHead()) return false; break;
        case Step.storedHead: if (!this.#readStoredHead()) return false; break;
        case Step.stored: if (!this.#copyStored()) return this.#isWindowFull(); break;
        case Step.tableHead: if (!this.#readTableHead()) return false; break;
        case Step.codeLengthLengths: if (!this.#readCodeLengthLengths()) return false; break;
        case Step.codeLengths: if (!this.#readCodeLengths()) return false; break;
        case Step.symbol:
        case Step.distance:
        case Step.distanceExtra: if (!this.#decodeSymbols()) return this.#isWindowFull(); break;
        case Step.ended: return false;
      }
    }
  }

  #isWindowFull(): boolean {
    return this.#at > WINDOW_BYTES - MATCH_BYTES_MAX;
  }

  #handOn(): number {
    const count = this.#at - this.#handedOn;
    if (count > 0) {
      this.#historyBytes = Math.min(HISTORY_BYTES, this.#historyBytes + count);
      const content = this.#window.subarray(this.#handedOn, this.#at);
      this.#handedOn = this.#at;
      this.#onContent(content);
    }
    if (this.#isWindowFull()) {
      this.#window.copyWithin(0, this.#at - HISTORY_BYTES, this.#at);
      this.#at = HISTORY_BYTES;
      this.#handedOn = HISTORY_BYTES;
    }
    return count;
  }

  /** Fills the bit buffer; false when it holds fewer than `count` bits then. */
  #need(count: number): boolean {
    while (this.#bitCount <= 24 && this.#inputAt < this.#inputEnd) {
      this.#bits |= this.#input[this.#inputAt]! << this.#bitCount;
      this.#inputAt += 1;
      this.#bitCount += 8;
    }
    return this.#bitCount >= count;
  }

  #take(count: number): number {
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>>= count;
    this.#bitCount -= count;
    return value;
  }

  // --- blocks ------------------------------------------------------------------------------------------------------------

  #readBlockHead(): boolean {
    if (this.#isFinalBlock) {
      this.#step = Step.ended;
      return true;
    }
    if (!this.#need(3)) return false;
    this.#isFinalBlock = this.#take(1) === 1;
    const kind = this.#take(2);
    if (kind === 3) throw new InflateError('unknown kind of block');
    this.#step = kind === 0 ? Step.storedHead : kind === 1 ? Step.symbol : Step.tableHead;
    if (kind === 0) this.#take(this.#bitCount & 7);
    this.#symbols = kind === 1 ? FIXED_SYMBOLS : this.#ownSymbols;
    this.#distances = kind === 1 ? FIXED_DISTANCES : this.#ownDistances;
    return true;
  }

  #readStoredHead(): boolean {
    if (!this.#need(32)) return false;
    const length = this.#take(16);
    if (this.#bits !== (~length & 0xffff)) throw new InflateError('damaged length of a stored block');
    this.#bits = 0;
    this.#bitCount = 0;
    this.#length = length;
    this.#step = Step.stored;
    return true;
  }

  /** The bit buffer is empty: a stored block begins at a byte, and its head took 32 bits. */
  #copyStored(): boolean {
    const room = WINDOW_BYTES - this.#at;
    const count = Math.min(this.#length, this.#inputEnd - this.#inputAt, room);
    this.#window.set(this.#input.subarray(this.#inputAt, this.#inputAt + count), this.#at);
    this.#at += count;
    this.#inputAt += count;
    this.#length -= count;
    if (this.#length > 0) return false;
    this.#step = Step.blockHead;
    return !this.#isWindowFull();
  }

  #readTableHead(): boolean {
    if (!this.#need(14)) return false;
    this.#symbolCount = this.#take(5) + 257;
    this.#distanceCount = this.#take(5) + 1;
    this.#codeLengthCount = this.#take(4) + 4;
    if (this.#symbolCount > LENGTH_CODES_MAX || this.#distanceCount > DISTANCE_CODES_MAX) {
      throw new InflateError('too many symbols');
    }
    this.#lengths.fill(0, 0, CODE_LENGTH_ORDER.length);
    this.#lengthsRead = 0;
    this.#step = Step.codeLengthLengths;
    return true;
  }

  #readCodeLengthLengths(): boolean {
    for (; this.#lengthsRead < this.#codeLengthCount; this.#lengthsRead += 1) {
      if (!this.#need(3)) return false;
      this.#lengths[CODE_LENGTH_ORDER[this.#lengthsRead]!] = this.#take(3);
    }
    // The table of the symbols is not in use yet, and has room for these.
    if (!this.#ownSymbols.build(this.#lengths, 0, CODE_LENGTH_ORDER.length)) throw new InflateError('damaged code lengths');
    this.#lengthsRead = 0;
    this.#step = Step.codeLengths;
    return true;
  }

  #readCodeLengths(): boolean {
    const total = this.#symbolCount + this.#distanceCount;
    while (this.#lengthsRead < total) {
      this.#need(CODE_BITS_MAX);
      const found = this.#ownSymbols.find(this.#bits, this.#bitCount);
      if (found === NO_SYMBOL) return this.#cannotDecode();
      const symbol = found >>> 4;
      const extraBits = symbol < 16 ? 0 : symbol === 16 ? 2 : symbol === 17 ? 3 : 7;
      if (!this.#need((found & 15) + extraBits)) return false;
      this.#take(found & 15);
      this.#addLengths(symbol, this.#take(extraBits), total);
    }
    const isValid = this.#ownSymbols.build(this.#lengths, 0, this.#symbolCount)
      && this.#ownDistances.build(this.#lengths, this.#symbolCount, this.#distanceCount);
    if (!isValid) throw new InflateError('damaged code lengths');
    this.#step = Step.symbol;
    return true;
  }

  /** Symbols below 16 are a length, 16 repeats the one before, 17 and 18 are runs of zeros. */
  #addLengths(symbol: number, extra: number, total: number): void {
    const at = this.#lengthsRead;
    if (symbol === 16 && at === 0) throw new InflateError('nothing to repeat');
    const value = symbol < 16 ? symbol : symbol === 16 ? this.#lengths[at - 1]! : 0;
    const count = symbol < 16 ? 1 : extra + (symbol === 18 ? 11 : 3);
    if (at + count > total) throw new InflateError('too many code lengths');
    this.#lengths.fill(value, at, at + count);
    this.#lengthsRead = at + count;
  }

  /** False when more input can help. */
  #cannotDecode(): false {
    if (this.#bitCount >= CODE_BITS_MAX) throw new InflateError('unknown code');
    return false;
  }

  // --- symbols -----------------------------------------------------------------------------------------------------------

  /** Until the block ends (true), or input or room do (false). Step by step where the fast loop cannot go. */
  #decodeSymbols(): boolean {
    const window = this.#window;
    while (this.#at <= WINDOW_BYTES - MATCH_BYTES_MAX) {
      if (this.#step === Step.symbol) {
        this.#decodeFast();
        if (this.#at > WINDOW_BYTES - MATCH_BYTES_MAX) return false;
        this.#need(STEP_BITS_MAX);
        const found = this.#symbols.find(this.#bits, this.#bitCount);
        if (found === NO_SYMBOL) return this.#cannotDecode();
        const symbol = found >>> 4;
        if (symbol < END_OF_BLOCK) {
          this.#take(found & 15);
          window[this.#at++] = symbol;
          continue;
        }
        if (symbol === END_OF_BLOCK) {
          this.#take(found & 15);
          this.#step = Step.blockHead;
          return true;
        }
        if (!this.#readLength(symbol - END_OF_BLOCK - 1, found & 15)) return false;
      }
      if (!this.#readDistanceAndCopy()) return false;
    }
    return false;
  }

  /**
   * Hot path (bench: deflate). Literals and matches with codes of usual length, while there is room and input for whole ones.
   * Stops in front of anything else, in the same step as before.
   *
   * The bit buffer is filled without a branch, which the processor would have to guess: four bytes are added, and as many of
   * them counted as are whole. What the others left above `bitCount` is added once more, and the same, the next time.
   */
  #decodeFast(): void {
    if (this.#bitCount > FAST_BITS_MAX) return;
    const window = this.#window;
    const windowView = this.#windowView;
    const input = this.#inputView;
    const mask = FAST_MASK;
    const symbols = this.#symbols.fast;
    const distances = this.#distances.fast;
    const inputLast = this.#inputEnd - FAST_INPUT_BYTES;
    let bits = this.#bits;
    let bitCount = this.#bitCount;
    let inputAt = this.#inputAt;
    let at = this.#at;
    while (at <= WINDOW_BYTES - MATCH_BYTES_MAX && inputAt <= inputLast) {
      bits |= input.getInt32(inputAt, true) << bitCount;
      inputAt += (FAST_BITS_MAX - bitCount) >>> 3;
      bitCount |= 24;
      const entry = symbols[bits & mask]!;
      const symbol = entry >>> 4;
      if (entry !== 0 && symbol < END_OF_BLOCK) {
        bits >>>= entry & 15;
        bitCount -= entry & 15;
        window[at++] = symbol;
        continue;
      }
      const code = symbol - END_OF_BLOCK - 1;
      if (entry === 0 || code < 0 || code >= LENGTH_BASES.length) break;
      // 15 of at least 24 bits, then 10 + 13 of as many.
      const lengthBits = (entry & 15) + LENGTH_EXTRA_BITS[code]!;
      const length = LENGTH_BASES[code]! + ((bits & ((1 << lengthBits) - 1)) >>> (entry & 15));
      let ahead = bits >>> lengthBits;
      let aheadCount = bitCount - lengthBits;
      ahead |= input.getInt32(inputAt, true) << aheadCount;
      const aheadAt = inputAt + ((FAST_BITS_MAX - aheadCount) >>> 3);
      aheadCount |= 24;
      const distanceEntry = distances[ahead & mask]!;
      const distanceSymbol = distanceEntry >>> 4;
      if (distanceEntry === 0 || distanceSymbol >= DISTANCE_BASES.length) break;
      const codeBits = distanceEntry & 15;
      const distanceBits = codeBits + DISTANCE_EXTRA_BITS[distanceSymbol]!;
      const distance = DISTANCE_BASES[distanceSymbol]! + ((ahead & ((1 << distanceBits) - 1)) >>> codeBits);
      if (distance > this.#historyBytes + at - this.#handedOn) break;
      bits = ahead >>> distanceBits;
      bitCount = aheadCount - distanceBits;
      inputAt = aheadAt;
      repeatWide(windowView, at, distance, length);
      at += length;
    }
    this.#bits = bits & ((1 << bitCount) - 1);
    this.#bitCount = bitCount;
    this.#inputAt = inputAt;
    this.#at = at;
  }

  #readLength(code: number, codeBits: number): boolean {
    if (code >= LENGTH_BASES.length) throw new InflateError('unknown length');
    const extraBits = LENGTH_EXTRA_BITS[code]!;
    if (this.#bitCount < codeBits + extraBits) return false;
    this.#take(codeBits);
    this.#length = LENGTH_BASES[code]! + this.#take(extraBits);
    this.#step = Step.distance;
    return true;
  }

  #readDistanceAndCopy(): boolean {
    if (this.#step === Step.distance) {
      this.#need(CODE_BITS_MAX);
      const found = this.#distances.find(this.#bits, this.#bitCount);
      if (found === NO_SYMBOL) return this.#cannotDecode();
      this.#distanceSymbol = found >>> 4;
      if (this.#distanceSymbol >= DISTANCE_BASES.length) throw new InflateError('unknown distance');
      this.#take(found & 15);
      this.#step = Step.distanceExtra;
    }
    const extraBits = DISTANCE_EXTRA_BITS[this.#distanceSymbol]!;
    if (!this.#need(extraBits)) return false;
    this.#copyMatch(DISTANCE_BASES[this.#distanceSymbol]! + this.#take(extraBits));
    this.#step = Step.symbol;
    return true;
  }

  /** Source and target may overlap: a short distance repeats what was just written. */
  #copyMatch(distance: number): void {
    if (distance > this.#historyBytes + this.#at - this.#handedOn) throw new InflateError('a match from before the stream');
    copyBytes(this.#windowView, this.#at - distance, this.#windowView, this.#at, this.#length);
    this.#at += this.#length;
  }
}

function fixedTables(): [HuffmanTable, HuffmanTable] {
  const lengths = new Uint8Array(288).fill(8, 0, 144).fill(9, 144, 256).fill(7, 256, 280).fill(8, 280, 288);
  const symbols = new HuffmanTable(288);
  symbols.build(lengths, 0, 288);
  const distances = new HuffmanTable(32);
  distances.build(new Uint8Array(32).fill(5), 0, 32);
  return [symbols, distances];
}
