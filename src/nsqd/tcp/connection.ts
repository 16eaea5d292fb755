// One TCP client: reads commands, answers them, takes messages of its channel. Commands of a connection run one at a time, in
// order; what it sends is gathered in one buffer and leaves at the end of the turn.
//
//   socket --bytes--> #readMagic / #readLine / body reader --> commands/* --> broker
//   socket <--flush-- output <--responses, errors, heartbeats, messages
//
// Publishes are answered in the same turn, but their OKs leave only once the turn's commit is through; when it failed, the
// output is cut back to the first OK that is not true and ends with the error instead.

import type { Socket } from 'node:net';
import { E_BAD_PROTOCOL, ProtocolError, publishFailed } from '../../lib/protocol/errors.js';
import { encodeFrame, FRAME_ERROR, HEARTBEAT_FRAME, OK_FRAME } from '../../lib/protocol/frame.js';
import type { Logger } from '../../lib/log/logger.js';
import type { Alarm } from '../../lib/time/alarm-clock.js';
import type { Broker } from '../broker/broker.js';
import type { AnswerOutcome, Channel } from '../broker/channel.js';
import type { ClientDescription, Subscriber } from '../broker/subscriber.js';
import type { Topic } from '../broker/topic.js';
import type { ClientPlace } from '../broker/topology.js';
import type { Commit, CommitWaiter, TurnOutput } from '../broker/turn.js';
import type { Options } from '../options.js';
import { NEED_MORE } from './body-reader.js';
import type { BodyReader } from './body-reader.js';
import { execute, FIN_BYTES, isFin } from './commands/dispatch.js';
import type { PublishCommand } from './commands/publish.js';
import { InputBuffer } from './input-buffer.js';
import { ClientState } from './lifecycle.js';
import { OutputBuffer } from './output-buffer.js';
import type { OutputPool } from './output-buffer.js';

const MAGIC = '  V2';
const LINE_BYTES_MAX = 16384;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const HEARTBEAT_INTERVAL_MS = 30_000;
const OUTPUT_BUFFER_BYTES = 16384;
/** Messages are handed out to a connection until this much waits to be sent in one turn. */
const OUTPUT_BYTES_PER_TURN = 256 * 1024;
/** While this much waits for a client that does not read, its commands are not read either. */
const OUTPUT_BYTES_MAX = 1024 * 1024;
/** How long a connection that was refused may take to read why. */
const GRACE_MS = 1000;

/** What the connections of one server share. */
export interface ConnectionContext {
  readonly options: Options;
  readonly logger: Logger;
  readonly broker: Broker;
  readonly pool: OutputPool;
  readonly onClosed: (connection: Connection) => void;
}

/** OKs in the output that wait for a commit. */
interface PendingPublish {
  readonly commit: Commit;
  readonly topic: Topic;
  readonly command: PublishCommand;
  /** Where the first of them begins. */
  offset: number;
}

/** Messages published over a connection to one topic. */
interface PublishedCount {
  readonly topic: string;
  count: number;
}

export class Connection implements Subscriber, TurnOutput, CommitWaiter {
  readonly id: number;
  readonly remoteAddress: string;
  readonly #context: ConnectionContext;
  readonly #socket: Socket;
  readonly #connectedAtSeconds = Math.floor(Date.now() / 1000);

  // Reading.
  readonly #input = new InputBuffer();
  #hasSpoken = false;
  #hasMagic = false;
  #body: BodyReader | null = null;
  /** The last line whose body reader can serve again. */
  #repeatedLine: string | null = null;
  #repeatedBody: BodyReader | null = null;
  /** A whole command was read since the deadline was armed. */
  #commandEnded = false;
  /** False once nothing that arrives is looked at any more. */
  #isReading = true;
  #isInputPaused = false;
  /** Wakes the connection for the earliest of heartbeat, read deadline and write deadline. */
  readonly #alarm: Alarm;
  #readDeadlineMs = Infinity;
  #nextHeartbeatMs = Infinity;
  #writeDeadlineMs = Infinity;

  // Writing.
  readonly #output: OutputBuffer;
  #isFlushRequested = false;
  /** True while the socket holds bytes the client has not taken. */
  #isBlocked = false;
  #pending: PendingPublish[] = [];
  #joined: Commit | null = null;
  /** Close once everything gathered is sent. */
  #endsAfterFlush = false;
  #isClosed = false;

