import { describe, expect, it } from 'vitest';

import { BufferPool } from '../../../../src/nsqd/tcp/buffer-pool.js';
import { OutputBuffer } from '../../../../src/nsqd/tcp/output-buffer.js';
import { recordAttempts, recordBytes, writeAttempts } from '../../../../src/nsqd/storage/record.js';
import { Prng, seedOfRun } from '../../../support/prng.js';
import { recordOf } from '../storage/logs.js';

/** A record with this many attempts. */
function record(body: string, attempts = 0): Buffer {
  const bytes = recordOf(body);
  writeAttempts(bytes, 0, attempts);
  return bytes;
}

function contentOf(output: OutputBuffer): Buffer {
  return Buffer.from(output.pending(output.length));
}

describe('a message frame', () => {
  it('is the record with the frame type behind its length, and the attempts given', () => {
    const output = new OutputBuffer(new BufferPool());
    const bytes = record('body', 3);
    output.appendMessage(bytes, 0, 258);
    const expected = Buffer.concat([Buffer.of(0, 0, 0, 34, 0, 0, 0, 2), bytes.subarray(4)]);
    writeAttempts(expected, 4, 258);
    expect(contentOf(output)).toEqual(expected);
  });
});

describe('frames of records that lie side by side', () => {
  it.each([0, 1, 65535])('count one attempt more than %i', (attempts) => {
    const output = new OutputBuffer(new BufferPool());
    const bytes = record('body', attempts);
    output.appendMessages(bytes, 0, bytes.length, 1);
    expect(recordAttempts(contentOf(output), 4)).toBe((attempts + 1) % 65536);
  });

  it('are those of one record after the other', () => {
    const prng = new Prng(seedOfRun());
    const pool = new BufferPool();
    for (let round = 0; round < 200; round += 1) {
      const records = Array.from({ length: prng.integer(1, 30) }, () => record('x'.repeat(prng.integer(0, 300)), prng.integer(0, 9)));
      const bytes = Buffer.concat([Buffer.from('before'), ...records, Buffer.from('behind')]);
      const [together, single] = [new OutputBuffer(pool), new OutputBuffer(pool)];
      for (const output of [together, single]) output.append(Buffer.from('frame'));
      together.appendMessages(bytes, 6, bytes.length - 6, records.length);
      for (let at = 6; at < bytes.length - 6; at += recordBytes(bytes, at)) single.appendMessage(bytes, at, recordAttempts(bytes, at) + 1);
      expect(contentOf(together).equals(contentOf(single)), `seed ${prng.seed}`).toBe(true);
    }
  });
});

describe('what is kept back', () => {
  it('is there after the rest was written, whoever has the buffer then', () => {
    const pool = new BufferPool();
    const output = new OutputBuffer(pool);
    output.append(Buffer.from('sent'));
    output.append(Buffer.from('kept'));
    output.written(4, true);
    pool.acquire(1024).fill(0);
    expect(contentOf(output).toString()).toBe('kept');
  });
});
