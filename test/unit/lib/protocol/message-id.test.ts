import { describe, expect, it } from 'vitest';

import { MessageIdGenerator } from '../../../../src/lib/protocol/message-id.js';

const NODE_ID = 517;
/** The worked example of engine.md 4.1. */
const EXAMPLE_MS = 1_795_220_377_806.676875;

interface Header {
  readonly timestampNs: bigint;
  readonly attempts: number;
  readonly id: string;
}

function next(generator: MessageIdGenerator): Header {
  const bytes = Buffer.alloc(30, 0xff);
  generator.writeHeader(new DataView(bytes.buffer, bytes.byteOffset), 2);
  if (bytes.readUInt16BE(0) !== 0xffff || bytes.readUInt16BE(28) !== 0xffff) throw new Error('wrote beyond its 26 bytes');
  return { timestampNs: bytes.readBigInt64BE(2), attempts: bytes.readUInt16BE(10), id: bytes.toString('latin1', 12, 28) };
}

function generatorAt(wallMs: number): MessageIdGenerator {
  const generator = new MessageIdGenerator(NODE_ID);
  generator.setWallClock(wallMs);
  return generator;
}

describe('MessageIdGenerator', () => {
  it('writes timestamp, no attempts, and the id of the example', () => {
    const generator = generatorAt(EXAMPLE_MS);
    const { timestampNs, attempts, id } = next(generator);
    expect([attempts, id]).toEqual([0, '18a27a6faee05000']);
    expect(Number(timestampNs - 1_795_220_377_806_676_875n)).toBeLessThan(1000);
    expect(next(generator).id).toBe('18a27a6faee05001');
  });

  it('keeps node id and time in every id', () => {
    const value = BigInt(`0x${next(generatorAt(EXAMPLE_MS)).id}`);
    expect([Number((value >> 12n) & 1023n), Number(value & 4095n)]).toEqual([NODE_ID, 0]);
    expect(Number(value >> 22n) + 1288834974288).toBe(1712055566603);
  });

  it.each([
    ['stands still', (_step: number) => 0],
    ['runs', (step: number) => step * 7],
    ['steps back an hour', (step: number) => (step === 5000 ? 0 : -3_600_000)],
    ['jumps to and fro', (step: number) => (step % 2 === 0 ? 0 : -100_000)],
  ])('rises while the wall clock %s', (_name, offset) => {
    const generator = new MessageIdGenerator(NODE_ID);
    let last = '';
    for (let step = 0; step < 10_000; step += 1) {
      if (step % 100 === 0) generator.setWallClock(EXAMPLE_MS + offset(step));
      const { id } = next(generator);
      if (id <= last) throw new Error(`${id} after ${last}`);
      last = id;
    }
    expect(Number((BigInt(`0x${last}`) >> 12n) & 1023n)).toBe(NODE_ID);
  });

  it('goes back to the clock once that has caught up', () => {
    const generator = generatorAt(EXAMPLE_MS);
    for (let count = 0; count < 4096 * 3; count += 1) next(generator);
    generator.setWallClock(EXAMPLE_MS + 1000);
    expect(next(generator).id).toBe(next(generatorAt(EXAMPLE_MS + 1000)).id);
  });

  it('gives later ids than a former run when the clock was stepped back in between', () => {
    const former = next(generatorAt(EXAMPLE_MS)).id;
    const generator = generatorAt(EXAMPLE_MS - 86_400_000);
    generator.continueAfter(former);
    expect(next(generator).id > former).toBe(true);
  });

  it.each([['letters of another case', '18A27A6FAEE05000'], ['no id', 'hello, sixteen b'], ['an id of another age', '7fffffffffffffff']])(
    'is not led astray by %s',
    (_name, id) => {
      const generator = generatorAt(EXAMPLE_MS);
      generator.continueAfter(id);
      expect(next(generator).id).toBe('18a27a6faee05000');
    },
  );
});
