// The checks of TLS and compression: a writer and a reader of their own for each combination.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { Inbox, awaitEmpty, channelStats, createChannel, openWriter, publish } from './clients.mjs';

/** What each check turns on, by the names of the library and of the daemon's statistics. */
export const LAYER_CHECKS = [
  ['tls', ['tls']],
  ['snappy', ['snappy']],
  ['deflate', ['deflate']],
  ['tls-snappy', ['tls', 'snappy']],
  ['tls-deflate', ['tls', 'deflate']],
];

/** The library cannot do it here. */
export class Skipped extends Error {}

export async function checkLayers(name, layers) {
  if (layers.includes('snappy') && !isInstalled('snappystream')) throw new Skipped('snappystream is not installed');
  const topic = `js-${name}`;
  await createChannel(topic);
  const options = Object.fromEntries(layers.map((layer) => [layer, true]));
  if (layers.includes('tls')) options.ca = readFileSync(process.env.NSQD_CA);
  const inbox = new Inbox();
  const reader = await inbox.subscribe(topic, { maxInFlight: 100, ...options });
  const writer = await openWriter(options);
  const expected = await publishSizes(writer, topic);
  await inbox.consumeExactly(expected);
  const [client] = (await channelStats(topic)).clients;
  assert.deepEqual(['tls', 'snappy', 'deflate'].filter((layer) => client[layer]), layers, 'what the daemon shows');
  await awaitEmpty(topic);
  reader.close();
  return `${expected.size} messages of 1 B to 300 KB`;
}

/** Publishes one by one and in batches, bodies that compress well and bodies that do not. */
async function publishSizes(writer, topic) {
  const expected = new Set();
  const bodyOf = (number, size) => {
    const content = number % 2 === 0 ? randomBytes(size) : Buffer.alloc(size);
    const body = Buffer.concat([Buffer.from(`${number} `), content]);
    expected.add(body.toString('latin1'));
    return body;
  };
  const sizes = [0, 1, 100, 65_535, 65_536, 65_537, 300_000, 5, 5, 5];
  for (const [number, size] of sizes.entries()) await publish(writer, topic, bodyOf(number, size));
  for (let i = 1; i <= 10; i++) {
    await publish(writer, topic, Array.from({ length: 100 }, (_, j) => bodyOf(i * 1000 + j, (i * 7919 + j * 31) % 2000)));
  }
  return expected;
}

function isInstalled(name) {
  try {
    createRequire(import.meta.url)(name);
    return true;
  } catch {
    return false;
  }
}
