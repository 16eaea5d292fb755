// What topics drop at their bounds (--topic-overflow=drop-oldest, --max-topic-age), held against what they say: every message
// that is gone was counted, waited for nobody but time, was the oldest or old enough, and nothing else is gone.

import type { Broker } from '../../src/nsqd/broker/broker.js';
import type { Channel } from '../../src/nsqd/broker/channel.js';
import type { BrokerOptions } from '../../src/nsqd/broker/context.js';
import { peekChannel, peekTopic } from '../../src/nsqd/broker/peek.js';
import type { TopicPeek } from '../../src/nsqd/broker/peek.js';
import type { Topic } from '../../src/nsqd/broker/topic.js';
import type { DeadLedger } from './dead-ledger.js';
import { Violation } from './oracle.js';
import type { ChannelModel, Entry, MessageModel, Oracle, TopicModel } from './oracle.js';
import type { WallHistory } from './wall-history.js';

const ALL = { countMax: 1_000_000, bodyBytesMax: 100_000 };

interface Counters {
  readonly droppedCount: number;
  readonly expiredCount: number;
}

export class DropWatch {
  readonly #oracle: Oracle;
  readonly #ledger: DeadLedger;
  readonly #options: BrokerOptions;
  readonly #wall: WallHistory;
  /** When the process began. */
  #bootedMs = 0;
  /** What of the counters is accounted for. They begin at 0 with each process. */
  readonly #noted = new WeakMap<Counters, number>();

  constructor(oracle: Oracle, ledger: DeadLedger, options: BrokerOptions, wall: WallHistory) {
    this.#oracle = oracle;
    this.#ledger = ledger;
    this.#options = options;
    this.#wall = wall;
  }

  booted(): void {
    this.#bootedMs = this.#wall.nowMs;
  }

  /** Takes what was dropped out of the model. Throws Violation when it should not have been. */
  note(broker: Broker): void {
    this.noteTopics(broker);
    for (const [topic, model] of this.#bounded(broker)) {
      for (const [channel, channelModel] of channelsOf(topic, model)) {
        const count = this.#newOf(channel);
        if (count > 0) this.#noteChannel(model, channel, channelModel, count);
      }
    }
  }

  /** The same of what no channel has had: a start may drop it before consumers come back and bring their channels. */
  noteTopics(broker: Broker): void {
    for (const [topic, model] of this.#bounded(broker)) {
      const count = this.#newOf(topic.bounds!);
      if (count > 0 && !model.isEphemeral) this.#noteTopic(topic, model, count);
    }
  }

  /** The process died in between: what it has dropped last may be gone, or come again. */
  died(broker: Broker): void {
    for (const [topic, model] of this.#bounded(broker)) {
      if (this.#newOf(topic.bounds!) > 0) {
        model.drop(model.backlog);
      }
      for (const [channel, channelModel] of channelsOf(topic, model)) {
        if (this.#newOf(channel) === 0) continue;
        for (const entry of channelModel.entries.values()) entry.isCertain = false;
        this.#ledger.channelGone(model.name, channelModel.name);
      }
    }
  }

  *#bounded(broker: Broker): Generator<[Topic, TopicModel]> {
    for (const model of this.#oracle.topics.values()) {
      const topic = broker.findTopic(model.name);
      if (topic !== undefined && topic.bounds !== null) yield [topic, model];
    }
  }

