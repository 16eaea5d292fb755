// Logs on a simulated disk, and short ways to fill and read them.

import { ChunkPool } from '../../../../src/nsqd/storage/chunk.js';
import { DataDirectory } from '../../../../src/nsqd/storage/data-directory.js';
import type { LogReader } from '../../../../src/nsqd/storage/log-reader.js';
import { recoverLog } from '../../../../src/nsqd/storage/log-recovery.js';
import type { RecoveryReport } from '../../../../src/nsqd/storage/log-recovery.js';
import { MessageLog } from '../../../../src/nsqd/storage/message-log.js';
import type { MessageLogSettings } from '../../../../src/nsqd/storage/message-log.js';
import { recordBody, recordBytes } from '../../../../src/nsqd/storage/record.js';
import { encodeRecord, storedMessages } from '../../../support/data-directory.js';
import { SimDisk, SimFileSystem } from '../../../support/sim-file-system.js';

export const DIRECTORY = '/data';

export interface LogScene {
  readonly disk: SimDisk;
  readonly fileSystem: SimFileSystem;
  readonly directory: DataDirectory;
  readonly pool: ChunkPool;
  readonly log: MessageLog;
  readonly report: RecoveryReport;
}

/** A process that opens the log `t` on what the disk holds. */
export function openLog(
  settings: Partial<MessageLogSettings> = {}, disk = new SimDisk(), poolBytes = 2 ** 30,
  prepare: (fileSystem: SimFileSystem) => void = () => {}, flushesAtOnceMax = Infinity,
): LogScene {
  const fileSystem = new SimFileSystem({ disk });
  prepare(fileSystem);
  const directory = new DataDirectory(DIRECTORY, fileSystem, flushesAtOnceMax);
  directory.scan();
  const pool = new ChunkPool(poolBytes);
  const log = new MessageLog('t', directory, pool, {
    policy: 'through', bytesPerFileMax: 1000, memoryRecordsMax: 1000, ...settings,
  });
  return { disk, fileSystem, directory, pool, log, report: recoverLog(log) };
}

/** Appends one record per body to the turn. Ids rise with the position. */
export function append(log: MessageLog, ...bodies: readonly string[]): void {
  for (const body of bodies) {
    const record = recordOf(body);
    const at = log.reserve(record.length);
    log.tail!.bytes!.set(record, at);
    log.advance(record.length, 1);
  }
}

export function recordOf(body: string): Buffer {
  return encodeRecord(storedMessages([body])[0]!);
}

export function recordsOf(...bodies: readonly string[]): Buffer {
  return Buffer.concat(bodies.map(recordOf));
}

export function publish(log: MessageLog, ...bodies: readonly string[]): void {
  append(log, ...bodies);
  log.commit();
}

/** Takes up to `count` records from where the reader stands, up to the end of what is committed. */
export function take(log: MessageLog, reader: LogReader, count = Infinity): string[] {
  const bodies: string[] = [];
  while (bodies.length < count && reader.index < log.end().index) {
    reader.skipEnds();
    const bytes = reader.chunk!.load();
    bodies.push(Buffer.from(recordBody(bytes, reader.position)).toString());
    reader.position += recordBytes(bytes, reader.position);
    reader.index += 1;
  }
  return bodies;
}

export function dataPath(number: number): string {
  return `${DIRECTORY}/t.diskqueue.${String(number).padStart(6, '0')}.dat`;
}

export const META_PATH = `${DIRECTORY}/t.diskqueue.meta.dat`;
