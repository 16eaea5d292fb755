// Asks one nsqlookupd over HTTP for the channels of a topic (nsqlookupd.md 2.7).

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Logger } from '../../lib/log/logger.js';
import { joinHostPort } from '../../lib/http/address.js';
import { errorReason } from '../../lib/net/system-error.js';
import type { AlarmClock } from '../../lib/time/alarm-clock.js';
import type { Clock } from '../../lib/time/clock.js';

export interface HttpPlace {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface QueryParts {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly alarmClock: AlarmClock;
  readonly answerBytesMax: number;
  /** 0 and less: no limit of its own. */
  readonly connectTimeoutMs: number;
}

interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly text: string;
}

/**
 * Names as they were told, neither checked nor sorted. Rejects with an Error that names the URL, at the latest when
 * `signal` aborts: its reason is an Error then.
 */
export async function queryChannels(
  place: HttpPlace, topicName: string, parts: QueryParts, signal: AbortSignal,
): Promise<readonly string[]> {
  const path = `/channels?topic=${encodeURIComponent(topicName)}`;
  try {
    const answer = await get('http', place, path, parts, signal);
    const httpsPort = answer.status === 403 ? httpsPortOf(answer.text) : null;
    if (httpsPort === null) return channelsOf(answer);
    return channelsOf(await get('https', { ...place, port: httpsPort }, path, parts, signal));
  } catch (error) {
    const reason = errorReason(signal.aborted ? signal.reason : error);
    throw new Error(`Get "http://${joinHostPort(place.host, place.port)}${path}": ${reason}`, { cause: error });
  }
}

async function get(
  scheme: 'http' | 'https', { host, port }: HttpPlace, path: string, parts: QueryParts, signal: AbortSignal,
): Promise<Answer> {
  parts.logger.info(`CI: querying nsqlookupd ${scheme}://${joinHostPort(host, port)}${path}`);
  const headers = { 'accept': 'application/vnd.nsq; version=1.0', 'user-agent': 'nsqd' };
  const send = scheme === 'http' ? httpRequest : httpsRequest;
  const request = send({ host, port, path, headers, agent: false, signal });
  const connecting = parts.alarmClock.newAlarm(() => request.destroy(new Error('connecting timed out')));
  if (parts.connectTimeoutMs > 0) connecting.setFor(parts.clock.monotonicMs() + parts.connectTimeoutMs);
  const isReady = scheme === 'http' ? 'connect' : 'secureConnect';
  request.once('socket', (socket) => socket.once(isReady, () => connecting.cancel()));
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      // Stays for the life of the request: an abort while the body is read is an error here as well.
      request.on('error', reject);
      request.end();
    });
    const text = await readText(response, parts.answerBytesMax);
    return { status: response.statusCode ?? 0, statusText: response.statusMessage ?? '', text };
  } finally {
    connecting.cancel();
    request.destroy();
  }
}

async function readText(response: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`response body is greater than limit (${bytesMax})`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The port of a 403 answer that wants TLS instead, or null. */
function httpsPortOf(text: string): number | null {
  const port = memberOf(text, 'https_port');
  return typeof port === 'number' ? port : null;
}

function channelsOf({ status, statusText, text }: Answer): readonly string[] {
  if (status !== 200) throw new Error(`got response ${status} ${statusText} ${JSON.stringify(text.slice(0, 200))}`);
  const channels = memberOf(text, 'channels');
  if (channels === undefined || channels === null) return [];
  if (Array.isArray(channels) && channels.every((name) => typeof name === 'string')) return channels;
  throw new Error('channels are not an array of strings');
}

/** Undefined when the text is a JSON object without it. Throws when the text is none. */
function memberOf(text: string, key: string): unknown {
  const value: unknown = JSON.parse(text);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject) throw new Error('response is not a JSON object');
  return (value as Record<string, unknown>)[key];
}
