// What a broker owes its clients, told apart from how it keeps its promise: which messages are kept, which channel must
// still deliver which of them, and what may come again after a crash.
//
// Certain = must be delivered until it is finished. A crash makes uncertain what was finished since the last checkpoint
// (it may come again), and what was published without an answer (it may come).

import { isEphemeralName } from '../../src/lib/protocol/names.js';
import type { Delivery, SimConsumer } from './consumer.js';
import type { WallHistory } from './wall-history.js';

/** A broken promise; the simulation stops at the first. */
export class Violation extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Violation';
  }
}

export interface MessageModel {
  readonly number: number;
  readonly body: string;
  readonly topicName: string;
  /** The topic of that name which was published to: it may have been deleted since. */
  readonly home: TopicModel;
  /** Milliseconds since the simulation began. */
  readonly publishedMs: number;
  /** How far the wall clock was ahead then, and the process: the age of a message is that of its timestamp. */
  readonly wallOffsetMs: number;
  readonly run: number;
  /** The same; 0 when it was not deferred. */
  dueMs: number;
  /** Since when that is its due time: it is written as the wall clock has it. */
  dueSinceMs: number;
  isDuePersisted: boolean;
  /** An interrupted stop may have left it twice in its topic. */
  mayRepeat: boolean;
  /** Its publisher was told OK. */
  isAnswered: boolean;
  /** Known once it was delivered. */
  id: Buffer | null;
}

/** One message in one channel. */
export class Entry {
  readonly message: MessageModel;
  state: 'waiting' | 'in flight' | 'finished' = 'waiting';
  isCertain: boolean;
  /** More than one copy may exist on disk. */
  mayRepeat: boolean;
  /** False when a crash may have given it back to the topic. */
  isReleaseKnown = true;
  consumer: SimConsumer | null = null;
  id: Buffer | null = null;
  /** Not to be delivered before this time. */
  notBeforeMs: number;
  /** The time above is a due time that a restart must know. */
  isDeferred: boolean;
  dueSinceMs: number;
  isDuePersisted = false;
  deliveredMs = 0;
  attempts = 0;
  isAttemptsKnown: boolean;

  constructor(message: MessageModel, isCertain: boolean) {
    this.message = message;
    this.isCertain = isCertain;
    this.isAttemptsKnown = isCertain;
    this.notBeforeMs = isCertain ? message.dueMs : 0;
    this.isDeferred = this.notBeforeMs > 0;
    this.dueSinceMs = message.dueSinceMs;
    this.isDuePersisted = message.isDuePersisted;
    this.mayRepeat = message.mayRepeat;
  }
}

export class ChannelModel {
  readonly name: string;
  readonly isEphemeral: boolean;
  readonly entries = new Map<number, Entry>();
  isPaused = false;
  /** A restart finds it. */
  isPersisted = false;
  /** Deleted, but listed there until they are written again. */
  isInState = true;
  isInMetadata = true;
  /** `nsqd.dat` has it: the only file that a power failure must leave. */
  isListed = false;

  constructor(name: string) {
    this.name = name;
    this.isEphemeral = isEphemeralName(name);
  }

  unfinished(): Entry[] {
    return [...this.entries.values()].filter(({ state }) => state !== 'finished');
  }

  /** True when the number of its messages follows from what was published and finished. */
  isExact(): boolean {
    if (this.isEphemeral) return false;
    return [...this.entries.values()].every((each) => each.isCertain && each.isReleaseKnown && !each.mayRepeat);
  }
}

export class TopicModel {
  readonly name: string;
  readonly isEphemeral: boolean;
  readonly channels = new Map<string, ChannelModel>();
  /** Deleted, but a restart may find them yet. */
  ghosts: ChannelModel[] = [];
  /** Kept, and no channel has them. */
  backlog: MessageModel[] = [];
  /** May or may not exist, or may come back: numbers. */
  readonly unknown = new Set<number>();
  /** Emptied since the last checkpoint. */
  dropped: MessageModel[] = [];
  /** Given to channels since the last checkpoint: after a crash they may be the topic's again. */
  released: MessageModel[] = [];
  isPaused = false;
  /** `nsqd.dat` says so. */
  mayStartPaused = false;

  constructor(name: string) {
    this.name = name;
    this.isEphemeral = isEphemeralName(name);
  }

  /** Thrown away before any channel had them. After a crash they may be back, and a copy that an interrupted stop made may come. */
  drop(messages: readonly MessageModel[]): void {
    const dropped = new Set(messages);
    for (const { mayRepeat, number } of messages) if (mayRepeat) this.unknown.add(number);
    this.dropped.push(...messages);
    this.backlog = this.backlog.filter((message) => !dropped.has(message));
    for (const channel of this.channels.values()) {
      for (const entry of channel.entries.values()) if (!entry.isReleaseKnown) entry.isCertain = false;
    }
  }

