import { describe, expect, it } from 'vitest';

import { lastSegment, Router } from '../../../../src/lib/http/router.js';

const router = new Router([
  { method: 'GET', pattern: '/ping', handler: 'ping' },
  { method: 'POST', pattern: '/pub', handler: 'pub' },
  { method: 'GET', pattern: '/config/:opt', handler: 'getConfig' },
  { method: 'PUT', pattern: '/config/:opt', handler: 'putConfig' },
  { method: 'GET', pattern: '/debug/pprof/', handler: 'index' },
  { method: 'GET', pattern: '/debug/pprof/symbol', handler: 'symbol' },
  { method: 'POST', pattern: '/debug/pprof/symbol', handler: 'symbol' },
]);

describe('find', () => {
  it.each([
    ['GET', '/ping', 'ping'],
    ['POST', '/pub', 'pub'],
    ['GET', '/config/log_level', 'getConfig'],
    ['PUT', '/config/a b', 'putConfig'],
    ['GET', '/debug/pprof/', 'index'],
    ['GET', '/config/', undefined],
    ['GET', '/config', undefined],
    ['GET', '/config/a/', undefined],
    ['GET', '/config/a/b', undefined],
    ['GET', '/pub', undefined],
    ['GET', '/ping/', undefined],
    ['GET', '/PING', undefined],
    ['HEAD', '/ping', undefined],
    ['GET', '', undefined],
    ['GET', '/', undefined],
  ])('%s %s is %s', (method, path, handler) => {
    expect(router.find(method, path)?.handler).toBe(handler);
  });
});

describe('miss', () => {
  it.each([
    ['GET', '/ping/', '/ping'],
    ['GET', '/PING', '/ping'],
    ['GET', '/Ping/', '/ping'],
    ['GET', '//ping', '/ping'],
    ['GET', '/./ping', '/ping'],
    ['GET', '/a/../ping', '/ping'],
    ['GET', '/debug/pprof', '/debug/pprof/'],
    ['GET', '/DEBUG/pprof', '/debug/pprof/'],
    ['POST', '/pub/', '/pub'],
    ['GET', '/config/log_level/', '/config/log_level'],
    ['GET', '/CONFIG/LOG_LEVEL', '/config/LOG_LEVEL'],
    ['PUT', '/Config/X/', '/config/X'],
    ['GET', '/config//', '/config/'],
  ])('%s %s is redirected to %s', (method, path, target) => {
    expect(router.miss(method, path)).toEqual({ kind: 'redirect', path: target });
  });

  it.each([
    ['POST', '/ping', 'GET, OPTIONS'],
    ['HEAD', '/ping', 'GET, OPTIONS'],
    ['GET', '/pub', 'OPTIONS, POST'],
    ['DELETE', '/config/x', 'GET, OPTIONS, PUT'],
    ['PUT', '/debug/pprof/symbol', 'GET, OPTIONS, POST'],
    ['GET', '*', 'GET, OPTIONS, POST, PUT'],
  ])('%s %s is not allowed, but %s', (method, path, allow) => {
    expect(router.miss(method, path)).toEqual({ kind: 'method-not-allowed', allow });
  });

  it.each([
    ['GET', '/PUB'], ['GET', '/pub/'], ['POST', '/ping/'], ['HEAD', '/ping/'], ['OPTIONS', '/ping/'], ['OPTIONS', '/x'],
    ['GET', '/'], ['GET', '/config'], ['GET', '/config/'], ['GET', '/config/a/b'], ['GET', ''], ['GET', '/debug/'],
  ])('%s %s is not found', (method, path) => {
    expect(router.miss(method, path)).toEqual({ kind: 'not-found' });
  });

  it('answers OPTIONS for a known path', () => {
    expect(router.miss('OPTIONS', '/config/x')).toEqual({ kind: 'options', allow: 'GET, OPTIONS, PUT' });
  });
});

it('cuts the parameter off', () => {
  expect(lastSegment('/config/log_level')).toBe('log_level');
});
