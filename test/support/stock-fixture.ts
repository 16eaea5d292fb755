// Data directories that stock nsqd left behind, kept as one JSON file each: names with colons and binary content travel safely
// in it. With each goes what was acknowledged, and what stock nsqd itself delivered from a copy of the directory.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const FIXTURES = new URL('../fixtures/stock/', import.meta.url).pathname;

export interface DeliveredMessage {
  readonly body: string;
  readonly attempts: number;
}

export interface FixtureChannel {
  readonly topic: string;
  readonly channel: string;
  readonly isPaused: boolean;
  /** Bodies that were acknowledged and not finished, sorted: to be delivered. */
  readonly acknowledged: readonly string[];
  /** What stock nsqd delivers, one at a time, in order; null after a crash, which it does not survive whole. */
  readonly stock: readonly DeliveredMessage[] | null;
}

export interface StockFixture {
  readonly what: string;
  /** The version line of the daemon that wrote it, and its flags. */
  readonly version: string;
  readonly flags: readonly string[];
  readonly pausedTopics: readonly string[];
  readonly channels: readonly FixtureChannel[];
  /** Content by name, in base64. */
  readonly files: Readonly<Record<string, string>>;
}

export function fixtureNames(): string[] {
  return readdirSync(FIXTURES).filter((name) => name.endsWith('.json')).sort();
}

export function readFixture(name: string): StockFixture {
  return JSON.parse(readFileSync(join(FIXTURES, name), 'utf8')) as StockFixture;
}

export function writeFixture(name: string, fixture: StockFixture): void {
  mkdirSync(FIXTURES, { recursive: true });
  writeFileSync(join(FIXTURES, name), `${JSON.stringify(fixture, null, 1)}\n`);
}

export function filesOf(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory).sort().map((name) => [name, readFileSync(join(directory, name)).toString('base64')]),
  );
}

export function unpack(files: StockFixture['files'], directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), Buffer.from(content, 'base64'));
}
