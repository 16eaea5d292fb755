// Tokens of a real file: who is let in, how the file is changed, and that no token shows.

import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Logger, LogLevel } from '../../../../src/lib/log/logger.js';
import { TokenFile } from '../../../../src/nsqd/http/token-file.js';
import { eventually } from '../../../support/eventually.js';

let directory: string;
let path: string;
let log: string[];
let file: TokenFile | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'nsqd-test-'));
  path = join(directory, 'tokens');
  log = [];
  file = undefined;
});

afterEach(() => {
  file?.stopWatching();
  rmSync(directory, { recursive: true });
});

function load(content: string): TokenFile {
  writeFileSync(path, content);
  file = new TokenFile(path, new Logger({ prefix: '', level: LogLevel.debug, write: (line) => log.push(line) }));
  return file;
}

/** As one step, so that no half of it is seen. */
function replace(content: string, mode = 0o600): void {
  writeFileSync(`${path}.new`, content);
  chmodSync(`${path}.new`, mode);
  renameSync(`${path}.new`, path);
}

describe('TokenFile', () => {
  it.each([
    ['Bearer secret-1', true], ['bearer secret-1', true], ['BEARER   secret-1', true], ['Bearer secret/2=', true],
    [undefined, false], ['', false], ['Bearer', false], ['Bearer ', false], ['secret-1', false], ['Basic secret-1', false],
    ['Bearer secret', false], ['Bearer secret-11', false], ['Bearer secret-1 x', false], ['Bearer SECRET-1', false],
    ['Bearer secret-1,secret/2=', false], ['Token secret-1', false], ['Bearer \u00e9', false],
  ])('answers %j with %s', (authorization, isAdmitted) => {
    expect(load('\n secret-1 \r\n\nsecret/2=\n').admits(authorization)).toBe(isAdmitted);
  });

  it.each([['', 'has no token'], ['\n \n', 'has no token'], ['good\nhas blank', '(token 2)'], ['t\u00f6ken', '(token 1)']])(
    'refuses the content %j', (content, reason) => {
      expect(() => load(content)).toThrow(reason);
      expect(() => load(content)).toThrow(path);
    },
  );

  it('refuses a file that is not there', () => {
    expect(() => new TokenFile(join(directory, 'nope'), new Logger({ prefix: '', level: LogLevel.info }))).toThrow('ENOENT');
  });

  it.each([[0o600, false], [0o640, false], [0o644, true], [0o604, true]])(
    'of mode %o is warned of: %s, at the start and when it was changed', async (mode, isWarned) => {
      writeFileSync(path, '');
      chmodSync(path, mode);
      const warnings = (): string[] => log.filter((line) => line.includes('can be read by all users'));
      const tokens = load('first-secret');
      expect(warnings()).toEqual(isWarned ? [expect.stringContaining(`${path} has tokens`)] : []);
      tokens.startWatching(5);
      replace('second-secret', mode);
      await eventually(() => expect(log.join('')).toContain('anew'));
      expect(warnings()).toHaveLength(isWarned ? 2 : 0);
      expect(log.join('')).not.toContain('secret');
    },
  );

  it('follows the file, keeps what it has while the file is of no use, and shows nothing of it', async () => {
    const tokens = load('first-secret');
    tokens.startWatching(5);
    replace('second-secret');
    await eventually(() => expect(tokens.admits('Bearer second-secret')).toBe(true));
    expect(tokens.admits('Bearer first-secret')).toBe(false);
    replace('third-secret with blanks');
    await eventually(() => expect(log.join('')).toContain('the tokens in use stay'));
    expect(tokens.admits('Bearer second-secret')).toBe(true);
    rmSync(path);
    await eventually(() => expect(log.filter((line) => line.includes('ENOENT')).length).toBe(1));
    expect(tokens.admits('Bearer second-secret')).toBe(true);
    expect(log.join('')).not.toContain('secret');
  });
});
