// One TCP client: reads commands, answers them, takes messages of its channel. Commands of a connection run one at a time, in
// order; what it sends is gathered in one buffer and leaves at the end of the turn.
//
//   transport --bytes--> command reader --> commands/* --> broker
//   transport <--flush-- output <--responses, errors, heartbeats, messages
//
// Publishes are answered in the same turn, but their OKs leave only once the turn's commit is through; when it failed, the
// output is cut back to the first OK that is not true and ends with the error instead.

import type { Socket } from 'node:net';
import { peerAddress, plainAddress } from '../../lib/http/address.js';
import type { Tally } from '../../lib/metrics/tally.js';
import { answerFailed, identifyFailed, ProtocolError, publishFailed } from '../../lib/protocol/errors.js';
import { encodeFrame, FRAME_ERROR, HEARTBEAT_FRAME, OK_FRAME } from '../../lib/protocol/frame.js';
import type { Logger } from '../../lib/log/logger.js';
import type { SharedRead } from '../../lib/net/shared-read.js';
import { TlsRequired } from '../../lib/options/tls-types.js';
import type { AuthServers, Requester } from '../auth/auth-servers.js';
import { ClientAuth } from '../auth/client-auth.js';
import type { Broker } from '../broker/broker.js';
import type { AnswerOutcome } from '../broker/channel-answers.js';
import type { Channel } from '../broker/channel.js';
import type { ClientDescription } from '../broker/subscriber.js';
import type { Topic } from '../broker/topic.js';
import type { Commit, CommitWaiter, TurnOutput } from '../broker/turn.js';
import type { Options } from '../options.js';
import { ID_BYTES } from '../storage/record.js';
import type { BodyReader } from './body-reader.js';
import { ClientProfile } from './client-profile.js';
import type { PublishedCount } from './client-profile.js';
import { CommandReader } from './command-reader.js';
import type { CommandOwner } from './command-reader.js';
import type { CommandClient, PublishCommand } from './commands/client.js';
import { execute } from './commands/dispatch.js';
import { Deadlines } from './deadlines.js';
import type { DeadlineOwner } from './deadlines.js';
import { Layers, UpgradeState } from './layers.js';
import type { Grants, LayersOwner } from './layers.js';
import { ClientState } from './lifecycle.js';
import { OutputBuffer } from './output-buffer.js';
import type { BufferPool } from './buffer-pool.js';
import { SocketTransport } from './socket-transport.js';
import type { TlsAcceptor } from './tls-acceptor.js';
import type { Transport } from './transport.js';
import { UnsettledPublishes } from './unsettled-publishes.js';

/** Messages are handed out to a connection until this much waits to be sent in one turn: somewhat less than a pooled buffer. */
const OUTPUT_BYTES_PER_TURN = 224 * 1024;
/** While this much waits for a client that does not read, its commands are not read either. */
const OUTPUT_BYTES_MAX = 1024 * 1024;
/** While a command takes time and this much waits behind it, no more is read. */
const INPUT_BYTES_MAX = 256 * 1024;
/** How long a connection that was refused may take to read why. */
const GRACE_MS = 1000;
const TLS_HANDSHAKE_MS = 5000;

/** What the connections of one server share. */
export interface ConnectionContext {
  readonly options: Options;
  readonly logger: Logger;
  readonly broker: Broker;
  readonly pool: BufferPool;
  readonly sharedRead: SharedRead;
  /** Null without a certificate. */
  readonly tls: TlsAcceptor | null;
  /** Null while clients need no authorization. */
  readonly authServers: AuthServers | null;
  /** Counts the errors sent, by code. */
  readonly errors: Tally;
  readonly onClosed: (connection: Connection) => void;
}

export class Connection implements CommandClient, TurnOutput, CommitWaiter, LayersOwner, DeadlineOwner, CommandOwner {
  readonly id: number;
  readonly remoteAddress: string;
  readonly auth: ClientAuth | null;
  /** '' on a unix socket. */
  readonly #remoteIp: string;
  readonly #context: ConnectionContext;
  readonly #layers: Layers;
  /** The topmost layer. */
  #transport: Transport;
  readonly profile: ClientProfile;
  readonly #deadlines: Deadlines;

  // Reading.
  readonly #reader: CommandReader;
  #hasSpoken = false;
  #isInputPaused = false;
  /** The client has ended its side while a command was under way, or before the layers it asked for were there. */
  #hasInputEnded = false;

  // Writing.
  readonly #output: OutputBuffer;
  #isFlushRequested = false;
  /** True while the transport holds bytes the client has not taken. */
  #isBlocked = false;
  readonly #unsettled: UnsettledPublishes;
  /** Close once everything gathered is sent. */
  #endsAfterFlush = false;
  #isClosed = false;