  // What the client told us, and what it did.
  state: ClientState = ClientState.init;
  #channel: Channel | null = null;
  #clientId: string;
  #hostname: string;
  #userAgent = '';
  /** Null until IDENTIFY. */
  place: ClientPlace | null = null;
  readonly #publishedCounts = new Map<string, PublishedCount>();
  /** That of the topic published to last. */
  #publishedCount: PublishedCount | null = null;
  #lastPublishedTopic: Topic | null = null;
  #readyCount = 0;
  #finishCount = 0;
  #requeueCount = 0;
  heartbeatIntervalMs = HEARTBEAT_INTERVAL_MS;
  outputBufferSize = OUTPUT_BUFFER_BYTES;
  outputBufferTimeoutMs: number;
  sampleRate = 0;
  messageTimeoutMs: number;
  inFlightCount = 0;
  messageCount = 0;

  constructor(socket: Socket, id: number, context: ConnectionContext) {
    this.id = id;
    this.#context = context;
    this.#socket = socket;
    const { remoteAddress: ip, remotePort, remoteFamily } = socket;
    this.remoteAddress = ip === undefined ? '@' : `${remoteFamily === 'IPv6' ? `[${ip}]` : ip}:${remotePort}`;
    this.#clientId = ip ?? '';
    this.#hostname = this.#clientId;
    this.#output = new OutputBuffer(context.pool);
    this.outputBufferTimeoutMs = context.options.outputBufferTimeoutMs;
    this.messageTimeoutMs = context.options.msgTimeoutMs;
    this.#alarm = context.broker.alarmClock.newAlarm((nowMs) => this.#ring(nowMs));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 15_000);
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('drain', () => this.#drained());
    socket.on('end', () => this.#ended());
    socket.on('error', (error) => this.#failed(error));
    socket.on('close', () => this.close());
  }

  get options(): Options {
    return this.#context.options;
  }

  get broker(): Broker {
    return this.#context.broker;
  }

  get isProducer(): boolean {
    return this.#publishedCounts.size > 0;
  }

  // --- reading ---------------------------------------------------------------------------------------------------------

  #receive(bytes: Buffer): void {
    if (!this.#isReading) return;
    if (!this.#hasSpoken) this.#firstBytes();
    const input = this.#input;
    if (input.length === 0) {
      const consumed = this.#consume(bytes, bytes.length);
      if (this.#isReading && consumed < bytes.length) input.append(bytes, consumed);
    } else {
      input.append(bytes, 0);
      const consumed = this.#consume(input.bytes(), input.length);
      if (this.#isReading) input.consume(consumed);
    }
    if (!this.#isReading) input.clear();
    else if (this.#isBlocked && this.#output.length > OUTPUT_BYTES_MAX) this.#pauseInput();
  }

  /** Who connects and leaves without a word, as health checks do, is worth a debug line only. */
  #firstBytes(): void {
    this.#hasSpoken = true;
    this.#context.logger.info(`TCP: new client(${this.remoteAddress})`);
  }

  /** Runs the commands in `bytes`; returns how many bytes they took. */
  #consume(bytes: Buffer, end: number): number {
    let at = 0;
    while (at < end && this.#isReading) {
      const next = this.#step(bytes, at, end);
      if (next === NEED_MORE) break;
      at = next;
      this.#commandEnded ||= this.#body === null;
    }
    if (this.#commandEnded) this.#armReadDeadline();
    this.#commandEnded = false;
    return at;
  }

  /** One command, or the next part of it. Returns where it ends, or NEED_MORE. */
  #step(bytes: Buffer, at: number, end: number): number {
    if (this.#body !== null) return this.#readBody(this.#body, bytes, at, end);
    if (!this.#hasMagic) return this.#readMagic(bytes, at, end);
    if (isFin(bytes, at, end) && this.state !== ClientState.init) {
      this.#finishInPlace(bytes, at + FIN_BYTES.idAt);
      return at + FIN_BYTES.total;
    }
    return this.#readLine(bytes, at, end);
  }

  #readMagic(bytes: Buffer, at: number, end: number): number {
    if (end - at < MAGIC.length) return NEED_MORE;
    const magic = bytes.toString('latin1', at, at + MAGIC.length);
    if (magic !== MAGIC) {
      this.#refuse(new ProtocolError(E_BAD_PROTOCOL));
      return NEED_MORE;
    }
    this.#context.logger.info(`CLIENT(${this.remoteAddress}): desired protocol magic '${magic}'`);
    this.#hasMagic = true;
    this.#restartHeartbeat();
    return at + MAGIC.length;
  }

  #readLine(bytes: Buffer, at: number, end: number): number {
    const newline = bytes.indexOf(NEWLINE, at);
    const isComplete = newline >= 0 && newline < end;
    if ((isComplete ? newline + 1 : end) - at > LINE_BYTES_MAX || (!isComplete && end - at === LINE_BYTES_MAX)) {
      this.closeAbruptly();
      return NEED_MORE;
    }
    if (!isComplete) return NEED_MORE;
    const lineEnd = newline > at && bytes[newline - 1] === CARRIAGE_RETURN ? newline - 1 : newline;
    this.#runLine(bytes.toString('latin1', at, lineEnd));
    return newline + 1;
  }

  /** Publishers repeat one line: what it led to the last time serves again, where it may. */
  #runLine(line: string): void {
    if (line === this.#repeatedLine) {
      this.#body = this.#repeatedBody;
      return;
    }
    try {
      this.#body = execute(this, line);
    } catch (error) {
      this.#refuse(error);
    }
    if (this.#body?.isReusable === true) {
      this.#repeatedLine = line;
      this.#repeatedBody = this.#body;
    }
  }

  #readBody(body: BodyReader, bytes: Buffer, at: number, end: number): number {
    try {
      const count = body.read(bytes, at, end);
      if (count === NEED_MORE) return NEED_MORE;
      this.#body = null;
      return at + count;
    } catch (error) {
      this.#refuse(error);
      return NEED_MORE;
    }
  }

  /** Hot path (bench: delivery). FIN without a copy of its id. */
  #finishInPlace(bytes: Buffer, idAt: number): void {
    const outcome = this.finish(bytes, idAt);
    if (outcome === 'done') return;
    const id = bytes.toString('latin1', idAt, idAt + 16);
    this.#refuse(new ProtocolError(`E_FIN_FAILED FIN ${id} failed ${outcome}`, false));
  }

  /** Sends an error; a fatal one is the last thing the client hears. */
  #refuse(error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      this.#context.logger.error(`client(${this.remoteAddress}) - ${(error as Error).stack ?? String(error)}`);
      this.closeAbruptly();
      return;
    }
    this.#context.logger.error(`[${this.remoteAddress}] - ${error.message}`);
    this.#output.append(encodeFrame(FRAME_ERROR, error.message));
    this.requestFlush();
    if (error.isFatal) this.#endAfterFlush();
  }

  /** The client will send no more: what arrived is answered, an unfinished command is not. */
  #ended(): void {
    if (!this.#isReading) {
      if (!this.#endsAfterFlush) this.#socket.end();
      return;
    }
    if (this.#body !== null) this.#refuse(this.#body.endedEarly(this.#input.length));
    else this.#endAfterFlush();
  }

  #failed(error: Error): void {
    this.#context.logger.debug(`client(${this.remoteAddress}) - ${error.message}`);
    this.closeAbruptly();
  }

  // --- what commands do ------------------------------------------------------------------------------------------------

  respond(frame: Uint8Array): void {
    this.#output.append(frame);
    this.requestFlush();
  }

  /** Hot path (bench: pub). Answers a publish with OK, to be sent once the turn's commit is through. */
  published(command: PublishCommand, topic: Topic, count: number): void {
    if (topic !== this.#lastPublishedTopic || this.#joined !== this.broker.turn.commit) this.#joinCommit(command, topic);
    this.#publishedCount!.count += count;
    this.#output.append(OK_FRAME);
    if (!this.#isFlushRequested) this.requestFlush();
  }

  #joinCommit(command: PublishCommand, topic: Topic): void {
    const { turn } = this.broker;
    if (this.#joined !== turn.commit) this.#joined = turn.join(this);
    this.#lastPublishedTopic = topic;
    this.#publishedCount = this.#publishedCounts.get(topic.name) ?? { topic: topic.name, count: 0 };
    this.#publishedCounts.set(topic.name, this.#publishedCount);
    this.#pending.push({ commit: this.#joined, topic, command, offset: this.#output.length });
  }

  settled(commit: Commit): void {
    if (this.#isClosed) return;
    for (const { commit: of, topic, command, offset } of this.#pending) {
      const failure = of === commit ? commit.failures.get(topic) : undefined;
      if (failure === undefined) continue;
      this.#output.cutBack(offset);
      this.#pending = [];
      this.#refuse(publishFailed(command, failure.message));
      return;
    }
    this.#pending = this.#pending.filter((pending) => pending.commit !== commit);
    if (this.#joined === commit) this.#joined = null;
    this.requestFlush();
  }

  subscribed(channel: Channel): void {
    this.#channel = channel;
    this.state = ClientState.subscribed;
  }

  startClosing(): void {
    this.#readyCount = 0;
    this.state = ClientState.closing;
  }

  setReadyCount(count: number): void {
    this.#readyCount = count;
    this.#channel?.touch();
  }

  /** Hot path (bench: delivery). */
  finish(bytes: Uint8Array, at: number): AnswerOutcome {
    const outcome = this.#channel!.finish(this, bytes, at);
    if (outcome === 'done') this.#finishCount += 1;
    return outcome;
  }

  requeue(bytes: Uint8Array, at: number, delayMs: number): AnswerOutcome {
    const outcome = this.#channel!.requeue(this, bytes, at, delayMs);
    if (outcome === 'done') this.#requeueCount += 1;
    return outcome;
  }

  extend(bytes: Uint8Array, at: number): AnswerOutcome {
    return this.#channel!.extend(this, bytes, at);
  }

  setIdentity(identity: Pick<ClientDescription, 'clientId' | 'hostname' | 'userAgent' | 'topologyRegion' | 'topologyZone'>): void {
    this.#clientId = identity.clientId;
    this.#hostname = identity.hostname;
    this.#userAgent = identity.userAgent;
    this.place = { zone: identity.topologyZone, region: identity.topologyRegion };
  }

  /** 0 turns heartbeats and deadlines off. The timer starts anew. */
  setHeartbeatInterval(intervalMs: number): void {
    this.heartbeatIntervalMs = intervalMs;
    this.#restartHeartbeat();
  }

  /** The values of IDENTIFY: 0 keeps what was, -1 turns buffering or its timer off. */
  setOutputBuffer(size: number, timeoutMs: number): void {
    if (timeoutMs !== 0) this.outputBufferTimeoutMs = Math.max(timeoutMs, 0);
    if (size === -1) this.outputBufferTimeoutMs = 0;
    if (size !== 0) this.outputBufferSize = Math.max(size, 1);
  }

  /** Which of the requested upgrades of the connection will follow. */
  grantUpgrades(_tls: boolean, _deflate: boolean, _snappy: boolean): { tls: boolean; deflate: boolean; snappy: boolean } {
    return { tls: false, deflate: false, snappy: false };
  }

  // --- taking messages -------------------------------------------------------------------------------------------------

  /** Hot path (bench: delivery). */
  isReady(): boolean {
    return (
      this.inFlightCount < this.#readyCount && !this.#isBlocked && this.#output.length < OUTPUT_BYTES_PER_TURN &&
      !this.#endsAfterFlush
    );
  }

  /** Hot path (bench: delivery). */
  deliver(bytes: Uint8Array, start: number, attempts: number): void {
    this.#output.appendMessage(bytes, start, attempts);
    if (!this.#isFlushRequested) this.requestFlush();
  }

  // --- writing -----------------------------------------------------------------------------------------------------------

  requestFlush(): void {
    if (this.#isFlushRequested || this.#isClosed) return;
    this.#isFlushRequested = true;
    this.broker.turn.touchOutput(this);
  }

  /** Sends what has been gathered, up to the first answer that waits for its commit. */
  flush(): void {
    this.#isFlushRequested = false;
    if (this.#isClosed || this.#isBlocked) return;
    const [held] = this.#pending;
    const count = held === undefined ? this.#output.length : held.offset;
    if (count > 0) this.#write(count);
    for (const pending of this.#pending) pending.offset -= count;
    if (this.#endsAfterFlush && this.#output.length === 0 && !this.#isBlocked) this.#end();
    else if (!this.#isBlocked) this.#channel?.touch();
  }

  #write(count: number): void {
    const socket = this.#socket;
    socket.write(this.#output.pending(count));
    this.#isBlocked = socket.writableLength > 0;
    this.#output.written(count, !this.#isBlocked);
    if (!this.#isBlocked || this.heartbeatIntervalMs <= 0) return;
    this.#writeDeadlineMs = this.broker.turn.nowMs() + this.heartbeatIntervalMs;
    this.#alarm.setNoLaterThan(this.#writeDeadlineMs);
  }

  #drained(): void {
    this.#isBlocked = false;
    this.#writeDeadlineMs = Infinity;
    if (this.#isInputPaused) {
      this.#isInputPaused = false;
      this.#socket.resume();
    }
    this.requestFlush();
  }

  #pauseInput(): void {
    this.#isInputPaused = true;
    this.#socket.pause();
  }

  // --- time --------------------------------------------------------------------------------------------------------------

  #restartHeartbeat(): void {
    if (this.heartbeatIntervalMs <= 0) {
      this.#nextHeartbeatMs = Infinity;
      this.#readDeadlineMs = Infinity;
      return;
    }
    this.#nextHeartbeatMs = this.broker.turn.nowMs() + this.heartbeatIntervalMs;
    this.#armReadDeadline();
    this.#alarm.setFor(this.#nextHeartbeatMs);
  }

  /** Two intervals from now for the next whole command (tcp-protocol 7.2); the alarm finds out when it rings. */
  #armReadDeadline(): void {
    if (this.heartbeatIntervalMs > 0) this.#readDeadlineMs = this.broker.turn.nowMs() + 2 * this.heartbeatIntervalMs;
  }

  #ring(nowMs: number): void {
    if (nowMs >= this.#writeDeadlineMs) return this.closeAbruptly();
    if (nowMs >= this.#nextHeartbeatMs) {
      this.#nextHeartbeatMs += this.heartbeatIntervalMs;
      if (this.#isReading) this.respond(HEARTBEAT_FRAME);
    }
    if (nowMs >= this.#readDeadlineMs) return this.#readTimedOut();
    const nextMs = Math.min(this.#nextHeartbeatMs, this.#readDeadlineMs, this.#writeDeadlineMs);
    if (nextMs !== Infinity) this.#alarm.setFor(nextMs);
  }

  #readTimedOut(): void {
    if (this.#isInputPaused) {
      this.#readDeadlineMs = Infinity;
      return;
    }
    if (this.#body !== null) this.#refuse(this.#body.endedEarly(this.#input.length));
    else this.closeAbruptly();
  }

  // --- closing -----------------------------------------------------------------------------------------------------------

  /** Hears nothing more; ends the connection when everything gathered is sent. */
  #endAfterFlush(): void {
    this.#isReading = false;
    this.#endsAfterFlush = true;
    this.#nextHeartbeatMs = Infinity;
    this.#readDeadlineMs = Infinity;
    this.#leaveChannel();
    this.requestFlush();
  }

  /** The client gets a moment to read the last frame before what it still sends is refused. */
  #end(): void {
    this.#endsAfterFlush = true;
    this.#socket.end();
    this.#writeDeadlineMs = this.broker.turn.nowMs() + GRACE_MS;
    this.#alarm.setFor(this.#writeDeadlineMs);
  }

  closeAbruptly(): void {
    this.#socket.destroy();
    this.close();
  }

  close(): void {
    if (this.#isClosed) return;
    const { logger } = this.#context;
    if (this.#hasSpoken) logger.info(`PROTOCOL(V2): [${this.remoteAddress}] exiting ioloop`);
    else logger.debug(`TCP: client(${this.remoteAddress}) left without a byte`);
    this.#isClosed = true;
    this.#isReading = false;
    this.#alarm.cancel();
    this.#input.clear();
    this.#output.clear();
    this.#pending = [];
    this.#leaveChannel();
    this.#context.onClosed(this);
  }

  #leaveChannel(): void {
    const channel = this.#channel;
    this.#channel = null;
    channel?.removeSubscriber(this);
  }

  // --- for /stats --------------------------------------------------------------------------------------------------------

  describe(topicFilter: string): ClientDescription {
    const counts = [...this.#publishedCounts.values()];
    const publishedCounts = topicFilter === '' ? counts : counts.filter(({ topic }) => topic === topicFilter);
    return {
      clientId: this.#clientId,
      hostname: this.#hostname,
      remoteAddress: this.remoteAddress,
      state: this.state,
      readyCount: this.#readyCount,
      inFlightCount: this.inFlightCount,
      messageCount: this.messageCount,
      finishCount: this.#finishCount,
      requeueCount: this.#requeueCount,
      connectedAtSeconds: this.#connectedAtSeconds,
      sampleRate: this.sampleRate,
      isDeflate: false,
      isSnappy: false,
      userAgent: this.#userAgent,
      topologyZone: this.place?.zone ?? '',
      topologyRegion: this.place?.region ?? '',
      isAuthenticated: false,
      authIdentity: '',
      authIdentityUrl: '',
      publishedCounts: publishedCounts.sort((a, b) => (a.topic < b.topic ? -1 : 1)),
      isProducer: this.isProducer,
      isTls: false,
      tlsCipherSuite: '',
      tlsVersion: '',
    };
  }
}

