import { describe, expect, it } from 'vitest';

import { StorageError } from '../../../../src/nsqd/storage/file-system.js';
import { SharedSync } from '../../../../src/nsqd/storage/shared-sync.js';
import type { SyncDone } from '../../../../src/nsqd/storage/shared-sync.js';

const FAILURE = new StorageError('fdatasync', '/x', 'EIO', 'input/output error');

function scene(retries = true): { sync: SharedSync; running: SyncDone[]; told: string[]; ask: (name: string) => void } {
  const running: SyncDone[] = [];
  const told: string[] = [];
  const sync = new SharedSync((done) => running.push(done), retries);
  return { sync, running, told, ask: (name) => sync.request((error) => told.push(`${name} ${error === null ? 'ok' : 'failed'}`)) };
}

describe('SharedSync', () => {
  it('does nothing when nothing was written', () => {
    const { running, told, ask } = scene();
    ask('a');
    expect([running.length, told]).toEqual([0, ['a ok']]);
  });

  it('answers all who wait for one flush', () => {
    const { sync, running, told, ask } = scene();
    sync.changed();
    ask('a');
    ask('b');
    expect(told).toEqual([]);
    running[0]!(null);
    running[1]!(null);
    expect([told, sync.isNeeded]).toEqual([['a ok', 'b ok'], false]);
  });

  it('does not answer with a flush that began before the last write', () => {
    const { sync, running, told, ask } = scene();
    sync.changed();
    ask('a');
    sync.changed();
    ask('b');
    running[0]!(null);
    expect(told).toEqual(['a ok']);
    expect([running.length, sync.isNeeded]).toEqual([2, true]);
    running[1]!(null);
    expect(told).toEqual(['a ok', 'b ok']);
  });

  it('tells everybody of the flush that failed, and flushes again for who came later', () => {
    const { sync, running, told, ask } = scene();
    sync.changed();
    ask('a');
    ask('b');
    running[0]!(FAILURE);
    expect(told).toEqual(['a failed']);
    running[1]!(null);
    expect(told).toEqual(['a failed', 'b ok']);
  });

  it.each([[true, true], [false, false]])('tries again after a failure: %s', (retries, isNeeded) => {
    const { sync, running, ask } = scene(retries);
    sync.changed();
    ask('a');
    running[0]!(FAILURE);
    expect(sync.isNeeded).toBe(isNeeded);
  });
});
