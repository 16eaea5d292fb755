// The publish commands of the load generator, encoded once and sent again and again.

import { int32 } from './connection.mjs';

const WORDS = 'status order user event payload region created total price item queue amount shipped pending retry'.split(' ');
const SEED = 12_345;

/**
 * `count` different bodies. `x` is a body of one letter; `words` is text as JSON has it, of which snappy and deflate make
 * about half and a third: the same in each run, and different from message to message.
 */
export function bodiesOf(kind, bodyBytes, count) {
  if (kind !== 'words') return Array.from({ length: count }, () => Buffer.alloc(bodyBytes, 'x'));
  let state = SEED;
  const random = (limit) => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % limit;
  return Array.from({ length: count }, () => {
    let text = '{';
    while (text.length < bodyBytes) text += `"${WORDS[random(WORDS.length)]}":${random(1_000_000)},`;
    return Buffer.from(`${text.slice(0, bodyBytes - 1)}}`);
  });
}

/** One PUB, or one MPUB of all the bodies. */
export function publishCommand(topic, bodies, messagesPerCommand = bodies.length) {
  const messages = Buffer.concat(bodies.flatMap((body) => [int32(body.length), body]));
  if (messagesPerCommand === 1) return Buffer.concat([Buffer.from(`PUB ${topic}\n`), messages]);
  const head = [Buffer.from(`MPUB ${topic}\n`), int32(4 + messages.length), int32(messagesPerCommand)];
  return Buffer.concat([...head, messages]);
}

/** One request of `POST /pub`, or of `POST /mpub` with the messages in binary form. */
export function publishRequest(address, topic, bodies) {
  const isOne = bodies.length === 1;
  const content = isOne
    ? bodies[0]
    : Buffer.concat([int32(bodies.length), ...bodies.flatMap((body) => [int32(body.length), body])]);
  const path = isOne ? `/pub?topic=${topic}` : `/mpub?topic=${topic}&binary=true`;
  const head = `POST ${path} HTTP/1.1\r\nHost: ${address}\r\nContent-Length: ${content.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), content]);
}
