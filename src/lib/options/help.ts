// The usage text in the layout of Go's flag package (options.md 2.2).

import type { FlagSpec } from './parse-argv.js';

/** A flag with what the usage text says about it. */
export interface DescribedFlag extends FlagSpec {
  readonly default: unknown;
  readonly help: string;
}

/** `Usage of <program>:` and every flag in alphabetical order, ending in a newline. */
export function usageText(program: string, flags: readonly DescribedFlag[]): string {
  const sorted = [...flags].sort((a, b) => (a.flag < b.flag ? -1 : 1));
  return `Usage of ${program}:\n${sorted.map(describeFlag).join('')}`;
}

function describeFlag({ flag, type, help, default: value }: DescribedFlag): string {
  const heading = type.word === '' ? `  -${flag}` : `  -${flag} ${type.word}`;
  const shown = type.printDefault(value);
  return `${heading}\n    \t${help}${shown === '' ? '' : ` (default ${shown})`}\n`;
}
