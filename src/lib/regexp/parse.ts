// The syntax of Go's regular expressions (RE2, as package regexp reads it): from a pattern to a tree. What Go refuses
// is refused here, and nothing is accepted that Go does not know: who may do what can depend on it.
//
//   alternation := concatenation ( '|' concatenation )*
//   concatenation := ( atom repetition? )*
//   atom := character | '.' | '^' | '$' | '[' class ']' | '\' escape | '(' alternation ')' | '(?' flags ... ')'
//
// Captures and greediness do not matter to whether a text matches, and are read and forgotten.

import { ASCII_CHARS, rangeSet } from './char-set.js';
import type { CharSet } from './char-set.js';
import { escapedClass, parseClass } from './parse-class.js';
import { PatternCursor, PatternError } from './pattern-cursor.js';

export type Assertion = 'textStart' | 'textEnd' | 'lineStart' | 'lineEnd' | 'wordBoundary' | 'noWordBoundary';

export type Node =
  | { readonly kind: 'chars'; readonly set: CharSet }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | { readonly kind: 'all'; readonly nodes: readonly Node[] }
  | { readonly kind: 'any'; readonly nodes: readonly Node[] }
  /** `max` is Infinity without an upper bound. */
  | { readonly kind: 'repeat'; readonly node: Node; readonly min: number; readonly max: number };

interface Flags {
  readonly ignoresCase: boolean;
  readonly isMultiLine: boolean;
  readonly dotTakesNewline: boolean;
}

const NO_FLAGS: Flags = { ignoresCase: false, isMultiLine: false, dotTakesNewline: false };
const REPEAT_MAX = 1000;
const DEPTH_MAX = 500;
const NEWLINE = 0x0a;
const COUNT = /\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\}/y;
const FLAGS = /\?(?<on>[imsU]*)(?<minus>-(?<off>[imsU]+))?(?<end>[:)])/y;
const NAME = /\?P?<\w+>/y;

/** Throws PatternError. */
export function parsePattern(pattern: string): Node {
  const parser = new Parser(pattern);
  return parser.parse();
}

class Parser {
  readonly #cursor: PatternCursor;
  #flags = NO_FLAGS;
  #depth = 0;

  constructor(pattern: string) {
    this.#cursor = new PatternCursor(pattern);
  }

  parse(): Node {
    const node = this.#alternation();
    if (!this.#cursor.isAtEnd) throw new PatternError('unexpected )');
    return node;
  }

  #alternation(): Node {
    const nodes = [this.#concatenation()];
    while (this.#cursor.take('|')) nodes.push(this.#concatenation());
    return nodes.length === 1 ? nodes[0]! : { kind: 'any', nodes };
  }

  #concatenation(): Node {
    const cursor = this.#cursor;
    const nodes: Node[] = [];
    let isAfterRepetition = false;
    while (!cursor.isAtEnd && !cursor.isAt('|') && !cursor.isAt(')')) {
      const repetition = this.#repetition();
      if (repetition === null) {
        this.#atom(nodes);
      } else {
        const node = nodes.pop();
        if (isAfterRepetition) throw new PatternError('invalid nested repetition operator');
        if (node === undefined) throw new PatternError('missing argument to repetition operator');
        nodes.push(repeated(node, ...repetition));
      }
      isAfterRepetition = repetition !== null;
    }
    return { kind: 'all', nodes };
  }

  /** The bounds of a repetition, if there is one here; a brace that begins none is a character. */
  #repetition(): readonly [min: number, max: number] | null {
    const cursor = this.#cursor;
    const bounds = cursor.take('*') ? [0, Infinity] as const
      : cursor.take('+') ? [1, Infinity] as const
      : cursor.take('?') ? [0, 1] as const
      : countOf(cursor.takeMatch(COUNT));
    if (bounds !== null) cursor.take('?'); // Lazy or not.
    return bounds;
  }

  /** Adds what comes next to the list: nothing for a change of flags, several nodes for a quotation. */
  #atom(nodes: Node[]): void {
    const cursor = this.#cursor;
    const { isMultiLine, ignoresCase, dotTakesNewline } = this.#flags;
    if (cursor.take('(')) return this.#group(nodes);
    if (cursor.take('^')) nodes.push(assertion(isMultiLine ? 'lineStart' : 'textStart'));
    else if (cursor.take('$')) nodes.push(assertion(isMultiLine ? 'lineEnd' : 'textEnd'));
    else if (cursor.take('.')) nodes.push(chars(anyChar(dotTakesNewline)));
    else if (cursor.take('[')) nodes.push(chars(parseClass(cursor, ignoresCase)));
    else if (cursor.isAt('\\')) this.#escape(nodes);
    else nodes.push(this.#literal(cursor.takeCodePoint()));
  }

