// Compares a broker, and the files of a stopped one, with what the oracle knows. Every function throws Violation.

import { isEphemeralName } from '../../src/lib/protocol/names.js';
import type { Broker } from '../../src/nsqd/broker/broker.js';
import type { Channel } from '../../src/nsqd/broker/channel.js';
import type { Topic } from '../../src/nsqd/broker/topic.js';
import type { SimDisk } from '../support/sim-file-system.js';
import { checkQueues } from './clean-queues.js';
import { isDeadLetterTopic } from './dead-ledger.js';
import { Violation } from './oracle.js';
import type { ChannelModel, Oracle, TopicModel } from './oracle.js';

/** The numbers of the broker are those of the model. `isAnswered`: no publish waits for its answer. */
export function checkNumbers(broker: Broker, oracle: Oracle, isAnswered: boolean): void {
  for (const model of oracle.topics.values()) {
    const topic = broker.findTopic(model.name);
    if (topic === undefined) {
      if (model.isEphemeral) continue;
      throw new Violation(`topic ${model.name} is gone`);
    }
    const isExact = isAnswered && !model.isEphemeral && !oracle.hasLeftovers && isCertain(model);
    if (isExact && topic.depth() !== model.backlog.length) {
      throw new Violation(`topic ${model.name} has depth ${topic.depth()}, not ${model.backlog.length}`);
    }
    for (const channel of model.channels.values()) checkChannel(topic, channel, model, oracle);
  }
}

/** True when the number of the topic's own messages is known. */
function isCertain({ unknown, backlog }: TopicModel): boolean {
  return unknown.size === 0 && !backlog.some(({ mayRepeat }) => mayRepeat);
}

function checkChannel(topic: Topic, model: ChannelModel, topicModel: TopicModel, oracle: Oracle): void {
  const where = `channel ${topic.name}/${model.name}`;
  const channel = topic.findChannel(model.name);
  if (channel === undefined) throw new Violation(`${where} is gone`);
  channel.checkInvariants();
  if (topicModel.isEphemeral || model.isEphemeral) return;
  const unfinished = model.unfinished();
  const inFlight = unfinished.filter(({ state }) => state === 'in flight').length;
  if (channel.inFlightCount !== inFlight) {
    throw new Violation(`${where}: ${channel.inFlightCount} in flight, not ${inFlight}`);
  }
  const certain = unfinished.filter((entry) => entry.isCertain && entry.isReleaseKnown).length;
  const isExact = model.isExact() && topicModel.unknown.size === 0 && !oracle.hasLeftovers;
  const total = countOf(channel);
  if (total < certain || (isExact && total !== certain)) {
    const parts = `depth ${channel.depth()} + in flight ${channel.inFlightCount} + deferred ${channel.deferredCount}`;
    throw new Violation(`${where}: ${parts}, not ${certain}`);
  }
}

/** The files of a clean stop are what stock nsqd needs, and hold what is unfinished. */
export function checkFiles(disk: SimDisk, directory: string, oracle: Oracle): void {
  const queues = checkQueues(disk, directory, (queue) => isLive(oracle, queue));
  for (const topic of oracle.topics.values()) {
    if (topic.isEphemeral) continue;
    if (isCertain(topic)) expectBodies(queues, topic.name, topic.backlog.map(({ body }) => body));
    for (const channel of topic.channels.values()) {
      if (!channel.isExact() || topic.unknown.size > 0) continue;
      const bodies = channel.unfinished().map(({ message }) => message.body);
      expectBodies(queues, `${topic.name}:${channel.name}`, bodies);
    }
  }
}

/** What is left of a deletion that a crash interrupted is nobody's queue. */
function isLive(oracle: Oracle, queue: string): boolean {
  const [topicName, channelName] = queue.split(':') as [string, ...string[]];
  const topic = oracle.topics.get(topicName);
  return topic !== undefined && !topic.isEphemeral && (channelName === undefined || topic.channels.has(channelName));
}

function expectBodies(queues: ReadonlyMap<string, string[]>, queue: string, expected: readonly string[]): void {
  const found = sorted(queues.get(queue) ?? []);
  if (found !== sorted(expected)) throw new Violation(`queue ${queue} holds ${found}, not ${sorted(expected)}`);
}

function sorted(bodies: readonly string[]): string {
  return [...bodies].sort().map((body) => body.slice(0, 8)).join();
}

/** Everything that is owed was delivered, and nothing else waits. */
export function expectDelivered(broker: Broker, oracle: Oracle): void {
  for (const model of oracle.topics.values()) {
    for (const channel of model.channels.values()) {
      const lost = channel.unfinished().filter((entry) => entry.isCertain).map(({ message }) => message.number);
      if (lost.length > 0) throw new Violation(`channel ${model.name}/${channel.name} never delivered ${lost.join()}`);
    }
  }
  if (oracle.isLoose) return;
  for (const topic of broker.topics.values()) {
    for (const channel of topic.channels.values()) {
      if (countOf(channel) === 0 || isEphemeralName(channel.name)) continue;
      throw new Violation(`channel ${topic.name}/${channel.name} is left with ${countOf(channel)}`);
    }
  }
}

/** A broker that was started after everything was finished has nothing. */
export function expectNothing(broker: Broker, oracle: Oracle): void {
  for (const topic of broker.topics.values()) {
    // What was published without a clear answer may wait for the next publish to be released.
    if (oracle.hasLeftovers && isDeadLetterTopic(topic.name)) continue;
    if (oracle.isLoose || (oracle.topics.get(topic.name)?.unknown.size ?? 0) > 0) continue;
    const channels = [...topic.channels.values()].map(countOf);
    const count = channels.reduce((sum, each) => sum + each, topic.isEphemeral ? 0 : topic.depth());
    if (count > 0) throw new Violation(`topic ${topic.name} has ${count} messages after a restart`);
  }
}

export function isEmpty(broker: Broker): boolean {
  return [...broker.topics.values()].every(
    (topic) => topic.depth() === 0 && [...topic.channels.values()].every((channel) => countOf(channel) === 0),
  );
}

function countOf(channel: Channel): number {
  return channel.depth() + channel.inFlightCount + channel.deferredCount;
}
