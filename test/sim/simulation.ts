// A whole broker on a simulated disk and clock, driven by one seed: publishers, consumers, administration, failing
// disks, crashes and restarts, with an oracle that knows what must not happen. The same seed gives the same run.

import { Logger, LogLevel } from '../../src/lib/log/logger.js';
import { Broker } from '../../src/nsqd/broker/broker.js';
import type { Channel } from '../../src/nsqd/broker/channel.js';
import { PublishError } from '../../src/nsqd/broker/publish-error.js';
import type { Topic } from '../../src/nsqd/broker/topic.js';
import { DataDirectory } from '../../src/nsqd/storage/data-directory.js';
import { flushesAtOnceMax } from '../../src/nsqd/storage/flush-lane.js';
import { FakeClock } from '../support/fake-clock.js';
import { Prng } from '../support/prng.js';
import { CrashError, SimDisk, SimFileSystem } from '../support/sim-file-system.js';
import type { Operation } from '../support/sim-file-system.js';
import { describe, drawConditions } from './conditions.js';
import type { Conditions } from './conditions.js';
import { SimConsumer } from './consumer.js';
import type { Delivery } from './consumer.js';
import { DeadLedger, deadLetterTopicOf, isDeadLetterTopic } from './dead-ledger.js';
import { DropWatch } from './drop-watch.js';
import { ChannelModel, Oracle, Violation } from './oracle.js';
import type { Entry, MessageModel, TopicModel } from './oracle.js';
import { reconcile, takeOver } from './reconcile.js';
import { WallHistory } from './wall-history.js';
import { checkFiles, checkNumbers, expectDelivered, expectNothing, isEmpty } from './verdicts.js';

const DATA_PATH = '/data';
const TOPICS = ['a', 'a', 'a', 'b', 'e#ephemeral'];
const CHANNELS = ['x', 'x', 'y', 'z#ephemeral'];
const MAX_REQ_TIMEOUT_MS = 10_000;
const CLOCK_STEPS_MS = [-3_600_000, -500, 500, 86_400_000];
const ALL_DUE_MS = 20_000;
const DRAIN_ROUNDS_MAX = 300;

export interface SimulationSettings {
  readonly seed: number;
  readonly steps: number;
  /** Takes one line per step. */
  readonly trace?: (line: string) => void;
}

interface Weighted {
  readonly weight: number;
  readonly run: () => void | Promise<void>;
}

/** Runs one seed to its end. Rejects with Violation. */
export async function simulate(settings: SimulationSettings): Promise<void> {
  await new Simulation(settings).run();
}

class Simulation {
  readonly #prng: Prng;
  readonly #steps: number;
  readonly #trace: (line: string) => void;
  readonly #clock = new FakeClock();
  readonly #disk = new SimDisk();
  readonly #wall = new WallHistory(this.#clock);
  readonly #oracle = new Oracle(this.#wall);
  readonly #ledger = new DeadLedger();
  readonly #conditions: Conditions;
  readonly #drops: DropWatch;
  readonly #actions: readonly Weighted[];
  #fileSystem!: SimFileSystem;
  #broker!: Broker;
  #consumers: SimConsumer[] = [];
  #nextConsumerId = 1;
  #violation: unknown = null;
  /** Messages of this turn, by topic. */
  #gathered = new Map<TopicModel, MessageModel[]>();
  /** Published, the answer is outstanding. */
  readonly #unanswered = new Set<{ readonly topic: TopicModel; readonly messages: readonly MessageModel[] }>();

  constructor({ seed, steps, trace = () => {} }: SimulationSettings) {
    const prng = new Prng(seed);
    this.#prng = prng;
    this.#steps = steps;
    this.#trace = trace;
    this.#conditions = drawConditions(prng);
    this.#drops = new DropWatch(this.#oracle, this.#ledger, this.#conditions.options, this.#wall);
    this.#actions = this.#allActions();
    this.#trace(describe(this.#conditions));
  }

  async run(): Promise<void> {
    try {
      this.#launch();
      for (let step = 0; step < this.#steps; step += 1) await this.#step();
      await this.#drain();
    } finally {
      this.#broker.alarmClock.stop();
    }
  }

  // --- steps -------------------------------------------------------------------------------------------------------

  async #step(): Promise<void> {
    this.#noteDrops();
    const action = this.#choose(this.#actions);
    const endsTurn = this.#prng.next() < 0.5;
    try {
      await action.run();
      if (endsTurn && !this.#fileSystem.isDead) this.#endTurn();
    } catch (error) {
      if (!(error instanceof CrashError)) throw error;
    }
    this.#checkAlive();
  }

  #choose(actions: readonly Weighted[]): Weighted {
    let left = this.#prng.next() * actions.reduce((sum, { weight }) => sum + weight, 0);
    for (const action of actions) {
      left -= action.weight;
      if (left < 0) return action;
    }
    return actions[0]!;
  }

