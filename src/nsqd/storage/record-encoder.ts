// Hot path (bench: mpub): from published bodies to records at the end of a log. A body is copied once; those of a batch are
// copied by one call and then moved to where their records want them, which costs less than half of a copy each:
//
//   batch  (as it arrives)      | size | body A | size | body B | size | body C |
//   copied behind the log's end, with 26 bytes of room for each message in front:
//                  |  room  |  room  |  room  | size | body A | size | body B | size | body C |
//   records        | length | header | body A | length | header | body B | length | header | body C |
//
// Each body moves to the left, the last one not at all, and no header reaches what has not been moved yet.

import type { MessageLog } from './message-log.js';
import { BODY_OFFSET, HEADER_BYTES, LENGTH_BYTES, RECORD_OVERHEAD_BYTES, TIMESTAMP_OFFSET, readInt32 } from './record.js';

/** Gives each message its timestamp, attempts and id. */
export interface HeaderWriter {
  /** Writes the 26 bytes of a new message. */
  writeHeader(view: DataView, at: number): void;
}

/** Appends the bytes of `source` from `start` to `end` as one record. Returns where it begins in the log's tail. */
export function appendRecord(log: MessageLog, headers: HeaderWriter, source: Uint8Array, start: number, end: number): number {
  const bodyBytes = end - start;
  const bytes = RECORD_OVERHEAD_BYTES + bodyBytes;
  const at = log.reserve(bytes);
  const view = log.tailView!;
  view.setInt32(at, HEADER_BYTES + bodyBytes);
  headers.writeHeader(view, at + TIMESTAMP_OFFSET);
  log.tail!.bytes!.set(new Uint8Array(source.buffer, source.byteOffset + start, bodyBytes), at + BODY_OFFSET);
  log.advance(bytes, 1);
  return at;
}

/** Appends `count` messages `| size 4 | body |`, checked, which follow each other from `start` on. Returns where they end. */
export function appendBatch(log: MessageLog, headers: HeaderWriter, source: Uint8Array, start: number, count: number): number {
  let at = start;
  for (let left = count; left > 0; ) {
    log.reserve(RECORD_OVERHEAD_BYTES + readInt32(source, at));
    const { length, limit } = log.tail!;
    const run = runThatFits(source, at, left, limit - length);
    appendRun(log, headers, source.subarray(at, run.end), run.count);
    at = run.end;
    left -= run.count;
  }
  return at;
}

/** Of the `count` messages from `start` on, those whose records fit into `room`, at least one. */
function runThatFits(source: Uint8Array, start: number, count: number, room: number): { count: number; end: number } {
  let end = start;
  let fitting = 0;
  let left = room;
  for (; fitting < count; fitting += 1) {
    const size = readInt32(source, end);
    left -= RECORD_OVERHEAD_BYTES + size;
    if (left < 0 && fitting > 0) break;
    end += LENGTH_BYTES + size;
  }
  return { count: fitting, end };
}

function appendRun(log: MessageLog, headers: HeaderWriter, batch: Uint8Array, count: number): void {
  const { length: begin, bytes } = log.tail!;
  const view = log.tailView!;
  let from = begin + count * HEADER_BYTES;
  let at = begin;
  bytes!.set(batch, from);
  for (let left = count; left > 0; left -= 1) {
    const size = view.getInt32(from);
    from += LENGTH_BYTES;
    bytes!.copyWithin(at + BODY_OFFSET, from, from + size);
    view.setInt32(at, HEADER_BYTES + size);
    headers.writeHeader(view, at + TIMESTAMP_OFFSET);
    from += size;
    at += RECORD_OVERHEAD_BYTES + size;
  }
  log.advance(at - begin, count);
}
