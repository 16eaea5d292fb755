// Query strings by the rules of Go's url.ParseQuery (http-api 2.3): split on `&`, the first value of a key counts, a
// raw semicolon or a malformed escape makes the whole query invalid although the other segments are still read.

import { quoteLikeGo } from '../text/go-quote.js';
import { bytesToText, percentDecode } from './percent.js';

/** The parameters of a request. */
export interface Query {
  /** First value of every key of the valid segments. */
  readonly values: ReadonlyMap<string, string>;
  /** Why the query as a whole is invalid, in Go's words; null if it is valid. */
  readonly error: string | null;
}

const EMPTY: Query = { values: new Map(), error: null };

/** Parses what stands behind the `?`. */
export function parseQuery(text: string): Query {
  if (text === '') return EMPTY;
  const values = new Map<string, string>();
  let error: string | null = null;
  let start = 0;
  while (start <= text.length) {
    let end = text.indexOf('&', start);
    if (end < 0) end = text.length;
    const segmentError = end > start ? addSegment(values, text.slice(start, end)) : null;
    if (segmentError === SEMICOLON_ERROR || error === null) error = segmentError ?? error;
    start = end + 1;
  }
  return { values, error };
}

const SEMICOLON_ERROR = 'invalid semicolon separator in query';

/** Adds `key=value` unless the key is known; returns the error text if the segment is invalid. */
function addSegment(values: Map<string, string>, segment: string): string | null {
  if (segment.includes(';')) return SEMICOLON_ERROR;
  const equals = segment.indexOf('=');
  const key = percentDecode(equals < 0 ? segment : segment.slice(0, equals), true);
  if (key.badEscape !== null) return escapeError(key.badEscape);
  const value = percentDecode(equals < 0 ? '' : segment.slice(equals + 1), true);
  if (value.badEscape !== null) return escapeError(value.badEscape);
  const name = bytesToText(key.bytes);
  if (!values.has(name)) values.set(name, bytesToText(value.bytes));
  return null;
}

function escapeError(escape: string): string {
  return `invalid URL escape ${quoteLikeGo(escape)}`;
}
