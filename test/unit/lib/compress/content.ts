// Contents to compress: of every kind that compressors treat differently.

import type { Prng } from '../../../support/prng.js';

const WORDS = ['message', 'topic', 'channel', ' ', ' ', '"id":', '"name":"', '\n', '0', '17', 'requeue', ',', '{', '}'];

/** Text-like, random, repetitive, or a mixture of these. */
export function anyContent(prng: Prng, count: number): Buffer {
  const parts: Buffer[] = [];
  for (let total = 0; total < count;) {
    const part = anyPart(prng, prng.integer(1, Math.max(1, count >> 1)));
    parts.push(part);
    total += part.length;
  }
  return Buffer.concat(parts).subarray(0, count);
}

function anyPart(prng: Prng, count: number): Buffer {
  switch (prng.integer(0, 3)) {
    case 0: return prng.bytes(count);
    case 1: return Buffer.alloc(count, prng.integer(0, 255));
    case 2: return Buffer.alloc(count, prng.bytes(prng.integer(1, 70)));
    default: return words(prng, count);
  }
}

function words(prng: Prng, count: number): Buffer {
  let text = '';
  while (text.length < count) text += prng.pick(WORDS);
  return Buffer.from(text, 'latin1').subarray(0, count);
}
