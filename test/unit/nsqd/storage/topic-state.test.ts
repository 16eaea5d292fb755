import { describe, expect, it } from 'vitest';

import {
  formatStateChange, formatTopicState, goesWith, parseTopicState, placesOf,
} from '../../../../src/nsqd/storage/topic-state.js';
import type { TopicState } from '../../../../src/nsqd/storage/topic-state.js';

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
    expect(parseTopicState(TEXT, RUNNING_META)).toEqual({ version: 1, ...STATE, changes: [] });
  });

  it('reads the changes behind the snapshot, up to a torn line', () => {
    const changes = [{ deferred: [0, 70, 9] as const }, { channel: 'c', held: [1, 0, 35, 1, 7] as const }];
    const lines = changes.map(formatStateChange);
    expect(parseTopicState(TEXT + lines.join(''), RUNNING_META)?.changes).toEqual(changes);
    const torn = TEXT + lines[0] + lines[1]!.slice(0, -1);
    expect(parseTopicState(torn, RUNNING_META)?.changes).toEqual(changes.slice(0, 1));
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
    '{"deferred":[0,70,9],"held":null}', '{"deferred":null,"channel":"c","held":[1,0,35,1,7]}',
  ])('loses only the change %s', (line) => {
    const change = { deferred: [0, 70, 9] as const };
    expect(parseTopicState(`${TEXT}${line}\n${formatStateChange(change)}`, RUNNING_META)?.changes).toEqual([change]);
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
