import { describe, expect, it } from 'vitest';

import type { PeekedMessage } from '../../../../src/nsqd/broker/peek.js';
import { type BodyForm, deferredJson, queuedJson } from '../../../../src/nsqd/http/peek-json.js';

const TIMESTAMP = 1_795_220_377_806_123_457n;

function message(body: Buffer, bodyBytes = body.length): PeekedMessage {
  return { id: '0a3e8f5b2c1d4000', timestampNs: TIMESTAMP, attempts: 2, bodyBytes, body };
}

function bodyOf(body: Buffer, form: BodyForm, bodyBytes = body.length): unknown {
  const [{ body: shown, body_encoding: encoding, body_truncated: isTruncated }] = JSON.parse(queuedJson([message(body, bodyBytes)], form));
  return [shown, encoding, isTruncated];
}

describe('a peeked message', () => {
  it('has its timestamp to the nanosecond', () => {
    expect(queuedJson([message(Buffer.from('x'))], 'none'))
      .toBe(`[{"id":"0a3e8f5b2c1d4000","timestamp":${TIMESTAMP},"attempts":2,"body_size":1}]`);
  });

  it('is one of a list', () => {
    expect(queuedJson([], 'text')).toBe('[]');
    const list = JSON.parse(deferredJson([1, 2].map((dueInMs) => ({ ...message(Buffer.from('')), dueInMs })), 'none'));
    expect(list).toMatchObject([{ due_in_ms: 1 }, { due_in_ms: 2 }]);
  });

  it.each<readonly [string, Buffer, BodyForm, unknown]>([
    ['text', Buffer.from('a "b"\n€'), 'text', ['a "b"\n€', 'text', undefined]],
    ['an empty text', Buffer.from(''), 'text', ['', 'text', undefined]],
    ['a byte order mark', Buffer.from('\ufeffx'), 'text', ['\ufeffx', 'text', undefined]],
    ['other than UTF-8', Buffer.from([0xff, 0x00]), 'text', ['/wA=', 'base64', undefined]],
    ['half a character at its end', Buffer.from('€').subarray(0, 2), 'text', ['4oI=', 'base64', undefined]],
    ['text in base64', Buffer.from('abc'), 'base64', ['YWJj', 'base64', undefined]],
  ])('shows %s', (_, body, form, expected) => {
    expect(bodyOf(body, form)).toEqual(expected);
  });

  it('says that its body is cut, and cuts no character', () => {
    expect(bodyOf(Buffer.from('a€').subarray(0, 3), 'text', 4)).toEqual(['a', 'text', true]);
    expect(bodyOf(Buffer.from('abc'), 'base64', 4)).toEqual(['YWJj', 'base64', true]);
    expect(bodyOf(Buffer.from([0xff]), 'text', 4)).toEqual(['/w==', 'base64', true]);
  });
});
