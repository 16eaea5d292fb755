// Reads what a clean stop left on the simulated disk as strictly as stock nsqd needs it (storage.md 12): exact
// metadata, consecutive files, whole records, exact depth.

import { decodeMetadata, decodeRecords } from '../support/data-directory.js';
import type { SimDisk } from '../support/sim-file-system.js';
import { Violation } from './oracle.js';

/** Bodies of the unread records of the queues that pass the filter, by name. Throws Violation. */
export function checkQueues(
  disk: SimDisk, directory: string, filter: (queue: string) => boolean,
): Map<string, string[]> {
  const files = new Map<string, Map<number, Buffer>>();
  const queues = new Map<string, string[]>();
  const names = disk.names(directory);
  for (const name of names) {
    const [, queue, digits] = /^(.+)\.diskqueue\.(\d{6,})\.dat$/.exec(name) ?? [];
    if (name.endsWith('.tmp')) throw new Violation(`${name} is left over`);
    if (queue === undefined || !filter(queue)) continue;
    if (!files.has(queue)) files.set(queue, new Map());
    files.get(queue)!.set(Number(digits), disk.content(`${directory}/${name}`)!);
  }
  for (const name of names) {
    const [, queue] = /^(.+)\.diskqueue\.meta\.dat$/.exec(name) ?? [];
    if (queue === undefined || !filter(queue)) continue;
    const metaText = disk.content(`${directory}/${name}`)!.toString();
    queues.set(queue, checkQueue(queue, metaText, files.get(queue) ?? new Map<number, Buffer>()));
    files.delete(queue);
  }
  for (const queue of files.keys()) throw new Violation(`queue ${queue} has data and no metadata`);
  return queues;
}

function checkQueue(queue: string, metaText: string, files: ReadonlyMap<number, Buffer>): string[] {
  try {
    const { depth, read, write } = decodeMetadata(metaText);
    const bodies: string[] = [];
    for (const number of files.keys()) {
      if (number >= read.file && number <= write.file) continue;
      throw new Error(`file ${number} is outside ${read.file} to ${write.file}`);
    }
    for (let number = read.file; number <= write.file; number += 1) {
      const bytes = files.get(number);
      if (bytes === undefined) {
        if (number !== write.file || write.offset !== 0) throw new Error(`file ${number} is missing`);
        continue;
      }
      if (number === write.file && bytes.length !== write.offset) {
        throw new Error(`file ${number} has ${bytes.length} bytes, not ${write.offset}`);
      }
      const start = number === read.file ? read.offset : 0;
      if (number < write.file && start >= bytes.length) {
        throw new Error(`stands at the end of the complete file ${number}`);
      }
      decodeRecords(bytes);
      bodies.push(...decodeRecords(bytes, start).map(({ body }) => body.toString('latin1')));
    }
    if (bodies.length !== depth) throw new Error(`depth ${depth}, but ${bodies.length} records`);
    return bodies;
  } catch (error) {
    throw new Violation(`queue ${queue}: ${(error as Error).message}; ${JSON.stringify(metaText)}`);
  }
}
