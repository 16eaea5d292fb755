import { describe, expect, it } from 'vitest';

import { SnappyError } from '../../../../src/lib/compress/snappy-block.js';
import { CHUNK_DATA_BYTES_MAX, SnappyDecoder, SnappyEncoder } from '../../../../src/lib/compress/snappy-frame.js';
import { hex, joined } from '../../../support/bytes.js';
import { Prng, seedOfRun } from '../../../support/prng.js';
import { anyContent } from './content.js';

const IDENTIFIER = hex('ff 06 00 00 73 4e 61 50 70 59');
const OK_FRAME = hex('00 00 00 06 00 00 00 00 4f 4b');
const OK_CHUNK = hex('01 0e 00 00 26 98 2b cf 00 00 00 06 00 00 00 00 4f 4b');
/** `abcdabcdabcda` compressed, with its checksum. */
const COMPRESSED = encode(new SnappyEncoder(), Buffer.alloc(64, 'abcd'));

function encode(encoder: SnappyEncoder, content: Buffer): Buffer {
  const target = Buffer.alloc(encoder.bytesMax(content.length));
  return target.subarray(0, encoder.encode(content, target));
}

function decode(...pieces: readonly Buffer[]): Buffer {
  const contents: Buffer[] = [];
  const decoder = new SnappyDecoder((content) => contents.push(Buffer.from(content)));
  for (const piece of pieces) decoder.decode(piece);
  return Buffer.concat(contents);
}

describe('encoding', () => {
  it('is that of nsqd: the identifier once, small frames uncompressed', () => {
    const encoder = new SnappyEncoder();
    expect(encode(encoder, OK_FRAME)).toEqual(joined(IDENTIFIER, OK_CHUNK));
    expect(encode(encoder, OK_FRAME)).toEqual(OK_CHUNK);
  });

  it('compresses what becomes smaller by an eighth', () => {
    expect(COMPRESSED[IDENTIFIER.length]).toBe(0x00);
    expect(COMPRESSED.length).toBeLessThan(40);
    expect(decode(COMPRESSED)).toEqual(Buffer.alloc(64, 'abcd'));
  });

  it('makes a chunk of every 65,536 bytes', () => {
    const content = new Prng(1).bytes(65_536 * 2 + 1);
    const chunks = encode(new SnappyEncoder(), content);
    expect(chunks.length).toBe(IDENTIFIER.length + 3 * 8 + content.length);
    expect(decode(chunks).equals(content)).toBe(true);
  });

  it('asks for room to compress one chunk at a time, however many there are', () => {
    const chunk = 65_536;
    expect(new SnappyEncoder().bytesMax(4 * chunk) - 4 * chunk).toBeLessThan(chunk / 5);
  });

  it('needs no more room than it says', () => {
    const prng = new Prng(seedOfRun());
    for (const size of [0, 1, 100, 65_535, 65_536, 65_537, 200_000]) {
      const encoder = new SnappyEncoder();
      const room = encoder.bytesMax(size);
      expect(encoder.encode(prng.bytes(size), Buffer.alloc(room))).toBeLessThanOrEqual(room);
    }
  });
});

describe('decoding', () => {
  it.each<readonly [string, Buffer, string]>([
    ['an identifier alone', IDENTIFIER, ''],
    ['identifiers anywhere', joined(IDENTIFIER, IDENTIFIER, OK_CHUNK, IDENTIFIER, OK_CHUNK), 'OKOK'],
    ['padding', joined(IDENTIFIER, hex('fe 03 00 00 01 02 03'), OK_CHUNK), 'OK'],
    ['chunks to be skipped', joined(IDENTIFIER, hex('80 00 00 00 fd 01 00 00 09'), OK_CHUNK), 'OK'],
    ['chunks without content', joined(IDENTIFIER, hex('01 04 00 00 d8 ea 82 a2'), hex('00 05 00 00 d8 ea 82 a2 00')), ''],
    ['a compressed chunk', COMPRESSED, 'abcd'.repeat(16)],
  ])('takes %s, in one piece and split anywhere', (_, stream, expected) => {
    const content = expected.startsWith('OK') ? Buffer.alloc(expected.length * 5, OK_FRAME) : Buffer.from(expected);
    expect(decode(stream)).toEqual(content);
    expect(decode(...[...stream].map((byte) => Buffer.of(byte)))).toEqual(content);
    for (let at = 1; at < stream.length; at += 1) {
      expect(decode(stream.subarray(0, at), stream.subarray(at)), `split at ${at}`).toEqual(content);
    }
  });

  it.each<readonly [string, Buffer]>([
    ['a stream without identifier', OK_CHUNK],
    ['padding before the identifier', joined(hex('fe 00 00 00'), IDENTIFIER)],
    ['plain commands', Buffer.from('CLS\n')],
    ['a misspelt identifier', hex('ff 06 00 00 73 4e 61 50 70 5a')],
    ['an identifier of another length', hex('ff 05 00 00 73 4e 61 50 70')],
    ['a wrong checksum', joined(IDENTIFIER, hex('01 05 00 00 00 00 00 00 41'))],
    ['a chunk too short for its checksum', joined(IDENTIFIER, hex('01 03 00 00 00 00 00'))],
    ['an unknown chunk', joined(IDENTIFIER, hex('02 00 00 00'))],
    ['the last unknown chunk', joined(IDENTIFIER, hex('7f 00 00 00'))],
    ['a damaged block', joined(IDENTIFIER, hex('00 06 00 00 d8 ea 82 a2 01 ff'))],
  ])('refuses %s, in one piece and byte by byte', (_, stream) => {
    expect(() => decode(stream)).toThrow(SnappyError);
    expect(() => decode(...[...stream].map((byte) => Buffer.of(byte)))).toThrow(SnappyError);
  });

  it('refuses chunks that are too long by their header alone', () => {
    const header = (type: number, length: number): Buffer => Buffer.of(type, length & 255, (length >> 8) & 255, length >> 16);
    for (const type of [0x00, 0x01, 0x80, 0xfe]) {
      expect(() => decode(IDENTIFIER, header(type, CHUNK_DATA_BYTES_MAX + 1))).toThrow('too long');
      expect(decode(IDENTIFIER, header(type, CHUNK_DATA_BYTES_MAX)).length).toBe(0);
    }
  });

  it('refuses uncompressed content of more than 65,536 bytes', () => {
    const stream = joined(IDENTIFIER, hex('01 05 00 01 00 00 00 00'), Buffer.alloc(65_537));
    expect(() => decode(stream)).toThrow('too long');
  });

  it('hands on what came before the damage', () => {
    const contents: string[] = [];
    const decoder = new SnappyDecoder((content) => contents.push(content.toString('latin1', 8)));
    expect(() => decoder.decode(joined(IDENTIFIER, OK_CHUNK, OK_CHUNK, Buffer.from('CLS\n')))).toThrow(SnappyError);
    expect(contents).toEqual(['OK', 'OK']);
  });

  it('gives back any stream of pieces, cut anywhere', () => {
    const prng = new Prng(seedOfRun());
    const encoder = new SnappyEncoder();
    const contents = Array.from({ length: 60 }, () => anyContent(prng, prng.integer(1, 5000)));
    const stream = Buffer.concat(contents.map((content) => encode(encoder, content)));
    const pieces: Buffer[] = [];
    for (let at = 0; at < stream.length;) {
      const end = Math.min(stream.length, at + prng.integer(1, 3000));
      pieces.push(stream.subarray(at, end));
      at = end;
    }
    expect(decode(...pieces).equals(Buffer.concat(contents)), `seed ${prng.seed}`).toBe(true);
  });
});
