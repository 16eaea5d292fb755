// Sets of ASCII characters: one byte per character, 1 for those inside. Characters beyond ASCII are never asked for, so
// that a set forgets them, but for the two whose other letter case is ASCII.

export const ASCII_CHARS = 128;

export type CharSet = Uint8Array;

const KELVIN_SIGN = 0x212a;
const LONG_S = 0x17f;

/** The characters from `low` to `high`, code points, both included. */
export function rangeSet(low: number, high: number, ignoresCase: boolean): CharSet {
  const set = new Uint8Array(ASCII_CHARS);
  if (low < ASCII_CHARS) set.fill(1, low, Math.min(high + 1, ASCII_CHARS));
  if (!ignoresCase) return set;
  if (low <= KELVIN_SIGN && KELVIN_SIGN <= high) add(set, charsSet('kK'));
  if (low <= LONG_S && LONG_S <= high) add(set, charsSet('sS'));
  return withOtherCase(set);
}

function charsSet(chars: string): CharSet {
  const set = new Uint8Array(ASCII_CHARS);
  for (const char of chars) set[char.charCodeAt(0)] = 1;
  return set;
}

export function add(target: CharSet, source: CharSet): void {
  for (let code = 0; code < ASCII_CHARS; code += 1) target[code]! |= source[code]!;
}

export function complement(set: CharSet): CharSet {
  return set.map((isIn) => 1 - isIn);
}

export function withOtherCase(set: CharSet): CharSet {
  const both = set.slice();
  for (let lower = 0x61; lower <= 0x7a; lower += 1) {
    const upper = lower - 0x20;
    if (set[lower] === 1 || set[upper] === 1) both[lower] = both[upper] = 1;
  }
  return both;
}

function matching(pattern: RegExp): CharSet {
  return Uint8Array.from({ length: ASCII_CHARS }, (_, code) => (pattern.test(String.fromCharCode(code)) ? 1 : 0));
}

/** `[[:name:]]`. */
export const POSIX_SETS: ReadonlyMap<string, CharSet> = new Map([
  ['alnum', matching(/[0-9A-Za-z]/)],
  ['alpha', matching(/[A-Za-z]/)],
  ['ascii', matching(/[\x00-\x7f]/)],
  ['blank', matching(/[\t ]/)],
  ['cntrl', matching(/[\x00-\x1f\x7f]/)],
  ['digit', matching(/[0-9]/)],
  ['graph', matching(/[!-~]/)],
  ['lower', matching(/[a-z]/)],
  ['print', matching(/[ -~]/)],
  ['punct', matching(/[!-/:-@[-`{-~]/)],
  ['space', matching(/[\t\n\v\f\r ]/)],
  ['upper', matching(/[A-Z]/)],
  ['word', matching(/[0-9A-Za-z_]/)],
  ['xdigit', matching(/[0-9A-Fa-f]/)],
]);

/** `\d`, `\s` and `\w`. */
export const PERL_SETS: ReadonlyMap<string, CharSet> = new Map([
  ['d', matching(/[0-9]/)],
  ['s', matching(/[\t\n\f\r ]/)],
  ['w', matching(/[0-9A-Za-z_]/)],
]);

const NAME = /^[A-Za-z_]+$/;
const SPECIAL_NAME = /^(?:Any|ASCII|Assigned)$/;
/** Short names of scripts, which Go does not know; these five are the whole names. */
const SCRIPT_ABBREVIATION = /^(?!Cham|Lisu|Modi|Thai|Toto)[A-Z][a-z]{3}$/;

/** `\p{name}`: a general category or a script; undefined when there is no such. */
export function unicodeSet(name: string): CharSet | undefined {
  if (!NAME.test(name)) return undefined;
  if (SPECIAL_NAME.test(name)) return propertySet(name);
  return propertySet(`gc=${name}`) ?? (SCRIPT_ABBREVIATION.test(name) ? undefined : propertySet(`sc=${name}`));
}

function propertySet(property: string): CharSet | undefined {
  try {
    return matching(new RegExp(`^\\p{${property}}$`, 'u'));
  } catch {
    return undefined; // There is no such property.
  }
}
