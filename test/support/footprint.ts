// What a daemon holds on to while it has nothing to do: memory, descriptors, timers and other handles, files. Taken before and
// after a lot of work, it shows what was never given back.

import { readdirSync, readlinkSync } from 'node:fs';
import { expect } from 'vitest';

import type { Daemon } from './daemon.js';
import { delay, eventually } from './eventually.js';

const SETTLE_MS = 200;
const MEBIBYTE = 1024 * 1024;

export interface Footprint {
  /** After a full collection. */
  readonly heapBytes: number;
  /** Of buffers and other memory outside of the heap. */
  readonly externalBytes: number;
  readonly residentBytes: number;
  /** Open descriptors by kind. */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Timers, sockets and whatever else Node counts as active, by name. */
  readonly handles: Readonly<Record<string, number>>;
  readonly files: readonly string[];
}

interface Holdings {
  readonly descriptors: Readonly<Record<string, number>>;
  readonly handles: Readonly<Record<string, number>>;
  readonly files: readonly string[];
}

/** The footprint once the daemon has come to rest: what it holds does not change from one look to the next. */
export async function restingFootprint(daemon: Daemon, deadlineMs: number): Promise<Footprint> {
  let last = await holdingsOf(daemon);
  await eventually(async () => {
    await delay(SETTLE_MS);
    const before = last;
    last = await holdingsOf(daemon);
    expect(last).toEqual(before);
  }, deadlineMs);
  await daemon.command('/debug/freememory');
  await daemon.command('/debug/freememory');
  const heap = numbersIn((await daemon.get('/debug/pprof/heap?debug=1')).body, /^(\w+): (\d+)$/gm);
  return {
    ...last,
    heapBytes: heap['used_heap_size'] ?? Number.NaN,
    externalBytes: (heap['external_memory'] ?? 0) + (heap['malloced_memory'] ?? 0),
    residentBytes: daemon.residentBytes(),
  };
}

/** The connection that asks is among them, and the one before it is not: it has had its time to close. */
async function holdingsOf(daemon: Daemon): Promise<Holdings> {
  const handles = await handlesOf(daemon);
  await delay(SETTLE_MS);
  return { handles, descriptors: descriptorsOf(daemon.processId), files: readdirSync(daemon.dataPath).sort() };
}

export function footprintText(name: string, footprint: Footprint): string {
  const { heapBytes, externalBytes, residentBytes, descriptors, handles, files } = footprint;
  const [heap, external, resident] = [heapBytes, externalBytes, residentBytes].map((bytes) => (bytes / MEBIBYTE).toFixed(1));
  return (
    `${name}: heap ${heap} MiB, outside ${external} MiB, resident ${resident} MiB, ` +
    `descriptors ${JSON.stringify(descriptors)}, handles ${JSON.stringify(handles)}, ${files.length} files`
  );
}

async function handlesOf(daemon: Daemon): Promise<Record<string, number>> {
  const { body } = await daemon.get('/debug/pprof/goroutine');
  return Object.fromEntries([...body.matchAll(/^(\d+) (\w+)$/gm)].map(([, count, name]) => [name!, Number(count)]));
}

/** Open descriptors of a process by kind, files apart. */
export function descriptorsOf(processId: number): Record<string, number> {
  const directory = `/proc/${processId}/fd`;
  const counts: Record<string, number> = {};
  for (const name of readdirSync(directory)) {
    let kind: string;
    try {
      kind = /^(socket|pipe|anon_inode)/.exec(readlinkSync(`${directory}/${name}`))?.[1] ?? 'file';
    } catch {
      continue; // Closed meanwhile.
    }
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

function numbersIn(text: string, pattern: RegExp): Record<string, number> {
  return Object.fromEntries([...text.matchAll(pattern)].map(([, name, value]) => [name!, Number(value)]));
}
