// PUB, MPUB and DPUB (tcp-protocol 15). PUB and DPUB create their topic once the body is in; MPUB before.

import { parseUint64, millisecondsToNanoseconds } from '../../../lib/protocol/decimal.js';
import { badBody, badMessage, badTopic, invalid, publishFailed, tooFewParameters } from '../../../lib/protocol/errors.js';
import type { ProtocolError } from '../../../lib/protocol/errors.js';
import { quoteBytesLikeGo } from '../../../lib/text/go-quote.js';
import { isValidName } from '../../../lib/protocol/names.js';
import { PublishError } from '../../broker/publish-error.js';
import type { Topic } from '../../broker/topic.js';
import { deferMsMax } from '../../options.js';
import { readInt32 } from '../../storage/record.js';
import { NEED_MORE, SIZE_BYTES, SizedBodyReader } from '../body-reader.js';
import type { BodyReader } from '../body-reader.js';
import type { CommandClient, PublishCommand } from './client.js';
import { whenAuthorized } from './auth.js';

const NANOSECONDS_PER_MS = 1_000_000;
/**
 * DEVIATION(bounded-mpub): the real size of an MPUB may exceed the declared one, which nsqd checks only, by this factor over
 * `--max-body-size` at most; stock nsqd takes any amount of memory.
 */
const MPUB_OVERSIZE_FACTOR = 16;

/** The topic name of a publish, checked. */
export function topicNameOf(command: string, params: readonly string[]): string {
  const [name] = params;
  if (name === undefined) throw tooFewParameters(command);
  if (!isValidName(name)) throw badTopic(command, quoteBytesLikeGo(name));
  return name;
}

export function pub(client: CommandClient, params: readonly string[]): BodyReader {
  const name = topicNameOf('PUB', params);
  return oneMessage(client, 'PUB', name, 0);
}

export function dpub(client: CommandClient, params: readonly string[]): BodyReader {
  if (params.length < 2) throw tooFewParameters('DPUB');
  const name = topicNameOf('DPUB', params);
  const text = params[1]!;
  const milliseconds = parseUint64(text);
  if (milliseconds === null) throw invalid(`DPUB could not parse timeout ${text}`);
  const delayMsMax = deferMsMax(client.options);
  const delayMs = Number(millisecondsToNanoseconds(milliseconds)) / NANOSECONDS_PER_MS;
  if (delayMs < 0 || delayMs > delayMsMax) {
    throw invalid(`DPUB timeout ${milliseconds} out of range 0-${Math.trunc(delayMsMax)}`);
  }
  return oneMessage(client, 'DPUB', name, delayMs);
}

function oneMessage(client: CommandClient, command: 'PUB' | 'DPUB', topicName: string, deferMs: number): BodyReader {
  return new SizedBodyReader(
    (size) => checkMessageSize(client, command, size),
    (bytes, start, end) => {
      if (client.auth !== null) return publishAuthorized(client, command, topicName, bytes, start, end, deferMs);
      publishOne(client, command, topicOf(client, command, topicName), bytes, start, end, deferMs);
    },
    (isSizeKnown) => badMessage(`${command} failed to read message body${isSizeKnown ? '' : ' size'}`),
    true,
  );
}

/** The body is copied: it may have to outlive the read. */
function publishAuthorized(
  client: CommandClient, command: 'PUB' | 'DPUB', topicName: string, bytes: Buffer, start: number, end: number,
  deferMs: number,
): void {
  const body = Buffer.from(bytes.subarray(start, end));
  whenAuthorized(client, command, topicName, '', () => {
    publishOne(client, command, topicOf(client, command, topicName), body, 0, body.length, deferMs);
  });
}

export function checkMessageSize(client: CommandClient, command: 'PUB' | 'DPUB', size: number): void {
  const { maxMsgSize } = client.options;
  if (size <= 0) throw badMessage(`${command} invalid message body size ${size}`);
  if (size > maxMsgSize) throw badMessage(`${command} message too big ${size} > ${maxMsgSize}`);
}

/** Hot path (bench: pub). Publishes and answers OK, which leaves once the turn's commit is through. */
export function publishOne(
  client: CommandClient, command: PublishCommand, topic: Topic, bytes: Buffer, start: number, end: number,
  deferMs: number,
): void {
  try {
    topic.publish(bytes, deferMs, start, end);
  } catch (error) {
    throw asProtocolError(command, error);
  }
  client.published(command, topic, 1);
}

