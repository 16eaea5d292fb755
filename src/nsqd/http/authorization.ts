// Who may use the HTTP API while --http-auth-token-file is set: everybody for what load balancers and orchestrators ask,
// who shows a token for all else, paths that do not exist included.

import type { Exchange } from './exchange.js';
import { sendError, UNAUTHORIZED } from './response.js';
import type { TokenFile } from './token-file.js';

const OPEN_PATHS: ReadonlySet<string | null> = new Set(['/ping', '/health/live', '/health/ready']);
const CHALLENGE = ['WWW-Authenticate', 'Bearer realm="nsqd"'];

export function isAdmitted(tokens: TokenFile, exchange: Exchange): boolean {
  return OPEN_PATHS.has(exchange.target.path) || tokens.admits(exchange.header('authorization'));
}

export function refuse(exchange: Exchange): void {
  sendError(exchange, UNAUTHORIZED, CHALLENGE);
}
