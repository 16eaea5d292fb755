import { describe, expect, it } from 'vitest';

import { Scene } from './daemon-scene.js';

const FULL = { code: 'ENOSPC' } as const;

function isFull(scene: Scene, operations: readonly string[] = ['open', 'write', 'rename']): void {
  scene.fileSystem.failures = (operation) => (operations.includes(operation) ? FULL : null);
}

describe('the health of the disk', () => {
  it('is bad from the first refused publish on, with the reason, and good after the next that is written', () => {
    const scene = new Scene();
    scene.channel();
    scene.endTurn();
    expect(scene.broker.healthError()).toBeNull();
    isFull(scene, ['write']);
    scene.publish(['a']);
    expect(scene.broker.healthError()).toMatch(/no space left on device$/);
    scene.fileSystem.failures = null;
    scene.publish(['b']);
    expect(scene.broker.healthError()).toBeNull();
  });

  it('is good again by itself, once the disk takes as much as a turn may write', () => {
    const scene = new Scene();
    scene.channel();
    scene.endTurn();
    isFull(scene);
    scene.publish(['a']);
    scene.advance(2000);
    scene.advance(2000);
    expect(scene.broker.healthError()).not.toBeNull();
    scene.fileSystem.failures = null;
    scene.advance(2000);
    expect(scene.broker.healthError()).toBeNull();
    expect(scene.log).toContainEqual(expect.stringContaining('/data takes writes again'));
    expect(scene.disk.names('/data').filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('stays bad while something goes on failing', () => {
    const scene = new Scene();
    const client = scene.connect({ ready: 0 });
    scene.publish(['a', 'b']);
    client.disconnect();
    // Read back from the disk, which fails each second anew.
    const next = scene.crash();
    next.fileSystem.failures = (operation) => (operation === 'read' ? { code: 'EIO' } : null);
    next.connect();
    for (let second = 0; second < 10; second += 1) {
      next.advance(1000);
      expect(next.broker.healthError()).toMatch(/input\/output error$/);
    }
  });

  it('is bad after a failed flush', () => {
    const scene = new Scene({ options: { durability: 'fsync' } });
    scene.channel();
    scene.endTurn();
    scene.fileSystem.failures = (operation) => (operation === 'fdatasync' ? { code: 'EIO' } : null);
    scene.publish(['a']);
    expect(scene.broker.healthError()).toMatch(/input\/output error$/);
  });
});
