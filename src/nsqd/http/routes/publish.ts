// POST /pub and /mpub (http-api 5.3, 5.4). The order of the checks decides the answer: /pub looks at the body before
// the topic, /mpub at the topic before the body, and both create the topic although the request may still be refused.
// DEVIATION(mpub-defer): stock nsqd ignores `defer` on /mpub.

import type { BodyEnd } from '../../../lib/http/request-body.js';
import type { Query } from '../../../lib/http/query.js';
import { parseDecimalInteger } from '../../../lib/options/go-integer.js';
import { EXITING_REASON, PublishError } from '../../broker/publish-error.js';
import type { Topic } from '../../broker/topic.js';
import { deferMsMax } from '../../options.js';
import { readQuery, validTopicArgument } from '../arguments.js';
import type { HttpContext } from '../context.js';
import { type EndpointRoute, unlogged } from '../endpoint.js';
import type { Exchange } from '../exchange.js';
import { checkBinary, checkLines, eachBinaryMessage, eachLine } from '../mpub-body.js';
import {
  BODY_TOO_BIG, EXITING, INTERNAL_ERROR, INVALID_DEFER, INVALID_TOPIC, MSG_EMPTY, MSG_TOO_BIG, sendError, sendOk,
} from '../response.js';

export const publishRoutes: readonly EndpointRoute[] = [
  unlogged('POST', '/pub', publishOne),
  unlogged('POST', '/mpub', publishMany),
];

/** Hot path: bench http-pub. */
function publishOne(context: HttpContext, exchange: Exchange): void {
  const { maxMsgSize } = context.options;
  if (exchange.body.declaredBytes > maxMsgSize) sendError(exchange, MSG_TOO_BIG);
  else exchange.collectBody(maxMsgSize, (bytes, end) => publishBody(context, exchange, bytes, end));
}

function publishBody(context: HttpContext, exchange: Exchange, bytes: Buffer, end: BodyEnd): void {
  if (end !== 'complete') return sendError(exchange, end === 'failed' ? INTERNAL_ERROR : MSG_TOO_BIG);
  if (bytes.length === 0) return sendError(exchange, MSG_EMPTY);
  const query = readQuery(context, exchange);
  if (query === null) return;
  const topic = publishTopic(context, exchange, query);
  if (topic === null) return;
  const deferMs = deferArgument(query, deferMsMax(context.options));
  if (deferMs === null) return sendError(exchange, INVALID_DEFER);
  answerWhenKept(exchange, topic, () => topic.publish(bytes, deferMs));
}

function publishMany(context: HttpContext, exchange: Exchange): void {
  const { maxBodySize } = context.options;
  if (exchange.body.declaredBytes > maxBodySize) return sendError(exchange, BODY_TOO_BIG);
  const query = readQuery(context, exchange);
  if (query === null) return;
  const topic = publishTopic(context, exchange, query);
  if (topic === null) return;
  const deferMs = deferArgument(query, deferMsMax(context.options));
  if (deferMs === null) return sendError(exchange, INVALID_DEFER);
  const isBinary = binaryArgument(context, query);
  exchange.collectBody(maxBodySize, (bytes, end) => {
    const error = (isBinary ? checkBinary : checkLines)(bytes, end, context.options);
    if (error !== null) return sendError(exchange, error);
    const eachMessage = isBinary ? eachBinaryMessage : eachLine;
    const publish = (start: number, stop: number): void => topic.publish(bytes, deferMs, start, stop);
    answerWhenKept(exchange, topic, () => eachMessage(bytes, publish));
  });
}

/** The topic of the request, created if it does not exist; null if the request was refused. */
function publishTopic(context: HttpContext, exchange: Exchange, query: Query): Topic | null {
  const name = validTopicArgument(exchange, query, INVALID_TOPIC);
  if (name === null) return null;
  try {
    return context.broker.topicToPublish(name);
  } catch (error) {
    refusePublish(exchange, error);
    return null;
  }
}

/** Milliseconds of `defer`, 0 if it is absent, null if it is not acceptable. */
function deferArgument(query: Query, deferMsMax: number): number | null {
  const text = query.values.get('defer');
  if (text === undefined) return 0;
  const defer = parseDecimalInteger(text);
  return defer.ok && defer.value >= 0 && defer.value <= deferMsMax ? defer.value : null;
}

/** Every value but the four documented ones means binary, even an empty one. */
function binaryArgument(context: HttpContext, query: Query): boolean {
  const value = query.values.get('binary');
  if (value === undefined || value === 'false' || value === '0') return false;
  if (value !== 'true' && value !== '1') {
    context.logger.warn(`deprecated value '${value}' used for /mpub binary param`);
  }
  return true;
}

/** Publishes, and answers OK once everything is kept. The OK is the promise: it never leaves earlier. */
function answerWhenKept(exchange: Exchange, topic: Topic, publish: () => void): void {
  try {
    publish();
  } catch (error) {
    return refusePublish(exchange, error);
  }
  exchange.when(topic.committed(), () => sendOk(exchange), (error) => refusePublish(exchange, error));
}

/**
 * DEVIATION(reason-of-refusal): in stock nsqd a topic that is closing and a failed write look the same to clients
 * (http-api 5.3 step 11).
 */
function refusePublish(exchange: Exchange, error: unknown): void {
  if (!(error instanceof PublishError)) throw error;
  sendError(exchange, error.message === EXITING_REASON ? EXITING : { ...EXITING, code: error.message });
}
