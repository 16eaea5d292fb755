import { describe, expect, it } from 'vitest';

import { CHUNK_BYTES_MAX } from '../../../../src/nsqd/storage/chunk.js';
import { StorageError } from '../../../../src/nsqd/storage/file-system.js';
import type { WritePolicy } from '../../../../src/nsqd/storage/message-log.js';
import { Prng } from '../../../support/prng.js';
import { append, dataPath, DIRECTORY, META_PATH, openLog, publish, recordOf, recordsOf, take } from './logs.js';
import type { LogScene } from './logs.js';

const RECORD_BYTES = recordOf('a').length;

function metaOf({ disk, log }: LogScene): string {
  return disk.content(META_PATH)!.toString().replace(log.metaFile.run, 'RUN').trimEnd().concat('\n');
}

function names({ disk }: LogScene): string[] {
  return disk.names('/data');
}

describe('committing', () => {
  it('makes records readable and writes them as they are', () => {
    const scene = openLog();
    const reader = scene.log.addReader(null);
    append(scene.log, 'a', 'bb');
    expect(take(scene.log, reader)).toEqual([]);
    scene.log.commit();
    expect(take(scene.log, reader)).toEqual(['a', 'bb']);
    expect(scene.disk.content(dataPath(0))).toEqual(recordsOf('a', 'bb'));
  });

  it('writes metadata that names the file before the first record counts', () => {
    const scene = openLog();
    scene.log.addReader(null);
    publish(scene.log, 'a');
    expect(metaOf(scene)).toBe(`1\n0,0\n0,${RECORD_BYTES}\nnsqd-ts RUN\n`);
  });

  it.each<[WritePolicy, readonly string[]]>([['back', []], ['never', []]])('keeps records in memory with policy %s', (policy, files) => {
    const scene = openLog({ policy });
    const reader = scene.log.addReader(null);
    publish(scene.log, 'a', 'b');
    expect([names(scene), take(scene.log, reader)]).toEqual([files, ['a', 'b']]);
  });

  it('writes back when a reader lags by more records than memory is for', () => {
    const scene = openLog({ policy: 'back', memoryRecordsMax: 2 });
    const reader = scene.log.addReader(null);
    publish(scene.log, 'a', 'b');
    expect(names(scene)).toEqual([]);
    publish(scene.log, 'c');
    expect(scene.disk.content(dataPath(0))).toEqual(recordsOf('a', 'b', 'c'));
    expect(take(scene.log, reader)).toEqual(['a', 'b', 'c']);
  });

  it('writes back when the memory of all logs is used up', () => {
    const scene = openLog({ policy: 'back' }, undefined, 0);
    scene.log.addReader(null);
    publish(scene.log, 'a');
    expect(scene.disk.content(dataPath(0))).toEqual(recordsOf('a'));
  });
});

describe('rolling', () => {
  it.each([
    ['one record a file', 1, [1, 1, 1, 1]],
    ['what fits exactly', 2 * RECORD_BYTES, [2, 2]],
    ['what fits, and not a byte more', 3 * RECORD_BYTES - 1, [2, 2]],
    ['everything', 1000, [4]],
  ])('puts %s', (_name, bytesPerFileMax, counts) => {
    const scene = openLog({ bytesPerFileMax });
    scene.log.addReader(null);
    publish(scene.log, 'a', 'b');
    publish(scene.log, 'c', 'd');
    const sizes = names(scene).filter((name) => /\d\.dat$/.test(name)).map((name) => scene.disk.content(`/data/${name}`)!.length / RECORD_BYTES);
    expect(sizes).toEqual(counts);
  });

  it('gives an oversized record a file of its own', () => {
    const scene = openLog({ bytesPerFileMax: 100 });
    const reader = scene.log.addReader(null);
    const large = 'x'.repeat(300);
    publish(scene.log, 'a', large, 'b');
    expect([0, 1, 2].map((number) => scene.disk.content(dataPath(number)))).toEqual([recordsOf('a'), recordsOf(large), recordsOf('b')]);
    expect(take(scene.log, reader)).toEqual(['a', large, 'b']);
  });

  it('has metadata that names the last file on disk before the turn counts', () => {
    const scene = openLog({ bytesPerFileMax: RECORD_BYTES });
    scene.log.addReader(null);
    publish(scene.log, 'a', 'b', 'c');
    expect(metaOf(scene)).toBe(`3\n0,0\n2,${RECORD_BYTES}\nnsqd-ts RUN\n`);
  });

  it('takes records that are larger than a chunk', () => {
    const scene = openLog({ bytesPerFileMax: 2 ** 30 });
    const reader = scene.log.addReader(null);
    const large = 'x'.repeat(CHUNK_BYTES_MAX + 5);
    publish(scene.log, 'a', large, 'b');
    expect(take(scene.log, reader)).toEqual(['a', large, 'b']);
  });
});

