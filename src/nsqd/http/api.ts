// The whole HTTP API as one function from requests to answers: the route table, the answers where no route matches
// (http-api section 3), and what happens when a handler throws. Every listener of a daemon shares one instance.

import { bytesToText, encodePath } from '../../lib/http/percent.js';
import { type Miss, Router } from '../../lib/http/router.js';
import { LogLevel } from '../../lib/log/logger.js';
import { isAdmitted, refuse } from './authorization.js';
import type { HttpContext } from './context.js';
import type { Endpoint } from './endpoint.js';
import type { Exchange } from './exchange.js';
import { INTERNAL_ERROR, METHOD_NOT_ALLOWED, NOT_FOUND, sendBadRequest, sendError } from './response.js';
import { channelPeekRoutes } from './routes/channel-peek.js';
import { channelRoutes } from './routes/channel.js';
import { configRoutes } from './routes/config.js';
import { debugRoutes } from './routes/debug.js';
import { healthRoutes } from './routes/health.js';
import { infoRoutes } from './routes/info.js';
import { metricsRoutes } from './routes/metrics.js';
import { publishRoutes } from './routes/publish.js';
import { statsRoutes } from './routes/stats.js';
import { topicPeekRoutes } from './routes/topic-peek.js';
import { topicRoutes } from './routes/topic.js';

const HTML_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'], ['<', '&lt;'], ['>', '&gt;'], ['"', '&#34;'], ["'", '&#39;'],
]);

export class HttpApi {
  readonly #context: HttpContext;
  readonly #router: Router<Endpoint>;

  constructor(context: HttpContext) {
    this.#context = context;
    this.#router = new Router([
      ...publishRoutes, ...topicRoutes, ...channelRoutes, ...statsRoutes, ...infoRoutes, ...configRoutes(context),
      ...debugRoutes, ...healthRoutes, ...metricsRoutes,
      ...topicPeekRoutes, ...channelPeekRoutes,
    ]);
  }

  /** Answers the request, now or later. Never throws. Hot path: bench http-pub. */
  handle(exchange: Exchange): void {
    const { path } = exchange.target;
    exchange.errors = this.#context.errors;
    if (path === null) return sendBadRequest(exchange);
    if (!this.#isAdmitted(exchange)) return;
    const route = this.#router.find(exchange.method, path);
    if (route === undefined) return this.#answerMiss(exchange, this.#router.miss(exchange.method, path));
    const endpoint = route.handler;
    if (endpoint.isLogged) this.#logAccess(exchange);
    exchange.run(() => endpoint.handle(this.#context, exchange));
  }

  #isAdmitted(exchange: Exchange): boolean {
    const { tokens } = this.#context;
    if (tokens === null || isAdmitted(tokens, exchange)) return true;
    this.#logAccess(exchange);
    refuse(exchange);
    return false;
  }

  /** Answers a request whose handler threw (http-api 2.8); one that was answered in part is cut off. */
  readonly panic = (exchange: Exchange, error: unknown): void => {
    const text = error instanceof Error ? error.message : String(error);
    this.#context.logger.error(`panic in HTTP handler - ${text}`);
    if (exchange.isAnswered) exchange.abort();
    else sendError(exchange, INTERNAL_ERROR);
  };

  #logAccess(exchange: Exchange): void {
    const { logger } = this.#context;
    if (logger.isEnabled(LogLevel.info)) exchange.accessLog = (line) => logger.info(line);
  }

  #answerMiss(exchange: Exchange, miss: Miss): void {
    switch (miss.kind) {
      case 'redirect':
        return this.#redirect(exchange, miss.path);
      case 'options':
        return exchange.send(200, ['Allow', miss.allow, 'Content-Length', '0'], '');
      case 'method-not-allowed':
        this.#logAccess(exchange);
        return sendError(exchange, METHOD_NOT_ALLOWED, ['Allow', miss.allow]);
      case 'not-found':
        this.#logAccess(exchange);
        return sendError(exchange, NOT_FOUND);
      default:
        return miss satisfies never;
    }
  }

  /** GET moves permanently with a page for people; other methods keep their body and come back for now. */
  #redirect(exchange: Exchange, path: string): void {
    const { origin, query } = exchange.target;
    const location = `${origin}${encodePath(path)}${query === '' ? '' : `?${query}`}`;
    if (exchange.method !== 'GET') return exchange.send(307, ['Location', location, 'Content-Length', '0'], '');
    const page = `<a href="${escapeHtml(bytesToText(location))}">Moved Permanently</a>.\n\n`;
    const length = String(Buffer.byteLength(page));
    const headers = ['Location', location, 'Content-Type', 'text/html; charset=utf-8', 'Content-Length', length];
    return exchange.send(301, headers, page);
  }
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => HTML_ESCAPES.get(character) ?? character);
}