  isRunning(): boolean {
    return this.channels.size > 0 && !this.isPaused;
  }

  release(): void {
    if (!this.isRunning()) return;
    for (const message of this.backlog) {
      for (const channel of this.channels.values()) this.#give(channel, message);
    }
    this.released.push(...this.backlog);
    this.backlog = [];
  }

  #give(channel: ChannelModel, message: MessageModel): void {
    if (channel.entries.has(message.number)) return;
    channel.entries.set(message.number, new Entry(message, !channel.isEphemeral && !this.isEphemeral));
  }
}

export class Oracle {
  readonly topics = new Map<string, TopicModel>();
  ghosts: TopicModel[] = [];
  /** Of topics whose deletion a crash interrupted some files are left, and found once somebody uses the name again. */
  remains: TopicModel[] = [];
  readonly messages: MessageModel[] = [];
  readonly #wall: WallHistory;
  /** Processes so far. */
  run = 0;
  /** While a broker starts, what it writes is only noted: the model does not know yet what the broker found. */
  isStarting = false;
  #checkpointedInStart: string[] = [];
  #isMetadataWrittenInStart = false;
  /** Files that were to go may still be there: after a crash anything may come again. */
  hasLeftovers = false;
  /** After a power failure: only what is certain is asked for, anything known may come. */
  isLoose = false;

  constructor(wall: WallHistory) {
    this.#wall = wall;
  }

  newMessage(topicName: string, bodyBytes: number, deferMs: number): MessageModel {
    const number = this.messages.length;
    const { nowMs, offsetMs } = this.#wall;
    const message = {
      number, body: bodyOf(number, bodyBytes), topicName, home: this.topic(topicName),
      publishedMs: nowMs, wallOffsetMs: offsetMs, run: this.run,
      dueMs: deferMs > 0 ? nowMs + deferMs : 0, dueSinceMs: nowMs,
      isDuePersisted: false, mayRepeat: false, isAnswered: false, id: null,
    };
    this.messages.push(message);
    return message;
  }

