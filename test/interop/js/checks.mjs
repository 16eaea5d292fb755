// The checks of publishing, consuming and answering. Each returns a remark or throws. The restart check has its own
// file.

import assert from 'node:assert/strict';

import { CHANNEL, Inbox, awaitEmpty, createChannel, post, publish, publishDeferred } from './clients.mjs';

export async function checkPublish(writer) {
  const topic = 'js-publish';
  await createChannel(topic);
  const bodies = Array.from({ length: 200 }, (_, i) => `single ${i}`);
  for (const body of bodies) await publish(writer, topic, body);
  const inbox = new Inbox();
  const reader = await inbox.subscribe(topic, { maxInFlight: 10 });
  await inbox.consumeExactly(new Set(bodies));
  reader.close();
  return `${bodies.length} messages by PUB`;
}

export async function checkPublishBatch(writer) {
  const topic = 'js-publish-batch';
  await createChannel(topic);
  const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const expected = new Set();
  for (let i = 0; i < 10; i++) {
    const batch = Array.from({ length: 100 }, (_, j) => Buffer.concat([Buffer.from(`batch ${i}.${j} `), everyByte]));
    for (const body of batch) expected.add(body.toString('latin1'));
    await publish(writer, topic, batch);
  }
  const inbox = new Inbox();
  const reader = await inbox.subscribe(topic, { maxInFlight: 50 });
  await inbox.consumeExactly(expected);
  reader.close();
  return `${expected.size} messages by 10 MPUB`;
}

export async function checkPublishDeferred(writer) {
  const topic = 'js-publish-deferred';
  const delayMs = 1500;
  await createChannel(topic);
  const inbox = new Inbox();
  const reader = await inbox.subscribe(topic);
  const start = performance.now();
  await publishDeferred(writer, topic, 'deferred', delayMs);
  const message = await inbox.receive();
  const elapsedMs = Math.round(performance.now() - start);
  message.finish();
  assert(elapsedMs >= delayMs, `delivered after ${elapsedMs} ms, before its delay of ${delayMs} ms`);
  assert.equal(message.attempts, 1, 'attempts');
  await awaitEmpty(topic);
  reader.close();
  return `delay ${delayMs} ms, delivered after ${elapsedMs} ms`;
}

export async function checkConsume(writer) {
  const topic = 'js-consume';
  await createChannel(topic);
  const inbox = new Inbox();
  const readers = [];
  for (let i = 0; i < 3; i++) readers.push(await inbox.subscribe(topic, { maxInFlight: 100 }));
  const bodies = Array.from({ length: 10_000 }, (_, i) => `consume ${i} ${'x'.repeat((i * 7919) % 400)}`);
  for (let i = 0; i < bodies.length; i += 100) await publish(writer, topic, bodies.slice(i, i + 100));
  await inbox.consumeExactly(new Set(bodies));
  await awaitEmpty(topic);
  const shares = readers.map((reader) => reader.received);
  assert(!shares.includes(0), `a reader received nothing: ${shares}`);
  for (const reader of readers) reader.close();
  return `${bodies.length} messages over ${readers.length} connections, ${shares.join(' + ')}`;
}

export async function checkFinish(writer) {
  const topic = 'js-finish';
  const msgTimeoutMs = 1000;
  const { inbox, message } = await publishOne(writer, topic, { messageTimeout: msgTimeoutMs });
  message.finish();
  await inbox.expectNone(2 * msgTimeoutMs);
  const stats = await awaitEmpty(topic);
  assert.equal(stats.timeout_count, 0, 'timeout_count');
  return 'not seen again after its timeout, channel empty';
}

export async function checkRequeue(writer) {
  const topic = 'js-requeue';
  const delayMs = 1500;
  const { inbox, message } = await publishOne(writer, topic);
  const start = performance.now();
  message.requeue(delayMs, false);
  const again = await inbox.receive();
  const elapsedMs = Math.round(performance.now() - start);
  again.finish();
  assert(elapsedMs >= delayMs, `back after ${elapsedMs} ms, before its delay of ${delayMs} ms`);
  assertSecondDelivery(message, again);
  const stats = await awaitEmpty(topic);
  assert.equal(stats.requeue_count, 1, 'requeue_count');
  return `delay ${delayMs} ms, back after ${elapsedMs} ms with attempts 2`;
}

export async function checkTouch(writer) {
  const topic = 'js-touch';
  const msgTimeoutMs = 1000;
  const touches = 10;
  const intervalMs = 300;
  const { inbox, message } = await publishOne(writer, topic, { messageTimeout: msgTimeoutMs });
  for (let i = 0; i < touches; i++) {
    await inbox.expectNone(intervalMs);
    message.touch();
  }
  message.finish();
  await inbox.expectNone(2 * msgTimeoutMs);
  const stats = await awaitEmpty(topic);
  assert.equal(stats.timeout_count, 0, 'timeout_count');
  return `timeout ${msgTimeoutMs} ms, held for ${touches * intervalMs} ms`;
}

export async function checkTimeout(writer) {
  const topic = 'js-timeout';
  const msgTimeoutMs = 1500;
  const start = performance.now();
  const { inbox, message } = await publishOne(writer, topic, { messageTimeout: msgTimeoutMs });
  const again = await inbox.receive();
  const elapsedMs = Math.round(performance.now() - start);
  again.finish();
  assert(elapsedMs >= msgTimeoutMs, `back after ${elapsedMs} ms, before its timeout of ${msgTimeoutMs} ms`);
  assertSecondDelivery(message, again);
  const stats = await awaitEmpty(topic);
  assert.equal(stats.timeout_count, 1, 'timeout_count');
  return `timeout ${msgTimeoutMs} ms, back after ${elapsedMs} ms with attempts 2`;
}

export async function checkPause(writer) {
  const topic = 'js-pause';
  await createChannel(topic);
  const inbox = new Inbox();
  const reader = await inbox.subscribe(topic, { maxInFlight: 5 });
  await post(`/channel/pause?topic=${topic}&channel=${CHANNEL}`);
  const bodies = Array.from({ length: 20 }, (_, i) => `paused ${i}`);
  for (const body of bodies) await publish(writer, topic, body);
  await inbox.expectNone(1000);
  await post(`/channel/unpause?topic=${topic}&channel=${CHANNEL}`);
  await inbox.consumeExactly(new Set(bodies));
  reader.close();
  return `nothing while paused, then all ${bodies.length}`;
}

/** Publishes one message to a fresh topic and receives it by its only reader. */
export async function publishOne(writer, topic, readerOptions) {
  await createChannel(topic);
  const inbox = new Inbox();
  await inbox.subscribe(topic, readerOptions);
  await publish(writer, topic, topic);
  const message = await inbox.receive();
  assert.equal(message.attempts, 1, 'attempts of the first delivery');
  return { inbox, message };
}

function assertSecondDelivery(first, second) {
  assert.equal(second.attempts, 2, 'attempts');
  assert.equal(second.id, first.id, 'message id');
}
