// A raw client of the V2 protocol: writes literal bytes, reads frames one by one, sees heartbeats and the close.
// It hides nothing: no automatic NOP, no automatic FIN, no reconnect. Every wait has a deadline. TLS and compression can be
// put under it once they are negotiated.

import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';

import { type Bytes, command, toBuffer } from './bytes.js';
import { type Codec, newCodec } from './codec.js';
import { within } from './eventually.js';

export const FrameType = { response: 0, error: 1, message: 2 } as const;

export const HEARTBEAT = '_heartbeat_';

/** When to give up what should come at once: far beyond what a busy machine takes. */
const WAIT_MS = 15_000;
const HEADER_BYTES = 8;
const RECEIVED_KEPT_BYTES = 65_536;

/** size(4) type(4) data(size - 4), all big-endian. `atMs` is the arrival on the monotonic clock. */
export interface Frame {
  readonly type: number;
  readonly data: Buffer;
  readonly atMs: number;
}

/** Data of a message frame: timestamp(8) attempts(2) id(16) body. */
export interface Message {
  readonly timestampNs: bigint;
  readonly attempts: number;
  readonly id: string;
  readonly body: Buffer;
  readonly atMs: number;
}

/** What a connection is upgraded to. */
export interface Layers {
  readonly tls?: ConnectionOptions;
  readonly compression?: 'snappy' | 'deflate';
}

export type CloseReason = 'end' | 'reset' | 'open';

export function decodeMessage(frame: Frame): Message {
  if (frame.type !== FrameType.message) throw new Error(`expected a message, got ${describeFrame(frame)}`);
  return {
    timestampNs: frame.data.readBigInt64BE(0),
    attempts: frame.data.readUInt16BE(8),
    id: frame.data.toString('latin1', 10, 26),
    body: frame.data.subarray(26),
    atMs: frame.atMs,
  };
}

export function describeFrame(frame: Frame): string {
  const names = ['response', 'error', 'message'];
  return `${names[frame.type] ?? `type ${frame.type}`} «${frame.data.toString('latin1', 0, 200)}»`;
}

export class Client {
  #socket: Socket;
  #codec: Codec | null = null;
  #pending: Buffer = Buffer.alloc(0);
  /** Frames received; those before `#taken` were handed out. */
  #frames: Frame[] = [];
  #taken = 0;
  #received: Buffer = Buffer.alloc(0);
  #waiters = new Set<() => void>();
  #closeReason: CloseReason = 'open';
  #lastByteAtMs = 0;
  #closedAtMs = 0;
  /** Arrival times of all heartbeats so far. */
  readonly heartbeatsAtMs: number[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    this.#listen(socket);
  }

