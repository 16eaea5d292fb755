// What a log makes of the files it finds (storage.md 8, 9, 12): everything that can be read, once, in order.

import { describe, expect, it } from 'vitest';

import { encodeRecord, storedMessage } from '../../../support/data-directory.js';
import { SimDisk } from '../../../support/sim-file-system.js';
import { dataPath, META_PATH, openLog, publish, recordOf, recordsOf, take } from './logs.js';
import type { LogScene } from './logs.js';

const RECORD_BYTES = recordOf('a').length;
const CHUNK_BYTES = 1024 * 1024;

interface Found {
  readonly files: Readonly<Record<number, Buffer>>;
  readonly meta: string | null;
}

function diskOf({ files, meta }: Found): SimDisk {
  const disk = new SimDisk();
  for (const [number, bytes] of Object.entries(files)) disk.put(dataPath(Number(number)), bytes);
  if (meta !== null) disk.put(META_PATH, meta);
  return disk;
}

function bodiesIn(scene: LogScene): string[] {
  return take(scene.log, scene.log.addReader(null));
}

const TORN = recordOf('torn').subarray(0, 20);

const cases: readonly (readonly [name: string, found: Found, bodies: string])[] = [
  ['nothing', { files: {}, meta: null }, ''],
  ['metadata alone', { files: {}, meta: '0\n3,0\n3,0\n' }, ''],
  ['a queue after a clean stop', { files: { 0: recordsOf('a', 'b') }, meta: `2\n0,0\n0,${2 * RECORD_BYTES}\n` }, 'ab'],
  ['a partly read file', { files: { 0: recordsOf('a', 'b') }, meta: `1\n0,${RECORD_BYTES}\n0,${2 * RECORD_BYTES}\n` }, 'b'],
  ['a wholly read file', { files: { 0: recordsOf('a') }, meta: `0\n0,${RECORD_BYTES}\n0,${RECORD_BYTES}\n` }, ''],
  ['several files', { files: { 3: recordsOf('a'), 4: recordsOf('b', 'c'), 5: recordsOf('d') }, meta: `4\n3,0\n5,${RECORD_BYTES}\n` }, 'abcd'],
  ['a file that should be gone', { files: { 2: recordsOf('z'), 3: recordsOf('a') }, meta: `1\n3,0\n3,${RECORD_BYTES}\n` }, 'a'],
  ['more than the metadata tells', { files: { 0: recordsOf('a', 'b'), 1: recordsOf('c') }, meta: `1\n0,0\n0,${RECORD_BYTES}\n` }, 'abc'],
  ['less than the metadata tells', { files: { 0: recordsOf('a') }, meta: `3\n0,0\n0,${3 * RECORD_BYTES}\n` }, 'a'],
  ['the reader at the end of a whole file', { files: { 0: recordsOf('a'), 1: recordsOf('b') }, meta: `1\n0,${RECORD_BYTES}\n1,${RECORD_BYTES}\n` }, 'b'],
  ['a wrong depth', { files: { 0: recordsOf('a', 'b') }, meta: `-7\n0,0\n0,${2 * RECORD_BYTES}\n` }, 'ab'],
  ['no metadata', { files: { 0: recordsOf('a'), 1: recordsOf('b') }, meta: null }, 'ab'],
  ['unreadable metadata', { files: { 0: recordsOf('a'), 1: recordsOf('b') }, meta: 'rubbish' }, 'ab'],
  ['a gap in the numbers', { files: { 0: recordsOf('a'), 4: recordsOf('b') }, meta: `2\n0,0\n4,${RECORD_BYTES}\n` }, 'ab'],
  ['a torn record at the end', { files: { 0: Buffer.concat([recordsOf('a'), TORN]) }, meta: `1\n0,0\n0,${RECORD_BYTES}\n` }, 'a'],
  ['a torn length at the end', { files: { 0: Buffer.concat([recordsOf('a'), TORN.subarray(0, 3)]) }, meta: null }, 'a'],
  ['nothing but a torn record', { files: { 0: recordsOf('a'), 1: TORN }, meta: `1\n0,0\n0,${RECORD_BYTES}\n` }, 'a'],
  ['an empty last file', { files: { 0: recordsOf('a'), 1: Buffer.alloc(0) }, meta: `1\n0,0\n0,${RECORD_BYTES}\n` }, 'a'],
  ['a torn record in the middle', { files: { 0: Buffer.concat([recordsOf('a'), TORN]), 1: recordsOf('b') }, meta: null }, 'ab'],
  ['zeros in the middle', { files: { 0: Buffer.concat([recordsOf('a'), Buffer.alloc(40), recordsOf('b')]), 1: recordsOf('c') }, meta: null }, 'abc'],
  ['a record that is too short', { files: { 0: Buffer.concat([recordsOf('a'), Buffer.from('0000001900', 'hex')]), 1: recordsOf('b') }, meta: null }, 'ab'],
  ['a negative length', { files: { 0: Buffer.concat([recordsOf('a'), Buffer.from('ffffffff00', 'hex')]), 1: recordsOf('b') }, meta: null }, 'ab'],
];

