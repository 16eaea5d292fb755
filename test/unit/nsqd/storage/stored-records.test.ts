import { describe, expect, it } from 'vitest';

import type { Chunk } from '../../../../src/nsqd/storage/chunk.js';
import { BODY_OFFSET, recordBody } from '../../../../src/nsqd/storage/record.js';
import { headAt, recordAt } from '../../../../src/nsqd/storage/stored-records.js';
import { SimDisk } from '../../../support/sim-file-system.js';
import { append, dataPath, openLog, recordOf, recordsOf } from './logs.js';

const SECOND = recordOf('first').length;

function inMemory(): Chunk {
  const { log } = openLog();
  append(log, 'first', 'second');
  return log.tail!;
}

function onDisk(disk = new SimDisk()): Chunk {
  disk.put(dataPath(0), recordsOf('first', 'second'));
  const { log } = openLog({}, disk);
  log.addReader(null);
  return log.liveChunks()[0]!;
}

describe.each([['in memory', inMemory], ['on disk only', onDisk]])('a record %s', (_where, chunkOf) => {
  it('is found by its place', () => {
    const chunk = chunkOf();
    const bodies = [0, SECOND].map((position) => {
      const { bytes, start } = recordAt(chunk, position);
      return Buffer.from(recordBody(bytes, start)).toString();
    });
    expect(bodies).toEqual(['first', 'second']);
  });

  it('can be looked at in part', () => {
    const { bytes, start } = headAt(chunkOf(), SECOND, BODY_OFFSET + 3);
    expect(Buffer.from(bytes).toString('latin1', start + BODY_OFFSET, start + BODY_OFFSET + 3)).toBe('sec');
  });

  it('is not loaded', () => {
    const chunk = chunkOf();
    const { bytes } = chunk;
    recordAt(chunk, SECOND);
    headAt(chunk, SECOND, 1000);
    expect(chunk.bytes).toBe(bytes);
  });
});

describe('a record on disk', () => {
  it('is a failure when the file became shorter', () => {
    const disk = new SimDisk();
    const chunk = onDisk(disk);
    disk.put(dataPath(0), recordsOf('first'));
    expect(() => recordAt(chunk, SECOND)).toThrow('the file is shorter than it was');
  });
});
