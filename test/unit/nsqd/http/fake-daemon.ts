// An HTTP server on a free port in front of a broker that only remembers: what was published, created, paused, emptied.
// Publishing can be told to fail, or to wait, so that tests see when an answer leaves.

import { Tally } from '../../../../src/lib/metrics/tally.js';
import { Logger, LogLevel } from '../../../../src/lib/log/logger.js';
import type { Broker } from '../../../../src/nsqd/broker/broker.js';
import { PublishError } from '../../../../src/nsqd/broker/publish-error.js';
import type { Subscriber } from '../../../../src/nsqd/broker/subscriber.js';
import { HttpApi } from '../../../../src/nsqd/http/api.js';
import type { HttpContext } from '../../../../src/nsqd/http/context.js';
import type { TokenFile } from '../../../../src/nsqd/http/token-file.js';
import { HttpServer, type HttpServerSettings } from '../../../../src/nsqd/http/server.js';
import { DEFAULTS, type Options } from '../../../../src/nsqd/options.js';
import type { SetAsideCounts } from '../../../../src/nsqd/storage/set-aside.js';
import { MemoryMonitor } from '../../../../src/nsqd/stats/memory.js';

export class FakeChannel {
  readonly isEphemeral = false;
  readonly inFlightCount = 0;
  readonly deferredCount = 0;
  readonly messageCount = 0;
  readonly requeueCount = 0;
  readonly timeoutCount = 0;
  readonly deadLetterCount = 0;
  readonly finishCount = 0;
  readonly overflowCount = 0;
  readonly sampledOutCount = 0;
  readonly droppedCount = 0;
  readonly expiredCount = 0;
  readonly zoneLocalMessageCount = 0;
  readonly regionLocalMessageCount = 0;
  readonly globalMessageCount = 0;
  readonly subscribers: Subscriber[] = [];
  readonly name: string;
  isPaused = false;
  emptyCount = 0;

  constructor(name: string) {
    this.name = name;
  }

  depth(): number {
    return 0;
  }

  backendDepth(): number {
    return 0;
  }

  pause(): void {
    this.isPaused = true;
  }

  unpause(): void {
    this.isPaused = false;
  }

  empty(): void {
    this.emptyCount += 1;
  }
}

export class FakeTopic {
  readonly isEphemeral = false;
  readonly channels = new Map<string, FakeChannel>();
  readonly messages: { body: string; deferMs: number }[] = [];
  readonly name: string;
  isPaused = false;
  emptyCount = 0;
  commit: () => Promise<void> = () => Promise.resolve();
  refusal: Error | null = null;

  constructor(name: string) {
    this.name = name;
  }

  get messageCount(): number {
    return this.messages.length;
  }

  get messageBytes(): number {
    return this.messages.reduce((sum, { body }) => sum + body.length, 0);
  }

  depth(): number {
    return this.messages.length;
  }

  backendDepth(): number {
    return 0;
  }

  opened(): Promise<void> {
    return Promise.resolve();
  }

  getChannel(name: string): FakeChannel {
    const channel = this.channels.get(name) ?? new FakeChannel(name);
    this.channels.set(name, channel);
    return channel;
  }

  findChannel(name: string): FakeChannel | undefined {
    return this.channels.get(name);
  }

  deleteChannel(name: string): boolean {
    return this.channels.delete(name);
  }

  pause(): void {
    this.isPaused = true;
  }

  unpause(): void {
    this.isPaused = false;
  }

  empty(): void {
    this.emptyCount += 1;
    this.messages.length = 0;
  }

  publish(source: Uint8Array, deferMs = 0, start = 0, end = source.length): void {
    if (this.refusal !== null) throw this.refusal;
    this.messages.push({ body: Buffer.from(source.subarray(start, end)).toString('latin1'), deferMs });
  }

  committed(): Promise<void> {
    return this.commit();
  }
}

export class FakeBroker {
  readonly topics = new Map<string, FakeTopic>();
  isExiting = false;
  error: string | null = null;
  metadata: Promise<void> = Promise.resolve();
  readonly drain = {
    isOn: false,
    hasEnded: false,
    startedWithMs: [] as number[],
    messagesLeft: () => 3,
    start: (timeoutMs: number) => {
      this.drain.isOn = true;
      this.drain.startedWithMs.push(timeoutMs);
    },
    cancel: () => {
      if (!this.drain.hasEnded) this.drain.isOn = false;
      return !this.drain.hasEnded;
    },
  };

  getTopic(name: string): FakeTopic {
    const topic = this.topics.get(name) ?? new FakeTopic(name);
    this.topics.set(name, topic);
    return topic;
  }

  topicToPublish(name: string): FakeTopic {
    if (this.isExiting && !this.topics.has(name)) throw exiting();
    return this.getTopic(name);
  }

  findTopic(name: string): FakeTopic | undefined {
    return this.topics.get(name);
  }

  deleteTopic(name: string): boolean {
    return this.topics.delete(name);
  }

  setAside(): SetAsideCounts {
    return { files: 0, bytes: 0, gaps: 0 };
  }

  healthError(): string | null {
    return this.error;
  }

  settled(): Promise<void> {
    return this.metadata;
  }

  /** Bodies published to a topic, empty if it does not exist. */
  bodies(topic: string): string[] {
    return (this.topics.get(topic)?.messages ?? []).map(({ body }) => body);
  }
}

/** What a topic throws or rejects with when it takes no messages. */
export function exiting(): PublishError {
  return new PublishError('exiting');
}

export interface FakeDaemonSettings {
  readonly options?: Partial<Options>;
  readonly clients?: readonly Subscriber[];
  readonly httpsPortInstead?: HttpServerSettings['httpsPortInstead'];
  readonly address?: string;
  readonly tokens?: TokenFile;
}

export class FakeDaemon {
  readonly broker = new FakeBroker();
  readonly log: string[] = [];
  readonly errors = new Tally();
  metrics: () => Promise<string> = () => Promise.resolve('');
  unreadyReasons: readonly string[] = [];
  readonly lookupdAddresses: (readonly string[])[] = [];
  readonly logger = new Logger({ prefix: '', level: LogLevel.info, write: (line) => this.log.push(line.trimEnd()) });
  readonly server: HttpServer;
  readonly api: HttpApi;

  constructor(settings: FakeDaemonSettings = {}) {
    const context: HttpContext = {
      broker: this.broker as unknown as Broker,
      options: { ...DEFAULTS, ...settings.options },
      logger: this.logger,
      memory: new MemoryMonitor(),
      version: '1.3.0',
      versionLine: 'nsqd v1.3.0 (test)',
      startTimeMs: Date.now(),
      tcpPort: () => 4150,
      httpPort: () => this.server.port,
      tokens: settings.tokens ?? null,
      metrics: () => this.metrics(),
      errors: this.errors,
      unreadyReasons: () => this.unreadyReasons,
      clients: () => settings.clients ?? [],
      onLookupdAddresses: (addresses) => this.lookupdAddresses.push(addresses),
    };
    this.api = new HttpApi(context);
    const httpsPortInstead = settings.httpsPortInstead ?? null;
    this.server = new HttpServer(this.api, this.logger, { tls: null, httpsPortInstead });
  }

  static async start(settings: FakeDaemonSettings = {}): Promise<FakeDaemon> {
    const daemon = new FakeDaemon(settings);
    await daemon.server.listen(settings.address ?? '127.0.0.1:0');
    return daemon;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}
