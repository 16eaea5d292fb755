// /debug/* (http-api 5.8, 5.9).
// DEVIATION(debug-endpoints): the routes, methods and content types of Go's pprof stay, but the profiles are V8's.

import { parseQuery } from '../../../lib/http/query.js';
import { parseDecimalInteger, OUT_OF_RANGE } from '../../../lib/options/go-integer.js';
import { quoteLikeGo } from '../../../lib/text/go-quote.js';
import type { HttpContext } from '../context.js';
import { type EndpointRoute, type Handler, logged, unlogged } from '../endpoint.js';
import type { Exchange, FlatHeaders } from '../exchange.js';
import { sendPlain } from '../response.js';
import { activeResources, collectGarbage, CpuProfile, heapSnapshot, heapSummary } from '../v8-profile.js';

const HTML = 'text/html; charset=utf-8';
const TEXT = 'text/plain; charset=utf-8';
const BINARY = 'application/octet-stream';

const PROFILE_SECONDS_DEFAULT = 30;
const TIMER_MS_MAX = 2 ** 31 - 1;
/** Of a form in the body of setblockrate. */
const FORM_BYTES_MAX = 64 * 1024;

const INDEX = ['block', 'cmdline', 'goroutine', 'heap', 'profile', 'symbol', 'threadcreate'];

export const debugRoutes: readonly EndpointRoute[] = [
  unlogged('GET', '/debug/pprof/', (_, exchange) => sendProfile(exchange, HTML, indexPage())),
  unlogged('GET', '/debug/pprof/cmdline', (_, exchange) => sendProfile(exchange, TEXT, process.argv.join('\0'))),
  unlogged('GET', '/debug/pprof/symbol', symbol),
  unlogged('POST', '/debug/pprof/symbol', symbol),
  unlogged('GET', '/debug/pprof/profile', cpuProfile),
  unlogged('GET', '/debug/pprof/heap', heap),
  unlogged('GET', '/debug/pprof/goroutine', diagnostic(activeResources)),
  unlogged('GET', '/debug/pprof/block', diagnostic(() => 'V8 does not record blocking.\n')),
  unlogged('GET', '/debug/pprof/threadcreate', diagnostic(() => 'V8 does not record the creation of threads.\n')),
  logged('PUT', '/debug/setblockrate', setBlockRate),
  logged('POST', '/debug/freememory', freeMemory),
];

function indexPage(): string {
  const links = INDEX.map((name) => `<li><a href="${name}">${name}</a></li>\n`).join('');
  return `<html>\n<head>\n<title>/debug/pprof/</title>\n</head>\n<body>\n<ul>\n${links}</ul>\n</body>\n</html>\n`;
}

function diagnostic(text: () => string): Handler {
  return (_, exchange) => {
    if (debugArgument(exchange) !== null) sendProfile(exchange, TEXT, text());
  };
}

/** The value of `debug`, 0 if there is none; null if the request was refused, as Go refuses it (http-api 5.8). */
function debugArgument(exchange: Exchange): number | null {
  const { values } = parseQuery(exchange.target.query);
  const debug = parseDecimalInteger(values.get('debug') ?? '');
  const level = debug.ok ? debug.value : 0;
  const secondsText = values.get('seconds') ?? '';
  if (secondsText === '') return level;
  const seconds = parseDecimalInteger(secondsText);
  const isDuration = seconds.ok && seconds.value > 0;
  if (isDuration && level === 0) return level;
  const reason = isDuration
    ? 'seconds and debug params are incompatible'
    : 'invalid value for "seconds" - must be a positive integer';
  sendProfileError(exchange, 400, reason);
  return null;
}

/** Go resolves addresses of its own code; there are none here. */
function symbol(_: HttpContext, exchange: Exchange): void {
  sendProfile(exchange, TEXT, 'num_symbols: 1\n');
}

let isProfiling = false;

/** Samples the whole process, so that only one profile is taken at a time. */
function cpuProfile(_: HttpContext, exchange: Exchange): void {
  if (isProfiling) return sendProfileError(exchange, 500, 'Could not enable CPU profiling: already in use');
  const asked = parseDecimalInteger(parseQuery(exchange.target.query).values.get('seconds') ?? '');
  const seconds = asked.ok && asked.value > 0 ? asked.value : PROFILE_SECONDS_DEFAULT;
  const profile = new CpuProfile();
  let isFinished = false;
  isProfiling = true;
  profile.start();
  const finish = (): void => {
    if (isFinished) return;
    isFinished = true;
    clearTimeout(timer);
    profile.stop((json) => {
      isProfiling = false;
      if (exchange.isGone) return;
      if (json === null) sendProfileError(exchange, 500, 'Could not take the CPU profile');
      else sendProfile(exchange, BINARY, json, attachment('profile'));
    });
  };
  const timer = setTimeout(finish, Math.min(seconds * 1000, TIMER_MS_MAX));
  exchange.onClose(finish);
}

/** The figures of the heap with `debug`, all its objects without. */
function heap(_: HttpContext, exchange: Exchange): void {
  const debug = debugArgument(exchange);
  if (debug === null) return;
  if (debug !== 0) return sendProfile(exchange, TEXT, heapSummary());
  exchange.stream(200, [...profileHeaders(BINARY), ...attachment('heap')], heapSnapshot());
}

/**
 * V8 has no such rate: the value is checked and has no effect. DEVIATION(debug-endpoints): this and freememory answer 200 when they
 * succeed, where stock nsqd fails on its own empty answer.
 */
function setBlockRate(_: HttpContext, exchange: Exchange): void {
  exchange.collectBody(FORM_BYTES_MAX, (bytes) => {
    const isForm = exchange.header('content-type')?.startsWith('application/x-www-form-urlencoded') ?? false;
    const form = parseQuery(isForm ? bytes.toString('latin1') : '').values;
    const text = form.get('rate') ?? parseQuery(exchange.target.query).values.get('rate') ?? '';
    const rate = parseDecimalInteger(text);
    if (rate.ok) return sendPlain(exchange, 200, '');
    const reason = rate.reason === OUT_OF_RANGE ? 'value out of range' : 'invalid syntax';
    sendPlain(exchange, 400, `invalid block rate : strconv.Atoi: parsing ${quoteLikeGo(text)}: ${reason}`);
  });
}

function freeMemory(_: HttpContext, exchange: Exchange): void {
  collectGarbage();
  sendPlain(exchange, 200, '');
}

function sendProfile(exchange: Exchange, type: string, text: string, more: FlatHeaders = []): void {
  const length = ['Content-Length', String(Buffer.byteLength(text))];
  exchange.send(200, [...profileHeaders(type), ...length, ...more], text);
}

function sendProfileError(exchange: Exchange, status: number, text: string): void {
  const headers = ['X-Go-Pprof', '1', 'Content-Length', String(Buffer.byteLength(text) + 1)];
  exchange.send(status, [...profileHeaders(TEXT), ...headers], `${text}\n`);
}

function profileHeaders(type: string): FlatHeaders {
  return ['X-Content-Type-Options', 'nosniff', 'Content-Type', type];
}

function attachment(name: string): FlatHeaders {
  return ['Content-Disposition', `attachment; filename="${name}"`];
}
