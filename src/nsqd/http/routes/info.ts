// GET /ping and GET /info (http-api 5.1, 5.2): what load balancers and nsqadmin ask first.

import { hostname } from 'node:os';

import { nanosecondsOf } from '../../../lib/options/duration.js';
import { goJsonText } from '../../../lib/protocol/go-json.js';
import { healthText } from '../../stats/report.js';
import type { HttpContext } from '../context.js';
import { type EndpointRoute, logged } from '../endpoint.js';
import type { Exchange } from '../exchange.js';
import { sendJson, sendPlain } from '../response.js';

const MS_PER_SECOND = 1000;

export const infoRoutes: readonly EndpointRoute[] = [logged('GET', '/ping', ping), logged('GET', '/info', info)];

function ping(context: HttpContext, exchange: Exchange): void {
  const error = context.broker.healthError();
  sendPlain(exchange, error === null ? 200 : 500, healthText(error));
}

/** `draining` is there only while it is true. The ports are those bound, not those broadcast. */
function info(context: HttpContext, exchange: Exchange): void {
  const { options } = context;
  sendJson(exchange, goJsonText({
    version: context.version,
    broadcast_address: options.broadcastAddress,
    hostname: hostname(),
    http_port: context.httpPort(),
    tcp_port: context.tcpPort(),
    start_time: Math.floor(context.startTimeMs / MS_PER_SECOND),
    max_heartbeat_interval: nanosecondsOf(options.maxHeartbeatIntervalMs),
    max_output_buffer_size: options.maxOutputBufferSize,
    max_output_buffer_timeout: nanosecondsOf(options.maxOutputBufferTimeoutMs),
    max_deflate_level: options.maxDeflateLevel,
    topology_zone: options.topologyZone,
    topology_region: options.topologyRegion,
    draining: context.broker.drain.isOn || undefined,
  }));
}
