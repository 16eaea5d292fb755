// A place in the text of a pattern that is being read, and what can be taken there.

/** The pattern is not one that Go would compile. */
export class PatternError extends Error {}

const CODE_POINT_MAX = 0x10ffff;
const OCTAL = /[0-7]{2,3}|0/y;
const HEX = /x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})/y;
const CONTROL_ESCAPES: Readonly<Record<string, number>> = { a: 0x07, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09, v: 0x0b };
const PUNCTUATION = /[^0-9A-Za-z\x80-\u{10ffff}]/uy;

export class PatternCursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  isAt(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  /** True if the text was there, and is now behind the cursor. */
  take(text: string): boolean {
    if (!this.isAt(text)) return false;
    this.#at += text.length;
    return true;
  }

  /** `pattern` must be sticky. */
  takeMatch(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at += match[0].length;
    return match;
  }

  /** The cursor must not be at the end. */
  takeCodePoint(): number {
    const codePoint = this.#text.codePointAt(this.#at)!;
    this.#at += codePoint > 0xffff ? 2 : 1;
    return codePoint;
  }

  /** Behind a backslash that begins nothing but a single character. */
  takeEscapedCodePoint(): number {
    this.#at += 1;
    if (this.isAtEnd) throw new PatternError('trailing backslash at end of expression');
    const octal = this.takeMatch(OCTAL);
    if (octal !== null) return parseInt(octal[0], 8);
    const hex = this.takeMatch(HEX);
    if (hex !== null) return checked(parseInt(hex[1] ?? hex[2]!, 16));
    const plain = this.takeMatch(PUNCTUATION);
    if (plain !== null) return plain[0].codePointAt(0)!;
    const control = CONTROL_ESCAPES[String.fromCodePoint(this.takeCodePoint())];
    if (control === undefined) throw new PatternError('invalid escape sequence');
    return control;
  }
}

function checked(codePoint: number): number {
  if (codePoint > CODE_POINT_MAX) throw new PatternError('invalid escape sequence');
  return codePoint;
}
