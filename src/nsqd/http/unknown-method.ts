// Requests with a method that the parser of node:http does not know (`get`, `FOO`, those of RTSP): it gives up the connection
// at the first wrong letter, while stock nsqd answers them like any other method that no path has. Here such a request
// is read from the bytes the parser gave up on, far enough to be answered. Its body is not.
//
// DEVIATION(http-method): the connection ends with it, because a parser that gave up cannot go on.

import { IncomingMessage, METHODS } from 'node:http';
import type { Socket } from 'node:net';

/** What node:http adds to the errors of its parser. */
export interface ParserError extends NodeJS.ErrnoException {
  /** The bytes it was given when it gave up; they may begin in the middle of a request, and end in one. */
  readonly rawPacket?: Buffer;
  /** Where in them. */
  readonly bytesParsed?: number;
}

const CODES = new Set<string | undefined>(['HPE_INVALID_METHOD', 'HPE_INVALID_CONSTANT']);
const METHOD = "[\\w!#$%&'*+\\-.^`|~]+";
const TARGET = String.raw`\*|(?:/|[A-Za-z][A-Za-z\d+.\-]*://)[!-~]*`;
const REQUEST_LINE = new RegExp(`^(${METHOD}) (${TARGET}) HTTP/(\\d)\\.(\\d)$`);
const HEADER = new RegExp(`^(${METHOD}):[ \\t]*([\\t -~\\x80-\\xff]*?)[ \\t]*$`);

/** The request, without a body, that made the parser give up; null when it was not the method, or not all of it is there. */
export function requestOfUnknownMethod(error: ParserError, socket: Socket): IncomingMessage | null {
  if (!CODES.has(error.code)) return null;
  const head = headAround(error);
  const [line = '', ...headers] = head?.split(/\r?\n/) ?? [];
  const [, method = '', url = '', major, minor] = REQUEST_LINE.exec(line) ?? [];
  if (method === '' || METHODS.includes(method)) return null;
  const fields = headers.map((header) => HEADER.exec(header));
  if (fields.includes(null)) return null;
  const request = new IncomingMessage(socket);
  const version = { httpVersion: `${major}.${minor}`, httpVersionMajor: Number(major), httpVersionMinor: Number(minor) };
  Object.assign(request, { method, url, complete: true, ...version });
  for (const [, name = '', value = ''] of fields.filter((field) => field !== null)) addHeader(request, name.toLowerCase(), value);
  return request;
}

/** The line on which the parser gave up. */
export function lineOf({ rawPacket, bytesParsed = 0 }: ParserError): string {
  const text = rawPacket?.toString('latin1') ?? '';
  const end = text.indexOf('\n', bytesParsed);
  return text.slice(lineStart(text, bytesParsed), end < 0 ? text.length : end).replace(/\r$/, '');
}

/** From there to the empty line that ends the headers; null when that has not come yet. */
function headAround({ rawPacket, bytesParsed = 0 }: ParserError): string | null {
  const text = rawPacket?.toString('latin1') ?? '';
  const start = lineStart(text, bytesParsed);
  const length = text.slice(start).search(/\r?\n\r?\n/);
  return length < 0 ? null : text.slice(start, start + length);
}

function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
}

/** What comes twice is joined, as in all other requests. */
function addHeader({ headers, headersDistinct }: IncomingMessage, name: string, value: string): void {
  const values = [...headersDistinct[name] ?? [], value];
  headersDistinct[name] = values;
  headers[name] = values.join(', ');
}