  #allActions(): readonly Weighted[] {
    const crashes = this.#conditions.withCrashes ? 1 : 0;
    const failures = this.#conditions.withFailures ? 1 : 0;
    const power = this.#conditions.withPowerFailures ? 1 : 0;
    return [
      { weight: 12, run: () => this.#publish(1, 0) },
      { weight: 6, run: () => this.#publish(this.#prng.integer(2, 12), 0) },
      { weight: 5, run: () => this.#publish(1, this.#prng.integer(1, 4000)) },
      { weight: 4, run: () => this.#subscribe() },
      { weight: 2, run: () => this.#disconnect() },
      { weight: 6, run: () => this.#ready() },
      { weight: 14, run: () => this.#finish(1) },
      { weight: 6, run: () => this.#finish(this.#prng.integer(2, 10)) },
      { weight: 4, run: () => this.#requeue(0) },
      { weight: 4, run: () => this.#requeue(this.#prng.integer(1, MAX_REQ_TIMEOUT_MS)) },
      { weight: 2, run: () => this.#touch() },
      { weight: 10, run: () => this.#advance(this.#prng.integer(1, 400)) },
      { weight: 2, run: () => this.#advance(this.#prng.integer(400, 5000)) },
      { weight: 1, run: () => this.#pauseTopic() },
      { weight: 1, run: () => this.#pauseChannel() },
      { weight: 0.6, run: () => this.#emptyTopic() },
      { weight: 0.6, run: () => this.#emptyChannel() },
      { weight: 1, run: () => this.#createChannel() },
      { weight: 0.4, run: () => this.#deleteChannel() },
      { weight: 0.2, run: () => this.#deleteTopic() },
      { weight: 3, run: () => this.#checkpoint() },
      { weight: 1, run: () => this.#stopAndStart() },
      { weight: crashes, run: () => this.#crash() },
      { weight: crashes * 2, run: () => this.#crashLater() },
      { weight: failures * 2, run: () => this.#failOnce() },
      { weight: failures, run: () => this.#failForAWhile() },
      { weight: this.#conditions.options.minFreeDiskBytes > 0 ? 2 : 0, run: () => this.#changeSpace() },
      { weight: power * 0.7, run: () => this.#powerFailure() },
      { weight: this.#conditions.withClockSteps ? 2 : 0, run: () => this.#disturbWallClock() },
      { weight: this.#conditions.options.durability === 'fsync' ? 6 : 0, run: () => this.#fileSystem.completeSyncs() },
    ];
  }

  // --- publishing --------------------------------------------------------------------------------------------------

  #publish(count: number, deferMs: number): void {
    const topic = this.#getTopic(this.#prng.pick(TOPICS));
    const model = this.#oracle.topic(topic.name);
    const delay = deferMs > 0 ? ` in ${deferMs} ms` : '';
    this.#trace(`publish ${count} to ${topic.name} from ${this.#oracle.messages.length}${delay}`);
    for (let left = count; left > 0; left -= 1) {
      const bytesMax = this.#prng.next() < 0.8 ? 40 : this.#conditions.bodyBytesMax;
      const bytes = this.#prng.integer(1, bytesMax);
      const message = this.#oracle.newMessage(topic.name, bytes, deferMs);
      if (!this.#isTaken(topic, message.body, deferMs)) return;
      const gathered = this.#gathered.get(model);
      if (gathered === undefined) this.#await(topic, model, message);
      else gathered.push(message);
    }
  }

  /** False when the topic is full; only the first message of a batch can be refused for that. */
  #isTaken(topic: Topic, body: string, deferMs: number): boolean {
    try {
      topic.publish(Buffer.from(body), deferMs);
      return true;
    } catch (error) {
      if (!(error instanceof PublishError) || !error.message.startsWith('topic is full')) throw error;
      this.#trace(`  refused: ${error.message}`);
      return false;
    }
  }

  /** The first publish of a turn to a topic: its answer is that of all. */
  #await(topic: Topic, model: TopicModel, first: MessageModel): void {
    const messages = [first];
    this.#gathered.set(model, messages);
    const { unanswered, fileSystem } = { unanswered: this.#unanswered, fileSystem: this.#fileSystem };
    const publish = { topic: model, messages };
    unanswered.add(publish);
    const failuresBefore = fileSystem.failed.length;
    this.#broker.turn.join({
      settled: (commit) => {
        if (fileSystem.isDead) return;
        unanswered.delete(publish);
        const failure = commit.failures.get(topic);
        if (failure === undefined) this.#oracle.kept(model, messages);
        else if (mayBeThere(failure, fileSystem.failed.slice(failuresBefore))) this.#oracle.mayExist(model, messages);
        const outcome = failure === undefined ? 'kept' : `refused: ${failure.message}`;
        this.#trace(`  ${model.name}: ${messages.length} from ${messages[0]!.number} ${outcome}`);
      },
    });
  }

  #getTopic(name: string): Topic {
    const model = this.#oracle.topic(name);
    const topic = this.#undisturbed(() => this.#broker.getTopic(name));
    if (this.#oracle.remains.some((each) => each.name === name)) takeOver(topic, this.#oracle);
    if (!this.#oracle.hasLeftovers) return topic;
    // A topic whose files could not be removed comes back with its channels.
    for (const channel of topic.channels.values()) {
      if (!model.channels.has(channel.name)) model.channels.set(channel.name, new ChannelModel(channel.name));
    }
    return topic;
  }

  /** Reading the files of a former run does not fail here: a topic that cannot be opened has no promises to break. */
  #undisturbed<T>(action: () => T): T {
    const { failures, crashAt, operations } = this.#fileSystem;
    this.#fileSystem.failures = null;
    this.#fileSystem.crashAt = 0;
    try {
      return action();
    } finally {
      this.#fileSystem.failures = failures;
      if (crashAt > 0) this.#fileSystem.crashAt = crashAt + this.#fileSystem.operations - operations;
    }
  }

  // --- consuming ---------------------------------------------------------------------------------------------------

  #subscribe(): void {
    const [topicName, channelName] = [this.#prng.pick(TOPICS), this.#prng.pick(CHANNELS)];
    this.#connect(topicName, channelName, this.#prng.integer(0, 5), this.#prng.pick([100, 1000, 1000, 5000]));
  }

  #connect(topicName: string, channelName: string, readyCount: number, timeoutMs: number): void {
    const topic = this.#getTopic(topicName);
    this.#oracle.channel(topicName, channelName);
    const channel = this.#undisturbed(() => topic.getChannel(channelName));
    const fileSystem = this.#fileSystem;
    const consumer = new SimConsumer(
      this.#nextConsumerId, topicName, channelName, timeoutMs,
      (each, delivery) => {
        if (!fileSystem.isDead) this.#delivered(each, delivery);
      },
      (each) => {
        if (!fileSystem.isDead) this.#closed(each);
      },
    );
    this.#nextConsumerId += 1;
    this.#trace(`subscribe ${consumer.id} to ${topicName}/${channelName} RDY ${readyCount} timeout ${timeoutMs}`);
    if (channel.addSubscriber(consumer) !== null) throw new Violation('a consumer was refused');
    this.#consumers.push(consumer);
    consumer.readyCount = readyCount;
    channel.touch();
  }

  #delivered(consumer: SimConsumer, delivery: Delivery): void {
    try {
      this.#trace(`  ${consumer.id} gets ${delivery.body.split('/')[0]} attempt ${delivery.attempts}`);
      if (isDeadLetterTopic(consumer.topicName)) {
        consumer.strays.push(Buffer.from(delivery.id));
        this.#ledger.arrived(consumer.topicName, delivery.body, this.#oracle.isLoose);
        return;
      }
      const entry = this.#oracle.delivered(consumer, delivery, this.#clock.nowMs);
      if (entry === null) consumer.strays.push(delivery.id);
      else this.#ledger.cameBack(consumer.topicName, consumer.channelName, entry.message.number);
    } catch (error) {
      // The broker guards itself against exceptions of its parts; the verdict must not get lost there.
      this.#violation ??= error;
    }
  }

  /** The broker closed it: its channel was deleted. */
  #closed(consumer: SimConsumer): void {
    this.#consumers = this.#consumers.filter((each) => each !== consumer);
    this.#channelOf(consumer)?.removeSubscriber(consumer);
  }

  #disconnect(): void {
    const consumer = this.#anyConsumer();
    if (consumer !== null) this.#close(consumer);
  }

  #close(consumer: SimConsumer): void {
    this.#trace(`disconnect ${consumer.id}`);
    consumer.isOpen = false;
    this.#consumers = this.#consumers.filter((each) => each !== consumer);
    const channel = this.#channelOf(consumer)!;
    channel.removeSubscriber(consumer);
    if (isDeadLetterTopic(consumer.topicName)) return;
    const model = this.#oracle.channel(consumer.topicName, consumer.channelName);
    if (this.#conditions.options.requeueOnDisconnect) {
      for (const entry of entriesOf(model, consumer)) this.#gaveBack(entry, consumer);
    }
    const isOver = model.isEphemeral && channel.subscribers.length === 0;
    if (isOver) this.#channelGone(consumer.topicName, consumer.channelName);
  }

  #ready(): void {
    const consumer = this.#anyConsumer();
    if (consumer === null) return;
    consumer.readyCount = this.#prng.integer(0, 8);
    this.#trace(`${consumer.id} RDY ${consumer.readyCount}`);
    this.#channelOf(consumer)!.touch();
  }

  #finish(count: number): void {
    for (let left = count; left > 0; left -= 1) {
      const found = this.#anyInFlight();
      if (found === null) return;
      const { consumer, entry } = found;
      this.#trace(`${consumer.id} FIN ${entry.message.number}`);
      entry.state = 'finished';
      entry.consumer = null;
      this.#expectDone(this.#channelOf(consumer)!.finish(consumer, entry.id!, 0), consumer, entry);
    }
  }

  #requeue(delayMs: number): void {
    const found = this.#anyInFlight();
    if (found === null) return;
    const { consumer, entry } = found;
    this.#trace(`${consumer.id} REQ ${entry.message.number} ${delayMs}`);
    this.#expectDone(this.#channelOf(consumer)!.requeue(consumer, entry.id!, 0, delayMs), consumer, entry);
    if (this.#gaveBack(entry, consumer) === 'given up') return;
    entry.isDeferred = delayMs > 0;
    entry.isDuePersisted = false;
    entry.notBeforeMs = delayMs > 0 ? this.#clock.nowMs + delayMs : 0;
    entry.dueSinceMs = this.#clock.nowMs;
  }

  /** To its queue; or for good, if it was delivered often enough. */
  #gaveBack(entry: Entry, place: { readonly topicName: string; readonly channelName: string }): 'returned' | 'given up' {
    const { maxAttempts } = this.#conditions.options;
    returned(entry);
    if (maxAttempts === 0 || entry.attempts < maxAttempts) return 'returned';
    const { topicName, channelName } = place;
    this.#trace(`  ${topicName}/${channelName} gives up ${entry.message.number}`);
    const { isEphemeral } = this.#oracle.channel(topicName, channelName);
    const isOwed = !isEphemeral && !this.#oracle.topic(topicName).isEphemeral;
    this.#ledger.givesUp(topicName, channelName, entry.message.number, isOwed);
    entry.state = 'finished';
    entry.isCertain = false;
    // Until it is written to the other topic a crash or a stop brings it back.
    entry.mayRepeat = true;
    return 'given up';
  }

  #touch(): void {
    const found = this.#anyInFlight();
    if (found === null) return;
    const { consumer, entry } = found;
    this.#expectDone(this.#channelOf(consumer)!.extend(consumer, entry.id!, 0), consumer, entry);
    const latestMs = entry.deliveredMs + this.#conditions.options.maxMsgTimeoutMs;
    entry.notBeforeMs = Math.min(this.#clock.nowMs + consumer.messageTimeoutMs, latestMs);
    this.#trace(`${consumer.id} TOUCH ${entry.message.number} until ${entry.notBeforeMs}`);
  }

  #expectDone(outcome: string, consumer: SimConsumer, entry: Entry): void {
    if (outcome === 'done') return;
    throw new Violation(`answer of ${consumer.id} for message ${entry.message.number}: ${outcome}`);
  }

  #anyConsumer(): SimConsumer | null {
    return this.#consumers.length === 0 ? null : this.#prng.pick(this.#consumers);
  }

  #anyInFlight(): { consumer: SimConsumer; entry: Entry } | null {
    const consumer = this.#anyConsumer();
    if (consumer === null) return null;
    const entries = entriesOf(this.#oracle.channel(consumer.topicName, consumer.channelName), consumer);
    return entries.length === 0 ? null : { consumer, entry: this.#prng.pick(entries) };
  }

  #channelOf(consumer: SimConsumer): Channel | undefined {
    return this.#broker.findTopic(consumer.topicName)?.findChannel(consumer.channelName);
  }

  // --- administration ----------------------------------------------------------------------------------------------

  #pauseTopic(): void {
    const found = this.#anyTopic();
    if (found === null) return;
    const { topic, model } = found;
    this.#trace(`${topic.isPaused ? 'unpause' : 'pause'} ${topic.name}`);
    model.isPaused = !topic.isPaused;
    if (model.isPaused) topic.pause();
    else topic.unpause();
    model.release();
  }

  #pauseChannel(): void {
    const found = this.#anyChannel();
    if (found === null) return;
    const { channel, model, topic } = found;
    this.#trace(`${channel.isPaused ? 'unpause' : 'pause'} ${topic.name}/${channel.name}`);
    model.isPaused = !channel.isPaused;
    if (model.isPaused) channel.pause();
    else channel.unpause();
  }

  #emptyTopic(): void {
    const found = this.#anyTopic();
    if (found === null) return;
    const { topic, model } = found;
    this.#trace(`empty ${topic.name}`);
    model.drop(model.backlog);
    topic.empty();
  }

  #emptyChannel(): void {
    const found = this.#anyChannel();
    if (found === null) return;
    const { channel, model, topic } = found;
    this.#trace(`empty ${topic.name}/${channel.name}`);
    for (const entry of model.unfinished()) {
      entry.state = 'finished';
      entry.consumer = null;
    }
    this.#ledger.channelGone(topic.name, channel.name);
    channel.empty();
  }

  #createChannel(): void {
    const topic = this.#getTopic(this.#prng.pick(TOPICS));
    const name = this.#prng.pick(CHANNELS);
    this.#trace(`create ${topic.name}/${name}`);
    this.#oracle.channel(topic.name, name);
    this.#undisturbed(() => topic.getChannel(name));
  }

  #deleteChannel(): void {
    const found = this.#anyChannel();
    if (found === null) return;
    const { topic, channel } = found;
    this.#trace(`delete ${topic.name}/${channel.name}`);
    this.#channelGone(topic.name, channel.name);
    topic.deleteChannel(channel.name);
  }

  #deleteTopic(): void {
    const found = this.#anyTopic();
    if (found === null) return;
    const { topic, model } = found;
    this.#trace(`delete ${topic.name}`);
    this.#topicGone(model);
    this.#broker.deleteTopic(topic.name);
  }

  #channelGone(topicName: string, channelName: string): void {
    const topic = this.#oracle.topic(topicName);
    const channel = topic.channels.get(channelName);
    if (channel === undefined) return;
    this.#ledger.channelGone(topicName, channelName);
    if (!channel.isEphemeral) topic.ghosts.push(channel);
    topic.channels.delete(channelName);
    if (topic.isEphemeral && topic.channels.size === 0) this.#topicGone(topic);
  }

  #topicGone(model: TopicModel): void {
    this.#ledger.topicGone(model.name);
    this.#oracle.topics.delete(model.name);
    this.#oracle.ghosts.push(model);
    this.#gathered.delete(model);
  }

  #checkpoint(): void {
    const found = this.#anyTopic();
    if (found === null) return;
    this.#trace(`checkpoint ${found.topic.name}`);
    found.topic.checkpoints.take();
  }

  #anyTopic(): { topic: Topic; model: TopicModel } | null {
    const topics = [...this.#broker.topics.values()].filter(({ name }) => !isDeadLetterTopic(name));
    if (topics.length === 0) return null;
    const topic = this.#prng.pick(topics);
    return { topic, model: this.#oracle.topic(topic.name) };
  }

  #anyChannel(): { topic: Topic; channel: Channel; model: ChannelModel } | null {
    const topic = this.#anyTopic()?.topic;
    if (topic === undefined || topic.channels.size === 0) return null;
    const channel = this.#prng.pick([...topic.channels.values()]);
    return { topic, channel, model: this.#oracle.channel(topic.name, channel.name) };
  }

  // --- time --------------------------------------------------------------------------------------------------------

  #endTurn(): void {
    this.#gathered = new Map();
    this.#broker.turn.end();
    this.#check();
  }

  #advance(milliseconds: number): void {
    this.#endTurn();
    if (this.#fileSystem.isDead) return;
    this.#clock.advance(milliseconds);
    this.#wall.note();
    this.#trace(`at ${this.#clock.nowMs}`);
    this.#broker.alarmClock.ringDue();
    if (this.#fileSystem.isDead) return;
    for (const topic of this.#oracle.topics.values()) {
      for (const channel of topic.channels.values()) {
        for (const entry of channel.entries.values()) {
          if (entry.state !== 'in flight' || entry.notBeforeMs > this.#clock.nowMs) continue;
          this.#gaveBack(entry, { topicName: topic.name, channelName: channel.name });
        }
      }
    }
    this.#endTurn();
  }

  /** Nothing of a running process goes by it but timestamps. */
  #disturbWallClock(): void {
    this.#endTurn();
    const stepMs = this.#prng.pick([...CLOCK_STEPS_MS, null]);
    this.#trace(stepMs === null ? 'the wall clock stands still' : `the wall clock is stepped by ${stepMs}`);
    if (stepMs === null) this.#clock.holdWall();
    else this.#clock.stepWall(stepMs);
    this.#wall.note();
  }

  // --- failures ----------------------------------------------------------------------------------------------------

  #failOnce(): void {
    const failure = this.#prng.pick([
      { code: 'ENOSPC' },
      { code: 'EIO' },
      { code: 'ESHORT', written: this.#prng.next() },
      { code: 'ENOSPC', written: this.#prng.next() },
    ] as const);
    const nth = this.#prng.integer(1, 12);
    this.#trace(`the ${nth}. call from now fails with ${failure.code}`);
    this.#fileSystem.failNth(nth, failure);
  }

  #failForAWhile(): void {
    if (this.#fileSystem.failures !== null) {
      this.#trace('the disk works again');
      this.#fileSystem.failures = null;
      return;
    }
    const share = this.#prng.pick([0.1, 0.5, 1]);
    const of = this.#prng.pick<readonly Operation[]>([
      ['write', 'open'], ['write'], ['rename'], ['truncate', 'write'], ['remove'], ['read'], ['fdatasync', 'fsync'],
    ]);
    this.#trace(`${share * 100} % of ${of.join()} fail`);
    const prng = new Prng(this.#prng.integer(0, 2 ** 31));
    this.#fileSystem.failures = (operation) =>
      of.includes(operation) && prng.next() < share ? { code: 'ENOSPC', written: prng.next() } : null;
  }

  #changeSpace(): void {
    this.#fileSystem.spareBytes = this.#prng.pick([0, 1300, Infinity]);
    this.#trace(`${this.#fileSystem.spareBytes} bytes are free`);
  }

  #crash(): void {
    this.#trace('crash');
    this.#fileSystem.die();
  }

  #crashLater(): void {
    const operations = this.#prng.integer(1, 25);
    this.#trace(`crash in ${operations} calls`);
    this.#fileSystem.crashAt = this.#fileSystem.operations + operations;
  }

  #powerFailure(): void {
    this.#trace('power failure');
    this.#fileSystem.die();
    this.#oracle.powerFailed();
    this.#ledger.powerFailed((number) => this.#oracle.messages[number]!.isAnswered);
    for (const topic of this.#oracle.topics.values()) {
      for (const { name, isListed } of topic.channels.values()) if (!isListed) this.#ledger.channelGone(topic.name, name);
    }
    this.#disk.losePower(this.#prng);
  }

