// An entry of the route table: a handler, and whether its requests appear in the access log (http-api 2.7).

import type { Route } from '../../lib/http/router.js';
import type { HttpContext } from './context.js';
import type { Exchange } from './exchange.js';

/** Answers one request; `exchange.target.path` holds a parameter if the pattern has one. */
export type Handler = (context: HttpContext, exchange: Exchange) => void;

export interface Endpoint {
  readonly handle: Handler;
  readonly isLogged: boolean;
}

export type EndpointRoute = Route<Endpoint>;

export function logged(method: string, pattern: string, handle: Handler): EndpointRoute {
  return { method, pattern, handler: { handle, isLogged: true } };
}

export function unlogged(method: string, pattern: string, handle: Handler): EndpointRoute {
  return { method, pattern, handler: { handle, isLogged: false } };
}
