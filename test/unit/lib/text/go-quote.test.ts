// Go's %q, as seen in messages about bad flag values.

import { describe, expect, it } from 'vitest';

import { quoteLikeGo } from '../../../../src/lib/text/go-quote.js';

describe('quoteLikeGo', () => {
  it('escapes what Go escapes', () => {
    // The right side is what stock nsqd printed for this flag value.
    const text = 'a"\\\n\x01\x7f\u00e9\u200b\u20ac\u{1f600}';
    expect(quoteLikeGo(text)).toBe('"a\\"\\\\\\n\\x01\\x7f\u00e9\\u200b\u20ac\u{1f600}"');
  });

  it.each([
    ['', '""'], ['\t\r\v', '"\\t\\r\\v"'], ['\u00a0', '"\\u00a0"'], ['\u{e0001}', '"\\U000e0001"'],
  ])('quotes %j', (text, quoted) => {
    expect(quoteLikeGo(text)).toBe(quoted);
  });
});
