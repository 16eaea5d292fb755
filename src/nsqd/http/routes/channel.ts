// POST /channel/* (http-api 5.6). All share one sequence of checks; no endpoint creates the topic.

import type { Channel } from '../../broker/channel.js';
import { sendEmptyWhenOnDisk, withChannel, withTopicAndName } from '../arguments.js';
import type { HttpContext } from '../context.js';
import { type EndpointRoute, type Handler, logged } from '../endpoint.js';
import type { Exchange } from '../exchange.js';
import { CHANNEL_NOT_FOUND, EXITING, sendError } from '../response.js';

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
