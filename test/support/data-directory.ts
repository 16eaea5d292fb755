// Reads and writes what nsqd keeps in its data directory, byte by byte: disk queue files, their metadata, nsqd.dat.
// Written from the description of the format alone, so that it can judge the daemon's own storage code.
//
//   record    length(4) timestamp(8) attempts(2) id(16) body(length - 26), big-endian; a data file is records only
//   metadata  "<depth>\n<read file>,<read position>\n<write file>,<write position>\n"
//   nsqd.dat  one JSON object without white space

import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Bytes, toBuffer } from './bytes.js';

const LENGTH_BYTES = 4;
const MESSAGE_HEADER_BYTES = 26;
const FILE_MODE = 0o600;

export interface StoredMessage {
  readonly timestampNs: bigint;
  readonly attempts: number;
  readonly id: string;
  readonly body: Buffer;
}

export interface Position {
  readonly file: number;
  readonly offset: number;
}

export interface QueueMetadata {
  readonly depth: number;
  readonly read: Position;
  readonly write: Position;
}

export interface ChannelEntry {
  readonly name: string;
  readonly paused: boolean;
}

export interface TopicEntry {
  readonly name: string;
  readonly paused: boolean;
  readonly channels: readonly ChannelEntry[] | null;
}

// --- names

export function dataFilePath(directory: string, queue: string, file: number): string {
  return join(directory, `${queue}.diskqueue.${String(file).padStart(6, '0')}.dat`);
}

export function metadataPath(directory: string, queue: string): string {
  return join(directory, `${queue}.diskqueue.meta.dat`);
}

export function topicMetadataPath(directory: string): string {
  return join(directory, 'nsqd.dat');
}

/** Numbers of the data files of a queue, rising. */
export function dataFileNumbers(directory: string, queue: string): number[] {
  const numbers: number[] = [];
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(`${queue}.diskqueue.`)) continue;
    const digits = /^\.diskqueue\.(\d{6,})\.dat$/.exec(name.slice(queue.length))?.[1];
    if (digits !== undefined) numbers.push(Number(digits));
  }
  return numbers.sort((left, right) => left - right);
}

// --- records

/** A stored message with defaults for what a test does not care about. */
export function storedMessage(body: Bytes, fields: Partial<StoredMessage> = {}): StoredMessage {
  return {
    timestampNs: 1_795_220_377_806_336_734n,
    attempts: 0,
    id: '18a27a6faee05000',
    ...fields,
    body: toBuffer(body),
  };
}

/** Messages with different, rising ids, one per body. */
export function storedMessages(bodies: readonly Bytes[]): StoredMessage[] {
  return bodies.map((body, index) => {
    const id = (0x18a2_7a6f_aee0_5000n + BigInt(index)).toString(16).padStart(16, '0');
    return storedMessage(body, { id });
  });
}

/** Messages of several files, all with different ids. */
export function storedFiles(...files: ReadonlyArray<readonly Bytes[]>): StoredMessage[][] {
  const messages = storedMessages(files.flat());
  return files.map((bodies) => messages.splice(0, bodies.length));
}

export function encodeRecord(message: StoredMessage): Buffer {
  const id = Buffer.from(message.id, 'latin1');
  if (id.length !== 16) throw new Error(`an id has 16 bytes, not ${id.length}`);
  const record = Buffer.alloc(LENGTH_BYTES + MESSAGE_HEADER_BYTES + message.body.length);
  record.writeInt32BE(MESSAGE_HEADER_BYTES + message.body.length, 0);
  record.writeBigInt64BE(message.timestampNs, 4);
  record.writeUInt16BE(message.attempts, 12);
  id.copy(record, 14);
  message.body.copy(record, 30);
  return record;
}

/** Decodes whole records from `start` to the end of the bytes; anything left over is an error. */
export function decodeRecords(bytes: Buffer, start = 0): StoredMessage[] {
  const messages: StoredMessage[] = [];
  let offset = start;
  while (offset < bytes.length) {
    if (offset + LENGTH_BYTES > bytes.length) throw new Error(`a torn length at offset ${offset}`);
    const length = bytes.readInt32BE(offset);
    const end = offset + LENGTH_BYTES + length;
    if (length < MESSAGE_HEADER_BYTES) throw new Error(`a record of ${length} bytes at offset ${offset}`);
    if (end > bytes.length) throw new Error(`a torn record at offset ${offset}`);
    messages.push({
      timestampNs: bytes.readBigInt64BE(offset + 4),
      attempts: bytes.readUInt16BE(offset + 12),
      id: bytes.toString('latin1', offset + 14, offset + 30),
      body: bytes.subarray(offset + 30, end),
    });
    offset = end;
  }
  return messages;
}

// --- metadata

export function encodeMetadata(metadata: QueueMetadata): string {
  const { depth, read, write } = metadata;
  return `${depth}\n${read.file},${read.offset}\n${write.file},${write.offset}\n`;
}

