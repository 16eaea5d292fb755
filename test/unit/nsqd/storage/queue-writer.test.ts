import { describe, expect, it } from 'vitest';

import { DataDirectory } from '../../../../src/nsqd/storage/data-directory.js';
import { QueueWriter } from '../../../../src/nsqd/storage/queue-writer.js';
import { SimFileSystem } from '../../../support/sim-file-system.js';
import { dataPath, META_PATH, recordOf, recordsOf } from './logs.js';

const RECORD_BYTES = recordOf('a').length;

function writerOn(fileSystem: SimFileSystem, firstFile = 0, bytesPerFileMax = 1000): QueueWriter {
  return new QueueWriter(new DataDirectory('/data', fileSystem), 't', firstFile, bytesPerFileMax);
}

describe('QueueWriter', () => {
  it('leaves exact metadata and no file for an empty queue', () => {
    const fileSystem = new SimFileSystem();
    expect(writerOn(fileSystem, 3).finish()).toBe('0\n3,0\n3,0\n');
    expect(fileSystem.disk.names('/data')).toEqual(['t.diskqueue.meta.dat']);
  });

  it('writes records with their attempts, and tells where they are', () => {
    const fileSystem = new SimFileSystem();
    const writer = writerOn(fileSystem);
    const bytes = recordsOf('a', 'b');
    expect([writer.append(bytes, 0, 0), writer.append(bytes, RECORD_BYTES, 515)]).toEqual([[0, 0], [0, RECORD_BYTES]]);
    expect(writer.finish()).toBe(`2\n0,0\n0,${2 * RECORD_BYTES}\n`);
    const expected = recordsOf('a', 'b');
    expected.writeUInt16BE(515, RECORD_BYTES + 12);
    expect(fileSystem.disk.content(dataPath(0))).toEqual(expected);
    expect(fileSystem.disk.content(META_PATH)!.toString()).toBe(`2\n0,0\n0,${2 * RECORD_BYTES}\n`);
    expect(fileSystem.openFiles).toBe(0);
  });

  it('rolls like stock nsqd, an oversized record alone in its file', () => {
    const fileSystem = new SimFileSystem();
    const writer = writerOn(fileSystem, 5, 2 * RECORD_BYTES);
    for (const body of ['a', 'b', 'c', 'x'.repeat(100), 'd']) writer.append(recordOf(body), 0, 0);
    expect(writer.finish()).toBe(`5\n5,0\n8,${RECORD_BYTES}\n`);
    expect([5, 6, 7, 8].map((number) => fileSystem.disk.content(dataPath(number)))).toEqual([
      recordsOf('a', 'b'), recordsOf('c'), recordsOf('x'.repeat(100)), recordsOf('d'),
    ]);
  });

  it('writes records that are larger than its buffer', () => {
    const fileSystem = new SimFileSystem();
    const writer = writerOn(fileSystem, 0, 2 ** 30);
    const large = 'x'.repeat(2 ** 20 + 10);
    for (const body of ['a', large, 'b']) writer.append(recordOf(body), 0, 0);
    writer.finish();
    // Comparing byte by byte in vitest takes seconds.
    expect(recordsOf('a', large, 'b').equals(fileSystem.disk.content(dataPath(0))!)).toBe(true);
  });

  it('takes over whole files between its own, and never appends to them', () => {
    const fileSystem = new SimFileSystem();
    fileSystem.disk.put('/data/other', recordsOf('c', 'd'));
    const writer = writerOn(fileSystem);
    writer.append(recordOf('a'), 0, 0);
    expect([writer.nextLinkNumber, writer.link('/data/other', 2), writer.nextLinkNumber]).toEqual([1, true, 2]);
    writer.append(recordOf('e'), 0, 0);
    expect(writer.finish()).toBe(`4\n0,0\n2,${RECORD_BYTES}\n`);
    expect(fileSystem.disk.entries.get(dataPath(1))).toBe(fileSystem.disk.entries.get('/data/other'));
    expect(fileSystem.disk.content('/data/other')).toEqual(recordsOf('c', 'd'));
  });

  it('says so when there are no links, and goes on', () => {
    const fileSystem = new SimFileSystem({ hasLinks: false });
    fileSystem.disk.put('/data/other', recordsOf('b'));
    const writer = writerOn(fileSystem);
    writer.append(recordOf('a'), 0, 0);
    expect(writer.link('/data/other', 1)).toBe(false);
    writer.append(recordOf('b'), 0, 0);
    expect(writer.finish()).toBe(`2\n0,0\n1,${RECORD_BYTES}\n`);
  });

  it('counts what stays in files of the queue', () => {
    const fileSystem = new SimFileSystem();
    const writer = writerOn(fileSystem, 4);
    writer.keepExisting([2, 70], 9);
    writer.append(recordOf('a'), 0, 1);
    expect(writer.finish()).toBe(`10\n2,70\n4,${RECORD_BYTES}\n`);
  });

  it('replaces a leftover of the same name, and does not write into the file it may be a link to', () => {
    const fileSystem = new SimFileSystem();
    fileSystem.disk.put('/data/other', recordsOf('keep', 'me'));
    fileSystem.link('/data/other', dataPath(0));
    const writer = writerOn(fileSystem);
    writer.append(recordOf('a'), 0, 0);
    writer.finish();
    expect([fileSystem.disk.content(dataPath(0)), fileSystem.disk.content('/data/other')]).toEqual([recordsOf('a'), recordsOf('keep', 'me')]);
  });

  it.each(['open', 'write', 'fdatasync', 'rename'] as const)('does not touch the former metadata when %s fails', (operation) => {
    const fileSystem = new SimFileSystem();
    fileSystem.disk.put(META_PATH, 'former');
    const writer = writerOn(fileSystem);
    fileSystem.failNth(1, { code: 'ENOSPC' }, operation);
    expect(() => {
      writer.append(recordOf('a'), 0, 0);
      writer.finish();
    }).toThrow('no space left');
    expect(fileSystem.disk.content(META_PATH)!.toString()).toBe('former');
  });
});
