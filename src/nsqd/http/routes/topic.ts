// POST /topic/* (http-api 5.5). Only create and empty validate the name; the others answer TOPIC_NOT_FOUND to a bad
// one.

import type { Query } from '../../../lib/http/query.js';
import type { Topic } from '../../broker/topic.js';
import {
  createdTopic, existingTopic, readQuery, sendEmptyWhenOnDisk, topicArgument, validTopicArgument, withQueryAfterBody,
} from '../arguments.js';
import type { HttpContext } from '../context.js';
import { type EndpointRoute, logged } from '../endpoint.js';
import type { Exchange } from '../exchange.js';
import { INVALID_TOPIC, sendError, TOPIC_NOT_FOUND } from '../response.js';

export const topicRoutes: readonly EndpointRoute[] = [
  logged('POST', '/topic/create', createTopic),
  logged('POST', '/topic/delete', deleteTopic),
  logged('POST', '/topic/empty', emptyTopic),
  logged('POST', '/topic/pause', (context, exchange) => changePause(context, exchange, (topic) => topic.pause())),
  logged('POST', '/topic/unpause', (context, exchange) => changePause(context, exchange, (topic) => topic.unpause())),
];

/** Answers once the topic has the channels that it shall begin with. */
function createTopic(context: HttpContext, exchange: Exchange): void {
  const query = readQuery(context, exchange);
  if (query === null) return;
  const name = validTopicArgument(exchange, query, INVALID_TOPIC);
  if (name === null) return;
  const topic = createdTopic(context, exchange, name);
  if (topic === null) return;
  exchange.when(topic.opened(), () => sendEmptyWhenOnDisk(context, exchange));
}

function deleteTopic(context: HttpContext, exchange: Exchange): void {
  withQueryAfterBody(context, exchange, (query) => {
    const name = topicArgument(exchange, query);
    if (name === null) return;
    if (context.broker.deleteTopic(name)) sendEmptyWhenOnDisk(context, exchange);
    else sendError(exchange, TOPIC_NOT_FOUND);
  });
}

function emptyTopic(context: HttpContext, exchange: Exchange): void {
  withQueryAfterBody(context, exchange, (query) => {
    const topic = existingTopic(context, exchange, validTopicArgument(exchange, query, INVALID_TOPIC));
    if (topic === null) return;
    topic.empty();
    sendEmptyWhenOnDisk(context, exchange);
  });
}

function changePause(context: HttpContext, exchange: Exchange, change: (topic: Topic) => void): void {
  withQueryAfterBody(context, exchange, (query: Query) => {
    const topic = existingTopic(context, exchange, topicArgument(exchange, query));
    if (topic === null) return;
    change(topic);
    sendEmptyWhenOnDisk(context, exchange);
  });
}
