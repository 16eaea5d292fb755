// From a command line to its handler (tcp-protocol 4.2). Handlers of commands with a body return its reader.

import { invalidCommand, tlsRequired } from '../../../lib/protocol/errors.js';
import type { BodyReader } from '../body-reader.js';
import type { CommandClient } from './client.js';
import { admits } from '../lifecycle.js';
import type { CommandName } from '../lifecycle.js';
import { auth } from './auth.js';
import { cls, fin, rdy, req, sub, touch } from './consume.js';
import { identify } from './identify.js';
import { dpub, mpub, pub } from './publish.js';

type Handler = (client: CommandClient, params: readonly string[]) => BodyReader | void;

const HANDLERS: ReadonlyMap<string, Handler> = new Map<CommandName, Handler>([
  ['IDENTIFY', identify],
  ['AUTH', auth],
  ['SUB', sub],
  ['RDY', rdy],
  ['FIN', fin],
  ['REQ', req],
  ['TOUCH', touch],
  ['CLS', cls],
  ['NOP', () => undefined],
  ['PUB', pub],
  ['MPUB', mpub],
  ['DPUB', dpub],
]);

/**
 * Runs the command of a line, latin1, without its line end. Returns the reader of its body, or null when it has none.
 * Throws ProtocolError.
 */
export function execute(client: CommandClient, line: string): BodyReader | null {
  const [name, ...params] = line.split(' ') as [string, ...string[]];
  if (client.isTlsMissing && name !== 'IDENTIFY') throw tlsRequired(name);
  const handler = HANDLERS.get(name);
  if (handler === undefined) throw invalidCommand(name);
  if (!admits(client.state, name as CommandName)) return null;
  return handler(client, params) ?? null;
}

/** `FIN <id>\n`, by far the most frequent line, is recognised by its bytes. */
export const FIN_BYTES = { idAt: 4, total: 21 } as const;

/** Hot path (bench: delivery). True for a whole FIN line with a 16-byte id and nothing else. */
export function isFin(bytes: Buffer, at: number, end: number): boolean {
  return (
    end - at >= 21 && bytes[at] === 0x46 && bytes[at + 1] === 0x49 && bytes[at + 2] === 0x4e && bytes[at + 3] === 0x20 &&
    bytes[at + 20] === 0x0a && hasOneToken(bytes, at + 4)
  );
}

function hasOneToken(bytes: Buffer, at: number): boolean {
  for (let index = at; index < at + 16; index += 1) if (bytes[index]! <= 0x20) return false;
  return true;
}
