// Seeded fuzzing: how long, with which seed, and how a valid input is damaged. FUZZ_SECONDS is for all of test/fuzz, of which
// each test takes its share; FUZZ_SEED repeats a run, and with FUZZ_ROUND one round of it, which is what a failure prints.

import { Prng } from './prng.js';

const SECONDS_DEFAULT = 60;
/** Steps of the seeds of rounds: an odd number, so that they are all different. */
const ROUND_STEP = 0x9e3779b1;
/** Numbers at which sizes and counts go wrong. */
const INTERESTING_INT32 = [0, 1, -1, 4, 26, 127, 128, 255, 65_535, 65_536, 1_048_576, 1_048_577, 5_242_881, 2 ** 31 - 1, -(2 ** 31)];
const INSERTED_BYTES_MAX = 64;
const REPEATED_MAX = 40;

export interface FuzzOptions {
  readonly name: string;
  /** Of FUZZ_SECONDS; all shares of test/fuzz add up to 1. */
  readonly share: number;
}

export interface FuzzReport {
  readonly rounds: number;
}

export function fuzzSeed(): number {
  const given = process.env['FUZZ_SEED'];
  return given === undefined ? Date.now() % 4_294_967_296 : Number(given) >>> 0;
}

/**
 * Runs rounds until the share of time is over, at least one; each has a generator of its own, so that it can be repeated alone.
 * Throws what a round throws, with the seed that repeats it and, if the round noted one, its input.
 */
export async function fuzz(
  { name, share }: FuzzOptions,
  round: (prng: Prng, note: (input: string | Uint8Array) => void) => void | Promise<void>,
): Promise<FuzzReport> {
  const seed = fuzzSeed();
  const only = process.env['FUZZ_ROUND'];
  console.log(`${name}: FUZZ_SEED=${seed}`); // First of all: a round may never end.
  const endMs = performance.now() + Number(process.env['FUZZ_SECONDS'] ?? SECONDS_DEFAULT) * 1000 * share;
  let rounds = 0;
  for (let index = Number(only ?? 0); ; index += 1) {
    let input = '';
    const note = (noted: string | Uint8Array): void => {
      input = typeof noted === 'string' ? JSON.stringify(noted) : `base64 ${Buffer.from(noted).toString('base64')}`;
    };
    try {
      await round(new Prng((seed + Math.imul(index, ROUND_STEP)) >>> 0), note);
    } catch (error) {
      const repeat = `FUZZ_SEED=${seed} FUZZ_ROUND=${index}`;
      throw new Error(`${name}: ${repeat}: ${(error as Error).message}\ninput: ${input.slice(0, 4000)}`, { cause: error });
    }
    rounds += 1;
    if (only !== undefined || performance.now() >= endMs) break;
  }
  console.log(`${name}: ${rounds} rounds`);
  return { rounds };
}

/** One to four damages; `words` are pieces of the format, put in between. */
export function mutated(prng: Prng, original: Uint8Array, words: readonly (string | Uint8Array)[] = []): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let left = prng.integer(1, 4); left > 0; left -= 1) bytes = mutatedOnce(prng, bytes, words);
  return bytes;
}

export function mutatedText(prng: Prng, original: string, words: readonly string[] = []): string {
  return mutated(prng, Buffer.from(original, 'latin1'), words).toString('latin1');
}

function mutatedOnce(prng: Prng, bytes: Buffer, words: readonly (string | Uint8Array)[]): Buffer {
  const at = prng.integer(0, bytes.length);
  switch (prng.integer(0, 9)) {
    case 0: return flipped(prng, bytes);
    case 1: return spliced(bytes, at, 1, prng.bytes(1));
    case 2: return spliced(bytes, at, 0, prng.bytes(prng.integer(1, INSERTED_BYTES_MAX)));
    case 3: return spliced(bytes, at, prng.integer(1, bytes.length + 1), '');
    case 4: return bytes.subarray(0, at);
    case 5: return spliced(bytes, at, 4, int32(prng.pick(INTERESTING_INT32)));
    case 6: return spliced(bytes, at, prng.integer(0, 1), String(prng.pick(INTERESTING_INT32)));
    case 7: return repeated(prng, bytes, at);
    case 8: return spliced(bytes, at, prng.integer(1, 32), Buffer.alloc(prng.integer(1, 32), prng.pick([0, 0xff, 0x20])));
    default: return words.length === 0 ? flipped(prng, bytes) : spliced(bytes, at, prng.integer(0, 3), prng.pick(words));
  }
}

function flipped(prng: Prng, bytes: Buffer): Buffer {
  if (bytes.length === 0) return bytes;
  const at = prng.integer(0, bytes.length - 1);
  return spliced(bytes, at, 1, Buffer.of(bytes[at]! ^ (1 << prng.integer(0, 7))));
}

function spliced(bytes: Buffer, at: number, removed: number, added: string | Uint8Array): Buffer {
  const middle = typeof added === 'string' ? Buffer.from(added, 'latin1') : added;
  return Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(Math.min(at + removed, bytes.length))]);
}

function repeated(prng: Prng, bytes: Buffer, from: number): Buffer {
  const piece = bytes.subarray(from, from + prng.integer(1, 16));
  const count = prng.integer(1, REPEATED_MAX);
  return Buffer.concat([bytes.subarray(0, from), ...Array.from({ length: count }, () => piece), bytes.subarray(from)]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const JSON_VALUES: readonly unknown[] = [
  null, true, '', 'x', 0, 1, -1, 1.5, 1e308, 2 ** 53, -(2 ** 31), [], {}, [null], [0, 0], [[]], [1, 2, 3, 4, 5], { name: 'x' },
];

/** JSON with one value in it replaced by another, or left out; what is not JSON is replaced as a whole. */
export function mutatedJson(prng: Prng, text: string): string {
  const root = parsedOrNull(text);
  const places: (readonly [holder: Record<string, unknown>, key: string])[] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      places.push([value as Record<string, unknown>, key]);
      collect((value as Record<string, unknown>)[key]);
    }
  };
  collect(root);
  if (places.length === 0 || prng.integer(0, 30) === 0) return JSON.stringify(prng.pick(JSON_VALUES));
  const [holder, key] = prng.pick(places);
  if (prng.integer(0, 5) > 0) holder[key] = prng.pick(JSON_VALUES);
  else if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
  return JSON.stringify(root);
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The bytes in up to `piecesMax` pieces, cut at random places. */
export function pieces(prng: Prng, bytes: Buffer, piecesMax: number): Buffer[] {
  const cuts = Array.from({ length: prng.integer(0, piecesMax - 1) }, () => prng.integer(0, bytes.length));
  const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end)).filter((piece) => piece.length > 0);
}