describe('a commit that fails', () => {
  const failures = [
    ['open', 'the first open', { code: 'EMFILE' }],
    ['write', 'a write', { code: 'EIO' }],
    ['write', 'a write that falls short', { code: 'ESHORT', written: 0.6 }],
    ['rename', 'the metadata', { code: 'ENOSPC' }],
  ] as const;

  it.each(failures)('in %s takes everything back: %s', (operation, _name, failure) => {
    const scene = openLog();
    const reader = scene.log.addReader(null);
    append(scene.log, 'a', 'b');
    scene.fileSystem.failNth(1, failure, operation);
    expect(() => scene.log.commit()).toThrow(StorageError);
    expect([scene.log.tailIndex, scene.log.end().index, take(scene.log, reader), scene.pool.usedBytes]).toEqual([0, 0, [], 0]);
    publish(scene.log, 'c');
    expect(take(scene.log, reader)).toEqual(['c']);
    expect(openLog({}, scene.disk).log.tailIndex).toBe(1);
  });

  it('cuts the file back to what was committed before, and goes on in another', () => {
    const scene = openLog();
    const reader = scene.log.addReader(null);
    publish(scene.log, 'a');
    append(scene.log, 'refused');
    scene.fileSystem.failNth(1, { code: 'ENOSPC', written: 0.5 }, 'write');
    expect(() => scene.log.commit()).toThrow('no space left');
    expect(scene.disk.content(dataPath(0))).toEqual(recordsOf('a'));
    publish(scene.log, 'b');
    expect([scene.disk.content(dataPath(0)), scene.disk.content(dataPath(1))]).toEqual([recordsOf('a'), recordsOf('b')]);
    expect(take(scene.log, reader)).toEqual(['a', 'b']);
  });

  it('leaves no file of a turn that filled several, and no gap in the numbers', () => {
    const scene = openLog({ bytesPerFileMax: RECORD_BYTES });
    const reader = scene.log.addReader(null);
    publish(scene.log, 'a');
    append(scene.log, 'b', 'c', 'd');
    scene.fileSystem.failNth(3, { code: 'EIO' }, 'write');
    expect(() => scene.log.commit()).toThrow(StorageError);
    expect(names(scene)).toEqual(['t.diskqueue.000000.dat', 't.diskqueue.meta.dat']);
    publish(scene.log, 'e');
    expect(scene.disk.content(dataPath(1))).toEqual(recordsOf('e'));
    expect(take(scene.log, reader)).toEqual(['a', 'e']);
  });

  it('does not keep a reader in a chunk that was taken back', () => {
    const scene = openLog({}, diskWith('old'));
    const reader = scene.log.addReader(null);
    append(scene.log, 'refused');
    // Found records are never appended to: the reader would step over their end into the new chunk.
    reader.moveTo(scene.log.end());
    scene.fileSystem.failNth(1, { code: 'EIO' }, 'write');
    expect(() => scene.log.commit()).toThrow(StorageError);
    publish(scene.log, 'new');
    expect(take(scene.log, reader)).toEqual(['new']);
  });

  it('survives a disk that cannot cut back either: a restart leaves out the fragment', () => {
    const scene = openLog();
    scene.log.addReader(null);
    publish(scene.log, 'a');
    append(scene.log, 'refused');
    scene.fileSystem.failures = (operation) =>
      operation === 'write' ? { code: 'ENOSPC', written: 0.9 } : operation === 'truncate' ? { code: 'EIO' } : null;
    expect(() => scene.log.commit()).toThrow(StorageError);
    const next = openLog({}, scene.disk);
    expect(take(next.log, next.log.addReader(null))).toEqual(['a']);
  });
});

