// GET /channel/peek: the messages of a channel, without consuming them. Stock nsqd has nothing of the kind.

import { peekChannel } from '../../broker/peek.js';
import { withChannel } from '../arguments.js';
import type { HttpContext } from '../context.js';
import { type EndpointRoute, logged } from '../endpoint.js';
import type { Exchange } from '../exchange.js';
import { peekArguments, sendPeek } from '../peek-arguments.js';
import { deferredJson, inFlightJson, queuedJson } from '../peek-json.js';

export const channelPeekRoutes: readonly EndpointRoute[] = [logged('GET', '/channel/peek', peek)];

function peek(context: HttpContext, exchange: Exchange): void {
  withChannel(context, exchange, (channel, topic, query) => {
    const asked = peekArguments(exchange, query);
    if (asked === null) return;
    sendPeek(context, exchange, () => {
      const { queued, inFlight, deferred } = peekChannel(channel, asked.limits, context.broker.turn.nowMs());
      const head = JSON.stringify({
        topic_name: topic.name, channel_name: channel.name, paused: channel.isPaused, depth: channel.depth(),
        in_flight_count: channel.inFlightCount, deferred_count: channel.deferredCount,
      });
      const { form } = asked;
      const lists = `"queued":${queuedJson(queued, form)},"in_flight":${inFlightJson(inFlight, form)}`;
      return `${head.slice(0, -1)},${lists},"deferred":${deferredJson(deferred, form)}}`;
    });
  });
}
