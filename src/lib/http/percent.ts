// Percent-encoding as Go's net/url does it. Decoded texts are returned as strings of bytes (one character per byte,
// 0 to 255), because a path or a query may hold any bytes; `bytesToText` turns them into readable text.

const PERCENT = 0x25;
const PLUS = 0x2b;
/** What Go leaves alone in a path besides letters and digits. */
const PATH_CHARACTERS = new Set("-_.~$&+,/:;=@");

/** Outcome of decoding; `badEscape` is the offending piece of at most three characters, or null. */
export interface Decoded {
  readonly bytes: string;
  readonly badEscape: string | null;
}

/** Decodes `%XX`, and in queries `+` as a blank. */
export function percentDecode(text: string, isQuery: boolean): Decoded {
  if (!text.includes('%') && !(isQuery && text.includes('+'))) return { bytes: text, badEscape: null };
  let bytes = '';
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === PERCENT) {
      const high = hexDigit(text.charCodeAt(index + 1));
      const low = hexDigit(text.charCodeAt(index + 2));
      if (high < 0 || low < 0) return { bytes: '', badEscape: text.slice(index, index + 3) };
      bytes += String.fromCharCode(high * 16 + low);
      index += 2;
    } else {
      bytes += isQuery && code === PLUS ? ' ' : text.charAt(index);
    }
  }
  return { bytes, badEscape: null };
}

/** Encodes a decoded path for a `Location` header. */
export function encodePath(bytes: string): string {
  let path = '';
  for (const character of bytes) {
    path += isPathCharacter(character) ? character : percentEncoded(character.charCodeAt(0));
  }
  return path;
}

/** A string of bytes read as UTF-8; invalid sequences become U+FFFD. */
export function bytesToText(bytes: string): string {
  for (let index = 0; index < bytes.length; index++) {
    if (bytes.charCodeAt(index) > 0x7f) return Buffer.from(bytes, 'latin1').toString('utf8');
  }
  return bytes;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x41 && code <= 0x46) return code - 0x41 + 10;
  if (code >= 0x61 && code <= 0x66) return code - 0x61 + 10;
  return -1;
}

function isPathCharacter(character: string): boolean {
  const isLetterOrDigit = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
    (character >= '0' && character <= '9');
  return isLetterOrDigit || PATH_CHARACTERS.has(character);
}

function percentEncoded(code: number): string {
  return `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
}
