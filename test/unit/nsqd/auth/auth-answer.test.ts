import { describe, expect, it } from 'vitest';

import { parseAuthAnswer, type Permission } from '../../../../src/nsqd/auth/auth-answer.js';

const ENTRY = { topic: '^t$', channels: ['^c'], permissions: ['subscribe', 'publish'] };

function parse(value: unknown): ReturnType<typeof parseAuthAnswer> {
  return parseAuthAnswer(typeof value === 'string' ? value : JSON.stringify(value));
}

describe('an answer', () => {
  it('has an identity and authorizations', () => {
    const answer = parse({ ttl: 5, identity: 'me', identity_url: 'http://x', authorizations: [ENTRY, ENTRY] });
    expect(answer).toMatchObject({ ttlSeconds: 5, identity: 'me', identityUrl: 'http://x' });
    expect(answer.authorizations).toHaveLength(2);
  });

  it.each([
    ['without authorizations', { ttl: 5 }],
    ['with null for everything else', { ttl: 5, identity: null, identity_url: null, authorizations: null }],
    ['with keys in any letter case', '{"TTL":5,"Authorizations":[]}'],
    ['with an entry that is empty', { ttl: 5, authorizations: [{}] }],
    ['with nulls inside', '{"ttl":5,"authorizations":[null,{"channels":[null]}]}'],
    ['with what nobody knows', { ttl: 5, more: 1 }],
  ])('is valid %s', (_, value) => {
    expect(() => parse(value)).not.toThrow();
  });

  it.each([
    ['that is not JSON', 'yes'],
    ['that is an array', []],
    ['that is null', 'null'],
    ['without a ttl', { authorizations: [ENTRY] }],
    ['with a ttl of 0', { ttl: 0 }],
    ['with a negative ttl', { ttl: -1 }],
    ['with a fraction as ttl', '{"ttl":1.5}'],
    ['with a ttl that is written as a fraction', '{"ttl":60.0}'],
    ['with a text as ttl', { ttl: '60' }],
    ['with a number as identity', { ttl: 5, identity: 1 }],
    ['with an object for the list', { ttl: 5, authorizations: {} }],
    ['with an entry that is a text', { ttl: 5, authorizations: ['.*'] }],
    ['with an unknown permission', { ttl: 5, authorizations: [{ ...ENTRY, permissions: ['publish', 'fly'] }] }],
    ['with a permission in capitals', { ttl: 5, authorizations: [{ ...ENTRY, permissions: ['Publish'] }] }],
    ['with one channel instead of a list', { ttl: 5, authorizations: [{ ...ENTRY, channels: '.*' }] }],
    ['with a number as topic', { ttl: 5, authorizations: [{ ...ENTRY, topic: 1 }] }],
    ['with a topic that is no pattern', { ttl: 5, authorizations: [ENTRY, { ...ENTRY, topic: '(' }] }],
    ['with more patterns than anybody needs', {
      ttl: 5, authorizations: [{ ...ENTRY, channels: Array.from({ length: 1500 }, () => 'a{1000}') }],
    }],
    ['with a channel that is no pattern', { ttl: 5, authorizations: [{ ...ENTRY, channels: ['.*', '(?=x)'] }] }],
  ])('is invalid %s', (_, value) => {
    expect(() => parse(value)).toThrow();
  });
});

describe('an authorization', () => {
  const allows = (entry: object, permission: Permission, topic: string, channel: string): boolean => {
    return parse({ ttl: 5, authorizations: [entry] }).authorizations[0]!.allows(permission, topic, channel);
  };

  it.each<[string, object, Permission, string, string, boolean]>([
    ['everything that fits', ENTRY, 'subscribe', 't', 'c1', true],
    ['no other topic', ENTRY, 'subscribe', 'tt', 'c1', false],
    ['no other channel', ENTRY, 'subscribe', 't', 'd', false],
    ['nothing it does not name', { ...ENTRY, permissions: ['publish'] }, 'subscribe', 't', 'c1', false],
    ['what matches anywhere in the name', { ...ENTRY, topic: 'o' }, 'subscribe', 'foo', 'c', true],
    ['no publishing where no channel may be empty', ENTRY, 'publish', 't', '', false],
    ['publishing with .*', { ...ENTRY, channels: ['.*'] }, 'publish', 't', '', true],
    ['publishing with an empty pattern', { ...ENTRY, channels: ['x', ''] }, 'publish', 't', '', true],
    ['publishing with ^$', { ...ENTRY, channels: ['^$'] }, 'publish', 't', '', true],
    ['nothing without channels', { ...ENTRY, channels: [] }, 'publish', 't', '', false],
    ['nothing with the channels left out', { topic: 't', permissions: ['publish'] }, 'publish', 't', '', false],
    ['any topic where it names none', { channels: ['.*'], permissions: ['publish'] }, 'publish', 'any', '', true],
  ])('allows %s', (_, entry, permission, topic, channel, expected) => {
    expect(allows(entry, permission, topic, channel)).toBe(expected);
  });
});
