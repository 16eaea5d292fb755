// A position in a TOML document: matching, skipping blanks and comments, and errors that name the line.
// It knows the lexical ground rules of TOML and nothing of keys and values.

import { TomlError } from './toml-value.js';

const BLANKS = /[ \t]*/y;
const NEWLINE = /\r?\n/y;
/** Comments may hold anything but control characters; a tab is fine. */
const COMMENT = /#[^\x00-\x08\x0a-\x1f\x7f]*/y;

export class TomlCursor {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  isAtEnd(): boolean {
    return this.#position >= this.#text.length;
  }

  /** The next character, '' at the end. */
  peek(): string {
    return this.#text.charAt(this.#position);
  }

  /** Whether the text goes on with `expected`. */
  sees(expected: string): boolean {
    return this.#text.startsWith(expected, this.#position);
  }

  /** Moves over `expected` if the text goes on with it. */
  skip(expected: string): boolean {
    if (!this.sees(expected)) return false;
    this.#position += expected.length;
    return true;
  }

  /** Moves over `expected`. Throws TomlError if it is not there; `where` completes the message. */
  expect(expected: string, where: string): void {
    if (!this.skip(expected)) this.fail(`expected '${expected}' ${where}, but got ${this.describeNext()}`);
  }

  /** Moves over what a sticky expression matches here and returns it; undefined if it does not match. */
  match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.#position;
    const found = sticky.exec(this.#text)?.[0];
    this.#position += found?.length ?? 0;
    return found;
  }

  skipBlanks(): void {
    this.match(BLANKS);
  }

  /** Moves over blanks, comments and line ends, as allowed between statements and inside arrays. */
  skipBlankLines(): void {
    do {
      this.skipBlanks();
      this.match(COMMENT);
    } while (this.match(NEWLINE) !== undefined);
  }

  /** Moves to the next line. Throws TomlError if anything but blanks and a comment is left on this one. */
  endLine(): void {
    this.skipBlanks();
    this.match(COMMENT);
    if (this.match(NEWLINE) === undefined && !this.isAtEnd()) {
      this.fail(`expected a newline, but got ${this.describeNext()}`);
    }
  }

  describeNext(): string {
    if (this.isAtEnd()) return 'the end of the file';
    const character = String.fromCodePoint(this.#text.codePointAt(this.#position) ?? 0);
    return character < ' ' || character === '\x7f' ? JSON.stringify(character) : `'${character}'`;
  }

  fail(reason: string): never {
    const line = this.#text.slice(0, this.#position).split('\n').length;
    throw new TomlError(`toml: line ${line}: ${reason}`);
  }
}
