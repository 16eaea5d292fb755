// Regular expressions of Go for short ASCII texts. All ways through the pattern are followed at once, one character of
// the text after the other, so that no pattern takes more than (length of the text) x (size of the pattern) steps;
// JavaScript's own engine tries them one by one and can be made to take for ever.
//
//   a(b|c)*   0 chars a   1 fork 2, 8   2 fork 3, 5   3 chars b   4 fork 7   5 chars c   6 fork 7   7 fork 1   8 match

import { PERL_SETS } from './char-set.js';
import type { CharSet } from './char-set.js';
import { parsePattern } from './parse.js';
import type { Assertion, Node } from './parse.js';
import { PatternError } from './pattern-cursor.js';

type Instruction =
  /** Goes on behind itself over one character of the set. */
  | { readonly kind: 'chars'; readonly set: CharSet }
  /** Goes on behind itself where it holds. */
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  /** Goes on in each of these places. */
  | { readonly kind: 'fork'; readonly targets: number[] }
  | { readonly kind: 'match' };

/**
 * DEVIATION(bounded-patterns): patterns that are longer, or larger once repetitions are written out, are refused; Go
 * takes larger ones.
 */
const PATTERN_CHARS_MAX = 10_000;
const INSTRUCTIONS_MAX = 20_000;
const NEWLINE = '\n';
const WORD = PERL_SETS.get('w')!;

export class Pattern {
  readonly #program: readonly Instruction[];

  /** Throws PatternError for what Go's regexp.Compile refuses. */
  constructor(text: string) {
    if (text.length > PATTERN_CHARS_MAX) throw new PatternError('expression too large');
    this.#program = compile(parsePattern(text));
  }

  /** Instructions: the steps that one character of a text can take. */
  get size(): number {
    return this.#program.length;
  }

  /** True if the pattern matches anywhere in the text, which must be ASCII. */
  matches(text: string): boolean {
    const seenAt = new Int32Array(this.#program.length).fill(-1);
    let waiting: number[] = [];
    for (let at = 0; at <= text.length; at += 1) {
      waiting.push(0);
      const next: number[] = [];
      if (this.#follow(waiting, text, at, seenAt, next)) return true;
      waiting = next;
    }
    return false;
  }

  /** Follows all that waits at one place of the text; collects in `next` what goes on behind its character. */
  #follow(waiting: number[], text: string, at: number, seenAt: Int32Array, next: number[]): boolean {
    const code = text.charCodeAt(at);
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      if (seenAt[index] === at) continue;
      seenAt[index] = at;
      const instruction = this.#program[index]!;
      if (instruction.kind === 'match') return true;
      if (instruction.kind === 'fork') waiting.push(...instruction.targets);
      else if (instruction.kind === 'assertion') {
        if (holds(instruction.assertion, text, at)) waiting.push(index + 1);
      } else if (instruction.set[code] === 1) next.push(index + 1);
    }
    return false;
  }
}

function holds(assertion: Assertion, text: string, at: number): boolean {
  switch (assertion) {
    case 'textStart':
      return at === 0;
    case 'textEnd':
      return at === text.length;
    case 'lineStart':
      return at === 0 || text[at - 1] === NEWLINE;
    case 'lineEnd':
      return at === text.length || text[at] === NEWLINE;
    case 'wordBoundary':
      return isWord(text, at - 1) !== isWord(text, at);
    case 'noWordBoundary':
      return isWord(text, at - 1) === isWord(text, at);
    default:
      return assertion satisfies never;
  }
}

function isWord(text: string, at: number): boolean {
  return WORD[text.charCodeAt(at)] === 1;
}

function compile(node: Node): Instruction[] {
  const program: Instruction[] = [];
  emit(program, node);
  program.push({ kind: 'match' });
  return program;
}

function emit(program: Instruction[], node: Node): void {
  if (program.length > INSTRUCTIONS_MAX) throw new PatternError('expression too large');
  switch (node.kind) {
    case 'chars':
    case 'assertion':
      program.push(node);
      return;
    case 'all':
      for (const each of node.nodes) emit(program, each);
      return;
    case 'any':
      return emitAny(program, node.nodes);
    case 'repeat':
      return emitRepeat(program, node.node, node.min, node.max);
    default:
      node satisfies never;
  }
}

function fork(program: Instruction[], ...targets: number[]): number[] {
  program.push({ kind: 'fork', targets });
  return targets;
}

/** `fork to each` then each, and behind each but the last a jump to the end. */
function emitAny(program: Instruction[], nodes: readonly Node[]): void {
  const starts = fork(program);
  const ends: number[][] = [];
  for (const node of nodes) {
    starts.push(program.length);
    emit(program, node);
    ends.push(fork(program));
  }
  for (const end of ends) end.push(program.length);
}

/** The node `min` times, then either a loop or as many more as may follow, each of which may be the last. */
function emitRepeat(program: Instruction[], node: Node, min: number, max: number): void {
  if (max === Infinity) return emitLoop(program, node, min);
  for (let count = 0; count < min; count += 1) emit(program, node);
  const exits: number[][] = [];
  for (let count = min; count < max; count += 1) {
    exits.push(fork(program, program.length + 1));
    emit(program, node);
  }
  for (const exit of exits) exit.push(program.length);
}

/** The last of `min` copies is the loop itself: one more copy per level would double the program with each nested loop. */
function emitLoop(program: Instruction[], node: Node, min: number): void {
  for (let count = 1; count < min; count += 1) emit(program, node);
  const ways = min === 0 ? fork(program, program.length + 1) : null;
  const start = program.length;
  emit(program, node);
  fork(program, start, program.length + 1);
  ways?.push(program.length);
}
