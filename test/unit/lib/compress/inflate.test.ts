import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { CONTENT_BYTES_PER_CALL, InflateError, Inflater } from '../../../../src/lib/compress/inflate.js';
import { hex } from '../../../support/bytes.js';
import { Prng, seedOfRun } from '../../../support/prng.js';
import { anyContent } from './content.js';

const SYNC = { finishFlush: constants.Z_SYNC_FLUSH };

/** Feeds the pieces one by one, each until it is used up. */
function inflate(...pieces: readonly Buffer[]): Buffer {
  const contents: Buffer[] = [];
  const inflater = new Inflater((content) => contents.push(Buffer.from(content)));
  for (const piece of pieces) {
    let at = 0;
    do at = inflater.inflate(piece, at); while (inflater.hasMore);
    expect(inflater.hasEnded || at === piece.length).toBe(true);
  }
  return Buffer.concat(contents);
}

function bytewise(stream: Buffer): Buffer[] {
  return [...stream].map((byte) => Buffer.of(byte));
}

describe('inflating', () => {
  it('reads the OK of nsqd', () => {
    const stream = hex('62 60 60 60 63 60 60 60 f0 f7 06 00 00 00 ff ff');
    expect(inflate(stream)).toEqual(hex('00 00 00 06 00 00 00 00 4f 4b'));
    expect(inflate(hex('00 00 00 ff ff'), stream, hex('00 00 00 ff ff'))).toEqual(hex('00 00 00 06 00 00 00 00 4f 4b'));
  });

  it.each([
    ['level 0', { level: 0 }],
    ['level 1', { level: 1 }],
    ['level 6', { level: 6 }],
    ['level 9', { level: 9 }],
    ['fixed codes', { strategy: constants.Z_FIXED }],
    ['Huffman codes alone', { strategy: constants.Z_HUFFMAN_ONLY }],
    ['runs', { strategy: constants.Z_RLE }],
    ['a small window', { windowBits: 9, memLevel: 1 }],
  ])('reads what zlib writes with %s, in pieces of any size', (_, options) => {
    const prng = new Prng(seedOfRun());
    for (const size of [0, 1, 2, 257, 4000, 70_000, 200_000]) {
      const content = anyContent(prng, size);
      const stream = deflateRawSync(content, options);
      const at = prng.integer(0, stream.length);
      const note = `seed ${prng.seed}, size ${size}`;
      expect(inflate(stream).equals(content), note).toBe(true);
      expect(inflate(stream.subarray(0, at), stream.subarray(at)).equals(content), note).toBe(true);
      if (size <= 4000) expect(inflate(...bytewise(stream)).equals(content), note).toBe(true);
    }
  });

  it('is at any byte as far as can be', () => {
    const stream = deflateRawSync(anyContent(new Prng(3), 600), SYNC);
    for (let at = 1; at < stream.length; at += 1) {
      const first = inflate(stream.subarray(0, at));
      const reference = inflateRawSync(stream.subarray(0, at), SYNC);
      expect(first.equals(reference), `cut at ${at}`).toBe(true);
    }
  });

  it('tells when the final block has ended, and looks at nothing behind it', () => {
    const stream = deflateRawSync(Buffer.from('the end'));
    const inflater = new Inflater(() => undefined);
    expect(inflater.inflate(Buffer.concat([stream, Buffer.from('garbage')]))).toBe(stream.length);
    expect(inflater.hasEnded).toBe(true);
    const unfinished = new Inflater(() => undefined);
    unfinished.inflate(deflateRawSync(Buffer.from('no end'), SYNC));
    expect(unfinished.hasEnded).toBe(false);
  });

  it('decodes a bounded amount per call, however well it was compressed', () => {
    const size = 20 * CONTENT_BYTES_PER_CALL;
    const bomb = deflateRawSync(Buffer.alloc(size));
    let decoded = 0;
    let callsTotal = 0;
    const inflater = new Inflater((content) => (decoded += content.length));
    for (let at = 0; !inflater.hasEnded; callsTotal += 1) {
      const before = decoded;
      at = inflater.inflate(bomb, at);
      expect(decoded - before).toBeLessThan(CONTENT_BYTES_PER_CALL + 65_536);
    }
    expect(decoded).toBe(size);
    expect(callsTotal).toBeGreaterThanOrEqual(size / (CONTENT_BYTES_PER_CALL + 65_536));
  });
});

describe('damage', () => {
  it.each([
    ['an unknown kind of block', '06'],
    ['a stored block whose length is not confirmed', '00 01 00 00 00'],
    ['too many symbols', 'fd ff ff'],
    ['a match from before the stream', '03 02 00'],
    ['ones', 'ff ff ff ff ff ff ff ff ff ff ff'],
  ])('is %s', (_, digits) => {
    const stream = hex(digits);
    expect(() => inflateRawSync(stream, SYNC)).toThrow();
    expect(() => inflate(stream)).toThrow(InflateError);
    expect(() => inflate(...bytewise(stream))).toThrow(InflateError);
  });

  it('leaves what came before it', () => {
    const contents: string[] = [];
    const inflater = new Inflater((content) => contents.push(content.toString()));
    const stream = Buffer.concat([deflateRawSync(Buffer.from('NOP\nNOP\n'), SYNC), Buffer.from('CLS\n')]);
    expect(() => inflater.inflate(stream)).toThrow(InflateError);
    expect(contents.join('')).toContain('NOP\nNOP\n');
  });

  it('of any byte is judged as zlib judges it', () => {
    const prng = new Prng(seedOfRun());
    for (let count = 0; count < 1500; count += 1) {
      const stream = Buffer.from(deflateRawSync(anyContent(prng, prng.integer(1, 400)), { level: prng.integer(0, 9) }));
      stream[prng.integer(0, stream.length - 1)] = prng.integer(0, 255);
      const note = `seed ${prng.seed}, ${count}: ${stream.toString('hex')}`;
      const reference = resultOf(() => inflateRawSync(stream, SYNC));
      const own = resultOf(() => inflate(stream));
      expect(own === null, note).toBe(reference === null);
      if (own !== null && reference !== null) expect(own.equals(reference), note).toBe(true);
    }
  });
});

function resultOf(attempt: () => Buffer): Buffer | null {
  try {
    return attempt();
  } catch {
    return null;
  }
}
