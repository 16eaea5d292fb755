// SUB, RDY, FIN, REQ, TOUCH and CLS (tcp-protocol 11 to 14).

import { millisecondsToNanoseconds, parseUint64, toInt64 } from '../../../lib/protocol/decimal.js';
import {
  answerFailed, badChannel, badTopic, invalid, invalidMessageId, subscribeFailed, tooFewParameters, tooFewParams,
} from '../../../lib/protocol/errors.js';
import { CLOSE_WAIT_FRAME, OK_FRAME } from '../../../lib/protocol/frame.js';
import { quoteBytesLikeGo } from '../../../lib/text/go-quote.js';
import { isValidName } from '../../../lib/protocol/names.js';
import type { AnswerOutcome } from '../../broker/channel-answers.js';
import { ID_BYTES } from '../../storage/record.js';
import type { BodyReader } from '../body-reader.js';
import type { CommandClient } from './client.js';
import { whenAuthorized } from './auth.js';

const NANOSECONDS_PER_MS = 1_000_000;

export function sub(client: CommandClient, params: readonly string[]): BodyReader | void {
  if (client.profile.heartbeatIntervalMs <= 0) throw invalid('cannot SUB with heartbeats disabled');
  const [topicName, channelName] = params;
  if (topicName === undefined || channelName === undefined) throw tooFewParameters('SUB');
  if (!isValidName(topicName)) throw badTopic('SUB', quoteBytesLikeGo(topicName));
  if (!isValidName(channelName)) throw badChannel('SUB', quoteBytesLikeGo(channelName));
  return whenAuthorized(client, 'SUB', topicName, channelName, () => subscribe(client, topicName, channelName));
}

function subscribe(client: CommandClient, topicName: string, channelName: string): void {
  const channel = client.broker.getTopic(topicName).getChannel(channelName);
  const refusal = channel.addSubscriber(client, client.profile.place);
  if (refusal !== null) throw subscribeFailed(refusal);
  client.subscribed(channel);
  client.respond(OK_FRAME);
}

/** No parameter means 1, an empty one 0. */
export function rdy(client: CommandClient, params: readonly string[]): void {
  const [text] = params;
  const { maxRdyCount } = client.options;
  let count = 1n;
  if (text !== undefined) {
    const value = parseUint64(text);
    if (value === null) throw invalid(`RDY could not parse count ${text}`);
    count = toInt64(value);
  }
  if (count < 0n || count > BigInt(maxRdyCount)) throw invalid(`RDY count ${count} out of range 0-${maxRdyCount}`);
  client.setReadyCount(Number(count));
}

export function fin(client: CommandClient, params: readonly string[]): void {
  const id = idOf('FIN', params, 1);
  settle('FIN', id, client.finish(Buffer.from(id, 'latin1'), 0));
}

export function req(client: CommandClient, params: readonly string[]): void {
  const id = idOf('REQ', params, 2);
  const text = params[1]!;
  const milliseconds = parseUint64(text);
  if (milliseconds === null) throw invalid(`REQ could not parse timeout ${text}`);
  const delayMs = Number(millisecondsToNanoseconds(milliseconds)) / NANOSECONDS_PER_MS;
  const clampedMs = Math.min(Math.max(delayMs, 0), client.options.maxReqTimeoutMs);
  settle('REQ', id, client.requeue(Buffer.from(id, 'latin1'), 0, clampedMs));
}

export function touch(client: CommandClient, params: readonly string[]): void {
  const id = idOf('TOUCH', params, 1);
  settle('TOUCH', id, client.extend(Buffer.from(id, 'latin1'), 0));
}

export function cls(client: CommandClient): void {
  client.startClosing();
  client.respond(CLOSE_WAIT_FRAME);
}

function idOf(command: string, params: readonly string[], count: number): string {
  if (params.length < count) throw tooFewParams(command);
  const id = params[0]!;
  if (id.length !== ID_BYTES) throw invalidMessageId();
  return id;
}

function settle(command: string, id: string, outcome: AnswerOutcome): void {
  if (outcome !== 'done') throw answerFailed(command, id, outcome);
}
