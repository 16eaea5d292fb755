// --min-free-disk-bytes: when messages are refused, and how often the system is asked.

import { describe, expect, it } from 'vitest';

import { FreeSpace } from '../../../../src/nsqd/storage/free-space.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { SimFileSystem } from '../../../support/sim-file-system.js';

class Scene {
  readonly clock = new FakeClock();
  readonly fileSystem = new SimFileSystem();
  readonly changes: (string | null)[] = [];
  readonly freeSpace: FreeSpace;

  constructor(bytesMin = 1000) {
    const onChange = (shortage: Error | null): unknown => this.changes.push(shortage?.message ?? null);
    this.freeSpace = new FreeSpace(this.fileSystem, '/data', bytesMin, this.clock, onChange);
  }

  /** As the disk is found the next time somebody asks. */
  has(bytes: number): void {
    this.fileSystem.spareBytes = bytes;
    this.clock.advance(100);
  }
}

const SHORT = 'write /data: 999 bytes are free, --min-free-disk-bytes is 1000';

describe('free space', () => {
  it('refuses with the reason while too little is left, and recovers by itself', () => {
    const scene = new Scene();
    scene.has(999);
    expect(scene.freeSpace.refusalOf(1)).toMatchObject({ code: 'ENOSPC', message: SHORT });
    expect(scene.freeSpace.shortage()?.message).toBe(SHORT);
    scene.has(2000);
    expect(scene.freeSpace.shortage()).toBeNull();
    expect(scene.freeSpace.refusalOf(1)).toBeNull();
    expect(scene.changes).toEqual([SHORT, null]);
  });

  it('refuses what would leave too little, and takes what fits, without a word', () => {
    const scene = new Scene();
    scene.has(1100);
    expect(scene.freeSpace.refusalOf(101)).not.toBeNull();
    expect(scene.freeSpace.refusalOf(100)).toBeNull();
    expect(scene.changes).toEqual([]);
  });

  it('asks once in 100 ms, however many messages there are', () => {
    const scene = new Scene();
    scene.has(1_000_000);
    for (let count = 0; count < 1000; count += 1) expect(scene.freeSpace.refusalOf(100)).toBeNull();
    expect(scene.fileSystem.operations).toBe(1);
    scene.has(1_000_000);
    scene.freeSpace.refusalOf(1);
    expect(scene.fileSystem.operations).toBe(2);
  });

  it('asks before the time is over when what was written would have used it up', () => {
    const scene = new Scene();
    scene.has(2000);
    expect(scene.freeSpace.refusalOf(900)).toBeNull();
    scene.fileSystem.spareBytes = 1100;
    expect(scene.freeSpace.refusalOf(200)?.message).toContain('1100 bytes are free');
    expect(scene.fileSystem.operations).toBe(2);
  });

  it('lets everything pass when nobody can tell', () => {
    const scene = new Scene();
    scene.has(0);
    scene.fileSystem.failures = () => ({ code: 'EIO' });
    expect(scene.freeSpace.refusalOf(1)).toBeNull();
  });

  it('asks nothing at 0', () => {
    const scene = new Scene(0);
    scene.has(0);
    expect(scene.freeSpace.refusalOf(1000)).toBeNull();
    expect(scene.fileSystem.operations).toBe(0);
  });
});
