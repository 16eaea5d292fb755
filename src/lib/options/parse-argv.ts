// Reads a command line with the semantics of Go's flag package (options.md 2): one or two dashes, boolean flags that
// never take the next argument, and a silent stop at the first argument that is not a flag.

import { quoteLikeGo } from '../text/go-quote.js';
import type { ParsedFlag, ValueType } from './value-type.js';

/** A flag and the type of its values. A type is only ever given values it made itself, hence `unknown`. */
export interface FlagSpec {
  readonly flag: string;
  readonly type: ValueType<unknown>;
}

export type ArgvResult =
  /** The flags that were given, by name. */
  | { readonly kind: 'values'; readonly values: ReadonlyMap<string, unknown> }
  | { readonly kind: 'help' }
  /** A mistake: the message is followed by the usage text. */
  | { readonly kind: 'error'; readonly message: string }
  /** A mistake after which stock nsqd ends at once. */
  | { readonly kind: 'fatal'; readonly message: string };

/** One or two dashes, the name and, after the first `=`, the value. */
const FLAG = /^--?([^=]*)(?:=(.*))?$/s;

/** Reads the arguments, without program name, up to the first one that is not a flag, or to the first mistake. */
export function parseArgv(argv: readonly string[], flags: readonly FlagSpec[]): ArgvResult {
  const flagsByName = new Map(flags.map((flag) => [flag.flag, flag]));
  const values = new Map<string, unknown>();
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? '';
    if (!argument.startsWith('-') || argument === '-' || argument === '--') break;

    const [, name = '', attached] = FLAG.exec(argument) ?? [];
    if (name === '' || name.startsWith('-')) return { kind: 'error', message: `bad flag syntax: ${argument}` };
    const spec = flagsByName.get(name);
    if (spec === undefined) return unknownFlag(name);

    let text = attached ?? (spec.type.isBooleanStyle ? 'true' : undefined);
    // The next argument is the value even if it looks like a flag.
    if (text === undefined) text = argv[++index];
    if (text === undefined) return { kind: 'error', message: `flag needs an argument: -${name}` };

    const value = spec.type.parseFlag(text, values.get(name));
    if (!value.ok) return badValue(spec, text, value);
    values.set(name, value.value);
  }
  return { kind: 'values', values };
}

function unknownFlag(name: string): ArgvResult {
  if (name === 'help' || name === 'h') return { kind: 'help' };
  return { kind: 'error', message: `flag provided but not defined: -${name}` };
}

function badValue(spec: FlagSpec, text: string, refusal: Exclude<ParsedFlag<unknown>, { ok: true }>): ArgvResult {
  if ('isFatal' in refusal) return { kind: 'fatal', message: refusal.reason };
  const what = spec.type.isBooleanStyle ? 'boolean value' : 'value';
  const message = `invalid ${what} ${quoteLikeGo(text)} for ${spec.type.isBooleanStyle ? '' : 'flag '}-${spec.flag}`;
  return { kind: 'error', message: `${message}: ${refusal.reason}` };
}
