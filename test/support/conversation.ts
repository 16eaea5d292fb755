// One scripted conversation: bytes to send, and the exact bytes that must come back. Each runs three times: written in
// one piece, byte by byte, and between two publishes in one piece. What a fatal error leaves behind it must not run.

import { expect } from 'vitest';

import { type Bytes, command, joined, toBuffer, u32 } from './bytes.js';
import { type Client, FrameType } from './client.js';
import { type Daemon } from './daemon.js';
import { eventually } from './eventually.js';

export interface Conversation {
  readonly name: string;
  /** Sent after the magic. Its last byte settles the outcome: nothing must be written to a closed socket. */
  readonly send: Bytes;
  /** Response frames expected before the error, or all of them when there is no error. */
  readonly answers?: readonly string[];
  /** Text of the error frame; as latin1 when it has bytes above 127. */
  readonly error?: string;
  /** What follows the error: by default the server closes; 'continues' means that it goes on with the next command. */
  readonly then?: 'closes' | 'continues';
  /** The client ends its sending direction after the bytes: for errors of cut-off bodies. */
  readonly isCutOff?: boolean;
}

export const WRITE_MODES = ['whole', 'byte by byte', 'pipelined'] as const;
export type WriteMode = (typeof WRITE_MODES)[number];

export function frame(type: number, data: Bytes): Buffer {
  const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : toBuffer(data);
  return joined(u32(bytes.length + 4), u32(type), bytes);
}

export const okFrame = frame(FrameType.response, 'OK');

let conversationCount = 0;

/** Runs the conversation and compares every byte received. */
export async function converse(daemon: Daemon, conversation: Conversation, mode: WriteMode): Promise<void> {
  const { answers = [], error, isCutOff = false } = conversation;
  const isFatal = error !== undefined && conversation.then !== 'continues';
  const expected: Bytes[] = answers.map((text) => frame(FrameType.response, text));
  if (error !== undefined) expected.push(frame(FrameType.error, error));

  conversationCount += 1;
  const topicBehind = `behind-${conversationCount}`;
  const parts: Bytes[] = [conversation.send];
  if (mode === 'pipelined') {
    parts.unshift(command('PUB before', 'first'));
    expected.unshift(okFrame);
    if (!isCutOff) parts.push(command(`PUB ${topicBehind}`, 'last'));
    if (!isCutOff && !isFatal) expected.push(okFrame);
  }

  using client = await daemon.connect();
  await send(client, joined(...parts), mode);
  if (isCutOff || !isFatal) client.halfClose();
  await client.closed();
  expect(printable(client.receivedBytes)).toBe(printable(joined(...expected)));

  if (mode === 'pipelined' && !isCutOff) await expectTopic(daemon, topicBehind, !isFatal);
}

/** Control characters as escapes, so that a failure can be read. */
function printable(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1'));
}

function send(client: Client, bytes: Buffer, mode: WriteMode): Promise<void> {
  if (mode === 'byte by byte') return client.writeByteByByte(bytes);
  client.write(bytes);
  return Promise.resolve();
}

async function expectTopic(daemon: Daemon, name: string, isExpected: boolean): Promise<void> {
  await eventually(async () => {
    expect((await daemon.findTopic(name)) !== undefined, `topic ${name} exists`).toBe(isExpected);
  });
}
