// Reads the four kinds of TOML strings: "basic", 'literal' and their multi-line forms.

import type { TomlCursor } from './toml-cursor.js';

// Runs of characters that stand for themselves. Control characters are not allowed, apart from tab and, in the
// multi-line forms, line ends; a carriage return must be followed by a line feed.
const BASIC_RUN = /[^"\\\x00-\x08\x0a-\x1f\x7f]+/y;
const LITERAL_RUN = /[^'\x00-\x08\x0a-\x1f\x7f]+/y;
const MULTI_LINE_BASIC_RUN = /(?:[^"\\\x00-\x08\x0b-\x1f\x7f]|\r\n)+/y;
const MULTI_LINE_LITERAL_RUN = /(?:[^'\x00-\x08\x0b-\x1f\x7f]|\r\n)+/y;

/** A backslash at the end of a line swallows it and all white space up to the next character. */
const LINE_CONTINUATION = /\\[ \t]*\r?\n(?:[ \t]|\r?\n)*/y;
const FIRST_NEWLINE = /\r?\n/y;
const UNICODE_ESCAPE = /\\(?:u[\da-fA-F]{4}|U[\da-fA-F]{8})/y;
const SHORT_ESCAPE = /\\[btnfr"\\]/y;

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\\b', '\b'], ['\\t', '\t'], ['\\n', '\n'], ['\\f', '\f'], ['\\r', '\r'], ['\\"', '"'], ['\\\\', '\\'],
]);

/** Reads a string of any kind. Undefined if none begins at the cursor; throws TomlError if it is malformed. */
export function readString(cursor: TomlCursor): string | undefined {
  if (cursor.skip('"""')) return readMultiLine(cursor, '"', MULTI_LINE_BASIC_RUN);
  if (cursor.skip("'''")) return readMultiLine(cursor, "'", MULTI_LINE_LITERAL_RUN);
  return readSingleLineString(cursor);
}

/** Like readString, but for keys: no multi-line forms. */
export function readSingleLineString(cursor: TomlCursor): string | undefined {
  if (cursor.skip('"')) return readSingleLine(cursor, '"', BASIC_RUN);
  if (cursor.skip("'")) return readSingleLine(cursor, "'", LITERAL_RUN);
  return undefined;
}

function readSingleLine(cursor: TomlCursor, quote: string, run: RegExp): string {
  let text = '';
  while (!cursor.skip(quote)) {
    text += cursor.match(run) ?? readEscape(cursor, quote);
  }
  return text;
}

function readMultiLine(cursor: TomlCursor, quote: string, run: RegExp): string {
  cursor.match(FIRST_NEWLINE);
  let text = '';
  while (!cursor.skip(quote.repeat(3))) {
    if (cursor.skip(quote)) {
      text += quote;
    } else if (quote === "'" || cursor.match(LINE_CONTINUATION) === undefined) {
      text += cursor.match(run) ?? readEscape(cursor, quote);
    }
  }
  // Up to two quotes may stand directly before the closing three.
  for (let extra = 0; extra < 2 && cursor.skip(quote); extra++) text += quote;
  return text;
}

/** Only called where no plain character follows: an escape of a basic string, or an error. */
function readEscape(cursor: TomlCursor, quote: string): string {
  if (cursor.isAtEnd()) cursor.fail('unexpected end of file in a string');
  if (quote === "'" || cursor.peek() !== '\\') {
    cursor.fail(`${cursor.describeNext()} is not allowed in this string`);
  }
  const short = cursor.match(SHORT_ESCAPE);
  if (short !== undefined) return SHORT_ESCAPES.get(short) ?? '';
  const unicode = cursor.match(UNICODE_ESCAPE);
  if (unicode === undefined) cursor.fail('invalid escape in a string');
  const code = Number.parseInt(unicode.slice(2), 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) cursor.fail(`${unicode} is not a Unicode character`);
  return String.fromCodePoint(code);
}