describe('a new file', () => {
  it('outlives a power failure once it is synced, whatever was flushed before it was written', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const scene = openLog({ bytesPerFileMax: RECORD_BYTES });
      scene.log.addReader(null);
      publish(scene.log, 'x');
      append(scene.log, 'a');
      scene.log.flush(() => {});
      scene.log.commit();
      let failure: StorageError | null | undefined;
      scene.log.sync((error) => (failure = error));
      expect(failure).toBeNull();
      scene.disk.losePower(new Prng(seed));
      expect(scene.disk.content(dataPath(1))).toEqual(recordsOf('a'));
    }
  });
});

describe('what is no longer needed', () => {
  it('removes a file once every reader has passed it and nothing in it is held', () => {
    const scene = openLog({ bytesPerFileMax: RECORD_BYTES });
    const [first, second] = [scene.log.addReader(null), scene.log.addReader(null)];
    publish(scene.log, 'a', 'b', 'c');
    const held = scene.log.end().chunk === first.chunk ? null : first.chunk!;
    held!.hold();
    take(scene.log, first);
    first.skipEnds();
    expect(names(scene)).toHaveLength(4);
    take(scene.log, second);
    second.skipEnds();
    expect(names(scene)).toEqual(['t.diskqueue.000000.dat', 't.diskqueue.000002.dat', 't.diskqueue.meta.dat']);
    held!.letGo();
    expect(names(scene)).toEqual(['t.diskqueue.000002.dat', 't.diskqueue.meta.dat']);
  });

  it('gives up memory that no reader is near, and reads it back', () => {
    const scene = openLog({ bytesPerFileMax: RECORD_BYTES, memoryRecordsMax: 2 });
    const reader = scene.log.addReader(null);
    for (const body of 'abcdefgh') publish(scene.log, body);
    expect(reader.recordsOnDiskOnly()).toBe(4);
    const used = scene.pool.usedBytes;
    expect(take(scene.log, reader).join('')).toBe('abcdefgh');
    expect(scene.pool.usedBytes).toBeLessThan(used);
  });

  it('gives up memory that the last reader near it has left', () => {
    const scene = openLog({ bytesPerFileMax: 3 * RECORD_BYTES, memoryRecordsMax: 2 });
    const [slow, fast] = [scene.log.addReader(null), scene.log.addReader(null)];
    const bodies = [...'abcdefghijklmnopqrst'];
    for (let at = 0; at < bodies.length; at += 2) {
      // Every other turn fills a file and begins the next.
      publish(scene.log, ...bodies.slice(at, at + 2));
      fast.moveTo(scene.log.end());
    }
    expect(scene.pool.usedBytes).toBeLessThanOrEqual(6 * RECORD_BYTES);
    expect(take(scene.log, slow)).toEqual(bodies);
  });

  it('is a failure to read a file that became shorter, and no harm to what is in memory', () => {
    const scene = openLog({ bytesPerFileMax: RECORD_BYTES, memoryRecordsMax: 0 });
    const reader = scene.log.addReader(null);
    for (const body of 'abc') publish(scene.log, body);
    const inode = scene.disk.entries.get(dataPath(1))!;
    inode.truncate(10);
    expect(take(scene.log, reader, 1)).toEqual(['a']);
    expect(() => take(scene.log, reader, 1)).toThrow('shorter than it was');
  });

  it('leaves nothing behind once all is read and trimmed', () => {
    const scene = openLog();
    const reader = scene.log.addReader(null);
    publish(scene.log, 'a', 'b');
    take(scene.log, reader);
    scene.log.trim();
    expect([names(scene), scene.pool.usedBytes, scene.log.isEmpty(), scene.fileSystem.openFiles]).toEqual([['t.diskqueue.meta.dat'], 0, true, 0]);
    publish(scene.log, 'c');
    expect(take(scene.log, reader)).toEqual(['c']);
  });

  it('does not trim what is unread, or of this turn', () => {
    const scene = openLog();
    const reader = scene.log.addReader(null);
    publish(scene.log, 'a');
    scene.log.trim();
    expect(take(scene.log, reader)).toEqual(['a']);
    append(scene.log, 'b');
    scene.log.trim();
    scene.log.commit();
    expect(take(scene.log, reader)).toEqual(['b']);
  });

  it('trims a file that was done before its log went on in memory', () => {
    const scene = openLog({ policy: 'back', memoryRecordsMax: 0, bytesPerFileMax: 10_000 });
    const reader = scene.log.addReader(null);
    publish(scene.log, 'x'.repeat(5000));
    take(scene.log, reader);
    scene.log.trim();
    publish(scene.log, 'a');
    take(scene.log, reader);
    scene.log.trim();
    expect(names(scene)).toEqual(['t.diskqueue.meta.dat']);
  });

  it('forgets chunks that were never written, so that none is kept alive by those before it', () => {
    const scene = openLog({ policy: 'never' });
    const reader = scene.log.addReader(null);
    for (let count = 0; count < 40; count += 1) {
      publish(scene.log, 'x'.repeat(CHUNK_BYTES_MAX - 100));
      take(scene.log, reader);
      reader.skipEnds();
    }
    expect(scene.pool.usedBytes).toBeLessThanOrEqual(2 * CHUNK_BYTES_MAX);
  });

  it('does not fail the reader when a file cannot be removed', () => {
    const scene = openLog({ bytesPerFileMax: RECORD_BYTES });
    const reader = scene.log.addReader(null);
    publish(scene.log, 'a', 'b');
    scene.fileSystem.failNth(1, { code: 'EIO' }, 'remove');
    expect(take(scene.log, reader)).toEqual(['a', 'b']);
    expect(scene.directory.discardLeftovers()).toBe(true);
    expect(names(scene)).toEqual(['t.diskqueue.000001.dat', 't.diskqueue.meta.dat']);
  });
});

