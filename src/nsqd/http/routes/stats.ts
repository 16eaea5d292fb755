// GET /stats (http-api 6): reads the filters, takes the sample and has it written as JSON or text.

import type { Query } from '../../../lib/http/query.js';
import { statsJson } from '../../stats/json.js';
import { healthText, type StatsReport } from '../../stats/report.js';
import { LATENCY_OFF, takeSnapshot } from '../../stats/snapshot.js';
import { statsText } from '../../stats/text.js';
import { withQueryAfterBody } from '../arguments.js';
import type { HttpContext } from '../context.js';
import { type EndpointRoute, logged } from '../endpoint.js';
import type { Exchange } from '../exchange.js';
import { sendJson, sendText } from '../response.js';

export const statsRoutes: readonly EndpointRoute[] = [logged('GET', '/stats', stats)];

function stats(context: HttpContext, exchange: Exchange): void {
  withQueryAfterBody(context, exchange, (query) => {
    const nowMs = Date.now();
    const report = reportOf(context, query);
    if (query.values.get('format') === 'json') sendJson(exchange, statsJson(report));
    else sendText(exchange, statsText(report, nowMs));
  });
}

function reportOf(context: HttpContext, query: Query): StatsReport {
  return {
    version: context.version,
    versionLine: context.versionLine,
    health: healthText(context.broker.healthError()),
    drainingMessages: context.broker.drain.isOn ? context.broker.drain.messagesLeft() : null,
    startTimeMs: context.startTimeMs,
    uptimeMs: performance.timeOrigin + performance.now() - context.startTimeMs,
    setAside: context.broker.setAside(),
    memory: flagArgument(query, 'include_mem') ? context.memory.sample() : null,
    snapshot: takeSnapshot(context.broker, context.clients(), {
      topic: query.values.get('topic') ?? '',
      channel: query.values.get('channel') ?? '',
      includeClients: flagArgument(query, 'include_clients'),
    }, context.latencies ?? LATENCY_OFF),
  };
}

/** True unless the value says no; garbage is true. */
function flagArgument(query: Query, name: string): boolean {
  const value = query.values.get(name);
  return value !== 'false' && value !== '0';
}
