// Reading the arguments that endpoints share. Each function answers the request itself when it finds an error and then
// returns null; the order of the checks is that of http-api 5.

import { parseQuery, type Query } from '../../lib/http/query.js';
import { isValidName } from '../../lib/protocol/names.js';
import type { Channel } from '../broker/channel.js';
import type { Topic } from '../broker/topic.js';
import type { HttpContext } from './context.js';
import type { Exchange } from './exchange.js';
import {
  CHANNEL_NOT_FOUND, EXITING, type HttpError, INVALID_ARG_CHANNEL, INVALID_ARG_TOPIC, INVALID_REQUEST, MISSING_ARG_CHANNEL,
  MISSING_ARG_TOPIC, sendEmpty, sendError, TOPIC_NOT_FOUND,
} from './response.js';

/** The query, unless it is malformed. */
export function readQuery(context: HttpContext, exchange: Exchange): Query | null {
  const query = parseQuery(exchange.target.query);
  if (query.error === null) return query;
  rejectRequest(context, exchange, query.error);
  return null;
}

/** Reads the body to its end for nothing, then hands over the query (http-api 2.5). */
export function withQueryAfterBody(context: HttpContext, exchange: Exchange, onQuery: (query: Query) => void): void {
  exchange.discardBody((isComplete) => {
    const query = readQuery(context, exchange);
    if (query === null) return;
    if (isComplete) onQuery(query);
    else rejectRequest(context, exchange, 'unexpected EOF');
  });
}

/** The value of `topic`, present but not validated. */
export function topicArgument(exchange: Exchange, query: Query): string | null {
  const name = query.values.get('topic');
  if (name !== undefined) return name;
  sendError(exchange, MISSING_ARG_TOPIC);
  return null;
}

/** The value of `topic`, which must be a valid name; the code for an invalid one differs by endpoint. */
export function validTopicArgument(exchange: Exchange, query: Query, invalid: HttpError): string | null {
  const name = topicArgument(exchange, query);
  if (name === null || isValidName(name)) return name;
  sendError(exchange, invalid);
  return null;
}

/** The topic, created if it does not exist. Once the broker has written its last metadata nothing new is created. */
export function createdTopic(context: HttpContext, exchange: Exchange, name: string): Topic | null {
  const { broker } = context;
  const topic = broker.isExiting ? broker.findTopic(name) : broker.getTopic(name);
  if (topic !== undefined) return topic;
  sendError(exchange, EXITING);
  return null;
}

/** The named topic; a null name was answered already. */
export function existingTopic(context: HttpContext, exchange: Exchange, name: string | null): Topic | null {
  if (name === null) return null;
  const topic = context.broker.findTopic(name);
  if (topic !== undefined) return topic;
  sendError(exchange, TOPIC_NOT_FOUND);
  return null;
}

/** The channel of the request, with its topic. */
export function withChannel(
  context: HttpContext, exchange: Exchange, use: (channel: Channel, topic: Topic, query: Query) => void,
): void {
  withTopicAndName(context, exchange, (topic, name, query) => {
    const channel = topic.findChannel(name);
    if (channel === undefined) sendError(exchange, CHANNEL_NOT_FOUND);
    else use(channel, topic, query);
  });
}

/** The existing topic and the valid, possibly unknown name of a channel. */
export function withTopicAndName(
  context: HttpContext, exchange: Exchange, use: (topic: Topic, name: string, query: Query) => void,
): void {
  withQueryAfterBody(context, exchange, (query) => {
    const topicName = validTopicArgument(exchange, query, INVALID_ARG_TOPIC);
    if (topicName === null) return;
    const name = validChannelArgument(exchange, query);
    if (name === null) return;
    const topic = context.broker.findTopic(topicName);
    if (topic === undefined) sendError(exchange, TOPIC_NOT_FOUND);
    else use(topic, name, query);
  });
}

function validChannelArgument(exchange: Exchange, query: Query): string | null {
  const name = query.values.get('channel');
  if (name !== undefined && isValidName(name)) return name;
  sendError(exchange, name === undefined ? MISSING_ARG_CHANNEL : INVALID_ARG_CHANNEL);
  return null;
}

function rejectRequest(context: HttpContext, exchange: Exchange, reason: string): void {
  context.logger.error(`failed to parse request params - ${reason}`);
  sendError(exchange, INVALID_REQUEST);
}

/**
 * Answers once what changed is on disk, so that a crash does not bring back what was deleted.
 * DEVIATION(on-disk-before-answer): stock nsqd answers before it has written its metadata.
 */
export function sendEmptyWhenOnDisk(context: HttpContext, exchange: Exchange): void {
  exchange.when(context.broker.settled(), () => sendEmpty(exchange));
}