/** Created if it is missing. Throws ProtocolError. */
function topicOf(client: CommandClient, command: PublishCommand, name: string): Topic {
  try {
    return client.broker.topicToPublish(name);
  } catch (error) {
    throw asProtocolError(command, error);
  }
}

function asProtocolError(command: PublishCommand, error: unknown): unknown {
  return error instanceof PublishError ? publishFailed(command, error.message) : error;
}

export function mpub(client: CommandClient, params: readonly string[]): BodyReader | void {
  const name = topicNameOf('MPUB', params);
  return whenAuthorized(client, 'MPUB', name, '', () => new BatchReader(client, topicOf(client, 'MPUB', name)));
}

/**
 *   | declared body size 4 | count 4 |  count times: | size 4 | body |
 *
 * The count and the sizes decide where the body ends; the declared size is checked and otherwise unused, as in nsqd.
 * Nothing is published before all messages are in and valid.
 */
class BatchReader implements BodyReader {
  readonly isReusable = false;
  readonly #client: CommandClient;
  readonly #topic: Topic;
  #count = 0;
  /** Messages checked so far, and the bytes they and the head take. */
  #checked = 0;
  #checkedBytes = 0;

  constructor(client: CommandClient, topic: Topic) {
    this.#client = client;
    this.#topic = topic;
  }

  read(bytes: Buffer, start: number, end: number): number {
    if (this.#checkedBytes === 0 && !this.#checkHead(bytes, start, end)) return NEED_MORE;
    if (!this.#checkMessages(bytes, start, end)) return NEED_MORE;
    this.#publish(bytes, start + 2 * SIZE_BYTES);
    return this.#checkedBytes;
  }

  #checkHead(bytes: Buffer, start: number, end: number): boolean {
    const { maxBodySize } = this.#client.options;
    if (end - start < SIZE_BYTES) return false;
    const size = readInt32(bytes, start);
    if (size <= 0) throw badBody(`MPUB invalid body size ${size}`);
    if (size > maxBodySize) throw badBody(`MPUB body too big ${size} > ${maxBodySize}`);
    if (end - start < 2 * SIZE_BYTES) return false;
    const count = readInt32(bytes, start + SIZE_BYTES);
    if (count <= 0 || count > Math.floor((maxBodySize - SIZE_BYTES) / (SIZE_BYTES + 1))) {
      throw badBody(`MPUB invalid message count ${count}`);
    }
    this.#count = count;
    this.#checkedBytes = 2 * SIZE_BYTES;
    return true;
  }

  #checkMessages(bytes: Buffer, start: number, end: number): boolean {
    const { maxMsgSize, maxBodySize } = this.#client.options;
    const bytesMax = maxBodySize * MPUB_OVERSIZE_FACTOR;
    let at = start + this.#checkedBytes;
    for (; this.#checked < this.#count; this.#checked += 1) {
      if (end - at < SIZE_BYTES) return false;
      const size = readInt32(bytes, at);
      if (size <= 0) throw badMessage(`MPUB invalid message(${this.#checked}) body size ${size}`);
      if (size > maxMsgSize) throw badMessage(`MPUB message too big ${size} > ${maxMsgSize}`);
      if (at - start + size > bytesMax) throw badBody(`MPUB body too big ${at - start + size} > ${bytesMax}`);
      if (end - at - SIZE_BYTES < size) return false;
      at += SIZE_BYTES + size;
      this.#checkedBytes = at - start;
    }
    return true;
  }

  #publish(bytes: Buffer, start: number): void {
    try {
      this.#topic.publishBatch(bytes, start, this.#count);
    } catch (error) {
      throw asProtocolError('MPUB', error);
    }
    this.#client.published('MPUB', this.#topic, this.#count);
  }

  endedEarly(available: number): ProtocolError {
    if (available < SIZE_BYTES) return badBody('MPUB failed to read body size');
    if (available < 2 * SIZE_BYTES) return badBody('MPUB failed to read message count');
    const isSizeKnown = available - this.#checkedBytes >= SIZE_BYTES;
    if (!isSizeKnown) return badMessage(`MPUB failed to read message(${this.#checked}) body size`);
    return badMessage('MPUB failed to read message body');
  }
}
