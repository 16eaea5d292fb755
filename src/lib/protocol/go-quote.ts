// Names in error texts, quoted as Go's %q does it (tcp-protocol 4.5).

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"', '\\': '\\\\',
  '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v',
};

/** Quotes bytes given as a latin1 string; the result is latin1 as well, printable runes as their UTF-8 bytes. */
export function goQuote(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1');
  let quoted = '"';
  for (let at = 0; at < bytes.length; ) {
    const length = runeBytes(bytes, at);
    if (length === 0) {
      quoted += hexEscape(bytes[at]!);
      at += 1;
      continue;
    }
    quoted += quoteRune(bytes.toString('utf8', at, at + length), bytes.toString('latin1', at, at + length));
    at += length;
  }
  return `${quoted}"`;
}

function quoteRune(rune: string, asLatin1: string): string {
  const short = SHORT_ESCAPES[rune];
  if (short !== undefined) return short;
  if (PRINTABLE.test(rune)) return asLatin1;
  const code = rune.codePointAt(0)!;
  if (code < 0x20 || code === 0x7f) return hexEscape(code);
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hexEscape(byte: number): string {
  return `\\x${hex(byte, 2)}`;
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
