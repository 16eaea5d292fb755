// The two formats of an /mpub body (http-api 5.4). A body is checked as a whole before its first message is published.
//
//   lines    message \n message \n ...          empty lines are skipped, a \r stays part of its message
//   binary   | count 4 | then count times: | size 4 | message |      signed big-endian; what follows is ignored

import type { BodyEnd } from '../../lib/http/request-body.js';
import { BAD_BODY, BAD_MESSAGE, BODY_TOO_BIG, type HttpError, INTERNAL_ERROR, MSG_TOO_BIG } from './response.js';

const NEWLINE = 0x0a;
const INT32_BYTES = 4;
/** Of a message in binary format: its size and one byte. */
const BINARY_MESSAGE_BYTES_MIN = 5;

export interface PublishLimits {
  readonly maxMsgSize: number;
  readonly maxBodySize: number;
}

/** Learns where each message lies in the body, in order. */
export type MessageReceiver = (start: number, end: number) => void;

/** The first error of a body in lines, or null. `bytes` end early unless `end` is 'complete'. */
export function checkLines(bytes: Buffer, end: BodyEnd, limits: PublishLimits): HttpError | null {
  let start = 0;
  for (let newline = bytes.indexOf(NEWLINE); newline >= 0; newline = bytes.indexOf(NEWLINE, start)) {
    if (newline - start > limits.maxMsgSize) return MSG_TOO_BIG;
    start = newline + 1;
  }
  if (end === 'failed') return INTERNAL_ERROR;
  if (end === 'overflow') return BODY_TOO_BIG;
  return bytes.length - start > limits.maxMsgSize ? MSG_TOO_BIG : null;
}

/** Hands over the messages of a body that `checkLines` passed. Hot path: bench http-pub. */
export function eachLine(bytes: Buffer, receive: MessageReceiver): void {
  let start = 0;
  while (start < bytes.length) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    if (end > start) receive(start, end);
    start = end + 1;
  }
}

/**
 * The first error of a binary body, or null. A body cut off at the limit or by the client is good when all its messages
 * came before. DEVIATION(bounded-mpub): a body sent in chunks may not exceed `max-body-size`, as one with a declared length.
 */
export function checkBinary(bytes: Buffer, end: BodyEnd, limits: PublishLimits): HttpError | null {
  const isCut = end === 'overflow';
  if (bytes.length < INT32_BYTES) return isCut ? BODY_TOO_BIG : BAD_BODY;
  const count = bytes.readInt32BE(0);
  const countMax = Math.floor((limits.maxBodySize - INT32_BYTES) / BINARY_MESSAGE_BYTES_MIN);
  if (count < 1 || count > countMax) return BAD_BODY;
  let position = INT32_BYTES;
  for (let index = 0; index < count; index++) {
    if (position + INT32_BYTES > bytes.length) return isCut ? BODY_TOO_BIG : BAD_MESSAGE;
    const size = bytes.readInt32BE(position);
    if (size < 1 || size > limits.maxMsgSize) return BAD_MESSAGE;
    position += INT32_BYTES + size;
    if (position > bytes.length) return isCut ? BODY_TOO_BIG : BAD_MESSAGE;
  }
  return null;
}

/** Hands over the messages of a body that `checkBinary` passed. Hot path: bench http-pub. */
export function eachBinaryMessage(bytes: Buffer, receive: MessageReceiver): void {
  const count = bytes.readInt32BE(0);
  let position = INT32_BYTES;
  for (let index = 0; index < count; index++) {
    const start = position + INT32_BYTES;
    position = start + bytes.readInt32BE(position);
    receive(start, position);
  }
}
