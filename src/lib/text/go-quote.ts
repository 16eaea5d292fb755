// Quotes as Go's %q does it: names in the errors of the TCP protocol (tcp-protocol 4.5), values in complaints about flags.

const NAMED_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\x07', '\\a'], ['\b', '\\b'], ['\f', '\\f'], ['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t'], ['\v', '\\v'],
  ['\\', '\\\\'], ['"', '\\"'],
]);

/** What Go calls printable: letters, marks, numbers, punctuation, symbols and the ASCII blank. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** The text in double quotes, with everything escaped that Go escapes. */
export function quoteLikeGo(text: string): string {
  return `"${Array.from(text, quoteRune).join('')}"`;
}

/**
 * Quotes bytes given as a latin1 string, which need not be UTF-8; the result is latin1 as well, printable runes as their UTF-8
 * bytes.
 */
export function quoteBytesLikeGo(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  let quoted = '"';
  for (let at = 0; at < bytes.length; ) {
    const length = runeBytes(bytes, at);
    if (length === 0) quoted += `\\x${hex(bytes[at]!, 2)}`;
    else quoted += Buffer.from(quoteRune(bytes.toString('utf8', at, at + length)), 'utf8').toString('latin1');
    at += Math.max(length, 1);
  }
  return `${quoted}"`;
}

function quoteRune(rune: string): string {
  return NAMED_ESCAPES.get(rune) ?? (PRINTABLE.test(rune) ? rune : escapeCode(rune.codePointAt(0)!));
}

function escapeCode(code: number): string {
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** Bytes of the valid UTF-8 sequence at `at`, 0 when there is none. */
function runeBytes(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (at + length > bytes.length) return 0;
  const piece = bytes.subarray(at, at + length);
  return Buffer.from(piece.toString('utf8'), 'utf8').equals(piece) ? length : 0;
}