  // --- stop and start ----------------------------------------------------------------------------------------------

  /** What a crash in the last step made of things: a new process finds them. */
  #checkAlive(): void {
    if (this.#violation !== null) throw this.#violation;
    if (!this.#fileSystem.isDead) return;
    this.#trace('dead');
    this.#died(false);
    this.#launch();
  }

  #died(isStopping: boolean): void {
    this.#broker.alarmClock.stop();
    if (this.#fileSystem.failed.some(({ operation }) => operation === 'remove')) this.#oracle.hasLeftovers = true;
    this.#drops.died(this.#broker);
    for (const { topic, messages } of this.#unanswered) this.#oracle.mayExist(topic, messages);
    this.#forgetOwed();
    this.#oracle.crashed(this.#conditions.options.durability !== 'memory', isStopping);
    this.#forgetProcess();
  }

  /** What a crash may take along: everything in memory, and channels that no file names yet. */
  #forgetOwed(): void {
    if (this.#conditions.options.durability === 'memory') this.#ledger.nothingIsOwed();
    for (const topic of this.#oracle.topics.values()) {
      for (const channel of topic.channels.values()) {
        if (!channel.isPersisted) this.#ledger.channelGone(topic.name, channel.name);
      }
    }
  }

  #forgetProcess(): void {
    this.#unanswered.clear();
    this.#gathered = new Map();
    this.#consumers = [];
  }

  async #stopAndStart(): Promise<void> {
    this.#trace('stop');
    await this.#stop();
    this.#launch();
  }

