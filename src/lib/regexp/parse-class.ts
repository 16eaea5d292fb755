// Classes of characters: `[a-z]`, and the escapes that stand for one, `\d`, `\pL`, `\p{Greek}`.

import {
  add, ASCII_CHARS, complement, PERL_SETS, POSIX_SETS, rangeSet, unicodeSet, withOtherCase,
} from './char-set.js';
import type { CharSet } from './char-set.js';
import { PatternError } from './pattern-cursor.js';
import type { PatternCursor } from './pattern-cursor.js';

const POSIX_NAME = /\[:(\^?)([^]*?):\]/y;
const UNICODE_NAME = /\\([pP])(?:\{(\^?)([^}]*)\}|([^{]))/uy;

/** The rest of a class, behind its opening bracket. */
export function parseClass(cursor: PatternCursor, ignoresCase: boolean): CharSet {
  const set = new Uint8Array(ASCII_CHARS);
  const isNegated = cursor.take('^');
  for (let isFirst = true; isFirst || !cursor.isAt(']'); isFirst = false) {
    if (cursor.isAtEnd) throw new PatternError('missing closing ]');
    add(set, posixClass(cursor, ignoresCase) ?? escapedClass(cursor, ignoresCase) ?? range(cursor, ignoresCase));
  }
  cursor.take(']');
  return isNegated ? complement(set) : set;
}

/** A character, or two with a dash between them. */
function range(cursor: PatternCursor, ignoresCase: boolean): CharSet {
  const low = classChar(cursor);
  let high = low;
  if (cursor.isAt('-') && !cursor.isAt('-]')) {
    cursor.take('-');
    high = classChar(cursor);
    if (high < low) throw new PatternError('invalid character class range');
  }
  return rangeSet(low, high, ignoresCase);
}

function classChar(cursor: PatternCursor): number {
  if (cursor.isAtEnd) throw new PatternError('missing closing ]');
  return cursor.isAt('\\') ? cursor.takeEscapedCodePoint() : cursor.takeCodePoint();
}

/** Letter case is put aside before the set is turned around. */
function flagged(set: CharSet, isNegated: boolean, ignoresCase: boolean): CharSet {
  const folded = ignoresCase ? withOtherCase(set) : set;
  return isNegated ? complement(folded) : folded;
}

/** `[:alpha:]`, `[:^alpha:]`; null when something else comes next. */
function posixClass(cursor: PatternCursor, ignoresCase: boolean): CharSet | null {
  const match = cursor.takeMatch(POSIX_NAME);
  if (match === null) return null;
  const set = POSIX_SETS.get(match[2]!);
  if (set === undefined) throw new PatternError('invalid character class range');
  return flagged(set, match[1] === '^', ignoresCase);
}

/** An escape that stands for a class; null when something else comes next. */
export function escapedClass(cursor: PatternCursor, ignoresCase: boolean): CharSet | null {
  return cursor.isAt('\\') ? (unicodeClass(cursor, ignoresCase) ?? perlClass(cursor)) : null;
}

/** `\pL`, `\PL`, `\p{Lu}`, `\p{^Lu}`; null when something else comes next. */
function unicodeClass(cursor: PatternCursor, ignoresCase: boolean): CharSet | null {
  if (!cursor.isAt('\\p') && !cursor.isAt('\\P')) return null;
  const match = cursor.takeMatch(UNICODE_NAME);
  const set = match === null ? undefined : unicodeSet(match[3] ?? match[4]!);
  if (match === null || set === undefined) throw new PatternError('invalid character class range');
  return flagged(set, (match[1] === 'P') !== (match[2] === '^'), ignoresCase);
}

/** `\d`, `\D` and their like; null when something else comes next. */
function perlClass(cursor: PatternCursor): CharSet | null {
  for (const [letter, set] of PERL_SETS) {
    if (cursor.take(`\\${letter}`)) return set;
    if (cursor.take(`\\${letter.toUpperCase()}`)) return complement(set);
  }
  return null;
}
