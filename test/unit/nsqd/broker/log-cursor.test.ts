import { describe, expect, it } from 'vitest';

import { LogCursor } from '../../../../src/nsqd/broker/log-cursor.js';
import { Prng } from '../../../support/prng.js';
import { openLog, publish, take } from '../storage/logs.js';
import type { MessageLog } from '../../../../src/nsqd/storage/message-log.js';
import type { LogPosition } from '../../../../src/nsqd/storage/log-reader.js';
import { recordBytes } from '../../../../src/nsqd/storage/record.js';

const COUNT = 20;

interface Scene {
  readonly log: MessageLog;
  readonly cursor: LogCursor;
  /** The place in front of each message. */
  readonly places: readonly LogPosition[];
}

function scene(): Scene {
  const { log } = openLog({ bytesPerFileMax: 120 });
  const walker = log.addReader(null);
  const cursorReader = log.addReader(null);
  for (let index = 0; index < COUNT; index += 1) publish(log, letter(index));
  const places: LogPosition[] = [];
  for (let index = 0; index <= COUNT; index += 1) {
    walker.skipEnds();
    places.push({ chunk: walker.chunk, position: walker.position, index: walker.index });
    take(log, walker, 1);
  }
  return { log, cursor: new LogCursor(log, cursorReader, log.end()), places };
}

function letter(index: number): string {
  return String.fromCharCode(97 + index);
}

/** What a channel does: steps over skips, then takes. */
function takeAll({ log, cursor }: Scene, count = Infinity): string {
  let taken = '';
  while (taken.length < count && cursor.available() > 0) {
    cursor.passSkips();
    taken += take(log, cursor.reader, 1).join('');
  }
  return taken;
}

function skipOf({ places }: Scene, from: number, to: number): { fromIndex: number; from: LogPosition; to: LogPosition } {
  return { fromIndex: from, from: places[from]!, to: places[to]! };
}

describe('LogCursor', () => {
  it('takes everything when nothing is skipped', () => {
    const each = scene();
    expect([each.cursor.available(), takeAll(each)]).toEqual([20, 'abcdefghijklmnopqrst']);
  });

  it.each([
    ['at the beginning', [[0, 2]], 'cdefghijklmnopqrst'],
    ['in the middle', [[3, 4]], 'abcefghijklmnopqrst'],
    ['at the end', [[18, 20]], 'abcdefghijklmnopqr'],
    ['several, one behind the other', [[1, 2], [2, 5], [5, 6], [9, 10]], 'aghiklmnopqrst'],
    ['everything', [[0, 20]], ''],
  ])('leaves out a stretch %s', (_name, stretches, left) => {
    const each = scene();
    for (const [from, to] of stretches as [number, number][]) each.cursor.addSkip(skipOf(each, from, to));
    expect([each.cursor.available(), takeAll(each)]).toEqual([left.length, left]);
  });

  it.each([
    ['between others', [[5, 6]], [[2, 3], [8, 10]]],
    ['that begin where another does', [[2, 6]], [[2, 3]]],
    ['that overlap', [[2, 6]], [[4, 8], [7, 9]]],
    ['that lie within others', [[2, 9]], [[4, 5]]],
    ['twice', [[4, 5]], [[4, 5]]],
  ])('puts in skips %s', (_name, before, added) => {
    const each = scene();
    for (const [from, to] of before as [number, number][]) each.cursor.addSkip(skipOf(each, from, to));
    each.cursor.insertSkips((added as [number, number][]).map(([from, to]) => skipOf(each, from, to)));
    const skipped = new Set([...before, ...added].flatMap(([from, to]) => Array.from({ length: to! - from! }, (_, at) => from! + at)));
    const expected = Array.from({ length: COUNT }, (_, index) => index).filter((index) => !skipped.has(index)).map(letter).join('');
    expect([each.cursor.available(), takeAll(each)]).toEqual([expected.length, expected]);
  });

  it('drops skips that it has passed already when others are put in', () => {
    const each = scene();
    each.cursor.addSkip(skipOf(each, 1, 3));
    expect(takeAll(each, 3)).toBe('ade');
    each.cursor.insertSkips([skipOf(each, 1, 3), skipOf(each, 4, 7)]);
    expect(takeAll(each)).toBe('hijklmnopqrst');
  });

  it('gives everything up to an end, skips included', () => {
    const each = scene();
    each.cursor.addSkip(skipOf(each, 3, 5));
    each.cursor.skipTo(each.places[10]!);
    expect([each.cursor.available(), takeAll(each)]).toEqual([10, 'klmnopqrst']);
  });

  it('does what a list of indexes does, over random skips', () => {
    const prng = new Prng(5);
    for (let round = 0; round < 200; round += 1) {
      const each = scene();
      const skipped = new Set<number>();
      const stretch = (): ReturnType<typeof skipOf> => {
        const from = prng.integer(0, COUNT - 1);
        const to = prng.integer(from + 1, Math.min(COUNT, from + 5));
        for (let index = from; index < to; index += 1) skipped.add(index);
        return skipOf(each, from, to);
      };
      each.cursor.insertSkips(Array.from({ length: prng.integer(0, 3) }, stretch));
      each.cursor.insertSkips(Array.from({ length: prng.integer(0, 3) }, stretch));
      const expected = each.places.slice(0, COUNT).map(({ index }) => index).filter((index) => !skipped.has(index)).map(letter).join('');
      if (each.cursor.available() !== expected.length || takeAll(each) !== expected) throw new Error(`round ${round}`);
    }
  });
});

// A place is in front of a record, never in it.
it('the places of the scene are on boundaries', () => {
  for (const { chunk, position, index } of scene().places.slice(0, COUNT)) {
    expect(recordBytes(chunk!.load(), position)).toBe(31);
    expect(index).toBeLessThan(COUNT);
  }
});
