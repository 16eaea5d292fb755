// What the peek endpoints are asked: `count` messages of each kind, with `body` as none, text or base64, and of each body
// `body_bytes`. The bounds keep an answer, and what is read from disk for it, small.

import type { Query } from '../../lib/http/query.js';
import { parseDecimalInteger } from '../../lib/options/go-integer.js';
import type { PeekLimits } from '../broker/peek.js';
import { StorageError } from '../storage/file-system.js';
import type { HttpContext } from './context.js';
import type { Exchange } from './exchange.js';
import type { BodyForm } from './peek-json.js';
import { INTERNAL_ERROR, INVALID_BODY, INVALID_BODY_BYTES, INVALID_COUNT, sendError, sendJson } from './response.js';

const COUNT_DEFAULT = 10;
const COUNT_MAX = 100;
const BODY_BYTES_DEFAULT = 1024;
const BODY_BYTES_MAX = 16 * 1024;

export interface PeekArguments {
  readonly limits: PeekLimits;
  readonly form: BodyForm;
}

/** Null when the request was refused. */
export function peekArguments(exchange: Exchange, query: Query): PeekArguments | null {
  const { values } = query;
  const countMax = numberIn(values.get('count'), 1, COUNT_MAX, COUNT_DEFAULT);
  const form = values.get('body') ?? 'none';
  const bodyBytesMax = numberIn(values.get('body_bytes'), 0, BODY_BYTES_MAX, BODY_BYTES_DEFAULT);
  if (countMax === null) sendError(exchange, INVALID_COUNT);
  else if (!isBodyForm(form)) sendError(exchange, INVALID_BODY);
  else if (bodyBytesMax === null) sendError(exchange, INVALID_BODY_BYTES);
  else return { limits: { countMax, bodyBytesMax: form === 'none' ? 0 : bodyBytesMax }, form };
  return null;
}

/** Answers with what `json` makes; a message that cannot be read from disk is the daemon's fault. */
export function sendPeek(context: HttpContext, exchange: Exchange, json: () => string): void {
  try {
    sendJson(exchange, json());
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    context.logger.error(`failed to peek - ${error.message}`);
    sendError(exchange, INTERNAL_ERROR);
  }
}

function isBodyForm(text: string): text is BodyForm {
  return text === 'none' || text === 'text' || text === 'base64';
}

function numberIn(text: string | undefined, min: number, max: number, byDefault: number): number | null {
  if (text === undefined) return byDefault;
  const number = parseDecimalInteger(text);
  return number.ok && number.value >= min && number.value <= max ? number.value : null;
}