  #newOf(counters: Counters): number {
    const count = counters.droppedCount + counters.expiredCount;
    const before = this.#noted.get(counters) ?? 0;
    this.#noted.set(counters, count);
    return count - before;
  }

  #noteTopic(topic: Topic, model: TopicModel, count: number): void {
    const where = `topic ${model.name}`;
    const left = bodiesOf(peekTopic(topic, ALL, 0));
    const gone = model.backlog.filter(({ body }) => !left.has(body));
    const isExact = !this.#isOpen() && model.unknown.size === 0 && !model.backlog.some(({ mayRepeat }) => mayRepeat);
    expectCount(where, gone.length, count, isExact);
    this.#expectOld(where, gone);
    if (isExact) expectOldest(where, gone, model.backlog.filter(({ body }) => left.has(body)));
    model.drop(gone);
  }

  #noteChannel(topic: TopicModel, channel: Channel, model: ChannelModel, count: number): void {
    if (model.isEphemeral || topic.isEphemeral) {
      // What was delivered once was certain, and may have come back and gone.
      for (const entry of model.entries.values()) if (entry.state === 'waiting') entry.isCertain = false;
      return;
    }
    const where = `channel ${topic.name}/${model.name}`;
    const isExact = !this.#isOpen() && model.isExact() && topic.unknown.size === 0;
    const peek = peekChannel(channel, ALL, 0);
    const left = bodiesOf(peek);
    for (const { body } of peek.inFlight) left.add(body.toString('latin1'));
    const waiting = [...model.entries.values()].filter(({ state }) => state === 'waiting');
    const missing = waiting.filter(({ message, isCertain }) => isCertain && !left.has(message.body));
    const gone = missing.filter(({ isReleaseKnown }) => isReleaseKnown);
    expectCount(where, gone.length, count, isExact);
    this.#expectOld(where, gone.map(({ message }) => message));
    const deferred = gone.find(({ isDeferred, notBeforeMs }) => isDeferred && notBeforeMs > this.#wall.nowMs);
    if (isExact && deferred !== undefined) throw new Violation(`${where} dropped ${deferred.message.number}, deferred to ${deferred.notBeforeMs}`);
    if (isExact) {
      expectOldest(where, freshOf(gone), freshOf(waiting.filter(({ message }) => left.has(message.body))));
    }
    for (const entry of missing) entry.isCertain = false;
    for (const entry of gone) entry.state = 'finished';
    // One that a crash brought back, after its channel had given it up, may be among them.
    if (gone.length < count) this.#ledger.channelGone(topic.name, model.name);
  }

  #isOpen(): boolean {
    return this.#oracle.isLoose || this.#oracle.hasLeftovers;
  }

  /** Where messages go by their age only. */
  #expectOld(where: string, gone: readonly MessageModel[]): void {
    const { maxTopicBytes, topicOverflow, maxTopicAgeMs } = this.#options;
    if (maxTopicBytes > 0 && topicOverflow === 'drop-oldest') return;
    const young = gone.find((message) => this.#ageOf(message) < maxTopicAgeMs);
    if (young !== undefined) throw new Violation(`${where} dropped message ${young.number} of age ${this.#ageOf(young)}`);
  }

  /** At most. A message of a former process is as old as the wall clock of this one makes it. */
  #ageOf({ publishedMs, wallOffsetMs, run }: MessageModel): number {
    const ageMs = this.#wall.nowMs - publishedMs;
    return run === this.#oracle.run ? ageMs : ageMs + this.#wall.highestSince(this.#bootedMs) - wallOffsetMs;
  }
}

function* channelsOf(topic: Topic, model: TopicModel): Generator<[Channel, ChannelModel]> {
  for (const channelModel of model.channels.values()) {
    const channel = topic.findChannel(channelModel.name);
    if (channel !== undefined) yield [channel, channelModel];
  }
}

function bodiesOf({ queued, deferred }: TopicPeek): Set<string> {
  return new Set([...queued, ...deferred].map(({ body }) => body.toString('latin1')));
}

function expectCount(where: string, gone: number, count: number, isExact: boolean): void {
  if (gone > count || (isExact && gone < count)) throw new Violation(`${where} lost ${gone} messages and counts ${count} dropped`);
}

/** What was never delivered and never deferred: it waits in the order in which it was published. */
function freshOf(entries: readonly Entry[]): MessageModel[] {
  return entries.filter(({ attempts, message }) => attempts === 0 && message.dueMs === 0).map(({ message }) => message);
}

function expectOldest(where: string, gone: readonly MessageModel[], left: readonly MessageModel[]): void {
  const newestGone = Math.max(...gone.map(({ number }) => number));
  const older = left.find(({ number }) => number < newestGone);
  if (older !== undefined) throw new Violation(`${where} dropped message ${newestGone} and has the older ${older.number} yet`);
}