describe('places', () => {
  it('of what is only in memory are where the next record will be written', () => {
    const scene = openLog({ policy: 'back' });
    const reader = scene.log.addReader(null);
    publish(scene.log, 'a');
    expect(scene.log.placeOf(reader)).toEqual([0, 0]);
  });

  it('are not given to another file once somebody remembers them', () => {
    const scene = openLog();
    scene.log.addReader(null);
    scene.log.reservePlace([4, 10]);
    publish(scene.log, 'a');
    expect(names(scene)).toEqual(['t.diskqueue.000005.dat', 't.diskqueue.meta.dat']);
  });
});

describe('metadata', () => {
  it('counts from the oldest record that is needed', () => {
    const scene = openLog({ bytesPerFileMax: 2 * RECORD_BYTES });
    const reader = scene.log.addReader(null);
    publish(scene.log, 'a', 'b', 'c');
    take(scene.log, reader, 1);
    expect(scene.log.meta()).toEqual({ depth: 2, readFileNumber: 0, readPosition: RECORD_BYTES, writeFileNumber: 1, writePosition: RECORD_BYTES });
    take(scene.log, reader, 1);
    reader.skipEnds();
    expect(scene.log.meta()).toMatchObject({ depth: 1, readFileNumber: 1, readPosition: 0 });
  });

  it('is not written again when it is the same', () => {
    const scene = openLog();
    scene.log.addReader(null);
    publish(scene.log, 'a');
    scene.log.writeMeta();
    const { operations } = scene.fileSystem;
    scene.log.writeMeta();
    expect(scene.fileSystem.operations).toBe(operations);
  });
});