  topic(name: string): TopicModel {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = new TopicModel(name);
      this.topics.set(name, topic);
    }
    return topic;
  }

  channel(topicName: string, channelName: string): ChannelModel {
    const topic = this.topic(topicName);
    let channel = topic.channels.get(channelName);
    if (channel === undefined) {
      channel = new ChannelModel(channelName);
      topic.channels.set(channelName, channel);
      topic.release();
    }
    return channel;
  }

  // --- publishing --------------------------------------------------------------------------------------------------

  kept(topic: TopicModel, messages: readonly MessageModel[]): void {
    if (this.topics.get(topic.name) !== topic) return;
    for (const message of messages) message.isAnswered = true;
    topic.backlog.push(...messages);
    topic.release();
  }

  mayExist(topic: TopicModel, messages: readonly MessageModel[]): void {
    for (const { number } of messages) topic.unknown.add(number);
  }

  // --- deliveries --------------------------------------------------------------------------------------------------

  delivered(consumer: SimConsumer, { id, body, attempts }: Delivery, nowMs: number): Entry | null {
    const number = Number(/^(\d+)\//.exec(body)?.[1] ?? NaN);
    const message = this.messages[number];
    const where = `${consumer.topicName}/${consumer.channelName} at ${nowMs}: message ${number}`;
    if (message === undefined || message.body !== body) {
      if (this.isLoose) return null;
      throw new Violation(`${where} was never published: ${JSON.stringify(body.slice(0, 40))}`);
    }
    if (message.topicName !== consumer.topicName) throw new Violation(`${where} belongs to topic ${message.topicName}`);
    const entry = this.#entryFor(consumer, message, where);
    this.#checkDelivery(entry, attempts, nowMs, where);
    this.#checkId(consumer, entry, id, where);
    entry.state = 'in flight';
    entry.isCertain = true;
    entry.isReleaseKnown = true;
    entry.consumer = consumer;
    entry.id = Buffer.from(id);
    entry.attempts = attempts;
    entry.isAttemptsKnown = true;
    entry.deliveredMs = nowMs;
    entry.notBeforeMs = nowMs + consumer.messageTimeoutMs;
    entry.isDeferred = false;
    return entry;
  }

  #entryFor(consumer: SimConsumer, message: MessageModel, where: string): Entry {
    const topic = this.topics.get(consumer.topicName);
    const channel = topic?.channels.get(consumer.channelName);
    if (topic === undefined || channel === undefined) throw new Violation(`${where}: no such channel`);
    const entry = channel.entries.get(message.number);
    if (entry !== undefined) return entry;
    if (!this.#mayHave(topic, message)) throw new Violation(`${where} is not the channel's, or was finished for good`);
    const added = new Entry(message, false);
    // Whoever delivers an uncertain message has one copy of it; another may wait in a file.
    added.mayRepeat = true;
    channel.entries.set(message.number, added);
    // It was the topic's, and is again after a crash, until the channel's place is written.
    topic.released.push(message);
    return added;
  }

  #mayHave(topic: TopicModel, message: MessageModel): boolean {
    return topic.unknown.has(message.number) || topic.isEphemeral || this.hasLeftovers || this.isLoose;
  }

  #checkDelivery(entry: Entry, attempts: number, nowMs: number, where: string): void {
    if (attempts < 1) throw new Violation(`${where} with ${attempts} attempts`);
    if (this.isLoose) return;
    if (entry.state === 'in flight') throw new Violation(`${where} is in flight already`);
    if (entry.state === 'finished' && !entry.mayRepeat) throw new Violation(`${where} was finished`);
    if (nowMs < entry.notBeforeMs && !entry.mayRepeat) {
      throw new Violation(`${where} is early: due at ${entry.notBeforeMs}`);
    }
    if (entry.isAttemptsKnown && !entry.mayRepeat && attempts !== entry.attempts + 1) {
      throw new Violation(`${where} is delivered for the ${attempts}. time, not the ${entry.attempts + 1}.`);
    }
  }

  /** Ids rise with the messages of a topic, whatever the wall clock does. Across restarts: with those that are not finished. */
  #checkId(consumer: SimConsumer, entry: Entry, bytes: Buffer, where: string): void {
    const { message } = entry;
    if (this.isLoose || this.hasLeftovers || message.home.isEphemeral) return;
    const id = Buffer.from(bytes);
    if (message.id !== null && !message.id.equals(id)) throw new Violation(`${where} has the ids ${message.id.toString()} and ${id.toString()}`);
    message.id = id;
    for (const other of this.topic(consumer.topicName).channels.get(consumer.channelName)!.entries.values()) {
      if (other === entry || other.message.id === null || other.message.home !== message.home) continue;
      const isComparable = other.message.run === message.run || (other.isCertain && other.state !== 'finished');
      if (!isComparable || Buffer.compare(other.message.id, id) === Math.sign(other.message.number - message.number)) continue;
      throw new Violation(`${where} has id ${id.toString()}, and message ${other.message.number} ${other.message.id.toString()}`);
    }
  }

  // --- what files say ----------------------------------------------------------------------------------------------

  /** A topic's state was written whole: what was finished is finished for good. */
  checkpointed(topicName: string): void {
    if (this.isStarting) {
      this.#checkpointedInStart.push(topicName);
      return;
    }
    const topic = this.topics.get(topicName);
    if (topic === undefined) return;
    topic.dropped = [];
    topic.released = [];
    for (const ghost of topic.ghosts) ghost.isInState = false;
    topic.ghosts = topic.ghosts.filter(({ isInMetadata }) => isInMetadata);
    for (const channel of topic.channels.values()) {
      channel.isPersisted = !channel.isEphemeral;
      for (const [number, { state, mayRepeat }] of channel.entries) {
        if (state === 'finished' && !mayRepeat) channel.entries.delete(number);
      }
    }
    this.duesWritten(topicName);
  }

  duesWritten(topicName: string): void {
    if (this.isStarting) return;
    for (const message of this.messages) if (message.topicName === topicName) message.isDuePersisted = true;
    for (const channel of this.topics.get(topicName)?.channels.values() ?? []) {
      for (const entry of channel.entries.values()) entry.isDuePersisted = entry.isDeferred;
    }
  }

  metadataWritten(): void {
    if (this.isStarting) {
      this.#isMetadataWrittenInStart = true;
      return;
    }
    this.ghosts = [];
    for (const topic of this.topics.values()) {
      topic.mayStartPaused = topic.isPaused;
      for (const ghost of topic.ghosts) ghost.isInMetadata = false;
      topic.ghosts = topic.ghosts.filter(({ isInState }) => isInState);
      for (const channel of topic.channels.values()) {
        channel.isPersisted = !channel.isEphemeral && !topic.isEphemeral;
        channel.isListed = channel.isPersisted;
      }
    }
  }

  /** Now the model and the broker agree on what there is. */
  started(): void {
    this.isStarting = false;
    for (const topicName of this.#checkpointedInStart) this.checkpointed(topicName);
    if (this.#isMetadataWrittenInStart) this.metadataWritten();
    this.#checkpointedInStart = [];
    this.#isMetadataWrittenInStart = false;
  }

  // --- restarts ----------------------------------------------------------------------------------------------------

  /** After a complete clean stop. */
  stopped(): void {
    for (const topic of this.topics.values()) {
      this.#forgetEphemeral(topic);
      for (const channel of topic.channels.values()) {
        for (const [number, entry] of channel.entries) {
          if (entry.state === 'finished' && !entry.mayRepeat) channel.entries.delete(number);
          else if (entry.state === 'in flight') comeBack(entry);
        }
      }
    }
  }

  /** `keepsAll` false: what was in memory only is gone. `isStopping`: the end of an incomplete clean stop. */
  crashed(keepsAll: boolean, isStopping: boolean): void {
    for (const topic of [...this.topics.values(), ...this.ghosts]) {
      this.#forgetEphemeral(topic);
      for (const { number } of [...topic.dropped, ...topic.released]) topic.unknown.add(number);
      for (const message of topic.backlog) {
        message.dueMs = message.isDuePersisted && message.dueMs > 0 ? this.#dueAfterCrash(message.dueMs, message.dueSinceMs) : 0;
        message.dueSinceMs = this.#wall.nowMs;
        if (isStopping) message.mayRepeat = true;
      }
      for (const { number } of topic.released) {
        for (const channel of topic.channels.values()) {
          const entry = channel.entries.get(number);
          if (entry !== undefined) entry.isReleaseKnown = false;
        }
      }
      topic.dropped = [];
      topic.released = [];
      // Of what was in memory some is lost, and what is in files may have been written long after it was finished.
      if (this.hasLeftovers || !keepsAll) this.#anythingMayCome(topic);
      if (!keepsAll) topic.backlog = [];
      for (const channel of [...topic.channels.values(), ...topic.ghosts]) {
        const isSafe = keepsAll && channel.isPersisted;
        for (const entry of channel.entries.values()) {
          // What a topic that starts paused had released since its checkpoint is its own again, without a due time.
          const isDueSafe = isSafe && !isStopping && (!topic.mayStartPaused || entry.isReleaseKnown);
          this.#crashEntry(entry, isSafe, isDueSafe, isStopping);
        }
      }
    }
  }

  /**
   * Due times are written by the wall clock, with the publish or the requeue and with every checkpoint since, and read by it. The
   * earliest that makes of one: as written when the clock was furthest behind.
   */
  #dueAfterCrash(dueMs: number, sinceMs: number): number {
    return dueMs + this.#wall.lowestSince(sinceMs) - this.#wall.offsetMs;
  }

  #crashEntry(entry: Entry, isSafe: boolean, isDueSafe: boolean, isStopping: boolean): void {
    if (entry.state === 'finished' || !isSafe) entry.isCertain = false;
    const { isDeferred, isDuePersisted, notBeforeMs } = entry;
    comeBack(entry);
    if (isDeferred && isDuePersisted && isDueSafe) {
      entry.notBeforeMs = this.#dueAfterCrash(notBeforeMs, entry.dueSinceMs);
      entry.isDeferred = true;
    }
    entry.dueSinceMs = this.#wall.nowMs;
    entry.isAttemptsKnown = false;
    if (isStopping) entry.mayRepeat = true;
  }

  #anythingMayCome(topic: TopicModel): void {
    for (const { topicName, number } of this.messages) if (topicName === topic.name) topic.unknown.add(number);
  }

  #forgetEphemeral(topic: TopicModel): void {
    for (const name of [...topic.channels.keys()]) if (isEphemeralName(name)) topic.channels.delete(name);
    if (!topic.isEphemeral) return;
    // Its normal channels' messages come back once somebody uses the names again.
    this.#anythingMayCome(topic);
    topic.backlog = [];
    topic.isPaused = false;
    topic.channels.clear();
  }

  /** After the power failed: who knows what of the later changes is on the medium. */
  powerFailed(): void {
    this.isLoose = true;
    for (const topic of this.topics.values()) {
      for (const channel of topic.channels.values()) {
        for (const entry of channel.entries.values()) {
          // A channel that a failing disk has kept out of `nsqd.dat` is gone, and begins anew.
          if (!entry.message.isAnswered || !channel.isListed) entry.isCertain = false;
          entry.isReleaseKnown = false;
        }
      }
    }
  }
}

function comeBack(entry: Entry): void {
  entry.state = 'waiting';
  entry.consumer = null;
  entry.id = null;
  entry.notBeforeMs = 0;
  entry.isDeferred = false;
}

function bodyOf(number: number, bytes: number): string {
  return `${number}/`.padEnd(bytes, String.fromCharCode(97 + (number % 26)));
}
