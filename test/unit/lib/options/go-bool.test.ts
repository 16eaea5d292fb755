// Go's twelve spellings of booleans (options.md 3).

import { describe, expect, it } from 'vitest';

import { parseGoBool } from '../../../../src/lib/options/go-bool.js';

describe('parseGoBool', () => {
  it.each(['1', 't', 'T', 'TRUE', 'true', 'True'])('takes %j for true', (text) => {
    expect(parseGoBool(text)).toEqual({ ok: true, value: true });
  });

  it.each(['0', 'f', 'F', 'FALSE', 'false', 'False'])('takes %j for false', (text) => {
    expect(parseGoBool(text)).toEqual({ ok: true, value: false });
  });

  it.each(['', 'yes', 'no', 'on', 'tRUE', ' true', '2', '00'])('refuses %j', (text) => {
    expect(parseGoBool(text)).toEqual({ ok: false, reason: 'parse error' });
  });
});
