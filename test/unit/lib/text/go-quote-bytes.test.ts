import { describe, expect, it } from 'vitest';

import { quoteBytesLikeGo } from '../../../../src/lib/text/go-quote.js';

/** Text as the latin1 string that its UTF-8 bytes make. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

describe('quoteBytesLikeGo', () => {
  it.each([
    ['', '""'],
    ['abc', '"abc"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['\x07\b\f\n\r\t\v', '"\\a\\b\\f\\n\\r\\t\\v"'],
    ['\x00\x1f\x7f', '"\\x00\\x1f\\x7f"'],
    [latin1('é€😀'), latin1('"é€😀"')],
    [latin1('\u00a0'), '"\\u00a0"'],
    [latin1('\u200b\u2028'), '"\\u200b\\u2028"'],
    [latin1('\u{e0001}'), '"\\U000e0001"'],
    ['\xff\xfe', '"\\xff\\xfe"'],
    ['\xc3', '"\\xc3"'],
    ['\xc3(', '"\\xc3("'],
    ['\xe2\x82', '"\\xe2\\x82"'],
    ['\xed\xa0\x80', '"\\xed\\xa0\\x80"'],
    ['\x80a', '"\\x80a"'],
  ])('%j becomes %j', (bytes, quoted) => {
    expect(quoteBytesLikeGo(bytes)).toBe(quoted);
  });
});
