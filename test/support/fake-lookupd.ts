// An nsqlookupd over real sockets that notes what it is told, answers as a test wants it to, and can go away and come
// back on the same ports. `await using lookupd = await FakeLookupd.start()` closes it.

import { once } from 'node:events';
import * as http from 'node:http';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const MAGIC = '  V1';

/** length(4, big-endian) text. */
export function sized(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** What is sent for a command line; null sends nothing. */
export type Answer = (line: string, socket: Socket) => Buffer | null;
export type HttpHandler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

export class FakeLookupd {
  /** Command lines of all connections in order of arrival, each connection beginning with `magic`. */
  readonly lines: string[] = [];
  /** Bodies of IDENTIFY. */
  readonly identities: Record<string, unknown>[] = [];
  /** Paths asked for over HTTP. */
  readonly requests: string[] = [];
  /** Channels by topic, for GET /channels. */
  readonly channels = new Map<string, readonly string[]>();
  connectionCount = 0;
  answer: Answer = (line) => this.usualAnswer(line);
  onRequest: HttpHandler = (request, response) => this.#answerChannels(request, response);
  readonly #sockets = new Set<Socket>();
  #tcp: Server | null = null;
  #http: http.Server | null = null;
  tcpPort = 0;
  httpPort = 0;

  static async start(): Promise<FakeLookupd> {
    const lookupd = new FakeLookupd();
    await lookupd.up();
    return lookupd;
  }

  get address(): string {
    return `127.0.0.1:${this.tcpPort}`;
  }

  get openCount(): number {
    return this.#sockets.size;
  }

  /** Listens, on the ports it had before. */
  async up(): Promise<void> {
    this.#tcp = createServer((socket) => this.#serve(socket)).listen(this.tcpPort, '127.0.0.1');
    await once(this.#tcp, 'listening');
    this.tcpPort = (this.#tcp.address() as AddressInfo).port;
    this.#http = http.createServer((request, response) => {
      this.requests.push(request.url ?? '');
      this.onRequest(request, response);
    }).listen(this.httpPort, '127.0.0.1');
    await once(this.#http, 'listening');
    this.httpPort = (this.#http.address() as AddressInfo).port;
  }

  /** Ends all connections and refuses new ones. */
  async down(): Promise<void> {
    const [tcp, web] = [this.#tcp, this.#http];
    this.#tcp = null;
    this.#http = null;
    if (tcp === null || web === null) return;
    const closed = Promise.all([once(tcp, 'close'), once(web, 'close')]);
    tcp.close();
    web.close();
    web.closeAllConnections();
    this.drop();
    await closed;
  }

  /** Ends the connections. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  usualAnswer(line: string): Buffer {
    return sized(line === 'IDENTIFY' ? this.identity() : 'OK');
  }

  identity(members: Record<string, unknown> = {}): string {
    return JSON.stringify({
      broadcast_address: '127.0.0.1', hostname: 'fake', version: '1.3.0',
      http_port: this.httpPort, tcp_port: this.tcpPort,
      ...members,
    });
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    this.connectionCount += 1;
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined); // Tests end connections in every way.
    let received = Buffer.alloc(0);
    let hasMagic = false;
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (!hasMagic && received.length >= MAGIC.length) {
        hasMagic = true;
        this.lines.push(received.toString('latin1', 0, MAGIC.length) === MAGIC ? 'magic' : 'wrong magic');
        received = received.subarray(MAGIC.length);
      }
      for (let taken = 1; hasMagic && taken > 0;) {
        taken = this.#takeCommand(socket, received);
        received = received.subarray(taken);
      }
    });
  }

  /** The bytes of the first command, 0 while it is incomplete. */
  #takeCommand(socket: Socket, received: Buffer): number {
    const end = received.indexOf('\n') + 1;
    if (end === 0) return 0;
    const line = received.toString('utf8', 0, end - 1);
    let taken = end;
    if (line === 'IDENTIFY') {
      if (received.length < end + 4) return 0;
      taken = end + 4 + received.readInt32BE(end);
      if (received.length < taken) return 0;
      this.identities.push(JSON.parse(received.toString('utf8', end + 4, taken)) as Record<string, unknown>);
    }
    this.lines.push(line);
    const answer = this.answer(line, socket);
    if (answer !== null) socket.write(answer);
    return taken;
  }

  #answerChannels(request: http.IncomingMessage, response: http.ServerResponse): void {
    const topic = new URL(request.url ?? '', 'http://fake').searchParams.get('topic') ?? '';
    response.end(JSON.stringify({ channels: this.channels.get(topic) ?? [] }));
  }
}
