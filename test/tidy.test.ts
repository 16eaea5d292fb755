// The rules of the source tree that are cheap to check: who may import whom, no cycles, and that every deliberate difference
// from stock nsqd is in the README's table. Sources are read as text.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

import { MUTATIONS } from './faults/mutation-list.mjs';

const ROOT = new URL('..', import.meta.url).pathname;
const SOURCE = join(ROOT, 'src');

/** Folders of the daemon, each importing only those after it (and its own). Files directly in nsqd/ come first. */
const ORDER = ['nsqd', 'nsqd/http', 'nsqd/tcp', 'nsqd/lookup', 'nsqd/auth', 'nsqd/stats', 'nsqd/broker', 'nsqd/storage', 'lib'];
/** What everybody may import although it lies directly in nsqd/: names and values without behaviour. */
const SHARED_FILES = new Set(['nsqd/options.ts', 'nsqd/option-table.ts', 'nsqd/version.ts']);
/** Node's I/O modules, and the only places that may use them. */
const IO_MODULES: Readonly<Record<string, RegExp>> = {
  'node:fs': /^nsqd\/(storage\/|main\.ts|stats\/|http\/|tcp\/)|^lib\/(log|net)\//,
  'node:net': /^nsqd\/(tcp|http|lookup|auth)\/|^lib\/(http|net)\//,
  'node:tls': /^nsqd\/(tcp|http|lookup|auth)\/|^nsqd\/server-tls\.ts|^lib\/net\//,
  'node:http': /^nsqd\/(http|lookup|auth)\/|^lib\/(http|net)\//,
  'node:https': /^nsqd\/(http|lookup|auth)\/|^lib\/(http|net)\//,
  'node:dgram': /^nsqd\/stats\//,
  'node:child_process': /^nsqd\/storage\//,
};

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(SOURCE, join(entry.parentPath, entry.name)));
}

interface Source {
  readonly file: string;
  readonly text: string;
  /** Own files it imports, types included. */
  readonly imports: readonly string[];
  readonly modules: readonly string[];
}

function readSource(file: string): Source {
  const text = readFileSync(join(SOURCE, file), 'utf8');
  const targets = [...text.matchAll(/^(?:import|export)\s[^;]*?from '([^']+)';/gms)].map((match) => match[1]!);
  const imports = targets.filter((target) => target.startsWith('.')).map((target) => {
    return normalize(join(dirname(file), target)).replace(/\.js$/, '.ts');
  });
  return { file, text, imports, modules: targets.filter((target) => target.startsWith('node:')) };
}

const sources = filesBelow(SOURCE).map(readSource);

function folderOf(file: string): string {
  const folder = ORDER.filter((each) => file.startsWith(`${each}/`)).sort((a, b) => b.length - a.length)[0];
  if (folder === undefined) throw new Error(`${file} is in no folder of the order`);
  return folder;
}

/** A path of imports that comes back to its beginning, or null. */
function findCycle(): string[] | null {
  const importsOf = new Map(sources.map(({ file, imports }) => [file, imports]));
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const next of importsOf.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle !== null) return cycle;
    }
    done.add(file);
    return null;
  };
  for (const { file } of sources) {
    const cycle = visit(file, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

describe('the source tree', () => {
  it('has sources', () => {
    expect(sources.length).toBeGreaterThan(50);
  });

  it.each(sources)('$file imports only what lies below it', ({ file, imports }) => {
    const own = ORDER.indexOf(folderOf(file));
    const upwards = imports.filter((target) => !SHARED_FILES.has(target) && ORDER.indexOf(folderOf(target)) < own);
    expect(upwards).toEqual([]);
  });

  it.each(sources)('$file leaves input and output to the edges', ({ file, modules }) => {
    const misplaced = modules.filter((module) => IO_MODULES[module] !== undefined && !IO_MODULES[module].test(file));
    expect(misplaced).toEqual([]);
  });

  it('has no cycle of imports', () => {
    expect(findCycle()).toBeNull();
  });

  it.each(sources)('$file says at its top what it is for', ({ text }) => {
    expect(text).toMatch(/^(\/\/|\/\*\*)/);
  });
});

describe('deliberate differences from stock nsqd', () => {
  const marked = sources.flatMap(({ text }) => [...text.matchAll(/DEVIATION\(([a-z-]+)\)/g)].map((match) => match[1]!));
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const section = readme.slice(readme.indexOf('## Differences from stock nsqd'));
  const listed = [...section.slice(0, section.indexOf('\n## ', 4)).matchAll(/^\| `([a-z-]+)` \|/gm)].map((match) => match[1]!);

  it('are all in the README, and all of the README are marked in the source', () => {
    expect([...new Set(marked)].sort()).toEqual([...listed].sort());
  });

  it.each(sources)('$file names each by its word in the README', ({ text }) => {
    expect(text.match(/DEVIATION(?!\([a-z-]+\))/g)).toBeNull();
  });
});

describe('the table of what stock nsqd loses', () => {
  const WINDOWS = 'test/unit/nsqd/broker/loss-windows.test.ts';
  /** By design as in stock nsqd. */
  const WITHOUT_TEST = ['L21', 'L22', 'D4'];
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| ([LDB]\d+a?) \|(?:[^|]*\|){3} ([^|]*?) ?\|$/gm)].map(([, window, tests]) => [window!, tests!] as const);

  it('has every window', () => {
    const numbers = (letter: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${letter}${index + 1}`);
    const all = [...numbers('L', 25), 'L8a', ...numbers('D', 5), ...numbers('B', 5)];
    expect(rows.map(([window]) => window).sort()).toEqual(all.sort());
  });

  it.each(rows.filter(([window]) => !WITHOUT_TEST.includes(window)))('has something to take away for %s', (window) => {
    // L18 is how stock nsqd does it: there is nothing that keeps it closed.
    if (window !== 'L18') expect(MUTATIONS.some((mutation) => mutation.window === window)).toBe(true);
  });

  it.each(MUTATIONS)('takes away something that is there: $window, $what', ({ file, find }) => {
    expect(readFileSync(join(ROOT, file), 'utf8').split(find).length - 1).toBe(1);
  });

  it.each(rows)('names a test that exists for %s', (window, tests) => {
    if (WITHOUT_TEST.includes(window)) return expect(tests).toBe('');
    for (const test of tests.split('; ')) {
      const [, file = '', name = ''] = /^`([^`]+)`(?:: (.+))?$/.exec(test) ?? [];
      const [path, text] = file === 'windows' ? [WINDOWS, `'${window}: `] : [file, name];
      expect(text, test).not.toBe('');
      expect(readFileSync(join(ROOT, path), 'utf8'), test).toContain(text);
    }
  });
});
