// GET /topic/peek: the messages of a topic that no channel has yet, without consuming them: it has no channel, or is paused.

import { peekTopic } from '../../broker/peek.js';
import { existingTopic, validTopicArgument, withQueryAfterBody } from '../arguments.js';
import type { HttpContext } from '../context.js';
import { type EndpointRoute, logged } from '../endpoint.js';
import type { Exchange } from '../exchange.js';
import { peekArguments, sendPeek } from '../peek-arguments.js';
import { deferredJson, queuedJson } from '../peek-json.js';
import { INVALID_TOPIC } from '../response.js';

export const topicPeekRoutes: readonly EndpointRoute[] = [logged('GET', '/topic/peek', peek)];

function peek(context: HttpContext, exchange: Exchange): void {
  withQueryAfterBody(context, exchange, (query) => {
    const topic = existingTopic(context, exchange, validTopicArgument(exchange, query, INVALID_TOPIC));
    if (topic === null) return;
    const asked = peekArguments(exchange, query);
    if (asked === null) return;
    sendPeek(context, exchange, () => {
      const { queued, deferred } = peekTopic(topic, asked.limits, context.broker.turn.nowMs());
      const head = JSON.stringify({ topic_name: topic.name, paused: topic.isPaused, depth: topic.depth() });
      const { form } = asked;
      return `${head.slice(0, -1)},"queued":${queuedJson(queued, form)},"deferred":${deferredJson(deferred, form)}}`;
    });
  });
}
