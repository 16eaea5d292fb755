// GET /metrics: what Prometheus scrapes. Stock nsqd has nothing of the kind.

import { EXPOSITION_TYPE } from '../../../lib/metrics/exposition.js';
import type { HttpContext } from '../context.js';
import { type EndpointRoute, unlogged } from '../endpoint.js';
import type { Exchange } from '../exchange.js';

export const metricsRoutes: readonly EndpointRoute[] = [unlogged('GET', '/metrics', metrics)];

function metrics(context: HttpContext, exchange: Exchange): void {
  const scraped = context.metrics().then((text) => {
    if (exchange.isGone) return;
    exchange.send(200, ['Content-Type', EXPOSITION_TYPE, 'Content-Length', String(Buffer.byteLength(text))], text);
  });
  exchange.when(scraped, () => undefined);
}
