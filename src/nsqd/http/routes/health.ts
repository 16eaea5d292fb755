// GET /health/live and /health/ready: what orchestrators ask before they restart a daemon, or send clients to it. The
// answer says why. Stock nsqd has /ping only, which is neither: it fails while the disk does, and restarting helps nothing.

import type { HttpContext } from '../context.js';
import { type EndpointRoute, unlogged } from '../endpoint.js';
import type { Exchange } from '../exchange.js';
import { sendJson } from '../response.js';

export const healthRoutes: readonly EndpointRoute[] = [
  unlogged('GET', '/health/live', live),
  unlogged('GET', '/health/ready', ready),
];

/** That it answers is the answer: the event loop turns. */
function live(_: HttpContext, exchange: Exchange): void {
  sendJson(exchange, JSON.stringify({ status: 'live' }));
}

function ready(context: HttpContext, exchange: Exchange): void {
  const reasons = context.unreadyReasons();
  if (reasons.length === 0) sendJson(exchange, JSON.stringify({ status: 'ready' }));
  else sendJson(exchange, JSON.stringify({ status: 'unready', reasons }), 503);
}
