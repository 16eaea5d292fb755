// A TOML 1.0 reader. nsqd looks at top-level keys only, but any valid document must load, so all of TOML is here.
// This file is the grammar: statements, keys, arrays and inline tables; strings, bare words and the rules about tables
// have files of their own.

import { TomlCursor } from './toml-cursor.js';
import { TomlDocument } from './toml-document.js';
import { readScalar } from './toml-scalar.js';
import { readSingleLineString, readString } from './toml-string.js';
import { TomlError, type TomlTable, type TomlValue } from './toml-value.js';

/** Arrays and inline tables nested deeper than this are refused: recursion must end before the stack does. */
const DEPTH_MAX = 500;

const BARE_KEY = /[A-Za-z0-9_-]+/y;

/**
 * Reads a whole document, given as UTF-8 with or without a byte order mark, and returns its root table.
 * Throws TomlError, which names the line.
 */
export function parseToml(bytes: Uint8Array): TomlTable {
  const cursor = new TomlCursor(decode(bytes));
  const document = new TomlDocument();
  cursor.skipBlankLines();
  while (!cursor.isAtEnd()) {
    readStatement(cursor, document);
    cursor.endLine();
    cursor.skipBlankLines();
  }
  return document.root;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new TomlError('toml: the file is not valid UTF-8', { cause: error });
  }
}

function readStatement(cursor: TomlCursor, document: TomlDocument): void {
  if (cursor.skip('[[')) {
    const path = readKey(cursor);
    cursor.expect(']]', 'after the name of an array of tables');
    failIf(cursor, document.appendTable(path));
  } else if (cursor.skip('[')) {
    const path = readKey(cursor);
    cursor.expect(']', 'after the name of a table');
    failIf(cursor, document.openTable(path));
  } else {
    readKeyAndValue(cursor, document, 0, (path, value) => document.setKey(path, value));
  }
}

function readKeyAndValue(
  cursor: TomlCursor,
  document: TomlDocument,
  depth: number,
  set: (path: readonly string[], value: TomlValue) => string | undefined,
): void {
  const path = readKey(cursor);
  cursor.expect('=', `after key '${path.join('.')}'`);
  cursor.skipBlanks();
  failIf(cursor, set(path, readValue(cursor, document, depth)));
}

/** A key with its dots, and the blanks around it. */
function readKey(cursor: TomlCursor): string[] {
  const path: string[] = [];
  do {
    cursor.skipBlanks();
    const part = readSingleLineString(cursor) ?? cursor.match(BARE_KEY);
    if (part === undefined) cursor.fail(`expected a key, but got ${cursor.describeNext()}`);
    path.push(part);
    cursor.skipBlanks();
  } while (cursor.skip('.'));
  return path;
}

function readValue(cursor: TomlCursor, document: TomlDocument, depth: number): TomlValue {
  if (depth > DEPTH_MAX) cursor.fail(`values are nested more than ${DEPTH_MAX} deep`);
  if (cursor.skip('[')) return readArray(cursor, document, depth);
  if (cursor.skip('{')) return readInlineTable(cursor, document, depth);
  const text = readString(cursor);
  return text === undefined ? readScalar(cursor) : { kind: 'string', value: text };
}

function readArray(cursor: TomlCursor, document: TomlDocument, depth: number): TomlValue {
  const items: TomlValue[] = [];
  cursor.skipBlankLines();
  while (!cursor.skip(']')) {
    items.push(readValue(cursor, document, depth + 1));
    cursor.skipBlankLines();
    if (!cursor.skip(',') && !cursor.sees(']')) {
      cursor.fail(`expected ',' or ']' in an array, but got ${cursor.describeNext()}`);
    }
    cursor.skipBlankLines();
  }
  return { kind: 'array', items };
}

/** `{ a = 1, b.c = 2 }` on one line, without a comma at the end. */
function readInlineTable(cursor: TomlCursor, document: TomlDocument, depth: number): TomlValue {
  return document.buildInlineTable((set) => {
    cursor.skipBlanks();
    if (cursor.skip('}')) return;
    do {
      readKeyAndValue(cursor, document, depth + 1, set);
      cursor.skipBlanks();
    } while (cursor.skip(','));
    cursor.expect('}', 'at the end of an inline table');
  });
}

function failIf(cursor: TomlCursor, reason: string | undefined): void {
  if (reason !== undefined) cursor.fail(reason);
}
