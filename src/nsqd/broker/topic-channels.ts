// The channels of a topic: they are made, come back with a start, and are deleted here, with the queues of their own on disk
// and everybody who has to hear of it. Which messages flow to them is the topic's matter.

import { isEphemeralName } from '../../lib/protocol/names.js';
import { channelQueueName } from '../storage/data-directory.js';
import type { LogPosition, LogReader } from '../storage/log-reader.js';
import type { MessageLog } from '../storage/message-log.js';
import type { ChannelState } from '../storage/topic-state.js';
import { Channel } from './channel.js';
import type { ChannelTopic } from './channel.js';
import type { BrokerContext } from './context.js';
import { LogCursor } from './log-cursor.js';
import type { OwnQueues } from './own-queues.js';
import type { TopicCheckpoints } from './topic-checkpoints.js';

/** The topic whose channels these are. */
export interface ReadTopic extends ChannelTopic {
  readonly isEphemeral: boolean;
  readonly log: MessageLog;
  readonly released: LogReader;
  readonly checkpoints: TopicCheckpoints;
}

export class TopicChannels {
  readonly #topic: ReadTopic;
  readonly #queues: OwnQueues;
  readonly #context: BrokerContext;
  readonly #byName = new Map<string, Channel>();

  constructor(topic: ReadTopic, queues: OwnQueues, context: BrokerContext) {
    this.#topic = topic;
    this.#queues = queues;
    this.#context = context;
  }

  get byName(): ReadonlyMap<string, Channel> {
    return this.#byName;
  }

  /** A new channel, which gets everything that is not released yet. Throws StorageError. */
  create(name: string): Channel {
    const channel = this.#add(name, this.#topic.released, undefined);
    this.#context.directory.queueOpened(channelQueueName(this.#topic.name, name));
    this.#context.logger.info(`TOPIC(${this.#topic.name}): new channel(${name})`);
    this.#changed(channel);
    this.#context.announcer().created(this.#topic.name, name);
    return channel;
  }

  /** A channel of a former run, which stood at `from`; `state` is what the side file tells of it. Throws StorageError. */
  bringBack(name: string, from: LogPosition, state: ChannelState | undefined): Channel {
    return this.#add(name, from, state);
  }

  /** It reads its own queue first, if one is found, and then the topic's log. */
  #add(name: string, from: LogPosition, state: ChannelState | undefined): Channel {
    const { log, released } = this.#topic;
    const own = isEphemeralName(name) ? null : this.#queues.find(name, state);
    const cursor = new LogCursor(log, log.addReader(from), released);
    const channel = new Channel(this.#topic, name, this.#context, own === null ? [cursor] : [own, cursor]);
    this.#byName.set(name, channel);
    this.#adaptPolicy();
    return channel;
  }

  /** A normal channel of an ephemeral topic overflows to disk; an ephemeral topic alone never touches it. */
  #adaptPolicy(): void {
    if (!this.#topic.isEphemeral) return;
    const needsDisk = [...this.#byName.values()].some((channel) => !channel.isEphemeral);
    this.#topic.log.policy = needsDisk ? 'back' : 'never';
  }

  /** False when there is no such channel. Its consumers are disconnected, its messages gone. */
  delete(name: string): boolean {
    const channel = this.#byName.get(name);
    if (channel === undefined) return false;
    this.#context.logger.info(`TOPIC(${this.#topic.name}): deleting channel ${name}`);
    channel.delete();
    this.#queues.discard(channel);
    channel.detach();
    this.#byName.delete(name);
    this.#context.announcer().deleted(this.#topic.name, name);
    this.#changed(channel);
    return true;
  }

  /** Ephemeral channels are not remembered. */
  #changed(channel: Channel): void {
    if (channel.isEphemeral) return;
    this.#context.metadataChanged();
    this.#topic.checkpoints.changed();
  }
}
