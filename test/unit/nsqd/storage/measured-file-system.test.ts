// The stopwatch around a real file.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { StorageError } from '../../../../src/nsqd/storage/file-system.js';
import { MeasuredFileSystem } from '../../../../src/nsqd/storage/measured-file-system.js';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nsqd-test-'));
  path = join(directory, 'file');
});

afterEach(() => rmSync(directory, { recursive: true }));

const failuresOf = ({ measures }: MeasuredFileSystem): object => Object.fromEntries(measures.failures.entries());

describe('MeasuredFileSystem', () => {
  it('writes, and counts calls, bytes and time', () => {
    const fileSystem = new MeasuredFileSystem();
    const fd = fileSystem.openForWriting(path);
    fileSystem.write(fd, path, Buffer.from('-hello-'), 1, 5, 0);
    fileSystem.write(fd, path, Buffer.from('!'), 0, 1, 5);
    fileSystem.close(fd);
    const { writeSeconds, writtenBytes } = fileSystem.measures;
    expect(readFileSync(path, 'utf8')).toBe('hello!');
    expect([writeSeconds.count, writtenBytes]).toEqual([2, 6]);
    expect(writeSeconds.sum).toBeGreaterThan(0);
    expect(failuresOf(fileSystem)).toEqual({ write: 0, fdatasync: 0 });
  });

  it('measures flushes of both kinds', async () => {
    const fileSystem = new MeasuredFileSystem();
    const fd = fileSystem.openForWriting(path);
    const error = await new Promise((resolve) => fileSystem.syncData(fd, path, resolve));
    fileSystem.syncDataNow(fd, path);
    fileSystem.close(fd);
    expect([error, fileSystem.measures.syncSeconds.count]).toEqual([null, 2]);
  });

  it('counts what fails, and passes the failure on', async () => {
    const fileSystem = new MeasuredFileSystem();
    fileSystem.close(fileSystem.openForWriting(path));
    const readOnly = openSync(path, 'r');
    expect(() => fileSystem.write(readOnly, path, Buffer.from('x'), 0, 1, 0)).toThrow(StorageError);
    closeSync(readOnly);
    expect(() => fileSystem.syncDataNow(readOnly, path)).toThrow(StorageError);
    const error = await new Promise((resolve) => fileSystem.syncData(readOnly, path, resolve));
    expect(error).toBeInstanceOf(StorageError);
    expect(failuresOf(fileSystem)).toEqual({ write: 1, fdatasync: 2 });
    expect(fileSystem.measures.writtenBytes).toBe(0);
  });
});
