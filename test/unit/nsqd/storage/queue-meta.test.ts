import { describe, expect, it } from 'vitest';

import { formatQueueMeta, parseQueueMeta, runOfQueueMeta } from '../../../../src/nsqd/storage/queue-meta.js';

const META = { depth: 2, readFileNumber: 0, readPosition: 35, writeFileNumber: 1, writePosition: 79 };

describe('formatQueueMeta', () => {
  it('writes the exact form of stock nsqd', () => {
    expect(formatQueueMeta(META, null)).toBe('2\n0,35\n1,79\n');
    expect(formatQueueMeta({ ...META, depth: -3 }, null)).toBe('-3\n0,35\n1,79\n');
  });

  it('names the run behind it, and has one length', () => {
    const text = formatQueueMeta(META, 'cafe01');
    expect(text.replace(/ +\n$/, '\n')).toBe('2\n0,35\n1,79\nnsqd-ts cafe01\n');
    expect([parseQueueMeta(text), runOfQueueMeta(text)]).toEqual([META, 'cafe01']);
    expect(formatQueueMeta({ ...META, depth: 2 ** 40, writeFileNumber: 2 ** 49 }, 'cafe01')).toHaveLength(text.length);
  });
});

describe('parseQueueMeta', () => {
  it.each([
    '2\n0,35\n1,79\n', '2\n0,35\n1,79', '2\r\n0,35\r\n1,79\r\n', ' 2\n 0,35\n 1,79\n', '002\n00,035\n01,079\n', '+2\n+0,+35\n+1,+79\n',
    '2\n0,35\n1,79\nanything\n', '2\n0, 35\n1, 79\n',
  ])('accepts %j', (text) => {
    expect(parseQueueMeta(text)).toEqual(META);
  });

  it.each(['', '\n', '2', '2\n0,35\n', '2\n0,35\n1', '2\n0 35\n1 79\n', 'x\n0,35\n1,79\n', '2\n-1,35\n1,79\n', '9007199254740993\n0,0\n0,0\n', '0\n0,0\n9007199254740991,0\n'])(
    'refuses %j',
    (text) => {
      expect(parseQueueMeta(text)).toBeNull();
    },
  );
});

describe('runOfQueueMeta', () => {
  it.each([['2\n0,35\n1,79\n', null], ['2\n0,35\n1,79\nnsqd-ts cafe01', null], ['2\n0,35\n1,79\nnsqd-ts \n', null], ['', null]])('%j names none', (text, run) => {
    expect(runOfQueueMeta(text)).toBe(run);
  });
});
