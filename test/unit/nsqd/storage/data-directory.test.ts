import { describe, expect, it } from 'vitest';

import { channelQueueName, DataDirectory } from '../../../../src/nsqd/storage/data-directory.js';
import { Prng } from '../../../support/prng.js';
import { SimFileSystem } from '../../../support/sim-file-system.js';

function directoryWith(...names: readonly string[]): { directory: DataDirectory; fileSystem: SimFileSystem } {
  const fileSystem = new SimFileSystem();
  for (const name of names) fileSystem.disk.put(`/data/${name}`, 'x');
  const directory = new DataDirectory('/data', fileSystem);
  directory.scan();
  return { directory, fileSystem };
}

describe('DataDirectory', () => {
  it('finds the files of each queue, in the order of their numbers', () => {
    const { directory } = directoryWith(
      't.diskqueue.000010.dat', 't.diskqueue.000002.dat', 't.diskqueue.1000000.dat', 't:c.diskqueue.000000.dat', 't.diskqueue.meta.dat',
      'u.diskqueue.meta.dat', 't.diskqueue.000003.dat.bad', 't.diskqueue.12345.dat', 'notes.txt',
    );
    expect(directory.foundFiles('t')).toEqual([2, 10, 1000000]);
    expect(directory.foundFiles('t:c')).toEqual([0]);
    expect(directory.foundFiles('u')).toEqual([]);
    expect(directory.foundFiles('v')).toBeNull();
  });

  it('leaves alone what no queue would name so', () => {
    const names = ['t.diskqueue.0000012.dat', `t.diskqueue.${'9'.repeat(30)}.dat`, `t.diskqueue.1${'0'.repeat(15)}.dat`];
    const { directory, fileSystem } = directoryWith(...names);
    expect(directory.foundFiles('t')).toBeNull();
    expect(fileSystem.disk.names('/data')).toEqual([...names].sort());
  });

  it('tells the files again until the queue is open, so that a failed attempt loses nothing', () => {
    const { directory } = directoryWith('t.diskqueue.000000.dat', 't.nsqd-ts.state');
    expect([directory.foundFiles('t'), directory.foundFiles('t'), directory.foundState('t')]).toEqual([[0], [0], 'x']);
    directory.queueOpened('t');
    expect([directory.foundFiles('t'), directory.foundState('t')]).toEqual([null, null]);
  });

  it('removes what an interrupted replacement and ephemeral topics left, and nothing else', () => {
    const kept = ['e#ephemeral:c.diskqueue.000000.dat', 'nsqd.dat', 'nsqd.dat.5.tmp.txt', 'other.tmp', 't.diskqueue.000000.dat.bad'];
    const { fileSystem } = directoryWith(
      ...kept, 'nsqd.dat.5.tmp', 't.diskqueue.meta.dat.77.tmp', 't.nsqd-ts.state.1.tmp', 't.diskqueue.000000.dat.bad.8.tmp',
      't.diskqueue.000000.dat.bad.1.9.tmp', 'e#ephemeral.diskqueue.000000.dat', 'e#ephemeral.diskqueue.meta.dat',
    );
    expect(fileSystem.disk.names('/data')).toEqual(kept);
  });

  it('tells topics and channels by their files', () => {
    const { directory } = directoryWith('t:c.diskqueue.000000.dat', 't.diskqueue.meta.dat', 'u.diskqueue.000000.dat', 'a b.diskqueue.meta.dat', 'x:y:z.diskqueue.meta.dat');
    expect([...directory.foundTopics()].map(([name, channels]) => [name, [...channels]])).toEqual([['t', ['c']], ['u', []]]);
  });

  it('names files as nsqd does', () => {
    const { directory } = directoryWith();
    expect([
      directory.dataPath('t', 7), directory.dataPath('t', 1234567), directory.queueMetaPath(channelQueueName('t', 'c')), directory.metadataPath(),
      directory.topicStatePath('t'),
    ]).toEqual([
      '/data/t.diskqueue.000007.dat', '/data/t.diskqueue.1234567.dat', '/data/t:c.diskqueue.meta.dat', '/data/nsqd.dat', '/data/t.nsqd-ts.state',
    ]);
  });

  it('stands for the current directory when no path is given', () => {
    expect(new DataDirectory('', new SimFileSystem()).metadataPath()).toBe('nsqd.dat');
  });
});

describe('a file that is written over in place', () => {
  /** More than one, for a death may write nothing, or any part. */
  const DEATHS = 20;

  it.each([
    ['the process dies', (fileSystem: SimFileSystem) => (fileSystem.crashAt = fileSystem.operations + 2)],
    ['the disk fails half way', (fileSystem: SimFileSystem) => fileSystem.failNth(2, { code: 'EIO', written: 0.5 })],
  ])('is whole when %s, within a sector', (_cause, fail) => {
    for (let seed = 1; seed <= DEATHS; seed += 1) {
      const fileSystem = new SimFileSystem({ prng: new Prng(seed) });
      fileSystem.disk.put('/data/a', 'former');
      fail(fileSystem);
      expect(() => new DataDirectory('/data', fileSystem).overwrite('/data/a', 'latter')).toThrow();
      expect(fileSystem.disk.content('/data/a')?.toString()).toBe('former');
    }
  });
});

describe('files nobody needs', () => {
  it('are tried again when they could not be removed', () => {
    const { directory, fileSystem } = directoryWith('a', 'b');
    fileSystem.failures = (operation) => (operation === 'remove' ? { code: 'EIO' } : null);
    expect([directory.discard('/data/a'), directory.discardLeftovers()]).toEqual([false, false]);
    fileSystem.failures = null;
    expect([directory.discardLeftovers(), fileSystem.disk.names('/data')]).toEqual([true, ['b']]);
  });

  it.each([
    ['replaced', (directory: DataDirectory) => directory.replace('/data/a', 'new', false)],
    ['begun anew', (directory: DataDirectory) => {
      directory.makeRoomFor('/data/a');
      directory.fileSystem.openForWriting('/data/a');
    }],
  ])('stay once they are %s', (_name, renew) => {
    const { directory, fileSystem } = directoryWith('a');
    fileSystem.failNth(1, { code: 'EIO' }, 'remove');
    directory.discard('/data/a');
    renew(directory);
    directory.discardLeftovers();
    expect(fileSystem.disk.names('/data')).toEqual(['a']);
  });
});
