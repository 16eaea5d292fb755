// What a crash after a checkpoint knows of unfinished messages: checkpoints tell only what has changed, and nothing of what was
// finished may come back through an older line.

import { describe, expect, it } from 'vitest';

import type { SimFileSystem } from '../../../support/sim-file-system.js';
import { Scene } from './daemon-scene.js';

const STATE_PATH = '/data/t.nsqd-ts.state';
const OPTIONS = { syncTimeoutMs: 1000 };

function stateBytes(scene: Scene): number {
  return scene.disk.content(STATE_PATH)?.length ?? 0;
}

describe('after a checkpoint and a crash', () => {
  it('a deferred message that was finished ahead of the reader is not read again', () => {
    const scene = new Scene({ options: OPTIONS });
    const client = scene.connect({ ready: 0, timeoutMs: 60_000 });
    // A returned message waits for ten thousand unread ones at most: this one is served before the last five.
    scene.publish(Array.from({ length: 10_005 }, (_, index) => `${index}`));
    scene.publish(['deferred'], { deferMs: 10 });
    scene.advance(10);
    client.ready(10_001);
    scene.endTurn();
    expect(client.deliveries.map(({ body }) => body).slice(-1)).toEqual(['deferred']);
    for (const delivery of client.deliveries.splice(0)) client.finish(delivery);
    client.ready(0);
    scene.advance(1001);
    const next = scene.crash();
    expect(next.connect({ ready: 100 }).consumer.isOpen).toBe(true);
    expect(next.numbers()).toEqual({ depth: 5, inFlight: 0, deferred: 0 });
  });

  it('a message that was requeued with a delay and finished since stays finished', () => {
    const scene = new Scene({ options: OPTIONS });
    const client = scene.connect({ timeoutMs: 60_000 });
    scene.publish(['a']);
    scene.advance(1001);
    // The other message keeps the file.
    scene.publish(['b', 'other']);
    scene.endTurn();
    const b = client.deliveries.find(({ body }) => body === 'b')!;
    client.requeue(b, 10);
    scene.advance(10);
    expect([client.deliveries.at(-1)!.body, client.finish(client.deliveries.at(-1)!)]).toEqual(['b', 'done']);
    scene.advance(1001);
    const next = scene.crash();
    next.advance(20);
    expect(next.numbers()).toEqual({ depth: 2, inFlight: 0, deferred: 0 });
  });

  it('attempts and due times are as they were', () => {
    const scene = new Scene({ options: OPTIONS });
    const client = scene.connect({ timeoutMs: 60_000 });
    scene.publish(['a', 'b']);
    scene.endTurn();
    for (const round of [0, 1, 2]) {
      client.requeue(client.deliveries.at(-1 - (round % 2))!, 0);
      scene.advance(1001);
    }
    client.requeue(client.deliveries.at(-1)!, 50_000);
    scene.advance(1001);
    const next = scene.crash();
    expect(next.numbers()).toEqual({ depth: 1, inFlight: 0, deferred: 1 });
    next.advance(48_000);
    expect(next.numbers()).toEqual({ depth: 1, inFlight: 0, deferred: 1 });
    next.advance(1000);
    expect(next.numbers()).toEqual({ depth: 2, inFlight: 0, deferred: 0 });
  });
});

describe('a checkpoint', () => {
  it('of many deferred messages of which few change writes little', () => {
    const scene = new Scene({ options: OPTIONS });
    const client = scene.connect({ timeoutMs: 60_000 });
    scene.publish(Array.from({ length: 5000 }, (_, index) => `${index}`), { deferMs: 1_000_000 });
    scene.advance(1001);
    scene.publish(['x']);
    scene.advance(1001);
    const written = countWritten(scene.fileSystem);
    for (let round = 0; round < 10; round += 1) {
      scene.publish(['y']);
      scene.endTurn();
      client.finish(client.deliveries.at(-1)!);
      scene.advance(1001);
    }
    expect(written()).toBeLessThan(10 * 1000);
    expect(scene.crash().numbers().deferred).toBe(5000);
  });

  it('is a new snapshot once the changes outweigh the old one', () => {
    const scene = new Scene({ options: OPTIONS });
    const client = scene.connect({ timeoutMs: 60_000 });
    let greatest = 0;
    for (let round = 0; round < 400; round += 1) {
      scene.publish(['y']);
      scene.endTurn();
      client.finish(client.deliveries.at(-1)!);
      scene.advance(1001);
      greatest = Math.max(greatest, stateBytes(scene));
    }
    expect(greatest).toBeGreaterThan(4000);
    expect(greatest).toBeLessThan(20_000);
  });
});

/** Bytes written to side files from now on. */
function countWritten(fileSystem: SimFileSystem): () => number {
  let bytes = 0;
  fileSystem.onWritten = (path, written) => {
    if (path.includes('.state')) bytes += written.length;
  };
  return () => bytes;
}
