// What the peek endpoints answer with, as JSON. Timestamps are nanoseconds, as everywhere in NSQ: integers that JSON can
// carry and JavaScript's numbers cannot, so that they are written as text.

import type { PeekedDeferred, PeekedInFlight, PeekedMessage } from '../broker/peek.js';

/** How bodies are shown: not at all, as text where they are UTF-8, in base64. */
export type BodyForm = 'none' | 'text' | 'base64';

export function queuedJson(messages: readonly PeekedMessage[], form: BodyForm): string {
  return listOf(messages, form, () => ({}));
}

export function inFlightJson(messages: readonly PeekedInFlight[], form: BodyForm): string {
  return listOf(messages, form, ({ owner, ageMs, timeoutInMs }) => {
    const { clientId, hostname, remoteAddress } = owner.describe('');
    return {
      age_ms: Math.round(ageMs), timeout_in_ms: Math.round(timeoutInMs),
      client_id: clientId, hostname, remote_address: remoteAddress,
    };
  });
}

export function deferredJson(messages: readonly PeekedDeferred[], form: BodyForm): string {
  return listOf(messages, form, ({ dueInMs }) => ({ due_in_ms: Math.round(dueInMs) }));
}

function listOf<T extends PeekedMessage>(messages: readonly T[], form: BodyForm, more: (message: T) => object): string {
  return `[${messages.map((message) => messageJson(message, { ...more(message), ...bodyFields(message, form) })).join(',')}]`;
}

function messageJson({ id, timestampNs, attempts, bodyBytes }: PeekedMessage, more: object): string {
  const rest = JSON.stringify({ attempts, body_size: bodyBytes, ...more });
  return `{"id":${JSON.stringify(id)},"timestamp":${timestampNs},${rest.slice(1)}`;
}

function bodyFields({ body, bodyBytes }: PeekedMessage, form: BodyForm): object {
  if (form === 'none') return {};
  const isTruncated = body.length < bodyBytes;
  const text = form === 'text' ? asText(body, isTruncated) : null;
  const shown = text === null
    ? { body: body.toString('base64'), body_encoding: 'base64' }
    : { body: text, body_encoding: 'text' };
  return isTruncated ? { ...shown, body_truncated: true } : shown;
}

/** Null unless it is UTF-8; a character that was cut off at the end is left out. */
function asText(body: Buffer, isTruncated: boolean): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body, { stream: isTruncated });
  } catch {
    return null; // Other than text: the caller shows it in base64.
  }
}
