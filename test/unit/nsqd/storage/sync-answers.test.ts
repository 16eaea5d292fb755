import { describe, expect, it } from 'vitest';

import { StorageError } from '../../../../src/nsqd/storage/file-system.js';
import type { LogFiles } from '../../../../src/nsqd/storage/log-files.js';
import type { SyncDone } from '../../../../src/nsqd/storage/shared-sync.js';
import { SyncAnswers } from '../../../../src/nsqd/storage/sync-answers.js';

const FAILURE = new StorageError('sync', '/data/t.diskqueue.000000.dat', 'EIO', 'input/output error');

/** Flushes that end when the test says so, oldest first. */
function scene(): { answers: SyncAnswers; heard: (StorageError | null)[]; ask: (endIndex: number) => void; flushed: SyncDone } {
  const pending: SyncDone[] = [];
  const answers = new SyncAnswers({ sync: (done: SyncDone) => void pending.push(done) } as unknown as LogFiles);
  const heard: (StorageError | null)[] = [];
  const ask = (endIndex: number): void => answers.request(endIndex, (error) => void heard.push(error));
  return { answers, heard, ask, flushed: (error) => pending.shift()!(error) };
}

describe('who waits for a flush', () => {
  it('hears how it went', () => {
    const { heard, ask, flushed } = scene();
    ask(1);
    ask(2);
    flushed(null);
    flushed(FAILURE);
    expect(heard).toEqual([null, FAILURE]);
  });

  it('hears of a failure that somebody else met with the same records', () => {
    const { answers, heard, ask, flushed } = scene();
    ask(5);
    answers.failed(FAILURE, 5);
    flushed(null);
    expect(heard).toEqual([FAILURE]);
  });

  it('does not hear of it for what came after, once it was told', () => {
    const { answers, heard, ask, flushed } = scene();
    answers.failed(FAILURE, 5);
    ask(5);
    flushed(null);
    ask(9);
    flushed(null);
    expect(heard).toEqual([FAILURE, null]);
  });

  it('does not hear of a failure with what was answered for before', () => {
    const { answers, heard, ask, flushed } = scene();
    ask(5);
    flushed(null);
    answers.failed(FAILURE, 5);
    ask(7);
    flushed(null);
    expect(heard).toEqual([null, null]);
  });
});
