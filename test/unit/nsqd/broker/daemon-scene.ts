// A broker on a simulated disk and clock, whose turns a test ends itself, with consumers that keep what they are given.

import { Logger, LogLevel } from '../../../../src/lib/log/logger.js';
import { Broker } from '../../../../src/nsqd/broker/broker.js';
import type { AnswerOutcome } from '../../../../src/nsqd/broker/channel-answers.js';
import type { Channel } from '../../../../src/nsqd/broker/channel.js';
import type { BrokerOptions } from '../../../../src/nsqd/broker/context.js';
import { DEFAULTS } from '../../../../src/nsqd/options.js';
import { DataDirectory } from '../../../../src/nsqd/storage/data-directory.js';
import { flushesAtOnceMax } from '../../../../src/nsqd/storage/flush-lane.js';
import { SimConsumer } from '../../../sim/consumer.js';
import type { Delivery } from '../../../sim/consumer.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { SimDisk, SimFileSystem } from '../../../support/sim-file-system.js';
import type { FailurePlan } from '../../../support/sim-file-system.js';

export interface SceneSettings {
  readonly options?: Partial<BrokerOptions>;
  readonly disk?: SimDisk;
  readonly clock?: FakeClock;
  readonly hasLinks?: boolean;
  readonly linkBytesMin?: number;
  /** The process dies at this call, counted from its start. */
  readonly crashAt?: number;
  /** Calls that fail, from the start on. */
  readonly failures?: FailurePlan;
}

/** A consumer with the commands of its connection. */
export class Client {
  readonly consumer: SimConsumer;
  readonly deliveries: Delivery[] = [];
  readonly #channel: Channel;

  constructor(id: number, topicName: string, channel: Channel, readyCount: number, timeoutMs: number) {
    this.#channel = channel;
    this.consumer = new SimConsumer(
      id, topicName, channel.name, timeoutMs, (_consumer, delivery) => this.deliveries.push({ ...delivery, id: Buffer.from(delivery.id) }),
      () => this.disconnect(),
    );
    this.consumer.readyCount = readyCount;
  }

  /** Bodies delivered since the last call. */
  taken(): string[] {
    return this.deliveries.splice(0).map(({ body }) => body);
  }

  ready(count: number): void {
    this.consumer.readyCount = count;
    this.#channel.touch();
  }

  finish({ id }: Pick<Delivery, 'id'>): AnswerOutcome {
    return this.#channel.finish(this.consumer, id, 0);
  }

  requeue({ id }: Pick<Delivery, 'id'>, delayMs: number): AnswerOutcome {
    return this.#channel.requeue(this.consumer, id, 0, delayMs);
  }

  extend({ id }: Pick<Delivery, 'id'>): AnswerOutcome {
    return this.#channel.extend(this.consumer, id, 0);
  }

  disconnect(): void {
    this.consumer.isOpen = false;
    this.#channel.removeSubscriber(this.consumer);
  }
}

export class Scene {
  readonly disk: SimDisk;
  readonly clock: FakeClock;
  readonly fileSystem: SimFileSystem;
  readonly broker: Broker;
  readonly log: string[] = [];
  readonly #settings: SceneSettings;
  #nextId = 1;

  constructor(settings: SceneSettings = {}) {
    this.#settings = settings;
    this.disk = settings.disk ?? new SimDisk();
    this.clock = settings.clock ?? new FakeClock();
    this.fileSystem = new SimFileSystem({ disk: this.disk, hasLinks: settings.hasLinks ?? true });
    this.fileSystem.crashAt = settings.crashAt ?? 0;
    this.fileSystem.failures = settings.failures ?? null;
    this.broker = new Broker({
      options: { ...DEFAULTS, nodeId: 1, ...settings.options },
      logger: new Logger({ prefix: '', level: LogLevel.info, write: (line) => this.log.push(line.slice(27).trimEnd()) }),
      clock: this.clock,
      directory: new DataDirectory('/data', this.fileSystem, flushesAtOnceMax(settings.options?.durability ?? DEFAULTS.durability)),
      version: '1.3.0',
      ...(settings.linkBytesMin === undefined ? {} : { linkBytesMin: settings.linkBytesMin }),
    });
    this.broker.turn.schedule = () => {};
    this.broker.start();
  }

  channel(topicName = 't', channelName = 'c'): Channel {
    return this.broker.getTopic(topicName).getChannel(channelName);
  }

  connect({ topic = 't', channel = 'c', ready = 100, timeoutMs = 1000 } = {}): Client {
    const of = this.channel(topic, channel);
    const client = new Client(this.#nextId, topic, of, ready, timeoutMs);
    this.#nextId += 1;
    const refusal = of.addSubscriber(client.consumer);
    if (refusal !== null) throw new Error(refusal);
    of.touch();
    return client;
  }

  /** Publishes in a turn of its own. */
  publish(bodies: readonly string[], { topic = 't', deferMs = 0 } = {}): void {
    this.gather(bodies, { topic, deferMs });
    this.endTurn();
  }

  /** Publishes; the turn goes on. */
  gather(bodies: readonly string[], { topic = 't', deferMs = 0 } = {}): void {
    for (const body of bodies) this.broker.topicToPublish(topic).publish(Buffer.from(body), deferMs);
  }

  endTurn(): void {
    this.broker.turn.end();
  }

  advance(milliseconds: number): void {
    this.endTurn();
    this.clock.advance(milliseconds);
    this.broker.alarmClock.ringDue();
    this.endTurn();
  }

  numbers(topic = 't', channel = 'c'): { depth: number; inFlight: number; deferred: number } {
    const of = this.channel(topic, channel);
    of.checkInvariants();
    return { depth: of.depth(), inFlight: of.inFlightCount, deferred: of.deferredCount };
  }

  /** The process is killed; another starts. */
  crash(settings: Partial<SceneSettings> = {}): Scene {
    this.fileSystem.die();
    this.broker.alarmClock.stop();
    return this.#next(settings);
  }

  async restart(settings: Partial<SceneSettings> = {}): Promise<Scene> {
    await this.stop();
    return this.#next(settings);
  }

  async stop(): Promise<boolean> {
    const isComplete = await this.broker.stop();
    this.broker.alarmClock.stop();
    return isComplete;
  }

  #next(settings: Partial<SceneSettings>): Scene {
    this.clock.restart(77.125);
    return new Scene({ ...this.#settings, ...settings, disk: this.disk, clock: this.clock });
  }
}
