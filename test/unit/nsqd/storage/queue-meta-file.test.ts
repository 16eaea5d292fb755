import { describe, expect, it } from 'vitest';

import { DataDirectory } from '../../../../src/nsqd/storage/data-directory.js';
import { parseQueueMeta, runOfQueueMeta } from '../../../../src/nsqd/storage/queue-meta.js';
import { QueueMetaFile } from '../../../../src/nsqd/storage/queue-meta-file.js';
import { SimFileSystem } from '../../../support/sim-file-system.js';
import { DIRECTORY, META_PATH } from './logs.js';

const META = { depth: 3, readFileNumber: 0, readPosition: 31, writeFileNumber: 1, writePosition: 62 };

function scene(): { file: QueueMetaFile; fileSystem: SimFileSystem; content: () => string } {
  const fileSystem = new SimFileSystem();
  const file = new QueueMetaFile('t', new DataDirectory(DIRECTORY, fileSystem));
  return { file, fileSystem, content: () => fileSystem.readWhole(META_PATH)!.toString() };
}

describe('a metadata file', () => {
  it('is new the first time, then written over in place', () => {
    const { file, content } = scene();
    expect([file.write(META), file.write({ ...META, depth: 1_000_000 })]).toEqual([true, false]);
    expect([parseQueueMeta(content()), runOfQueueMeta(content())]).toEqual([{ ...META, depth: 1_000_000 }, file.run]);
    expect(file.text).toBe(content());
  });

  it('is left alone while it says the same', () => {
    const { file, fileSystem } = scene();
    file.write(META);
    const before = fileSystem.operations;
    expect([file.write(META), fileSystem.operations]).toEqual([false, before]);
  });

  it('of another run, or of stock nsqd, is replaced', () => {
    const { file, content } = scene();
    file.write(META);
    file.run = 'another';
    expect([file.write(META), runOfQueueMeta(content())]).toEqual([true, 'another']);
    file.text = '3\n0,31\n1,62\n';
    expect(file.write(META)).toBe(true);
  });

  it('stays stale when it cannot be written', () => {
    const { file, fileSystem } = scene();
    file.isStale = true;
    fileSystem.failures = () => ({ code: 'ENOSPC' });
    expect(() => file.write(META)).toThrow('no space left');
    expect([file.isStale, file.text]).toEqual([true, null]);
    fileSystem.failures = null;
    file.write(META);
    expect(file.isStale).toBe(false);
  });
});
