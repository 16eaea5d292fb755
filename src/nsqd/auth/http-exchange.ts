// One question over HTTP and its answer, as nsqd's own requests go (tcp-protocol 10.2): redirects followed, time and
// size limited, a connection of its own. What is asked may be secret: no error raised here tells the URL.

import { request as requestHttp } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { SecureVersion } from 'node:tls';

export interface HttpSettings {
  /** 0 or less: no limit. */
  readonly connectTimeoutMs: number;
  /** For everything, redirects included. 0 or less: no limit. */
  readonly requestTimeoutMs: number;
  /** Certificates to trust; undefined for those that come with Node. */
  readonly authorities: readonly string[] | undefined;
  readonly tlsMinVersion: SecureVersion;
}

export interface HttpQuestion {
  readonly url: URL;
  /** JSON; null asks with GET. */
  readonly body: string | null;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** DEVIATION(bounded-auth-answer): a larger answer is refused; stock nsqd reads any amount. */
const ANSWER_BYTES_MAX = 1024 * 1024;
const REDIRECTS_MAX = 10;
const TIMER_MS_MAX = 2 ** 31 - 1;
const ACCEPT = 'application/vnd.nsq; version=1.0';
/** These make a GET of a POST; 307 and 308 leave it what it is. */
const TO_GET: ReadonlySet<number> = new Set([301, 302, 303]);
const REDIRECTS: ReadonlySet<number> = new Set([...TO_GET, 307, 308]);

/** Rejects with an Error that says what went wrong. `signal` gives up early. */
export async function exchange(
  question: HttpQuestion, settings: HttpSettings, signal: AbortSignal,
): Promise<HttpAnswer> {
  const { requestTimeoutMs } = settings;
  const signals = requestTimeoutMs > 0 ? [signal, AbortSignal.timeout(timerMs(requestTimeoutMs))] : [signal];
  const either = AbortSignal.any(signals);
  let next = question;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
    const response = await ask(next, settings, either);
    const status = response.statusCode ?? 0;
    const { location } = response.headers;
    if (!REDIRECTS.has(status) || location === undefined) return { status, text: await textOf(response) };
    response.destroy();
    next = { url: resolved(location, next.url), body: TO_GET.has(status) ? null : next.body };
  }
  throw new Error(`stopped after ${REDIRECTS_MAX} redirects`);
}

function resolved(location: string, base: URL): URL {
  try {
    return new URL(location, base);
  } catch {
    throw new Error('redirected to an invalid URL'); // The original error would tell it.
  }
}

function ask({ url, body }: HttpQuestion, settings: HttpSettings, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = open(url, { signal, method: body === null ? 'GET' : 'POST', headers: headersFor(body) }, settings);
    if (outgoing === null) {
      reject(new Error(`unsupported protocol scheme "${url.protocol.slice(0, -1)}"`));
      return;
    }
    limitConnecting(outgoing, settings.connectTimeoutMs);
    outgoing.on('response', resolve);
    outgoing.on('error', (error) => reject(signal.aborted ? new Error(abortReason(signal)) : error));
    outgoing.end(body ?? undefined);
  });
}

interface CommonOptions {
  readonly signal: AbortSignal;
  readonly method: string;
  readonly headers: Record<string, string | number>;
}

function open(url: URL, common: CommonOptions, { authorities, tlsMinVersion }: HttpSettings): ClientRequest | null {
  if (url.protocol === 'http:') return requestHttp(url, { ...common, agent: false });
  if (url.protocol !== 'https:') return null;
  const ca = authorities === undefined ? {} : { ca: [...authorities] };
  return requestHttps(url, { ...common, ...ca, agent: false, minVersion: tlsMinVersion });
}

function headersFor(body: string | null): Record<string, string | number> {
  if (body === null) return { Accept: ACCEPT };
  return { Accept: ACCEPT, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
}

/** Longer ones would ring at once; nothing waits for 24 days. */
function timerMs(ms: number): number {
  return Math.min(Math.ceil(ms), TIMER_MS_MAX);
}

function limitConnecting(outgoing: ClientRequest, timeoutMs: number): void {
  if (timeoutMs <= 0) return;
  const timer = setTimeout(() => outgoing.destroy(new Error('connect timed out')), timerMs(timeoutMs));
  const stop = (): void => clearTimeout(timer);
  outgoing.once('socket', (socket) => socket.once('connect', stop));
  outgoing.once('close', stop);
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`answer larger than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function abortReason(signal: AbortSignal): string {
  return (signal.reason as Error).name === 'TimeoutError' ? 'request timed out' : 'client has gone';
}
