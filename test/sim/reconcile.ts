// After a start: topics and channels whose creation or deletion was not on disk when the process died may be there or
// not. Where that is open the model follows the broker; where it is not, a difference is a violation.

import type { Broker } from '../../src/nsqd/broker/broker.js';
import type { Topic } from '../../src/nsqd/broker/topic.js';
import { isDeadLetterTopic } from './dead-ledger.js';
import { ChannelModel, Violation } from './oracle.js';
import type { Oracle, TopicModel } from './oracle.js';

export function reconcile(broker: Broker, oracle: Oracle): void {
  // Publishers come back, and topics whose creation did not reach `nsqd.dat` with them.
  for (const { name, isEphemeral } of oracle.topics.values()) if (!isEphemeral) broker.getTopic(name);
  for (const topic of broker.topics.values()) if (!isDeadLetterTopic(topic.name)) takeOver(topic, oracle);
  oracle.remains.push(...oracle.ghosts.filter(({ name }) => broker.findTopic(name) === undefined));
  oracle.ghosts = [];
  const missing = [...oracle.topics.values()].map((model) => ({ model, channels: takeMissing(broker, oracle, model) }));
  oracle.started();
  for (const { model, channels } of missing) if (!model.isEphemeral) recreate(broker, model, channels);
}

/** True when anything may have come back. */
function isOpen({ isLoose, hasLeftovers }: Oracle): boolean {
  return isLoose || hasLeftovers;
}

/** Brings a topic that the broker has into the model, with whatever a deletion that was lost may have left in it. */
export function takeOver(topic: Topic, oracle: Oracle): void {
  const ghosts = [...oracle.ghosts, ...oracle.remains].filter(({ name }) => name === topic.name);
  oracle.remains = oracle.remains.filter(({ name }) => name !== topic.name);
  if (!oracle.topics.has(topic.name) && ghosts.length === 0 && !isOpen(oracle)) {
    throw new Violation(`topic ${topic.name} came from nowhere`);
  }
  const model = oracle.topic(topic.name);
  for (const ghost of ghosts) for (const number of allNumbers(ghost)) model.unknown.add(number);
  const gone = [...ghosts.flatMap((ghost) => [...ghost.channels.values(), ...ghost.ghosts]), ...model.ghosts];
  for (const channel of topic.channels.values()) {
    const earlier = gone.filter(({ name }) => name === channel.name);
    if (!model.channels.has(channel.name) && earlier.length === 0 && !isOpen(oracle)) {
      throw new Violation(`channel ${topic.name}/${channel.name} came from nowhere`);
    }
    for (const each of earlier) for (const number of each.entries.keys()) model.unknown.add(number);
    if (!model.channels.has(channel.name)) model.channels.set(channel.name, new ChannelModel(channel.name));
  }
  model.ghosts = [];
}

/** The channels that the broker has not, taken out of the model: their creation did not reach the disk. */
function takeMissing(broker: Broker, oracle: Oracle, model: TopicModel): ChannelModel[] {
  const topic = broker.findTopic(model.name);
  const missing = [...model.channels.values()].filter(({ name }) => topic?.findChannel(name) === undefined);
  for (const channel of missing) {
    if (channel.isPersisted && !model.isEphemeral && !isOpen(oracle)) {
      throw new Violation(`channel ${model.name}/${channel.name} is gone`);
    }
    model.channels.delete(channel.name);
  }
  return missing;
}

/** Consumers come back, and with them their channels. */
function recreate(broker: Broker, model: TopicModel, channels: readonly ChannelModel[]): void {
  const topic = broker.getTopic(model.name);
  model.isPaused = topic.isPaused;
  model.release();
  for (const channel of channels) {
    model.channels.set(channel.name, channel);
    topic.getChannel(channel.name);
    // The first one takes all that the topic has, if the pause did not reach the disk.
    model.release();
  }
  for (const channel of model.channels.values()) channel.isPaused = topic.findChannel(channel.name)!.isPaused;
}

function allNumbers(topic: TopicModel): number[] {
  const channels = [...topic.channels.values(), ...topic.ghosts];
  const inChannels = channels.flatMap(({ entries }) => [...entries.keys()]);
  return [...topic.backlog.map(({ number }) => number), ...topic.unknown, ...inChannels];
}
