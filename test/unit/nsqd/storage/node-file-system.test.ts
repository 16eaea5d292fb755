import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

describe('making a directory', () => {
  it('makes those above it, too, and leaves what is there', () => {
    const path = join(directory, 'a', 'b');
    fileSystem.makeDirectory(path);
    mkdirSync(join(path, 'kept'));
    fileSystem.makeDirectory(`${path}/`);
    expect(readdirSync(path)).toEqual(['kept']);
  });

  it.each([['file', 'file exists'], ['file/a/b', 'not a directory']])('is refused where a file is: %s', (name, reason) => {
    writeFileSync(join(directory, 'file'), '');
    const path = join(directory, name);
    expect(() => fileSystem.makeDirectory(path)).toThrow(`mkdir ${path}: ${reason}`);
  });

  it.skipIf(!existsSync('/proc/self'))('is refused where the system lets nobody make any', () => {
    expect(() => fileSystem.makeDirectory('/proc/none/a')).toThrow('mkdir /proc/none/a: no such file or directory');
  });
});
