// Finding what a side file names: places on the boundary of a record, and records, all in one pass and only what starts exactly
// there.

import { describe, expect, it } from 'vitest';

import { resolvePlaces, seekPlace } from '../../../../src/nsqd/storage/place-resolver.js';
import type { FilePlace } from '../../../../src/nsqd/storage/topic-state.js';
import { SimDisk } from '../../../support/sim-file-system.js';
import { dataPath, openLog, publish, recordOf, recordsOf, take } from './logs.js';

const BYTES = recordOf('a').length;

function found(places: readonly FilePlace[]): { readonly indices: (number | null)[]; readonly reads: number } {
  const disk = new SimDisk();
  disk.put(dataPath(3), recordsOf('a', 'b', 'c'));
  disk.put(dataPath(4), recordsOf('d', 'e'));
  disk.put(dataPath(6), recordsOf('f'));
  const { log, fileSystem } = openLog({}, disk);
  log.addReader(null);
  const before = fileSystem.operations;
  const indices = resolvePlaces(log, places).map((place) => place?.index ?? null);
  return { indices, reads: fileSystem.operations - before };
}

describe('seekPlace', () => {
  const { log } = openLog({ bytesPerFileMax: 2 * BYTES });
  log.addReader(null);
  publish(log, 'a', 'b', 'c', 'd');

  it.each([
    [0, 0, 'a'], [0, 1, 'b'], [0, BYTES, 'b'], [0, 2 * BYTES, 'c'], [1, 0, 'c'], [1, 5, 'd'], [2, 0, undefined],
  ])('finds from file %d byte %d on the record %s', (file, position, body) => {
    const reader = log.addReader(seekPlace(log, [file, position]));
    expect(take(log, reader, 1)[0]).toBe(body);
    log.removeReader(reader);
  });

  it('is the other way round of placeOf', () => {
    expect(log.placeOf(seekPlace(log, [1, BYTES]))).toEqual([1, BYTES]);
  });
});

describe('resolvePlaces', () => {
  it('answers in the order of the questions, whatever that is', () => {
    expect(found([[6, 0], [3, BYTES], [4, BYTES], [3, 0], [3, 2 * BYTES], [4, 0]]).indices).toEqual([5, 1, 4, 0, 2, 3]);
  });

  it('answers twice when asked twice', () => {
    expect(found([[4, 0], [4, 0]]).indices).toEqual([3, 3]);
  });

  it.each<FilePlace>([[2, 0], [3, 1], [3, BYTES - 1], [3, 3 * BYTES], [3, 9999], [5, 0], [6, BYTES], [7, 0]])(
    'knows nothing of file %i, byte %i', (file, position) => {
      expect(found([[file, position], [4, 0]]).indices).toEqual([null, 3]);
    },
  );

  it('reads a file once, and none that is not asked for', () => {
    const one = found([[4, 0]]).reads;
    expect(found([[4, 0], [4, BYTES]]).reads).toBe(one);
    expect(found([]).reads).toBe(0);
  });
});