  #literal(codePoint: number): Node {
    return chars(rangeSet(codePoint, codePoint, this.#flags.ignoresCase));
  }

  #escape(nodes: Node[]): void {
    const cursor = this.#cursor;
    if (cursor.take('\\Q')) {
      while (!cursor.isAtEnd && !cursor.take('\\E')) nodes.push(this.#literal(cursor.takeCodePoint()));
      return;
    }
    nodes.push(this.#escapedAssertion() ?? this.#escapedChars());
  }

  #escapedAssertion(): Node | null {
    const cursor = this.#cursor;
    if (cursor.take('\\A')) return assertion('textStart');
    if (cursor.take('\\z')) return assertion('textEnd');
    if (cursor.take('\\b')) return assertion('wordBoundary');
    return cursor.take('\\B') ? assertion('noWordBoundary') : null;
  }

  #escapedChars(): Node {
    const set = escapedClass(this.#cursor, this.#flags.ignoresCase);
    return set === null ? this.#literal(this.#cursor.takeEscapedCodePoint()) : chars(set);
  }

  #group(nodes: Node[]): void {
    const cursor = this.#cursor;
    const before = this.#flags;
    if (cursor.isAt('?') && cursor.takeMatch(NAME) === null && this.#takeFlags() === ')') return;
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new PatternError('expression nests too deeply');
    nodes.push(this.#alternation());
    if (!cursor.take(')')) throw new PatternError('missing closing )');
    this.#depth -= 1;
    this.#flags = before;
  }

  /** Returns what ends the flags: a colon, which begins a group, or a parenthesis. */
  #takeFlags(): string {
    const { on, off, end } = this.#cursor.takeMatch(FLAGS)?.groups ?? {};
    if (on === undefined || end === undefined) throw new PatternError('invalid or unsupported Perl syntax');
    const isOn = (flag: string, before: boolean): boolean => {
      return (before || on.includes(flag)) && !(off ?? '').includes(flag);
    };
    this.#flags = {
      ignoresCase: isOn('i', this.#flags.ignoresCase),
      isMultiLine: isOn('m', this.#flags.isMultiLine),
      dotTakesNewline: isOn('s', this.#flags.dotTakesNewline),
    };
    return end;
  }
}

const chars = (set: CharSet): Node => ({ kind: 'chars', set });
const assertion = (which: Assertion): Node => ({ kind: 'assertion', assertion: which });

function anyChar(takesNewline: boolean): CharSet {
  const set = rangeSet(0, ASCII_CHARS - 1, false);
  if (!takesNewline) set[NEWLINE] = 0;
  return set;
}

function countOf(match: RegExpExecArray | null): readonly [number, number] | null {
  if (match === null) return null;
  const min = Number(match[1]);
  const max = match[2] === undefined ? min : match[3] === undefined ? Infinity : Number(match[3]);
  const largest = max === Infinity ? min : max;
  if (min > largest || largest > REPEAT_MAX) throw new PatternError('invalid repeat count');
  return [min, max];
}

function repeated(node: Node, min: number, max: number): Node {
  const repeat: Node = { kind: 'repeat', node, min, max };
  if ((min >= 2 || (max >= 2 && max !== Infinity)) && copiesOf(repeat) > REPEAT_MAX) {
    throw new PatternError('invalid repeat count');
  }
  return repeat;
}

/** How often the innermost part would be written out. */
function copiesOf(node: Node): number {
  switch (node.kind) {
    case 'chars':
    case 'assertion':
      return 1;
    case 'all':
    case 'any':
      return node.nodes.reduce((most, each) => Math.max(most, copiesOf(each)), 1);
    case 'repeat':
      return isCounted(node) ? countedCopies(node) : copiesOf(node.node);
    default:
      return node satisfies never;
  }
}

type Repeat = Extract<Node, { readonly kind: 'repeat' }>;

/** Go counts what is written with braces only. */
function isCounted({ min, max }: Repeat): boolean {
  return !(max === Infinity && min <= 1) && !(min === 0 && max === 1);
}

function countedCopies({ node, min, max }: Repeat): number {
  if (max === 0) return 1;
  return (max === Infinity ? min : max) * copiesOf(node);
}
