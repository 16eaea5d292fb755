// The two styles in which every endpoint answers (http-api 2.1), and the table of the errors they answer with (4).

import type { Exchange, FlatHeaders } from './exchange.js';

const NSQ_CONTENT_TYPE = 'X-Nsq-Content-Type';
const NSQ_VERSION = 'nsq; version=1.0';
const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

const OK_HEADERS: FlatHeaders = [NSQ_CONTENT_TYPE, NSQ_VERSION, 'Content-Type', TEXT, 'Content-Length', '2'];
const EMPTY_HEADERS: FlatHeaders = [NSQ_CONTENT_TYPE, NSQ_VERSION, 'Content-Length', '0'];

/** An error answer; `code` is the text clients see. */
export interface HttpError {
  readonly status: number;
  readonly code: string;
  /** One of few words, also where the text names a file or a number. */
  readonly countedAs: string;
}

function httpError(status: number, code: string): HttpError {
  return { status, code, countedAs: code };
}

export const INVALID_REQUEST = httpError(400, 'INVALID_REQUEST');
export const MISSING_ARG_TOPIC = httpError(400, 'MISSING_ARG_TOPIC');
export const INVALID_TOPIC = httpError(400, 'INVALID_TOPIC');
export const INVALID_ARG_TOPIC = httpError(400, 'INVALID_ARG_TOPIC');
export const MISSING_ARG_CHANNEL = httpError(400, 'MISSING_ARG_CHANNEL');
export const INVALID_ARG_CHANNEL = httpError(400, 'INVALID_ARG_CHANNEL');
export const MSG_EMPTY = httpError(400, 'MSG_EMPTY');
export const INVALID_DEFER = httpError(400, 'INVALID_DEFER');
export const INVALID_OPTION = httpError(400, 'INVALID_OPTION');
export const INVALID_VALUE = httpError(400, 'INVALID_VALUE');
/** Stock nsqd answers a missing or oversized value with 413 (http-api 5.7). */
export const INVALID_VALUE_SIZE = httpError(413, 'INVALID_VALUE');
export const INVALID_COUNT = httpError(400, 'INVALID_COUNT');
export const INVALID_BODY = httpError(400, 'INVALID_BODY');
export const INVALID_BODY_BYTES = httpError(400, 'INVALID_BODY_BYTES');
export const UNAUTHORIZED = httpError(401, 'UNAUTHORIZED');
export const NOT_FOUND = httpError(404, 'NOT_FOUND');
export const TOPIC_NOT_FOUND = httpError(404, 'TOPIC_NOT_FOUND');
export const CHANNEL_NOT_FOUND = httpError(404, 'CHANNEL_NOT_FOUND');
export const METHOD_NOT_ALLOWED = httpError(405, 'METHOD_NOT_ALLOWED');
export const MSG_TOO_BIG = httpError(413, 'MSG_TOO_BIG');
export const BODY_TOO_BIG = httpError(413, 'BODY_TOO_BIG');
export const BAD_BODY = httpError(413, 'BAD_BODY');
export const BAD_MESSAGE = httpError(413, 'BAD_MESSAGE');
export const INTERNAL_ERROR = httpError(500, 'INTERNAL_ERROR');
export const EXITING = httpError(503, 'EXITING');

/** V1 style: 200 with the body `OK`. */
export function sendOk(exchange: Exchange): void {
  exchange.send(200, OK_HEADERS, 'OK');
}

/** V1 style: 200 without a body. */
export function sendEmpty(exchange: Exchange): void {
  exchange.send(200, EMPTY_HEADERS, '');
}

/** V1 style: 200 with raw text, which has no content type when it is empty. */
export function sendText(exchange: Exchange, text: string): void {
  if (text === '') sendEmpty(exchange);
  else sendContent(exchange, 200, TEXT, text);
}

/** V1 style: a text that is JSON already. */
export function sendJson(exchange: Exchange, json: string, status = 200): void {
  sendContent(exchange, status, JSON_TYPE, json);
}

/** V1 style: an error, with further headers if the status needs them. */
export function sendError(exchange: Exchange, error: HttpError, headers: FlatHeaders = []): void {
  exchange.errors?.add(error.countedAs);
  sendContent(exchange, error.status, JSON_TYPE, JSON.stringify({ message: error.code }), headers);
}

/** Plain style: any status, raw text, nothing of NSQ's own. */
export function sendPlain(exchange: Exchange, status: number, text: string): void {
  const length = String(Buffer.byteLength(text));
  const headers = text === '' ? ['Content-Length', '0'] : ['Content-Type', TEXT, 'Content-Length', length];
  exchange.send(status, headers, text);
}

function sendContent(exchange: Exchange, status: number, type: string, text: string, more: FlatHeaders = []): void {
  const length = String(Buffer.byteLength(text));
  const headers = [NSQ_CONTENT_TYPE, NSQ_VERSION, 'Content-Type', type, 'Content-Length', length, ...more];
  exchange.send(status, headers, text);
}

/** What the HTTP library of stock nsqd answers to a malformed request, closing the connection (http-api 2.6). */
export function sendBadRequest(exchange: Exchange, detail = ''): void {
  const reason = `Bad Request${detail}`;
  exchange.refuse(400, reason, `400 ${reason}`);
}

export function sendUnsupportedVersion(exchange: Exchange): void {
  const reason = 'HTTP Version Not Supported: unsupported protocol version';
  exchange.refuse(505, reason, `505 ${reason}`);
}

export function sendUnsupportedEncoding(exchange: Exchange): void {
  exchange.refuse(501, 'Not Implemented', 'Unsupported transfer encoding');
}

/** The body is not waited for: its sender may be waiting for this. */
export function sendExpectationFailed(exchange: Exchange): void {
  exchange.sendAndClose(417, ['Content-Length', '0']);
}

/** Every request on a plain listener where TLS is required (http-api 9). */
export function sendTlsRequired(exchange: Exchange, httpsPort: number): void {
  const text = `{"message": "TLS_REQUIRED", "https_port": ${httpsPort}}`;
  sendContent(exchange, 403, JSON_TYPE, text);
}
