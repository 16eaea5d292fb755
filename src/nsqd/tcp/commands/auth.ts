// AUTH, and the check that SUB, PUB, MPUB and DPUB make where clients need authorization (tcp-protocol 10). Asking an auth
// server takes time: the connection's later commands wait for it. Why it failed is logged, never told to the client.

import { badBody, invalid, ProtocolError } from '../../../lib/protocol/errors.js';
import { encodeFrame, FRAME_RESPONSE } from '../../../lib/protocol/frame.js';
import { goJsonText } from '../../../lib/protocol/go-json.js';
import { quoteBytesLikeGo } from '../../../lib/text/go-quote.js';
import type { ClientAuth } from '../../auth/client-auth.js';
import { SizedBodyReader } from '../body-reader.js';
import type { BodyReader } from '../body-reader.js';
import type { CommandClient } from './client.js';
import type { CommandName } from '../lifecycle.js';

const authFailed = (): ProtocolError => new ProtocolError('E_AUTH_FAILED AUTH failed');
const authFirst = (command: string): ProtocolError => new ProtocolError(`E_AUTH_FIRST AUTH required before ${command}`);
const unauthorized = (text: string): ProtocolError => new ProtocolError(`E_UNAUTHORIZED AUTH ${text}`);

export function auth(client: CommandClient, params: readonly string[]): BodyReader {
  if (params.length > 0) throw invalid('AUTH invalid number of parameters');
  const { maxBodySize } = client.options;
  return new SizedBodyReader(
    (size) => {
      if (size > maxBodySize) throw badBody(`AUTH body too big ${size} > ${maxBodySize}`);
      if (size <= 0) throw badBody(`AUTH invalid body size ${size}`);
    },
    (bytes, start, end) => logIn(client, Buffer.from(bytes.subarray(start, end))),
    (isSizeKnown) => badBody(`AUTH failed to read body${isSizeKnown ? '' : ' size'}`),
  );
}

function logIn(client: CommandClient, secret: Buffer): void {
  const { auth: state } = client;
  if (state?.isAuthorized === true) throw invalid('AUTH already set');
  if (state === null) throw new ProtocolError('E_AUTH_DISABLED AUTH disabled');
  const asked = state.logIn(secret, client.requester());
  client.suspend(explained(client, asked), () => {
    if (!state.isAuthorized) throw unauthorized('no authorizations found');
    client.respond(encodeFrame(FRAME_RESPONSE, Buffer.from(answerOf(state), 'utf8').toString('latin1')));
  });
}

function answerOf(state: ClientAuth): string {
  const { identity, identityUrl, authorizationCount } = state;
  return goJsonText({ identity, identity_url: identityUrl, permission_count: authorizationCount });
}

async function explained(client: CommandClient, asked: Promise<void>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    client.logger.warn(`PROTOCOL(V2): [${client.remoteAddress}] AUTH failed ${(error as Error).message}`);
    throw authFailed();
  }
}

/**
 * Goes on with `proceed` if the client may do what it asks for: at once, or, when its authorization has to be renewed, once
 * that is done; nothing that arrives with the command may be used then. `channelName` is '' for publishing.
 * Throws ProtocolError.
 */
export function whenAuthorized(
  client: CommandClient, command: CommandName, topicName: string, channelName: string,
  proceed: () => BodyReader | void,
): BodyReader | void {
  const { auth: state } = client;
  if (state === null) return proceed();
  if (!state.isAuthorized) throw authFirst(command);
  const proceedIfAllowed = (): BodyReader | void => {
    const permission = command === 'SUB' ? 'subscribe' : 'publish';
    if (state.allows(permission, topicName, channelName)) return proceed();
    throw unauthorized(`failed for ${command} on ${quoteBytesLikeGo(topicName)} ${quoteBytesLikeGo(channelName)}`);
  };
  if (!state.isExpired) return proceedIfAllowed();
  client.suspend(explained(client, state.renew(client.requester())), proceedIfAllowed);
}