describe('a log that finds', () => {
  it.each(cases)('%s', (_name, found, bodies) => {
    const scene = openLog({}, diskOf(found));
    expect(bodiesIn(scene).join('')).toBe(bodies);
    expect(scene.log.tailIndex).toBe(bodies.length);
  });

  it.each(cases)('%s goes on in a new file, and finds both the next time', (_name, found, bodies) => {
    const disk = diskOf(found);
    const before = new Map([...disk.entries].map(([path, inode]) => [path, inode.bytes()]));
    const scene = openLog({}, disk);
    scene.log.addReader(null);
    publish(scene.log, 'n');
    for (const [path, bytes] of before) {
      const after = disk.content(path);
      if (path === META_PATH || after === null) continue;
      // What was there may be cut, never written over; a file in which nothing was whole may be begun anew.
      const isBegunAnew = after.equals(recordsOf('n'));
      expect(isBegunAnew || bytes.subarray(0, after.length).equals(after)).toBe(true);
    }
    expect(bodiesIn(openLog({}, disk)).join('')).toBe(`${bodies}n`);
  });

  it('an empty body delivers it', () => {
    expect(bodiesIn(openLog({}, diskOf({ files: { 0: recordsOf('', 'a') }, meta: null })))).toEqual(['', 'a']);
  });

  it('records larger than a chunk, and pieces of many records, reads all', () => {
    const bodies = ['x'.repeat(CHUNK_BYTES + 10), ...Array.from({ length: 5000 }, (_, index) => `${index}`.padEnd(300, '.')), 'y'.repeat(CHUNK_BYTES)];
    expect(bodiesIn(openLog({}, diskOf({ files: { 0: recordsOf(...bodies) }, meta: null })))).toEqual(bodies);
  });
});

describe('the greatest id', () => {
  const withId = (id: string): Buffer => encodeRecord(storedMessage('x', { id }));

  it.each([
    ['in any order', ['18a27a6faee05001', '18a27a6faee05fff', '18a27a6faee05002'], '18a27a6faee05fff'],
    ['whatever digit they differ in', ['18a27a6faee05fff', '28a27a6faee05000', '18a27b6faee05000'], '28a27a6faee05000'],
    ['without what is no id', ['zzzzzzzzzzzzzzzz', '18a27a6faee05001', '\xff\xff\xff\xff aaaaaaaaaaa'], '18a27a6faee05001'],
  ])('is found %s', (_name, ids, greatest) => {
    const files = { 0: Buffer.concat(ids.slice(0, 2).map(withId)), 1: Buffer.concat(ids.slice(2).map(withId)) };
    expect(openLog({}, diskOf({ files, meta: null })).report.greatestId).toBe(greatest);
  });

  it('is null when there is no message', () => {
    expect(openLog().report.greatestId).toBeNull();
  });
});

describe('found files', () => {
  it('are cut where a crash tore the last record', () => {
    const disk = diskOf({ files: { 0: Buffer.concat([recordsOf('a'), TORN]) }, meta: null });
    const { report } = openLog({}, disk);
    expect(disk.content(dataPath(0))).toEqual(recordsOf('a'));
    expect(report.warnings.join()).toContain('ends in a torn record: 20 bytes from offset 31 left out');
  });

  it('go when nothing in them is unread', () => {
    const scene = openLog({}, diskOf({ files: { 0: recordsOf('a'), 1: recordsOf('b') }, meta: `0\n1,${RECORD_BYTES}\n1,${RECORD_BYTES}\n` }));
    expect([scene.disk.names('/data'), scene.log.isEmpty()]).toEqual([['t.diskqueue.meta.dat'], true]);
  });

  it('stay when the directory cannot be changed', () => {
    const disk = diskOf({ files: { 0: recordsOf('a'), 1: Buffer.concat([recordsOf('b'), TORN]) }, meta: `2\n1,0\n1,${RECORD_BYTES}\n` });
    const failing = openLog({}, new SimDisk());
    expect(failing.log.isEmpty()).toBe(true);
    const scene = openLog({}, disk);
    expect(bodiesIn(scene)).toEqual(['b']);
  });
});
