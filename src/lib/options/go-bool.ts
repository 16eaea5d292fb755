// Reads booleans as Go's strconv.ParseBool does (options.md 3).

import { parsed, refused, type Parsed } from './parsed.js';

/** Reason given for a text that is no boolean. */
export const NOT_A_BOOLEAN = 'parse error';

const TRUE_WORDS: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE_WORDS: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** True or false for Go's twelve spellings, refused with NOT_A_BOOLEAN for everything else. */
export function parseGoBool(text: string): Parsed<boolean> {
  if (TRUE_WORDS.has(text)) return parsed(true);
  return FALSE_WORDS.has(text) ? parsed(false) : refused(NOT_A_BOOLEAN);
}