  #listen(socket: Socket): void {
    socket.on('data', (chunk) => {
      if (this.#codec === null) this.#onData(chunk);
      else this.#codec.decode(chunk);
    });
    socket.on('end', () => this.#afterDecoding(() => this.#onClose('end')));
    socket.on('error', () => this.#afterDecoding(() => this.#onClose('reset')));
    socket.on('close', () => this.#afterDecoding(() => this.#onClose('end')));
  }

  #afterDecoding(callback: () => void): void {
    if (this.#codec === null) callback();
    else this.#codec.settle(callback);
  }

  /** Connects to a port of this machine or the path of a unix socket; sends the magic unless told otherwise. */
  static async connect(target: number | string, options: { magic?: Bytes } = {}): Promise<Client> {
    const address = typeof target === 'string' ? { path: target } : { port: target, host: '127.0.0.1' };
    const socket = connect({ ...address, allowHalfOpen: true });
    await within(
      new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      }),
      WAIT_MS,
      `connecting to ${target}`,
    );
    const client = new Client(socket);
    client.write(options.magic ?? '  V2');
    return client;
  }

  // --- sending

  write(bytes: Bytes): void {
    const buffer = toBuffer(bytes);
    if (buffer.length > 0) this.#socket.write(this.#codec?.encode(buffer) ?? buffer);
  }

  /** Writes bytes below the compression. */
  writeCompressed(bytes: Bytes): void {
    this.#socket.write(toBuffer(bytes));
  }

  /** What the compression would make of the bytes. */
  compress(bytes: Bytes): Buffer {
    return this.#codec?.encode(toBuffer(bytes)) ?? toBuffer(bytes);
  }

  /** Writes a command line, and the sized body if there is one. */
  command(line: string, body?: Bytes): void {
    this.write(command(line, body));
  }

  /** One write per byte, each in its own turn of the event loop. Stops early when the server closes. */
  async writeByteByByte(bytes: Bytes): Promise<void> {
    for (const byte of this.compress(bytes)) {
      if (this.#closeReason !== 'open') return;
      this.#socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Bytes that the kernel has not taken yet: grows when the server stops reading. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** Ends the sending direction only. */
  halfClose(): void {
    this.#socket.end();
  }

  // --- receiving

  /** The next frame, heartbeats included. */
  async nextFrame(deadlineMs = WAIT_MS): Promise<Frame> {
    await this.#until(() => this.waitingCount > 0 || this.#closeReason !== 'open', deadlineMs, 'a frame');
    const frame = this.#frames[this.#taken];
    if (frame === undefined) throw new Error(`expected a frame, the connection is closed (${this.#closeReason})`);
    this.#taken += 1;
    if (this.#taken === this.#frames.length) {
      this.#frames = [];
      this.#taken = 0;
    }
    return frame;
  }

  /** The next frame that is not a heartbeat. */
  async nextReply(deadlineMs = WAIT_MS): Promise<Frame> {
    const end = performance.now() + deadlineMs;
    for (;;) {
      const frame = await this.nextFrame(Math.max(1, end - performance.now()));
      if (frame.type !== FrameType.response || frame.data.toString('latin1') !== HEARTBEAT) return frame;
    }
  }

  async nextMessage(deadlineMs = WAIT_MS): Promise<Message> {
    return decodeMessage(await this.nextReply(deadlineMs));
  }

  async nextMessages(count: number, deadlineMs = WAIT_MS): Promise<Message[]> {
    const messages: Message[] = [];
    while (messages.length < count) messages.push(await this.nextMessage(deadlineMs));
    return messages;
  }

  /** The text of the next response frame; an error or a message frame fails. */
  async nextResponse(deadlineMs = WAIT_MS): Promise<string> {
    const frame = await this.nextReply(deadlineMs);
    if (frame.type !== FrameType.response) throw new Error(`expected a response, got ${describeFrame(frame)}`);
    return frame.data.toString('latin1');
  }

  /** The text of the next error frame, byte by byte (latin1). */
  async nextError(deadlineMs = WAIT_MS): Promise<string> {
    const frame = await this.nextReply(deadlineMs);
    if (frame.type !== FrameType.error) throw new Error(`expected an error, got ${describeFrame(frame)}`);
    return frame.data.toString('latin1');
  }

  async expectOk(deadlineMs = WAIT_MS): Promise<void> {
    const text = await this.nextResponse(deadlineMs);
    if (text !== 'OK') throw new Error(`expected OK, got «${text}»`);
  }

  /** Waits until the server has closed its direction; frames received before stay readable. */
  async closed(deadlineMs = WAIT_MS): Promise<CloseReason> {
    await this.#until(() => this.#closeReason !== 'open', deadlineMs, 'the close');
    return this.#closeReason;
  }

  /**
   * Proves that nothing but heartbeats was sent up to now: a harmless command is answered in order, so whatever the
   * server had to say to earlier commands would have arrived before. Fails on any other frame.
   */
  async expectQuiet(): Promise<void> {
    this.command('PUB quiet-check#ephemeral', '.');
    await this.expectOk();
  }

  /** Frames that are here already. */
  get waitingFrames(): readonly Frame[] {
    return this.#frames.slice(this.#taken);
  }

  get waitingCount(): number {
    return this.#frames.length - this.#taken;
  }

  /** The raw bytes received so far, for literal comparison; recording ends after the first 64 KiB. */
  get receivedBytes(): Buffer {
    return this.#received;
  }

  get isOpen(): boolean {
    return this.#closeReason === 'open';
  }

  get closedAtMs(): number {
    return this.#closedAtMs;
  }

  get lastByteAtMs(): number {
    return this.#lastByteAtMs;
  }

  stopReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  // --- layers

  /** Begins TLS, without waiting for the OK inside it. Rejects when the handshake fails. */
  async startTls(options: ConnectionOptions = {}): Promise<TLSSocket> {
    const plain = this.#socket;
    for (const event of ['data', 'end', 'close', 'error']) plain.removeAllListeners(event);
    plain.on('error', () => undefined); // Reported by the TLS socket.
    const socket = connectTls({ socket: plain, rejectUnauthorized: false, ...options });
    await within(
      new Promise<void>((resolve, reject) => {
        socket.once('secureConnect', resolve);
        socket.once('error', reject);
        socket.once('close', () => reject(new Error('closed during the handshake')));
      }),
      WAIT_MS,
      'the TLS handshake',
    );
    this.#socket = socket;
    this.#listen(socket);
    return socket;
  }

  /** Compresses from here on, in both directions. */
  startCompression(kind: 'snappy' | 'deflate'): void {
    this.#codec = newCodec(kind, (bytes) => this.#onData(bytes));
    const early = this.#pending; // May have come together with the last plain frame.
    this.#pending = Buffer.alloc(0);
    this.#codec.decode(early);
  }

  /** IDENTIFY that asks for the layers, and all their OKs. */
  async upgrade(layers: Layers, settings: Readonly<Record<string, unknown>> = {}): Promise<Record<string, unknown>> {
    const { tls, compression } = layers;
    const wants = { tls_v1: tls !== undefined, [compression ?? 'none']: true };
    const answer = await this.negotiate({ ...settings, ...wants });
    if (tls !== undefined) {
      await this.startTls(tls);
      await this.expectOk();
    }
    if (compression !== undefined) {
      this.startCompression(compression);
      await this.expectOk();
    }
    return answer;
  }

  // --- the usual conversations

  /** IDENTIFY without feature negotiation, answered OK. */
  async identify(settings: Readonly<Record<string, unknown>>): Promise<void> {
    this.command('IDENTIFY', JSON.stringify(settings));
    await this.expectOk();
  }

  /** IDENTIFY with feature negotiation, answered with JSON. */
  async negotiate(settings: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    this.command('IDENTIFY', JSON.stringify({ ...settings, feature_negotiation: true }));
    return JSON.parse(await this.nextResponse()) as Record<string, unknown>;
  }

  async subscribe(topic: string, channel: string, ready?: number): Promise<void> {
    this.command(`SUB ${topic} ${channel}`);
    await this.expectOk();
    if (ready !== undefined) this.command(`RDY ${ready}`);
  }

  async publish(topic: string, body: Bytes): Promise<void> {
    this.command(`PUB ${topic}`, body);
    await this.expectOk();
  }

  finish(message: Message): void {
    this.command(`FIN ${message.id}`);
  }

  requeue(message: Message, delayMs: number): void {
    this.command(`REQ ${message.id} ${delayMs}`);
  }

  touch(message: Message): void {
    this.command(`TOUCH ${message.id}`);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }

  // --- inside

  #onData(chunk: Buffer): void {
    this.#lastByteAtMs = performance.now();
    if (this.#received.length < RECEIVED_KEPT_BYTES) this.#received = Buffer.concat([this.#received, chunk]);
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let offset = 0;
    while (this.#pending.length - offset >= HEADER_BYTES) {
      const end = offset + 4 + this.#pending.readUInt32BE(offset);
      if (this.#pending.length < end) break;
      this.#onFrame(this.#pending.readInt32BE(offset + 4), this.#pending.subarray(offset + HEADER_BYTES, end));
      offset = end;
    }
    this.#pending = this.#pending.subarray(offset);
    this.#wake();
  }

  #onFrame(type: number, data: Buffer): void {
    if (type === FrameType.response && data.toString('latin1') === HEARTBEAT) {
      this.heartbeatsAtMs.push(this.#lastByteAtMs);
    }
    this.#frames.push({ type, data, atMs: this.#lastByteAtMs });
  }

  #onClose(reason: CloseReason): void {
    if (this.#closeReason !== 'open') return;
    this.#closeReason = reason;
    this.#closedAtMs = performance.now();
    this.#wake();
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  async #until(isTrue: () => boolean, deadlineMs: number, what: string): Promise<void> {
    if (isTrue()) return;
    let waiter: () => void = () => undefined;
    const happened = new Promise<void>((resolve) => {
      waiter = () => {
        if (isTrue()) resolve();
      };
      this.#waiters.add(waiter);
    });
    try {
      await within(happened, deadlineMs, `waiting for ${what}`);
    } finally {
      this.#waiters.delete(waiter);
    }
  }
}
