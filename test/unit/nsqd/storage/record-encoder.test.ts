import { describe, expect, it } from 'vitest';

import { appendBatch, appendRecord } from '../../../../src/nsqd/storage/record-encoder.js';
import type { HeaderWriter } from '../../../../src/nsqd/storage/record-encoder.js';
import { recordAttempts, recordBytes, recordId, recordTimestampMs } from '../../../../src/nsqd/storage/record.js';
import { Prng } from '../../../support/prng.js';
import { openLog, take } from './logs.js';
import type { LogScene } from './logs.js';

const TIMESTAMP_NS = 1_795_220_377_806_000_000n;

/** Ids that count, in 16 digits. */
class CountingHeaders implements HeaderWriter {
  #next = 0;

  writeHeader(view: DataView, at: number): void {
    view.setBigInt64(at, TIMESTAMP_NS);
    view.setUint16(at + 8, 0);
    for (const [index, digit] of [...String(this.#next).padStart(16, '0')].entries()) {
      view.setUint8(at + 10 + index, digit.charCodeAt(0));
    }
    this.#next += 1;
  }
}

/** As it arrives in an MPUB, with something before and behind it. */
function batchOf(bodies: readonly string[]): { readonly bytes: Buffer; readonly start: number } {
  const parts = bodies.flatMap((body) => {
    const size = Buffer.alloc(4);
    size.writeInt32BE(body.length);
    return [size, Buffer.from(body, 'latin1')];
  });
  return { bytes: Buffer.concat([Buffer.from('before'), ...parts, Buffer.from('behind')]), start: 6 };
}

function ids({ log }: LogScene): string[] {
  const reader = log.addReader(null);
  const found: string[] = [];
  for (let chunk = reader.chunk; chunk !== null; chunk = chunk.next) {
    for (let at = 0; at < chunk.length; at += recordBytes(chunk.bytes!, at)) found.push(recordId(chunk.bytes!, at));
  }
  return found;
}

describe('one record', () => {
  it('has its header and the body it was given', () => {
    const scene = openLog();
    const source = Buffer.from('..body..');
    const at = appendRecord(scene.log, new CountingHeaders(), source.subarray(1), 1, 5);
    scene.log.commit();
    const { bytes } = scene.log.tail!;
    expect(recordTimestampMs(bytes!, at)).toBeCloseTo(Number(TIMESTAMP_NS / 1_000_000n), 2);
    expect([recordAttempts(bytes!, at), recordId(bytes!, at)]).toEqual([0, '0000000000000000']);
    expect(take(scene.log, scene.log.addReader(null))).toEqual(['body']);
  });
});

describe('a batch', () => {
  it.each([
    ['one message', ['only']],
    ['empty bodies among others', ['', 'a', '', '', 'bb']],
    ['rising sizes', ['a', 'b'.repeat(30), 'c'.repeat(100), 'd'.repeat(300)]],
    ['falling sizes', ['a'.repeat(300), 'b'.repeat(100), 'c'.repeat(30), 'd']],
  ])('of %s leaves the records that single appends leave', (_name, bodies) => {
    const [batched, single] = [openLog(), openLog()];
    const { bytes, start } = batchOf(bodies);
    const headers = new CountingHeaders();
    expect(appendBatch(batched.log, new CountingHeaders(), bytes, start, bodies.length)).toBe(bytes.length - 6);
    for (const body of bodies) appendRecord(single.log, headers, Buffer.from(body), 0, body.length);
    batched.log.commit();
    single.log.commit();
    expect(take(batched.log, batched.log.addReader(null))).toEqual(bodies);
    expect(ids(batched)).toEqual(ids(single));
    expect(batched.disk.content('/data/t.diskqueue.000000.dat')).toEqual(single.disk.content('/data/t.diskqueue.000000.dat'));
  });

  it('runs on over the ends of chunks and files', () => {
    const prng = new Prng(7);
    for (let round = 0; round < 30; round += 1) {
      const scene = openLog({ bytesPerFileMax: prng.integer(50, 3000) });
      const reader = scene.log.addReader(null);
      const headers = new CountingHeaders();
      const expected: string[] = [];
      for (let turn = 0; turn < 5; turn += 1) {
        const bodies = Array.from({ length: prng.integer(1, 40) }, () => 'x'.repeat(prng.integer(0, 200)));
        const { bytes, start } = batchOf(bodies);
        appendBatch(scene.log, headers, bytes, start, bodies.length);
        expected.push(...bodies);
        scene.log.commit();
      }
      expect(ids(scene)).toEqual(expected.map((_body, index) => String(index).padStart(16, '0')));
      expect(take(scene.log, reader)).toEqual(expected);
    }
  });
});
