// The members of a JSON object as Go's decoder sees them: keys match in any letter case, of several the last that is not
// null wins, and integers must be written as integers (tcp-protocol 8.3).

/** Raised for text that is not JSON, or a member of the wrong type. */
export class JsonShapeError extends Error {}

const INT64_MAX = 2n ** 63n - 1n;
const INT32_MAX = 2n ** 31n - 1n;
/** Longer ones do not fit, and reading millions of digits takes seconds. */
const INTEGER_CHARS_MAX = INT64_MAX.toString().length + 1;

export class GoJsonObject {
  /** Value texts by lower-case key. */
  readonly #members: ReadonlyMap<string, string>;

  /** Throws JsonShapeError unless the text is a JSON object or null. */
  constructor(text: string) {
    const value = parseJson(text);
    if (value !== null && (typeof value !== 'object' || Array.isArray(value))) throw new JsonShapeError('not an object');
    this.#members = value === null ? new Map() : membersOf(text);
  }

  /** '' when absent. Half a surrogate pair becomes U+FFFD. */
  string(key: string): string {
    const value = this.#value(key);
    if (value === undefined) return '';
    if (typeof value !== 'string') throw new JsonShapeError(`${key} is not a string`);
    return /[\ud800-\udfff]/.test(value) ? Buffer.from(value, 'utf8').toString('utf8') : value;
  }

  /** False when absent. */
  boolean(key: string): boolean {
    const value = this.#value(key);
    if (value === undefined) return false;
    if (typeof value !== 'boolean') throw new JsonShapeError(`${key} is not a boolean`);
    return value;
  }

  /** 0 when absent. Values beyond 2^53 lose digits, which no check of their range notices. */
  integer(key: string, bits: 32 | 64 = 64): number {
    const text = this.#members.get(key);
    if (text === undefined) return 0;
    if (!/^-?\d+$/.test(text)) throw new JsonShapeError(`${key} is not an integer`);
    if (text.length > INTEGER_CHARS_MAX) throw new JsonShapeError(`${key} is out of range`);
    const value = BigInt(text);
    const max = bits === 32 ? INT32_MAX : INT64_MAX;
    if (value > max || value < -max - 1n) throw new JsonShapeError(`${key} is out of range`);
    return Number(value);
  }

  /** Empty when absent. An element that is null is an empty string. */
  strings(key: string): string[] {
    return this.#elements(key).map((element) => {
      if (element !== null && typeof element !== 'string') throw new JsonShapeError(`${key} holds something other than strings`);
      return element ?? '';
    });
  }

  /** Empty when absent. An element that is null is an empty object. */
  objects(key: string): GoJsonObject[] {
    return this.#elements(key).map((element) => new GoJsonObject(JSON.stringify(element)));
  }

  #elements(key: string): unknown[] {
    const value = this.#value(key) ?? [];
    if (!Array.isArray(value)) throw new JsonShapeError(`${key} is not an array`);
    return value;
  }

  #value(key: string): unknown {
    const text = this.#members.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new JsonShapeError('not JSON', { cause: error });
  }
}

/** Walks the top level of text that is known to be a valid JSON object. */
function membersOf(text: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = text.indexOf('{') + 1;
  for (;;) {
    at = skipBlanks(text, at);
    if (text[at] === '}') return members;
    const keyEnd = valueEnd(text, at);
    const key = folded(JSON.parse(text.slice(at, keyEnd)) as string);
    const start = skipBlanks(text, text.indexOf(':', keyEnd) + 1);
    const end = valueEnd(text, start);
    const value = text.slice(start, end);
    if (value !== 'null') members.set(key, value);
    at = skipBlanks(text, end);
    if (text[at] === ',') at += 1;
  }
}

/** Go takes the long s and the Kelvin sign for letters, too. */
function folded(key: string): string {
  return key.replaceAll('\u017f', 's').toLowerCase();
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (' \t\r\n'.includes(text[at]!)) at += 1;
  return at;
}

/** The index behind the value that starts at `from`. */
function valueEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; ; at += 1) {
    const char = text[at]!;
    if (char === '"') {
      at += 1;
      while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    } else if (char === '{' || char === '[') {
      depth += 1;
    } else if (char === '}' || char === ']') {
      if (depth === 0) return at;
      depth -= 1;
    } else if (depth === 0 && ' \t\r\n,:'.includes(char)) {
      return at;
    } else {
      continue;
    }
    if (depth === 0) return at + 1;
  }
}

/** JSON text as Go writes it: `<`, `>`, `&` and the two line separators are escaped. */
export function goJsonText(value: unknown): string {
  return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
