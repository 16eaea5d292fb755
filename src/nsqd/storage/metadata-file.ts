// `nsqd.dat`: which topics and channels exist, and which are paused (storage.md 3).

import { isEphemeralName, isValidName } from '../../lib/protocol/names.js';

export interface ChannelMetadata {
  readonly name: string;
  readonly paused: boolean;
}

export interface TopicMetadata {
  readonly name: string;
  readonly paused: boolean;
  readonly channels: readonly ChannelMetadata[];
}

export interface ParsedMetadata {
  readonly topics: readonly TopicMetadata[];
  /** Sentences about entries that were left out. */
  readonly warnings: readonly string[];
}

/** Compact JSON in the key order of nsqd; empty lists are `null`, ephemeral topics and channels are left out. */
export function formatMetadata(topics: readonly TopicMetadata[], version: string): string {
  const persistent = topics.filter(({ name }) => !isEphemeralName(name)).map(({ name, paused, channels }) => {
    const kept = channels.filter((channel) => !isEphemeralName(channel.name));
    return { name, paused, channels: kept.length === 0 ? null : kept.map((channel) => ({ name: channel.name, paused: channel.paused })) };
  });
  return JSON.stringify({ topics: persistent.length === 0 ? null : persistent, version });
}

/**
 * As lenient as nsqd: keys in any letter case, missing ones as empty. Throws SyntaxError when it is not JSON or not of this
 * form.
 */
export function parseMetadata(text: string): ParsedMetadata {
  const warnings: string[] = [];
  const topics: TopicMetadata[] = [];
  for (const entry of listOf(JSON.parse(text) as unknown, 'topics')) {
    const name = nameOf(entry);
    if (!isValidName(name)) {
      warnings.push(`skipping creation of invalid topic ${name}`);
      continue;
    }
    const channels: ChannelMetadata[] = [];
    for (const channel of listOf(entry, 'channels')) {
      const channelName = nameOf(channel);
      if (isValidName(channelName)) channels.push({ name: channelName, paused: field(channel, 'paused') === true });
      else warnings.push(`skipping creation of invalid channel ${channelName}`);
    }
    topics.push({ name, paused: field(entry, 'paused') === true, channels });
  }
  return { topics, warnings };
}

function field(value: unknown, key: string): unknown {
  if (value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) throw new SyntaxError('not an object where one is expected');
  const found = Object.entries(value).find(([name]) => name.toLowerCase() === key);
  return found?.[1];
}

function listOf(value: unknown, key: string): unknown[] {
  const list = field(value, key);
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw new SyntaxError(`${key} is not a list`);
  return list;
}

function nameOf(value: unknown): string {
  const name = field(value, 'name');
  return typeof name === 'string' ? name : '';
}