  // Consuming and publishing.
  state: ClientState = ClientState.init;
  #channel: Channel | null = null;
  /** That of the topic published to last. */
  #publishedCount: PublishedCount | null = null;
  sampleRate = 0;
  messageTimeoutMs: number;
  inFlightCount = 0;
  messageCount = 0;

  constructor(socket: Socket, id: number, context: ConnectionContext) {
    this.id = id;
    this.#context = context;
    this.remoteAddress = peerAddress(socket);
    this.#remoteIp = plainAddress(socket.remoteAddress ?? '');
    this.profile = new ClientProfile(this.#remoteIp, context.options);
    this.auth = context.authServers === null ? null : new ClientAuth(context.authServers);
    this.#reader = new CommandReader(this, context.pool);
    this.#output = new OutputBuffer(context.pool);
    this.messageTimeoutMs = context.options.msgTimeoutMs;
    const { turn, alarmClock } = context.broker;
    this.#unsettled = new UnsettledPublishes(turn, this);
    this.#deadlines = new Deadlines(this, alarmClock, () => turn.nowMs());
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 15_000);
    const transport = new SocketTransport(socket, this, context.sharedRead);
    this.#transport = transport;
    this.#layers = new Layers(transport, context.options, context.pool, context.tls);
  }

  get options(): Options {
    return this.#context.options;
  }

  get broker(): Broker {
    return this.#context.broker;
  }

  get logger(): Logger {
    return this.#context.logger;
  }

  // --- reading ---------------------------------------------------------------------------------------------------------