  async #stop(): Promise<boolean> {
    for (const consumer of [...this.#consumers]) this.#close(consumer);
    this.#endTurn();
    for (let round = 0; this.#fileSystem.pendingSyncs > 0 && round < 100; round += 1) this.#fileSystem.completeSyncs();
    this.#fileSystem.holdsSyncs = false;
    if (this.#fileSystem.isDead) {
      this.#died(false);
      return false;
    }
    this.#noteDrops();
    const failedBefore = this.#fileSystem.failed.length;
    const isComplete = await this.#broker.stop().catch((error: unknown) => {
      if (error instanceof CrashError) return false;
      throw error;
    });
    if (this.#violation !== null) throw this.#violation;
    if (this.#fileSystem.isDead || !isComplete) {
      this.#trace(`stop is incomplete${this.#fileSystem.isDead ? ': dead' : ''}`);
      const hasReason = this.#fileSystem.isDead || this.#fileSystem.failed.length > failedBefore;
      if (!hasReason) throw new Violation('a clean stop failed without a reason');
      this.#died(true);
      return false;
    }
    this.#broker.alarmClock.stop();
    this.#oracle.stopped();
    this.#forgetProcess();
    const isExact = this.#fileSystem.failed.length === 0 && !this.#oracle.isLoose && !this.#oracle.hasLeftovers;
    if (isExact) checkFiles(this.#disk, DATA_PATH, this.#oracle);
    return true;
  }

  /** Starts a process; one that dies in starting, or cannot start for a failing disk, is followed by another. */
  #launch(): void {
    this.#oracle.isStarting = true;
    for (let attempt = 1; ; attempt += 1) {
      this.#boot(attempt);
      try {
        this.#broker.start();
        this.#gathered = new Map();
      } catch (error) {
        if (!(error instanceof CrashError) && this.#fileSystem.failed.length === 0) throw error;
        this.#fileSystem.die();
      }
      if (!this.#fileSystem.isDead) break;
      this.#trace('dead in starting');
      this.#broker.alarmClock.stop();
      this.#oracle.crashed(this.#conditions.options.durability !== 'memory', false);
    }
    this.#undisturbed(() => {
      this.#drops.noteTopics(this.#broker);
      reconcile(this.#broker, this.#oracle);
      this.#endTurn();
    });
    this.#check();
  }

  #boot(attempt: number): void {
    const fileSystem = new SimFileSystem({ disk: this.#disk, hasLinks: this.#conditions.hasLinks, prng: this.#prng });
    this.#fileSystem = fileSystem;
    this.#clock.restart(this.#prng.integer(0, 80_000) / 8);
    this.#oracle.run += 1;
    this.#drops.booted();
    fileSystem.holdsSyncs = this.#conditions.options.durability === 'fsync';
    fileSystem.onReplaced = (path) => this.#replaced(path);
    fileSystem.onWritten = (path, bytes) => {
      if (!path.endsWith('.state')) return;
      const topicName = path.slice(DATA_PATH.length + 1, -'.nsqd-ts.state'.length);
      if (Buffer.from(bytes).includes('{"at":')) this.#oracle.checkpointed(topicName);
      else this.#oracle.duesWritten(topicName);
    };
    const { withCrashes, withFailures } = this.#conditions;
    if (attempt < 4 && withCrashes && this.#prng.next() < 0.2) fileSystem.crashAt = this.#prng.integer(1, 30);
    if (attempt < 4 && withFailures && this.#prng.next() < 0.1) this.#failOnce();
    this.#broker = new Broker({
      options: this.#conditions.options,
      logger: new Logger({ prefix: '', level: LogLevel.warn, write: (line) => this.#trace(`  ${line.trimEnd()}`) }),
      clock: this.#clock,
      directory: new DataDirectory(DATA_PATH, fileSystem, flushesAtOnceMax(this.#conditions.options.durability)),
      version: '1.3.0',
      linkBytesMin: this.#conditions.linkBytesMin,
    });
    // The simulation ends turns itself.
    this.#broker.turn.schedule = () => {};
    this.#trace('start');
  }

  #replaced(path: string): void {
    if (path === `${DATA_PATH}/nsqd.dat`) this.#oracle.metadataWritten();
    if (path.endsWith('.state')) this.#oracle.checkpointed(path.slice(DATA_PATH.length + 1, -'.nsqd-ts.state'.length));
  }

  #noteDrops(): void {
    this.#undisturbed(() => this.#drops.note(this.#broker));
  }

  /** After every turn. */
  #check(): void {
    if (this.#violation !== null) throw this.#violation;
    if (this.#fileSystem.isDead) return;
    this.#noteDrops();
    if (this.#oracle.isLoose) return;
    checkNumbers(this.#broker, this.#oracle, this.#unanswered.size === 0);
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  /** Everything owed is delivered once disks and clocks work; then nothing is left. */
  async #drain(): Promise<void> {
    this.#trace('drain');
    this.#fileSystem.spareBytes = Infinity;
    this.#fileSystem.failures = null;
    this.#fileSystem.crashAt = 0;
    if (this.#prng.next() < 0.5) this.#fileSystem.die();
    else this.#endTurn();
    if (this.#fileSystem.isDead) this.#checkAlive();
    this.#fileSystem.failures = null;
    this.#fileSystem.crashAt = 0;
    for (const topic of [...this.#broker.topics.values()]) if (!isDeadLetterTopic(topic.name)) this.#consumeAll(topic);
    // A restart behind a wall clock that was set back has put off what was due.
    if (this.#conditions.withClockSteps) this.#advance(this.#wall.highestSince(0) - this.#wall.lowestSince(0));
    if (this.#conditions.options.maxAttempts > 0) for (const name of ['a', 'b']) this.#broker.getTopic(deadLetterTopicOf(name));
    for (let round = 0; round < DRAIN_ROUNDS_MAX; round += 1) {
      if (!this.#fileSystem.isDead) this.#fileSystem.completeSyncs();
      this.#consumeDeadLetters();
      this.#endTurn();
      this.#finishEverything();
      this.#advance(round < 20 ? ALL_DUE_MS : 10);
      if (round > 25 && isEmpty(this.#broker)) break;
    }
    expectDelivered(this.#broker, this.#oracle);
    this.#ledger.expectNothingOwed();
    if (!(await this.#stop())) throw new Violation('the last stop failed');
    this.#boot(Infinity);
    this.#broker.start();
    expectNothing(this.#broker, this.#oracle);
  }

  #consumeAll(topic: Topic): void {
    if (topic.channels.size === 0 && !topic.isEphemeral) this.#connect(topic.name, 'x', 0, 1000);
    if (topic.isPaused) {
      this.#oracle.topic(topic.name).isPaused = false;
      topic.unpause();
      this.#oracle.topic(topic.name).release();
    }
    for (const channel of topic.channels.values()) {
      if (channel.isPaused) channel.unpause();
      this.#connect(topic.name, channel.name, 1000, 60_000);
    }
  }

  #consumeDeadLetters(): void {
    for (const topic of this.#broker.topics.values()) {
      if (!isDeadLetterTopic(topic.name) || topic.channels.size > 0) continue;
      const consumer = new SimConsumer(
        this.#nextConsumerId, topic.name, 'x', 60_000, (each, delivery) => this.#delivered(each, delivery), () => undefined,
      );
      this.#nextConsumerId += 1;
      consumer.readyCount = 1000;
      const channel = topic.getChannel('x');
      channel.addSubscriber(consumer);
      this.#consumers.push(consumer);
      channel.touch();
    }
  }

  #finishEverything(): void {
    for (const consumer of this.#consumers) {
      for (const id of consumer.strays.splice(0)) this.#channelOf(consumer)?.finish(consumer, id, 0);
      if (isDeadLetterTopic(consumer.topicName)) continue;
      for (const entry of entriesOf(this.#oracle.channel(consumer.topicName, consumer.channelName), consumer)) {
        this.#expectDone(this.#channelOf(consumer)!.finish(consumer, entry.id!, 0), consumer, entry);
        entry.state = 'finished';
        entry.consumer = null;
      }
    }
  }

}

function entriesOf(model: ChannelModel, consumer: SimConsumer): Entry[] {
  return [...model.entries.values()].filter((entry) => entry.state === 'in flight' && entry.consumer === consumer);
}

function returned(entry: Entry): void {
  entry.state = 'waiting';
  entry.consumer = null;
  entry.notBeforeMs = 0;
  entry.isDeferred = false;
}

/** A refused publish leaves nothing behind, unless the disk failed in taking it back too. */
function mayBeThere(failure: Error, failed: readonly { readonly operation: Operation }[]): boolean {
  const isLeft = failed.some(({ operation }) => operation === 'truncate' || operation === 'remove');
  return isLeft || /sync/.test(failure.message);
}
