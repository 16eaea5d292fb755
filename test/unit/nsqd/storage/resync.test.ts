// Damage inside a data file: everything that is readable is delivered, what is not is kept aside, nothing is overwritten.

import { describe, expect, it } from 'vitest';

import { encodeRecord, storedMessage } from '../../../support/data-directory.js';
import { Prng, seedOfRun } from '../../../support/prng.js';
import { SimDisk } from '../../../support/sim-file-system.js';
import { dataPath, openLog, recordOf, recordsOf, take } from './logs.js';

const RECORD = recordOf('a').length;
const ZEROS = Buffer.alloc(50);
const BAD = `${dataPath(0)}.bad`;

function diskOf(...files: readonly Buffer[]): SimDisk {
  const disk = new SimDisk();
  files.forEach((bytes, number) => disk.put(dataPath(number), bytes));
  return disk;
}

/** The bytes with others in their place from an offset on. */
function patched(bytes: Buffer, at: number, patch: Uint8Array): Buffer {
  const result = Buffer.from(bytes);
  result.set(patch, at);
  return result;
}

function bodiesOn(disk: SimDisk): string {
  const { log } = openLog({}, disk);
  return take(log, log.addReader(null)).join('');
}

const TORN = recordOf('torn').subarray(0, 20);

describe('behind damage', () => {
  it.each<readonly [string, Buffer, string, Buffer]>([
    ['zeros', Buffer.concat([recordsOf('a'), ZEROS, recordsOf('b', 'c')]), 'abc', ZEROS],
    ['zeros and one record', Buffer.concat([recordsOf('a'), ZEROS, recordsOf('b')]), 'ab', ZEROS],
    ['zeros at the beginning', Buffer.concat([ZEROS, recordsOf('b', 'c')]), 'bc', ZEROS],
    ['zeros and a torn record', Buffer.concat([ZEROS, recordsOf('b'), TORN]), 'b', Buffer.concat([ZEROS, TORN])],
    ['zeros twice', Buffer.concat([recordsOf('a'), ZEROS, recordsOf('b', 'c'), ZEROS, recordsOf('d')]), 'abcd', Buffer.concat([ZEROS, ZEROS])],
    ['a length that leads out of the file', patched(recordsOf('a', 'b', 'c'), RECORD, Buffer.from('40', 'hex')), 'ac', patched(recordOf('b'), 0, Buffer.from('40', 'hex'))],
    ['a length over the next records', patched(recordsOf('a', 'b', 'c', 'd'), 3, Buffer.from([RECORD + 7])), 'bcd', patched(recordOf('a'), 3, Buffer.from([RECORD + 7]))],
    ['a negative length', patched(recordsOf('a', 'b', 'c'), RECORD, Buffer.from('ff', 'hex')), 'ac', patched(recordOf('b'), 0, Buffer.from('ff', 'hex'))],
  ])('of %s the records go on', (_name, content, bodies, aside) => {
    const disk = diskOf(content, recordsOf('z'));
    expect(bodiesOn(disk)).toBe(`${bodies}z`);
    expect(disk.content(BAD)).toEqual(aside);
  });

  it('of the last file nothing is cut off that can be read', () => {
    const disk = diskOf(patched(recordsOf('a', 'b', 'c'), RECORD, Buffer.from('40', 'hex')));
    expect(bodiesOn(disk)).toBe('ac');
  });

  it('what only looks like a record by accident is not delivered', () => {
    const accident = Buffer.from('0000001b00', 'hex');
    const disk = diskOf(Buffer.concat([recordsOf('a'), Buffer.alloc(4), accident, Buffer.alloc(60, 1), recordsOf('b', 'c')]));
    expect(bodiesOn(disk)).toBe('abc');
  });

  it('the damaged file goes once it is read, the copy of the damage stays', () => {
    const disk = diskOf(Buffer.concat([recordsOf('a'), ZEROS, recordsOf('b')]), recordsOf('c'));
    bodiesOn(disk);
    expect([disk.content(dataPath(0)), disk.content(BAD)]).toEqual([null, ZEROS]);
  });

  it('a file without any record is set aside as it is', () => {
    const disk = diskOf(ZEROS, recordsOf('b'));
    const { directory } = openLog({}, disk);
    expect([disk.content(dataPath(0)), disk.content(BAD)]).toEqual([null, ZEROS]);
    expect(directory.setAside).toMatchObject({ files: 1, bytes: 50, gaps: 1 });
  });

  it('another start finds what is set aside already, and counts it', () => {
    const disk = diskOf(Buffer.concat([recordsOf('a'), ZEROS, recordsOf('b')]));
    expect(openLog({}, disk).directory.setAside).toMatchObject({ files: 1, bytes: 50, gaps: 1 });
    const { directory, report } = openLog({}, disk);
    expect(directory.setAside).toMatchObject({ files: 1, bytes: 50, gaps: 1 });
    expect(report.warnings).toEqual([`${dataPath(0)} is damaged: 50 bytes from offset ${RECORD} set aside in ${BAD}`]);
    expect(disk.names('/data').filter((name) => name.includes('.bad'))).toHaveLength(1);
  });

  it('nothing that was set aside is replaced', () => {
    const disk = diskOf(Buffer.concat([recordsOf('a'), ZEROS, recordsOf('b')]), ZEROS, recordsOf('c'));
    disk.put(BAD, 'earlier');
    disk.put(`${dataPath(1)}.bad`, 'earlier');
    expect(bodiesOn(disk)).toBe('abc');
    expect(disk.content(BAD)?.toString()).toBe('earlier');
    expect(disk.content(`${BAD}.1`)).toEqual(ZEROS);
    expect(disk.content(`${dataPath(1)}.bad`)?.toString()).toBe('earlier');
    expect(disk.content(`${dataPath(1)}.bad.1`)).toEqual(ZEROS);
  });

  it('a file whose damage cannot be copied is set aside whole', () => {
    const content = Buffer.concat([recordsOf('a'), ZEROS, recordsOf('b')]);
    const disk = diskOf(content, recordsOf('c'));
    const scene = openLog({}, disk, 2 ** 30, (fileSystem) => {
      fileSystem.failures = (operation, path) => (operation === 'open' && path.includes('.bad') ? { code: 'ENOSPC' } : null);
    });
    expect(scene.report.warnings.join()).toContain('the file will be set aside - open');
    expect(take(scene.log, scene.log.addReader(null)).join('')).toBe('abc');
    expect(disk.content(BAD)).toEqual(content);
  });
});