/** Accepts the exact form only. */
export function decodeMetadata(text: string): QueueMetadata {
  const match = /^(0|-?[1-9]\d*)\n(0|[1-9]\d*),(0|[1-9]\d*)\n(0|[1-9]\d*),(0|[1-9]\d*)\n$/.exec(text);
  if (match === null) throw new Error(`not a metadata file: ${JSON.stringify(text)}`);
  const [depth = 0, readFile = 0, readOffset = 0, writeFile = 0, writeOffset = 0] = match.slice(1).map(Number);
  return { depth, read: { file: readFile, offset: readOffset }, write: { file: writeFile, offset: writeOffset } };
}

export function readMetadata(directory: string, queue: string): QueueMetadata {
  return decodeMetadata(readFileSync(metadataPath(directory, queue), 'utf8'));
}

// --- whole queues

/** Writes one data file per list of messages, numbered from `firstFile`, and metadata with everything unread. */
export function writeQueue(
  directory: string,
  queue: string,
  files: ReadonlyArray<readonly StoredMessage[]>,
  firstFile = 0,
): QueueMetadata {
  let offset = 0;
  let depth = 0;
  files.forEach((messages, index) => {
    const bytes = Buffer.concat(messages.map(encodeRecord));
    writeFileSync(dataFilePath(directory, queue, firstFile + index), bytes, { mode: FILE_MODE });
    offset = bytes.length;
    depth += messages.length;
  });
  const lastFile = firstFile + Math.max(0, files.length - 1);
  const metadata = { depth, read: { file: firstFile, offset: 0 }, write: { file: lastFile, offset } };
  writeMetadata(directory, queue, metadata);
  return metadata;
}

export function writeMetadata(directory: string, queue: string, metadata: QueueMetadata): void {
  writeFileSync(metadataPath(directory, queue), encodeMetadata(metadata), { mode: FILE_MODE });
}

/**
 * The unread messages of a queue in order, after checking everything a clean stop promises: exact metadata, the files
 * from the read to the write position all there and no other, whole records only, and an exact depth.
 */
export function readCleanQueue(directory: string, queue: string): StoredMessage[] {
  const { depth, read, write } = readMetadata(directory, queue);
  const problems: string[] = [];
  const numbers = dataFileNumbers(directory, queue);
  if (read.file > write.file) problems.push('reads behind the file it writes');
  for (const number of numbers) {
    if (number < read.file || number > write.file) problems.push(`file ${number} is outside the queue`);
  }
  const messages: StoredMessage[] = [];
  for (let number = read.file; number <= write.file; number += 1) {
    const path = dataFilePath(directory, queue, number);
    if (!existsSync(path)) {
      if (number !== write.file || write.offset !== 0) problems.push(`file ${number} is missing`);
      continue;
    }
    const bytes = readFileSync(path);
    if (number === write.file && bytes.length !== write.offset) {
      problems.push(`file ${number} has ${bytes.length} bytes, the metadata says ${write.offset}`);
    }
    const start = number === read.file ? read.offset : 0;
    if (number < write.file && start >= bytes.length) problems.push(`stands at the end of the complete file ${number}`);
    decodeRecords(bytes); // The records already read must be whole, too.
    messages.push(...decodeRecords(bytes, start));
  }
  if (messages.length !== depth) problems.push(`depth ${depth}, but ${messages.length} unread records`);
  if (problems.length > 0) throw new Error(`queue ${queue}: ${problems.join('; ')}`);
  return messages;
}

// --- nsqd.dat

export function encodeTopics(topics: readonly TopicEntry[] | null): string {
  return JSON.stringify({ topics, version: '1.3.0' });
}

export function writeTopics(directory: string, topics: readonly TopicEntry[] | null): void {
  writeFileSync(topicMetadataPath(directory), encodeTopics(topics), { mode: FILE_MODE });
}

/** The topics of nsqd.dat sorted by name; fails unless the file has the exact form that nsqd writes. */
export function readTopics(directory: string): TopicEntry[] | null {
  const text = readFileSync(topicMetadataPath(directory), 'utf8');
  const content = JSON.parse(text) as { topics: TopicEntry[] | null; version: string };
  const exact = JSON.stringify({
    topics:
      content.topics?.map(({ name, paused, channels }) => ({
        name,
        paused,
        channels: channels?.map((channel) => ({ name: channel.name, paused: channel.paused })) ?? null,
      })) ?? null,
    version: content.version,
  });
  if (text !== exact) throw new Error(`nsqd.dat is not in the exact form: ${text}`);
  if (!/^\d+\.\d+\.\d+$/.test(content.version)) throw new Error(`nsqd.dat has the version ${content.version}`);
  if (content.topics?.length === 0) throw new Error('nsqd.dat has an empty list where nsqd writes null');
  const byName = (left: { name: string }, right: { name: string }): number => (left.name < right.name ? -1 : 1);
  for (const topic of content.topics ?? []) {
    if (topic.channels?.length === 0) throw new Error('nsqd.dat has an empty list where nsqd writes null');
  }
  return (
    content.topics
      ?.map((topic) => ({ ...topic, channels: topic.channels === null ? null : [...topic.channels].sort(byName) }))
      .sort(byName) ?? null
  );
}

/** Names of all files that belong to nsqd's format, sorted; side files of other names are left out. */
export function standardFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith('nsqd.dat') || name.includes('.diskqueue.'))
    .sort();
}

/** Permission bits of a file. */
export function fileMode(path: string): number {
  return statSync(path).mode & 0o777;
}
