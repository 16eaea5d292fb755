// The README's fenced blocks, by the words that follow the language of each:
//
//   ```sh runnable           commands, run by bash
//   ```sh runnable daemon    one command that starts a daemon: it takes the place of the one before
//   ```js runnable           a program
//   ```js runnable client    a program that prints the messages it gets, until it is ended
//   ```text output           what the block before prints; `…` stands for anything within a line, or for any lines

import { readFileSync } from 'node:fs';

export const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

export interface ReadmeBlock {
  /** Line of its opening fence, from 1. */
  readonly line: number;
  /** The heading of its second level. */
  readonly chapter: string;
  readonly language: string;
  readonly marks: readonly string[];
  readonly text: string;
  /** Undefined where the README shows none. */
  readonly output: string | undefined;
}

const FENCED = /^```(\S*)([^\n]*)\n(.*?)^```$/gms;

export function readmeBlocks(): readonly ReadmeBlock[] {
  const blocks = [...README.matchAll(FENCED)].map((match) => ({
    line: README.slice(0, match.index).split('\n').length,
    chapter: README.slice(0, match.index).split('\n').findLast((line) => line.startsWith('## ')) ?? '',
    language: match[1]!,
    marks: match[2]!.trim().split(' ').filter((mark) => mark !== ''),
    text: match[3]!,
  }));
  return blocks.map((block, index) => {
    const next = blocks[index + 1];
    return { ...block, output: next?.marks[0] === 'output' ? next.text : undefined };
  });
}

/** A pattern for the whole of an output. */
export function patternOf(output: string): RegExp {
  const lines = output.trimEnd().split('\n').map((line) => {
    return line === '…' ? '(?:.*\\n)*?.*' : line.trimEnd().split('…').map(escaped).join('.*');
  });
  return new RegExp(`^${lines.join('[ ]*\\n')}\\s*$`);
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
