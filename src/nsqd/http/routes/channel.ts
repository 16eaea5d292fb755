// POST /channel/* (http-api 5.6). All share one sequence of checks; no endpoint creates the topic.

import type { Query } from '../../../lib/http/query.js';
import { isValidName } from '../../../lib/protocol/names.js';
import type { Channel } from '../../broker/channel.js';
import type { Topic } from '../../broker/topic.js';
import { sendEmptyWhenOnDisk, validTopicArgument, withQueryAfterBody } from '../arguments.js';
import type { HttpContext } from '../context.js';
import { type EndpointRoute, type Handler, logged } from '../endpoint.js';
import type { Exchange } from '../exchange.js';
import {
  CHANNEL_NOT_FOUND, EXITING, INVALID_ARG_CHANNEL, INVALID_ARG_TOPIC, MISSING_ARG_CHANNEL, sendError,
  TOPIC_NOT_FOUND,
} from '../response.js';

export const channelRoutes: readonly EndpointRoute[] = [
  logged('POST', '/channel/create', createChannel),
  logged('POST', '/channel/delete', deleteChannel),
  logged('POST', '/channel/empty', changing((channel) => channel.empty())),
  logged('POST', '/channel/pause', changing((channel) => channel.pause())),
  logged('POST', '/channel/unpause', changing((channel) => channel.unpause())),
];

function createChannel(context: HttpContext, exchange: Exchange): void {
  withTopicAndName(context, exchange, (topic, name) => {
    if (context.broker.isExiting && topic.findChannel(name) === undefined) return sendError(exchange, EXITING);
    topic.getChannel(name);
    sendEmptyWhenOnDisk(context, exchange);
  });
}

function deleteChannel(context: HttpContext, exchange: Exchange): void {
  withTopicAndName(context, exchange, (topic, name) => {
    if (topic.deleteChannel(name)) sendEmptyWhenOnDisk(context, exchange);
    else sendError(exchange, CHANNEL_NOT_FOUND);
  });
}

/** A handler that changes an existing channel. */
function changing(change: (channel: Channel) => void): Handler {
  return (context, exchange) => withChannel(context, exchange, (channel) => {
    change(channel);
    sendEmptyWhenOnDisk(context, exchange);
  });
}

function withChannel(context: HttpContext, exchange: Exchange, use: (channel: Channel) => void): void {
  withTopicAndName(context, exchange, (topic, name) => {
    const channel = topic.findChannel(name);
    if (channel === undefined) sendError(exchange, CHANNEL_NOT_FOUND);
    else use(channel);
  });
}

/** The existing topic and the valid, possibly unknown name of a channel. */
function withTopicAndName(context: HttpContext, exchange: Exchange, use: (topic: Topic, name: string) => void): void {
  withQueryAfterBody(context, exchange, (query) => {
    const topicName = validTopicArgument(exchange, query, INVALID_ARG_TOPIC);
    if (topicName === null) return;
    const name = validChannelArgument(exchange, query);
    if (name === null) return;
    const topic = context.broker.findTopic(topicName);
    if (topic === undefined) sendError(exchange, TOPIC_NOT_FOUND);
    else use(topic, name);
  });
}

function validChannelArgument(exchange: Exchange, query: Query): string | null {
  const name = query.values.get('channel');
  if (name !== undefined && isValidName(name)) return name;
  sendError(exchange, name === undefined ? MISSING_ARG_CHANNEL : INVALID_ARG_CHANNEL);
  return null;
}
