import { describe, expect, it } from 'vitest';

import { parseQuery } from '../../../../src/lib/http/query.js';

describe('parseQuery', () => {
  it.each<[string, Record<string, string>]>([
    ['', {}],
    ['topic=a', { topic: 'a' }],
    ['topic=a&channel=b', { topic: 'a', channel: 'b' }],
    ['topic', { topic: '' }],
    ['topic=', { topic: '' }],
    ['=a', { '': 'a' }],
    ['&&topic=a&', { topic: 'a' }],
    ['topic=a&topic=b', { topic: 'a' }],
    ['Topic=a', { Topic: 'a' }],
    ['topic=a=b', { topic: 'a=b' }],
    ['topic=a+b', { topic: 'a b' }],
    ['t%6Fpic=%61%2b', { topic: 'a+' }],
    ['topic=foo%23ephemeral', { topic: 'foo#ephemeral' }],
    ['topic=%C3%A9', { topic: 'é' }],
    ['topic=%ff', { topic: '\ufffd' }],
    ['topic=a?b', { topic: 'a?b' }],
  ])('reads %j', (text, values) => {
    const query = parseQuery(text);
    expect(Object.fromEntries(query.values)).toEqual(values);
    expect(query.error).toBeNull();
  });

  it.each([
    ['topic=a;b', 'invalid semicolon separator in query'],
    ['x&;&y', 'invalid semicolon separator in query'],
    ['topic=%zz', 'invalid URL escape "%zz"'],
    ['topic=%z', 'invalid URL escape "%z"'],
    ['%=a', 'invalid URL escape "%"'],
    ['a=%zz&b=%yy', 'invalid URL escape "%zz"'],
    ['a=%zz&b;', 'invalid semicolon separator in query'],
  ])('refuses %j', (text, error) => {
    expect(parseQuery(text).error).toBe(error);
  });

  it('keeps the valid segments of an invalid query', () => {
    expect(parseQuery('a=%zz&b=1').values.get('b')).toBe('1');
  });
});
