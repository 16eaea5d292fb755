import { describe, expect, it } from 'vitest';

import { AnswerReader, type AnswerResult } from '../../../../src/nsqd/lookup/answer-reader.js';
import { int32, sized } from '../../../support/fake-lookupd.js';

const BYTES_MAX = 20;

function lastOf(pieces: readonly Buffer[]): AnswerResult {
  const reader = new AnswerReader(BYTES_MAX);
  const results = pieces.map((piece) => reader.push(piece));
  for (const early of results.slice(0, -1)) expect(early.kind).toBe('incomplete');
  return results.at(-1)!;
}

describe('an answer', () => {
  it.each(['', 'OK', 'ä', 'x'.repeat(BYTES_MAX)])('"%s" arrives whole, byte by byte, and split anywhere', (text) => {
    const bytes = sized(text);
    const complete = { kind: 'complete', text };
    expect(lastOf([bytes])).toEqual(complete);
    expect(lastOf([...bytes].map((byte) => Buffer.of(byte)))).toEqual(complete);
    for (let at = 1; at < bytes.length; at += 1) {
      expect(lastOf([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(complete);
    }
  });

  it('is followed by the next one', () => {
    const reader = new AnswerReader(BYTES_MAX);
    expect(reader.push(sized('one'))).toEqual({ kind: 'complete', text: 'one' });
    expect(reader.push(sized('two'))).toEqual({ kind: 'complete', text: 'two' });
  });

  it.each([
    ['-1', int32(-1), 'response body size (-1) is negative'],
    ['-2147483648', int32(-(2 ** 31)), 'response body size (-2147483648) is negative'],
    ['the limit and one', int32(BYTES_MAX + 1), `response body size (21) is greater than limit (20)`],
    ['2147483647', int32(2 ** 31 - 1), 'response body size (2147483647) is greater than limit (20)'],
  ])('with the length %s is refused before anything is kept of it', (_, bytes, reason) => {
    expect(lastOf([bytes])).toEqual({ kind: 'refused', reason });
  });

  it('with something behind it is refused', () => {
    expect(lastOf([Buffer.concat([sized('OK'), Buffer.of(0)])])).toMatchObject({ kind: 'refused' });
  });
});
