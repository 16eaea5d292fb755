import { describe, expect, it } from 'vitest';

import { parseTopicState } from '../../../../src/nsqd/storage/topic-state-reader.js';
import { formatStateChange, formatTopicState, goesWith, placesOf } from '../../../../src/nsqd/storage/topic-state.js';
import type { StateChange, TopicState } from '../../../../src/nsqd/storage/topic-state.js';

const STATE: TopicState = {
  run: 'cafe01',
  metaText: '1\n0,0\n0,79\n',
  isFinal: false,
  released: [0, 79],
  deferred: [[0, 40, 1000]],
  channels: [
    {
      name: 'c', cursor: [0, 35], ownCursor: [2, 0], ownMetaText: '3\n2,0\n2,105\n', skips: [[[0, 40], [0, 70]]],
      ownSkips: [[[2, 35], [2, 70]]],
      held: [[0, 2, 35, 3, 0], [1, 0, 0, 1, 5000]],
    },
  ],
};
const TEXT = formatTopicState(STATE);
const RUNNING_META = '5\n0,0\n9,9\nnsqd-ts cafe01\n';

describe('parseTopicState', () => {
  it('gives back what was formatted', () => {
    expect(parseTopicState(TEXT, RUNNING_META)).toEqual({ version: 1, ...STATE, channels: [{ ...STATE.channels[0], gone: [] }] });
  });

  it('reads the changes behind the snapshot, up to a torn line', () => {
    const changes: StateChange[] = [{ deferred: [0, 70, 9] }, { channel: 'c', held: [1, 0, 35, 1, 7] }];
    const lines = changes.map(formatStateChange);
    const both = parseTopicState(TEXT + lines.join(''), RUNNING_META)!;
    expect(both.deferred).toEqual([[0, 40, 1000], [0, 70, 9]]);
    expect(both.channels[0]!.held).toEqual([...STATE.channels[0]!.held, [1, 0, 35, 1, 7]]);
    const torn = parseTopicState(TEXT + lines[0] + lines[1]!.slice(0, -1), RUNNING_META)!;
    expect([torn.deferred, torn.channels[0]!.held]).toEqual([both.deferred, STATE.channels[0]!.held]);
  });

  it('takes the last word on each message, and leaves out what was finished', () => {
    const places = { ownCursor: [2, 70] as const, ownMetaText: null };
    const changes: StateChange[] = [
      { channel: 'c', held: [1, 0, 35, 1, 7] },
      { at: { released: [1, 5], channels: [{ name: 'c', cursor: [0, 90], ...places, held: [[1, 0, 0, 2, 0]], gone: [[1, 0, 35], [1, 1, 0], [0, 2, 35]] }] } },
      { at: { released: [1, 9], channels: [{ name: 'c', cursor: [1, 0], ...places, ownEnd: [2, 90], held: [[0, 2, 90, 4, 1]], gone: [] }] } },
      { at: { released: [1, 9], channels: [{ name: 'unknown', cursor: [1, 0], ...places, held: [], gone: [] }] } },
    ];
    const state = parseTopicState(TEXT + changes.map(formatStateChange).join(''), RUNNING_META)!;
    expect(state.released).toEqual([1, 9]);
    expect(state.channels).toEqual([{
      ...STATE.channels[0], cursor: [1, 0], ...places, ownEnd: [2, 90],
      held: [[0, 2, 90, 4, 1], [1, 0, 0, 2, 0]],
      // Only what lies ahead of the reader could be read again.
      gone: [[1, 1, 0]],
    }]);
  });

  it.each([
    ['names its run', RUNNING_META, true],
    ['is the one it repeats', '1\n0,0\n0,79\n', true],
    ['was written by stock nsqd since', '5\n0,0\n9,9\n', false],
    ['names another run', '5\n0,0\n9,9\nnsqd-ts cafe02\n', false],
    ['is missing', null, false],
  ])('with metadata that %s: %s', (_name, metaText, isUsed) => {
    expect(parseTopicState(TEXT, metaText) !== null).toBe(isUsed);
  });

  it.each(['', '\n', 'x', 'null', '[]', '{}', '{"version":2}', '{"version":1,"run":"cafe01"}', TEXT.slice(0, 60)])('ignores %j', (text) => {
    expect(parseTopicState(text, RUNNING_META)).toBeNull();
  });
});

describe('a side file that is JSON, but damaged', () => {
  const [channel] = STATE.channels;

  it.each([
    ['a state without released', { released: null }],
    ['a place that is no pair', { released: [0] }],
    ['a place that cannot be counted on from', { released: [1e300, 0] }],
    ['a place before the beginning', { released: [0, -1] }],
    ['a place between two bytes', { released: [0, 0.5] }],
    ['deferred messages that are no list', { deferred: {} }],
    ['a deferred message without a time', { deferred: [[0, 40, null]] }],
    ['a channel that is none', { channels: [null] }],
    ['a channel with a name that none can have', { channels: [{ ...channel, name: 'a:b' }] }],
    ['a channel twice', { channels: [channel, channel] }],
    ['a channel without a cursor', { channels: [{ ...channel, cursor: undefined }] }],
    ['held messages that are no list', { channels: [{ ...channel, held: null }] }],
    ['a held message of a third queue', { channels: [{ ...channel, held: [[2, 0, 0, 1, 0]] }] }],
    ['a skip that ends before it begins', { channels: [{ ...channel, skips: [[[0, 70], [0, 40]]] }] }],
    ['a skip of one place', { channels: [{ ...channel, skips: [[[0, 70]]] }] }],
    ['a text of metadata that is none', { metaText: 5 }],
  ])('is ignored: %s', (_, members) => {
    const text = formatTopicState({ ...STATE, ...members } as TopicState);
    expect(parseTopicState(text, RUNNING_META)).toBeNull();
  });

  it.each([
    '5', 'null', '[]', '{"deferred":null}', '{"deferred":[0,70]}', '{"channel":"c","held":[0,0,0]}', '{"channel":5,"held":[0,0,0,0,0]}',
    '{"at":null}', '{"at":{"released":[0,0]}}', '{"at":{"released":[0,0],"channels":[{"name":"c","cursor":[0,0]}]}}',
    '{"at":{"released":[9,9],"channels":[]},"held":null}', '{"deferred":[0,70,9],"held":null}', '{"deferred":null,"channel":"c","held":[1,0,35,1,7]}',
  ])('ends before the change %s', (line) => {
    const [before, behind] = [[0, 70, 9], [0, 80, 9]].map(([file, at, dueMs]) => formatStateChange({ deferred: [file!, at!, dueMs!] }));
    const state = parseTopicState(`${TEXT}${before}${line}\n${behind}`, RUNNING_META);
    expect(state).toEqual(parseTopicState(TEXT + before, RUNNING_META));
    expect(state?.deferred.at(-1)).toEqual([0, 70, 9]);
  });
});

describe('goesWith', () => {
  it('takes no metadata for that of a new queue', () => {
    expect([goesWith('r', null, null), goesWith('r', 'x', null), goesWith('r', null, '0\n0,0\n0,0\n')]).toEqual([true, false, false]);
  });
});

describe('placesOf', () => {
  it('tells every place that was passed', () => {
    expect(placesOf(STATE)).toEqual([[0, 79], [0, 35], [0, 70]]);
  });
});
