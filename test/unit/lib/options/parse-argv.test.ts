// The semantics of Go's flag package (options.md 2), on a handful of flags.

import { describe, expect, it } from 'vitest';

import { STRING_LIST } from '../../../../src/lib/options/list-types.js';
import { parseArgv, type ArgvResult } from '../../../../src/lib/options/parse-argv.js';
import { BOOLEAN, DURATION, INTEGER, STRING } from '../../../../src/lib/options/scalar-types.js';

const FLAGS = [
  { flag: 'size', type: INTEGER },
  { flag: 'name', type: STRING },
  { flag: 'wait', type: DURATION },
  { flag: 'deflate', type: BOOLEAN },
  { flag: 'version', type: BOOLEAN },
  { flag: 'peer', type: STRING_LIST },
];

function parse(...argv: string[]): ArgvResult | Record<string, unknown> {
  const result = parseArgv(argv, FLAGS);
  return result.kind === 'values' ? Object.fromEntries(result.values) : result;
}

const ACCEPTED: readonly [argv: string[], values: Record<string, unknown>][] = [
  [[], {}],
  [['-size', '5'], { size: 5 }],
  [['--size', '5'], { size: 5 }],
  [['-size=5'], { size: 5 }],
  [['--size=5'], { size: 5 }],
  [['--size=5', '--size=7'], { size: 7 }],
  [['--name='], { name: '' }],
  [['--name', ''], { name: '' }],
  [['--name=a=b\nc'], { name: 'a=b\nc' }],
  [['--name', '--version'], { name: '--version' }],
  [['--wait', '-5s'], { wait: -5000 }],
  [['--deflate'], { deflate: true }],
  [['--deflate=F'], { deflate: false }],
  [['--deflate', 'false', '--bogus'], { deflate: true }],
  [['--peer=a', '--peer=b,c', '--peer='], { peer: ['a', 'b,c', ''] }],
  [['foo', '--bogus'], {}],
  [['--', '--bogus'], {}],
  [['-', '--bogus'], {}],
  [['', '--bogus'], {}],
];

const REFUSED: readonly [argv: string[], message: string][] = [
  [['--bogus'], 'flag provided but not defined: -bogus'],
  [['--Size=1'], 'flag provided but not defined: -Size'],
  [['--siz=1'], 'flag provided but not defined: -siz'],
  [['--version=false', '--bogus'], 'flag provided but not defined: -bogus'],
  [['--constructor'], 'flag provided but not defined: -constructor'],
  [['---version'], 'bad flag syntax: ---version'],
  [['---a=b'], 'bad flag syntax: ---a=b'],
  [['-=x'], 'bad flag syntax: -=x'],
  [['--=x'], 'bad flag syntax: --=x'],
  [['--size'], 'flag needs an argument: -size'],
  [['--size='], 'invalid value "" for flag -size: parse error'],
  [['--size', '--version'], 'invalid value "--version" for flag -size: parse error'],
  [['--size=99999999999999999999'], 'invalid value "99999999999999999999" for flag -size: value out of range'],
  [['--wait=5'], 'invalid value "5" for flag -wait: parse error'],
  [['--deflate=maybe'], 'invalid boolean value "maybe" for -deflate: parse error'],
  [['--deflate='], 'invalid boolean value "" for -deflate: parse error'],
  [['--bogus', '--help'], 'flag provided but not defined: -bogus'],
];

describe('parseArgv', () => {
  it.each(ACCEPTED)('reads %j', (argv, values) => {
    expect(parse(...argv)).toEqual(values);
  });

  it.each(REFUSED)('refuses %j', (argv, message) => {
    expect(parse(...argv)).toEqual({ kind: 'error', message });
  });

  it.each(['-h', '--h', '-help', '--help', '--help=x', '-h='])('takes %s for the wish for help', (argument) => {
    expect(parse(argument)).toEqual({ kind: 'help' });
    expect(parse('--version', argument, '--bogus')).toEqual({ kind: 'help' });
  });
});
