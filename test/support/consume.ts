// Receiving in bulk: messages are finished as they come.

import { expect } from 'vitest';

import { type Client, type Message } from './client.js';
import { type Daemon } from './daemon.js';
import { eventually } from './eventually.js';

const WINDOW = 500;

/** Receives and finishes so many messages. */
export async function consume(client: Client, count: number, deadlineMs?: number): Promise<Message[]> {
  const messages: Message[] = [];
  while (messages.length < count) {
    const message = await client.nextMessage(deadlineMs);
    client.finish(message);
    messages.push(message);
  }
  return messages;
}

/** Receives and finishes everything until channel and topic are empty, deferred messages included. */
export async function drain(daemon: Daemon, topic: string, channel: string, deadlineMs = 60_000): Promise<Message[]> {
  const messages: Message[] = [];
  using client = await daemon.subscriber(topic, channel, WINDOW, { output_buffer_timeout: 25 });
  await eventually(async () => {
    while (client.waitingCount > 0) messages.push(...(await consume(client, 1)));
    const stats = await daemon.topic(topic);
    expect(stats.depth, `depth of ${topic}`).toBe(0);
    const counts = stats.channels.find((candidate) => candidate.channel_name === channel);
    expect(counts, `${topic}:${channel}`).toMatchObject({ depth: 0, in_flight_count: 0, deferred_count: 0 });
    expect(client.waitingCount).toBe(0);
  }, deadlineMs);
  await leave(client);
  return messages;
}

/** Ends a subscription so that nothing published afterwards is sent to it. */
export async function leave(client: Client): Promise<void> {
  client.command('CLS');
  await client.nextResponse();
  client.halfClose();
  await client.closed();
}

export function bodiesOf(messages: ReadonlyArray<{ readonly body: Buffer }>): string[] {
  return messages.map((message) => message.body.toString('utf8'));
}

/** `m0` … as bodies. */
export function numbered(count: number, prefix = 'm'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}
