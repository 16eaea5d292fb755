// States of a connection and what each allows (tcp-protocol 5). Handlers never test states themselves.

import { invalidState } from '../../lib/protocol/errors.js';

/** Values as /stats shows them. */
export const ClientState = { init: 0, subscribed: 3, closing: 4 } as const;
export type ClientState = (typeof ClientState)[keyof typeof ClientState];

export type CommandName =
  | 'IDENTIFY' | 'AUTH' | 'SUB' | 'RDY' | 'FIN' | 'REQ' | 'TOUCH' | 'CLS' | 'NOP' | 'PUB' | 'MPUB' | 'DPUB';

type Verdict = 'allowed' | 'refused' | 'ignored';

const INIT_ONLY: readonly [Verdict, Verdict, Verdict] = ['allowed', 'refused', 'refused'];
const ALWAYS: readonly [Verdict, Verdict, Verdict] = ['allowed', 'allowed', 'allowed'];
const AFTER_SUB: readonly [Verdict, Verdict, Verdict] = ['refused', 'allowed', 'allowed'];

/** Verdicts in the states init, subscribed, closing. */
const TABLE: Readonly<Record<CommandName, readonly [Verdict, Verdict, Verdict]>> = {
  IDENTIFY: INIT_ONLY,
  AUTH: INIT_ONLY,
  SUB: INIT_ONLY,
  RDY: ['refused', 'allowed', 'ignored'],
  FIN: AFTER_SUB,
  REQ: AFTER_SUB,
  TOUCH: AFTER_SUB,
  CLS: ['refused', 'allowed', 'refused'],
  NOP: ALWAYS,
  PUB: ALWAYS,
  MPUB: ALWAYS,
  DPUB: ALWAYS,
};

/** False when the command is to be ignored. Throws the ProtocolError of a command that the state does not allow. */
export function admits(state: ClientState, command: CommandName): boolean {
  const column = state === ClientState.init ? 0 : state === ClientState.subscribed ? 1 : 2;
  const verdict = TABLE[command][column]!;
  if (verdict === 'refused') throw invalidState(command);
  return verdict === 'allowed';
}