describe('syncing', () => {
  function syncedScene(): { scene: LogScene; told: (string | null)[]; sync: () => void } {
    const scene = openLog();
    scene.fileSystem.holdsSyncs = true;
    scene.log.addReader(null);
    const told: (string | null)[] = [];
    return { scene, told, sync: () => scene.log.sync((error) => told.push(error?.message ?? null)) };
  }

  it('answers once data and directory are on the medium', () => {
    const { scene, told, sync } = syncedScene();
    publish(scene.log, 'a');
    sync();
    expect([scene.fileSystem.pendingSyncs, told]).toEqual([2, []]);
    scene.fileSystem.completeSyncs();
    expect(told).toEqual([null]);
  });

  it('does not answer before a flush that somebody else began', () => {
    const { scene, told, sync } = syncedScene();
    publish(scene.log, 'a');
    scene.log.flush(() => {});
    sync();
    expect(told).toEqual([]);
    scene.fileSystem.completeSyncs();
    scene.fileSystem.completeSyncs();
    expect(told).toEqual([null]);
  });

  it('flushes one file at a time where flushes take turns, and none that was removed before its turn', () => {
    const scene = openLog({}, undefined, undefined, undefined, 1);
    scene.fileSystem.holdsSyncs = true;
    const reader = scene.log.addReader(null);
    for (const name of ['a', 'b', 'c']) publish(scene.log, name.repeat(900));
    const told: unknown[] = [];
    scene.log.flush((error) => told.push(error));
    expect(scene.fileSystem.pendingSyncs).toBe(1);
    take(scene.log, reader, 2);
    reader.skipEnds();
    scene.log.trim();
    expect([0, 1, 2].map((number) => scene.disk.content(dataPath(number))?.length ?? 0)).toEqual([0, 0, recordOf('c'.repeat(900)).length]);
    const flushed: string[] = [];
    scene.fileSystem.failures = (_operation, path) => {
      flushed.push(path);
      return null;
    };
    while (scene.fileSystem.pendingSyncs > 0) scene.fileSystem.completeSyncs();
    // The first was under way.
    expect([told, flushed]).toEqual([[null], [dataPath(0), dataPath(2), DIRECTORY]]);
    expect(scene.fileSystem.openFiles).toBe(0);
  });

  it('leaves a file whose flush failed, and takes back what was gathered for it', () => {
    const { scene, told, sync } = syncedScene();
    publish(scene.log, 'a');
    sync();
    append(scene.log, 'b');
    scene.fileSystem.failNth(1, { code: 'EIO' }, 'fdatasync');
    scene.fileSystem.completeSyncs();
    expect(told).toEqual(['fdatasync /data/t.diskqueue.000000.dat: input/output error']);
    expect(() => scene.log.commit()).toThrow('input/output error');
    publish(scene.log, 'c');
    expect(scene.disk.content(dataPath(1))).toEqual(recordsOf('c'));
    sync();
    scene.fileSystem.completeSyncs();
    expect(told.at(-1)).toBeNull();
  });

  it('refuses what was written to the file while the flush that failed was under way', () => {
    const { scene, told, sync } = syncedScene();
    publish(scene.log, 'a');
    sync();
    publish(scene.log, 'b');
    sync();
    scene.fileSystem.failNth(1, { code: 'EIO' }, 'fdatasync');
    scene.fileSystem.completeSyncs();
    scene.fileSystem.completeSyncs();
    expect(told.every((error) => error?.includes('input/output') === true)).toBe(true);
    expect(told).toHaveLength(2);
  });

  it('fails for what somebody else could not flush, and only for that', () => {
    const { scene, told, sync } = syncedScene();
    publish(scene.log, 'a');
    scene.log.flush(() => {});
    scene.fileSystem.failNth(1, { code: 'EIO' }, 'fdatasync');
    scene.fileSystem.completeSyncs();
    sync();
    scene.fileSystem.completeSyncs();
    publish(scene.log, 'b');
    sync();
    scene.fileSystem.completeSyncs();
    expect(told).toEqual(['fdatasync /data/t.diskqueue.000000.dat: input/output error', null]);
  });

  it('keeps a file open until its flush is done', () => {
    const { scene, told, sync } = syncedScene();
    publish(scene.log, 'a');
    sync();
    scene.log.files.close();
    expect(scene.fileSystem.openFiles).toBe(1);
    scene.fileSystem.completeSyncs();
    expect([told, scene.fileSystem.openFiles]).toEqual([[null], 0]);
  });
});

function diskWith(...bodies: readonly string[]): LogScene['disk'] {
  const { log, disk } = openLog();
  publish(log, ...bodies);
  return disk;
}
