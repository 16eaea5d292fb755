// The request target of an HTTP request line, split without interpreting it: origin form (`/path?query`), absolute form
// (`http://host/path?query`), and the asterisk of `OPTIONS *`.

import { percentDecode } from './percent.js';

export interface RequestTarget {
  /** Scheme and authority of the absolute form, otherwise empty. */
  readonly origin: string;
  /** Decoded path as a string of bytes; null if it holds a malformed escape (answered 400, http-api 2.6). */
  readonly path: string | null;
  /** What stands behind the first `?`, undecoded. */
  readonly query: string;
}

export function parseRequestTarget(target: string): RequestTarget {
  const pathStart = target.startsWith('/') || target === '*' ? 0 : authorityEnd(target);
  const questionMark = target.indexOf('?', pathStart);
  const pathEnd = questionMark < 0 ? target.length : questionMark;
  const decoded = percentDecode(target.slice(pathStart, pathEnd), false);
  return {
    origin: target.slice(0, pathStart),
    path: decoded.badEscape === null ? decoded.bytes : null,
    query: questionMark < 0 ? '' : target.slice(questionMark + 1),
  };
}

/** Where the path begins in `scheme://authority/path`. */
function authorityEnd(target: string): number {
  const authorityStart = target.indexOf('://') + 3;
  if (authorityStart < 3) return 0;
  for (let index = authorityStart; index < target.length; index++) {
    const character = target.charAt(index);
    if (character === '/' || character === '?') return index;
  }
  return target.length;
}
