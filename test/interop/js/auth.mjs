// The checks of authorization, by the secrets and topics of ../auth-server.mjs.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { Inbox, channelStats, createChannel, openWriter, publish } from './clients.mjs';

/** Longer than an answer of the auth server holds. */
const EXPIRY_MS = 1500;

export const AUTH_CHECKS = [
  ['auth', checkAuth],
  ['auth-forbidden', checkForbidden],
  ['auth-expired', checkExpired],
];

async function checkAuth() {
  const topic = 'js-auth';
  await createChannel(topic);
  const inbox = new Inbox();
  const reader = await inbox.subscribe(topic, { authSecret: 'open' });
  const writer = await openWriter({ authSecret: 'open' });
  for (const body of ['at once', 'renewed']) {
    await publish(writer, topic, body);
    await inbox.consumeExactly(new Set([body]));
    await sleep(EXPIRY_MS);
  }
  reader.close();
  return 'published and consumed, before and after the answer expired';
}

async function checkForbidden() {
  await assert.rejects(publish(await openWriter({ authSecret: 'open' }), 'js-other', 'x'), /E_UNAUTHORIZED/);
  await assert.rejects(publish(await openWriter(), 'js-auth', 'x'), /E_AUTH_FIRST/);
  await assert.rejects(openWriterOnce({ authSecret: 'wrong' }), /E_AUTH_FAILED/);
  const topic = 'js-outbox';
  await createChannel(topic);
  const inbox = new Inbox();
  inbox.subscribe(topic, { authSecret: 'open' }).catch(() => {}); // It never gets ready.
  await publish(await openWriter({ authSecret: 'open' }), topic, 'x');
  await inbox.expectNone(1000);
  assert.equal((await channelStats(topic)).depth, 1, 'depth');
  return 'another topic, subscribing where only publishing is allowed, no secret, a wrong one';
}

async function checkExpired() {
  const topic = 'js-expired-auth';
  const writer = await openWriter({ authSecret: 'brief' });
  await publish(writer, topic, 'allowed');
  await sleep(EXPIRY_MS);
  await assert.rejects(publish(writer, topic, 'no more'), /E_AUTH_FAILED/);
  return 'refused after the answer expired';
}

/** Rejects with the first error before it is ready. */
async function openWriterOnce(options) {
  const refused = new Promise((_, reject) => {
    openWriter(options, reject).catch(reject);
  });
  await refused;
}
