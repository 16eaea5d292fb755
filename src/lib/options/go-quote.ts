// Quotes a text as Go's %q does: nsqd's messages about bad flag values show the value this way.

const NAMED_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\x07', '\\a'], ['\b', '\\b'], ['\f', '\\f'], ['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t'], ['\v', '\\v'],
  ['\\', '\\\\'], ['"', '\\"'],
]);

/** What Go calls printable: letters, marks, numbers, punctuation, symbols and the ASCII blank. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** The text in double quotes, with everything escaped that Go escapes. */
export function quoteLikeGo(text: string): string {
  let quoted = '"';
  for (const character of text) {
    quoted += NAMED_ESCAPES.get(character) ?? (PRINTABLE.test(character) ? character : escapeCode(character));
  }
  return `${quoted}"`;
}

function escapeCode(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code < 0x20 || code === 0x7f) return `\\x${hex.padStart(2, '0')}`;
  return code > 0xffff ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
}