describe('any single damage', () => {
  const seed = seedOfRun();

  it(`costs the records it touches and no other, seed ${seed}`, () => {
    const prng = new Prng(seed);
    for (let round = 0; round < 400; round += 1) {
      const bodies = Array.from({ length: prng.integer(3, 30) }, (_, index) => `<${index}>`.padEnd(prng.integer(4, 400), 'x'));
      const records = bodies.map((body, index) => encodeRecord(storedMessage(body, { id: (0x18a27a6faee05000n + BigInt(index)).toString(16) })));
      const content = Buffer.concat(records);
      const [start, damaged] = damage(prng, content);
      const end = start + damaged.length;
      const touched = new Set<string>();
      let position = 0;
      records.forEach((record, index) => {
        if (position < end && position + record.length > start) touched.add(bodies[index]!);
        position += record.length;
      });
      const disk = diskOf(patched(content, start, damaged), recordsOf('z'));
      const { log } = openLog({}, disk);
      const found = take(log, log.addReader(null));
      expect({ round, found: found.filter((body) => bodies.includes(body) && !touched.has(body)) })
        .toEqual({ round, found: bodies.filter((body) => !touched.has(body)) });
      expect(found.length).toBeLessThanOrEqual(bodies.length + 1);
    }
  });
});

/** Where, and what is there instead: flipped bits, zeros, or noise. */
function damage(prng: Prng, content: Buffer): readonly [number, Buffer] {
  const start = prng.integer(0, content.length - 1);
  const length = prng.integer(1, Math.min(prng.pick([1, 4, 60, 500]), content.length - start));
  const kind = prng.pick(['flip', 'zero', 'noise']);
  const bytes = Buffer.from(content.subarray(start, start + length));
  for (let at = 0; at < length; at += 1) {
    if (kind === 'flip') bytes[at] = bytes[at]! ^ (1 << prng.integer(0, 7));
    else bytes[at] = kind === 'zero' ? 0 : prng.integer(0, 255);
  }
  return [start, bytes];
}
