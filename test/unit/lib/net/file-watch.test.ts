import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

import { FileWatch } from '../../../../src/lib/net/file-watch.js';
import { delay, eventually } from '../../../support/eventually.js';

const INTERVAL_MS = 10;

let watch: FileWatch | undefined;
afterEach(() => watch?.stop());

function watched(paths: readonly string[]): () => number {
  let changes = 0;
  watch = new FileWatch(paths, INTERVAL_MS, () => (changes += 1));
  return () => changes;
}

describe('a change of a file is noticed when it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'nsqd-test-'));
  const path = join(directory, 'file');
  const other = join(directory, 'other');
  const link = join(directory, 'link');
  writeFileSync(path, 'a');
  writeFileSync(other, 'b');
  symlinkSync(path, link);

  it.each<readonly [string, () => void]>([
    ['is written in place', () => writeFileSync(path, 'aa')],
    ['is replaced by a rename', () => {
      writeFileSync(`${path}.new`, 'a');
      renameSync(`${path}.new`, path);
    }],
    ['is behind a link that points elsewhere now', () => {
      unlinkSync(link);
      symlinkSync(other, link);
    }],
    ['disappears', () => rmSync(other)],
    ['comes back', () => writeFileSync(other, 'b')],
  ])('%s', async (_, change) => {
    const changes = watched([path, link]);
    change();
    // What is written in place may be seen emptied, and full again.
    await eventually(() => expect(changes()).toBeGreaterThanOrEqual(1));
  });

  it('is reported once, and nothing is without one', async () => {
    const changes = watched([path, '/nope']);
    await delay(5 * INTERVAL_MS);
    expect(changes()).toBe(0);
    writeFileSync(`${path}.new`, 'once');
    renameSync(`${path}.new`, path);
    await eventually(() => expect(changes()).toBe(1));
    await delay(5 * INTERVAL_MS);
    expect(changes()).toBe(1);
  });

  it('is not reported any more after the end', async () => {
    const changes = watched([path]);
    watch?.stop();
    writeFileSync(path, 'after');
    await delay(5 * INTERVAL_MS);
    expect(changes()).toBe(0);
  });
});
