import { describe, expect, it } from 'vitest';

import { cleanPath } from '../../../../src/lib/http/clean-path.js';
import { bytesToText, encodePath, percentDecode } from '../../../../src/lib/http/percent.js';
import { parseRequestTarget } from '../../../../src/lib/http/request-target.js';

describe('parseRequestTarget', () => {
  it.each([
    ['/ping', '', '/ping', ''],
    ['/pub?topic=a?b', '', '/pub', 'topic=a?b'],
    ['/ping?', '', '/ping', ''],
    ['/%70ing', '', '/ping', ''],
    ['/a%2fb', '', '/a/b', ''],
    ['/a+b', '', '/a+b', ''],
    ['*', '', '*', ''],
    ['http://host:1/ping?x', 'http://host:1', '/ping', 'x'],
    ['http://host?x', 'http://host', '', 'x'],
    ['http://host', 'http://host', '', ''],
    ['/%zz', '', null, ''],
    ['/%', '', null, ''],
  ])('splits %s', (target, origin, path, query) => {
    expect(parseRequestTarget(target)).toEqual({ origin, path, query });
  });
});

describe('percent-encoding', () => {
  it('encodes what Go encodes in a path', () => {
    expect(encodePath("/a b/\xc3\xa9$&+,:;=@~!'()*?%")).toBe('/a%20b/%C3%A9$&+,:;=@~%21%27%28%29%2A%3F%25');
  });

  it('decodes plus as a blank only in queries', () => {
    expect([percentDecode('a+b', true).bytes, percentDecode('a+b', false).bytes]).toEqual(['a b', 'a+b']);
  });

  it('decodes to bytes, which may be text', () => {
    expect(bytesToText(percentDecode('%e2%82%ac', false).bytes)).toBe('€');
  });
});

describe('cleanPath', () => {
  it.each([
    ['/', '/'], ['', '/'], ['//', '/'], ['/a', '/a'], ['/a/', '/a/'], ['a', '/a'], ['//a//b', '/a/b'], ['/./a', '/a'],
    ['/a/.', '/a/'], ['/a/./', '/a/'], ['/a/..', '/'], ['/a/b/..', '/a'], ['/../a', '/a'], ['/a/../b/', '/b/'],
  ])('%s is %s', (path, clean) => {
    expect(cleanPath(path)).toBe(clean);
  });
});