  received(bytes: Buffer): void {
    if (!this.#reader.isOpen) return;
    if (!this.#hasSpoken) this.#firstBytes();
    if (this.#reader.read(bytes)) this.#deadlines.armRead();
    if (this.#isBlocked || this.#reader.isSuspended) this.#pauseIfBehind();
  }

  /** Who connects and leaves without a word, as health checks do, is worth a debug line only. */
  #firstBytes(): void {
    this.#hasSpoken = true;
    this.#context.logger.info(`TCP: new client(${this.remoteAddress})`);
  }

  greeted(): void {
    this.#context.logger.info(`CLIENT(${this.remoteAddress}): desired protocol magic '  V2'`);
    this.#deadlines.restart(this.profile.heartbeatIntervalMs);
  }

  executeLine(line: string): BodyReader | null {
    return execute(this, line);
  }

  get takesFin(): boolean {
    return this.state !== ClientState.init;
  }

  /** Hot path (bench: delivery). FIN without a copy of its id. */
  finishInPlace(bytes: Buffer, at: number): void {
    const outcome = this.finish(bytes, at);
    if (outcome !== 'done') this.refuse(answerFailed('FIN', bytes.toString('latin1', at, at + ID_BYTES), outcome));
  }

  lineTooLong(): void {
    this.closeAbruptly();
  }

  /** Sends an error; a fatal one is the last thing the client hears. */
  refuse(error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      this.#context.logger.error(`client(${this.remoteAddress}) - ${(error as Error).stack ?? String(error)}`);
      this.closeAbruptly();
      return;
    }
    this.#context.logger.error(`[${this.remoteAddress}] - ${error.message}`);
    this.#context.errors.add(error.message.split(' ', 1)[0]!);
    this.#output.append(encodeFrame(FRAME_ERROR, error.message));
    this.requestFlush();
    if (error.isFatal) this.#endAfterFlush();
  }

  /** The client will send no more: what arrived is answered, an unfinished command is not. */
  ended(damage: Error | null): void {
    const { upgrade } = this.#layers;
    if (upgrade === UpgradeState.awaited) this.#hasInputEnded = true;
    if (upgrade !== UpgradeState.none) return; // A handshake that is under way fails, and says so.
    if (!this.#reader.isOpen) {
      if (!this.#endsAfterFlush) this.#transport.end();
      return;
    }
    if (this.#reader.isSuspended && damage === null) {
      this.#hasInputEnded = true;
      return;
    }
    if (damage !== null) this.#context.logger.debug(`client(${this.remoteAddress}) - ${damage.message}`);
    const unfinished = damage === null ? this.#reader.unfinished() : null;
    if (unfinished === null) this.#endAfterFlush();
    else this.refuse(unfinished);
  }

  failed(error: Error): void {
    this.#context.logger.debug(`client(${this.remoteAddress}) - ${error.message}`);
    this.closeAbruptly();
  }

  // --- commands that take time -------------------------------------------------------------------------------------------

  suspend(wait: Promise<void>, proceed: () => BodyReader | void): void {
    this.#reader.suspend();
    wait.then(
      () => this.#resume(proceed),
      (error: unknown) => this.#resume(() => {
        throw error;
      }),
    );
  }

  #resume(proceed: () => BodyReader | void): void {
    if (!this.#reader.isOpen) return;
    try {
      this.#reader.resume(proceed() ?? null);
    } catch (error) {
      this.#reader.resume(null);
      this.refuse(error);
    }
    this.#deadlines.armRead();
    this.#reader.readOn();
    if (!this.#reader.isOpen) return;
    this.#resumeInput();
    if (this.#hasInputEnded && !this.#reader.isSuspended) this.ended(null);
  }

  // --- what commands do ------------------------------------------------------------------------------------------------

  respond(frame: Uint8Array): void {
    this.#output.append(frame);
    this.requestFlush();
  }

  /** Hot path (bench: pub). */
  published(command: PublishCommand, topic: Topic, count: number): void {
    if (!this.#unsettled.covers(topic)) {
      this.#unsettled.add(command, topic, this.#output.length);
      this.#publishedCount = this.profile.publishedTo(topic.name);
    }
    this.#publishedCount!.count += count;
    this.#output.append(OK_FRAME);
    if (!this.#isFlushRequested) this.requestFlush();
  }

  settled(commit: Commit): void {
    if (this.#isClosed) return;
    const failure = this.#unsettled.settle(commit);
    if (failure === null) return this.requestFlush();
    this.#output.cutBack(failure.offset);
    this.refuse(publishFailed(failure.command, failure.reason));
  }

  subscribed(channel: Channel): void {
    this.#channel = channel;
    this.state = ClientState.subscribed;
  }

  startClosing(): void {
    this.profile.readyCount = 0;
    this.state = ClientState.closing;
  }

  setReadyCount(count: number): void {
    this.profile.readyCount = count;
    this.#channel?.touch();
  }

  /** Hot path (bench: delivery). */
  finish(bytes: Uint8Array, at: number): AnswerOutcome {
    const outcome = this.#channel!.finish(this, bytes, at);
    if (outcome === 'done') this.profile.finishCount += 1;
    return outcome;
  }

  requeue(bytes: Uint8Array, at: number, delayMs: number): AnswerOutcome {
    const outcome = this.#channel!.requeue(this, bytes, at, delayMs);
    if (outcome === 'done') this.profile.requeueCount += 1;
    return outcome;
  }

  extend(bytes: Uint8Array, at: number): AnswerOutcome {
    return this.#channel!.extend(this, bytes, at);
  }

  setHeartbeatInterval(intervalMs: number): void {
    this.profile.heartbeatIntervalMs = intervalMs;
    this.#deadlines.restart(intervalMs);
  }

  grantLayers(wants: Grants): Grants {
    return this.#layers.grant(wants);
  }

  upgradeAfterFlush(grants: Grants): void {
    this.#layers.prepare(grants);
    this.#reader.close();
    this.#transport.pause();
  }

  get isTls(): boolean {
    return this.#layers.tls !== null;
  }

  get isTlsMissing(): boolean {
    return this.#context.options.tlsRequired !== TlsRequired.no && !this.isTls;
  }

  /** What auth servers are told of the client. */
  requester(): Requester {
    return { remoteIp: this.#remoteIp, isTls: this.isTls, commonName: this.#layers.tls?.commonName ?? '' };
  }

  // --- taking messages -------------------------------------------------------------------------------------------------

  /** Hot path (bench: delivery). */
  isReady(): boolean {
    return (
      this.inFlightCount < this.profile.readyCount && !this.#isBlocked && this.#output.length < OUTPUT_BYTES_PER_TURN &&
      !this.#endsAfterFlush
    );
  }

  readyRoom(): number {
    return this.profile.readyCount - this.inFlightCount;
  }

  outputRoomBytes(): number {
    return OUTPUT_BYTES_PER_TURN - this.#output.length;
  }

  /** Hot path (bench: delivery). */
  deliverRun(bytes: Uint8Array, start: number, end: number, count: number): void {
    this.#output.appendMessages(bytes, start, end, count);
    if (!this.#isFlushRequested) this.requestFlush();
  }

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

  /**
   * Sends what has been gathered, up to the first answer that waits for its commit.
   * DEVIATION(flush-per-turn): stock nsqd keeps messages back for up to `output_buffer_timeout`.
   */
  flush(): void {
    this.#isFlushRequested = false;
    if (this.#isClosed || this.#isBlocked) return;
    const count = this.#unsettled.sendableBytes(this.#output.length);
    if (count > 0) this.#write(count);
    if (this.#isBlocked) return;
    if (this.#output.length > 0) this.#channel?.touch();
    else if (this.#endsAfterFlush) this.#end();
    else if (this.#layers.upgrade === UpgradeState.awaited) this.#upgrade();
    else this.#channel?.touch();
  }

  /** DEVIATION(slow-client): a client that takes nothing for a heartbeat interval is disconnected; in stock nsqd it lingers. */
  #write(count: number): void {
    const isTaken = this.#transport.write(this.#output.pending(count));
    this.#output.written(count, isTaken);
    this.#unsettled.sent(count);
    if (!isTaken) this.#awaitDrain();
  }

  #awaitDrain(): void {
    this.#isBlocked = true;
    this.#deadlines.armWrite();
  }

  drained(): void {
    this.#isBlocked = false;
    this.#output.reclaim();
    this.#deadlines.disarmWrite();
    this.#resumeInput();
    this.requestFlush();
  }

  #isBehind(): boolean {
    if (this.#isBlocked && this.#output.length > OUTPUT_BYTES_MAX) return true;
    return this.#reader.isSuspended && this.#reader.waitingBytes > INPUT_BYTES_MAX;
  }

  #pauseIfBehind(): void {
    if (this.#isInputPaused || !this.#isBehind()) return;
    this.#isInputPaused = true;
    this.#transport.pause();
  }

  #resumeInput(): void {
    if (!this.#isInputPaused || this.#isBehind()) return;
    this.#isInputPaused = false;
    this.#deadlines.armRead();
    this.#transport.resume();
  }

  // --- layers ------------------------------------------------------------------------------------------------------------

  #upgrade(): void {
    if (this.#hasInputEnded && this.#layers.isTlsGranted) return this.upgradeFailed('EOF', true);
    this.#deadlines.armReadFor(TLS_HANDSHAKE_MS);
    this.#layers.begin(this);
  }

  upgraded(transport: Transport, isTaken: boolean): void {
    this.#transport = transport;
    this.#reader.reopen();
    this.#deadlines.disarmRead();
    this.#deadlines.armRead();
    if (!isTaken) this.#awaitDrain();
    transport.resume();
    if (this.#hasInputEnded) this.ended(null);
  }

  upgradeFailed(reason: string, isAnswerable: boolean): void {
    this.#layers.abandon();
    const error = identifyFailed(`IDENTIFY failed ${reason}`);
    if (isAnswerable) return this.refuse(error);
    this.#context.logger.error(`[${this.remoteAddress}] - ${error.message}`);
    this.closeAbruptly();
  }

  // --- time --------------------------------------------------------------------------------------------------------------

  heartbeatDue(): void {
    if (this.#reader.isOpen) this.respond(HEARTBEAT_FRAME);
  }

  mayTimeOut(): boolean {
    return !this.#isInputPaused && !this.#reader.isSuspended;
  }

  readTimedOut(): void {
    if (this.#layers.upgrade !== UpgradeState.none) return this.upgradeFailed('i/o timeout', true);
    const unfinished = this.#reader.unfinished();
    if (unfinished === null) this.closeAbruptly();
    else this.refuse(unfinished);
  }

  writeTimedOut(): void {
    this.closeAbruptly();
  }

  // --- closing -----------------------------------------------------------------------------------------------------------

  /** Hears nothing more; ends the connection when everything gathered is sent. */
  #endAfterFlush(): void {
    this.#reader.close();
    this.#endsAfterFlush = true;
    this.#deadlines.stopListening();
    this.#leaveChannel();
    this.requestFlush();
  }

  /** The client gets a moment to read the last frame before what it still sends is refused. */
  #end(): void {
    this.#endsAfterFlush = true;
    this.#transport.end();
    this.#deadlines.armWriteFor(GRACE_MS);
  }

  closeAbruptly(): void {
    this.#transport.destroy();
    this.closed();
  }

  closed(): void {
    if (this.#isClosed) return;
    const { logger } = this.#context;
    if (this.#hasSpoken) logger.info(`PROTOCOL(V2): [${this.remoteAddress}] exiting ioloop`);
    else logger.debug(`TCP: client(${this.remoteAddress}) left without a byte`);
    this.#isClosed = true;
    this.#reader.close();
    this.#layers.abandon();
    this.auth?.cancel();
    this.#deadlines.cancel();
    this.#output.clear();
    this.#unsettled.clear();
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
    return {
      ...this.profile.describe(topicFilter),
      ...this.#layers.describe(),
      remoteAddress: this.remoteAddress,
      state: this.state,
      inFlightCount: this.inFlightCount,
      messageCount: this.messageCount,
      sampleRate: this.sampleRate,
      isAuthenticated: this.auth?.isAuthorized ?? false,
      authIdentity: this.auth?.identity ?? '',
      authIdentityUrl: this.auth?.identityUrl ?? '',
    };
  }
}
