import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { NodeFileSystem } from '../../../../src/nsqd/storage/node-file-system.js';

const fileSystem = new NodeFileSystem();
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nsqd-fs-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('replacing a file', () => {
  it.each([true, false])('leaves nothing but the new content (durable: %s)', (isDurable) => {
    const path = join(directory, 'file');
    for (const content of ['one', 'two', '']) fileSystem.replace(path, content, isDurable);
    expect([readdirSync(directory), readFileSync(path, 'utf8')]).toEqual([['file'], '']);
  });

  it('B2: that fails leaves no temporary file', () => {
    const path = join(directory, 'taken');
    mkdirSync(path);
    expect(() => fileSystem.replace(path, 'content', true)).toThrow(/^rename /);
    expect(readdirSync(directory)).toEqual(['taken']);
  });
});
