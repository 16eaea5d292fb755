// An HTTP listener: sockets in, exchanges to the API. It owns what HTTP itself demands and node:http leaves open: one
// request after the other on a connection, malformed requests (http-api 2.6), expectations, and the end of connections.
// No time limits apply (http-api 1). HTTPS is the same class over another server.
//
// DEVIATION(http-parser): what is a request is decided by the parser of node:http, which differs from Go's in what no
// client sends. It stays in its strict mode: leniency would let requests through that proxies understand differently.

import { createServer, type IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { RequestBody } from '../../lib/http/request-body.js';
import { parseRequestTarget } from '../../lib/http/request-target.js';
import type { Logger } from '../../lib/log/logger.js';
import { parseDialAddress } from '../../lib/net/dial-address.js';
import { boundTo, listen } from '../../lib/net/listen.js';
import type { TlsIdentity } from '../../lib/net/tls-identity.js';
import type { HttpApi } from './api.js';
import { endAndLinger, HttpConnection } from './connection.js';
import { Exchange } from './exchange.js';
import { createHttpsServer } from './https-server.js';
import {
  sendBadRequest, sendExpectationFailed, sendTlsRequired, sendUnsupportedEncoding, sendUnsupportedVersion,
} from './response.js';
import { type ParserError, requestOfUnknownMethod } from './unknown-method.js';

/** Stock nsqd refuses larger header blocks. */
const HEADER_BYTES_MAX = 1024 * 1024;
const KEEP_ALIVE_DELAY_MS = 15_000;

const SERVER_OPTIONS = {
  maxHeaderSize: HEADER_BYTES_MAX,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
  requestTimeout: 0,
  headersTimeout: 0,
  keepAliveTimeout: 0,
  requireHostHeader: false, // Checked here, in stock nsqd's words.
  joinDuplicateHeaders: true, // Two hosts are none.
};

/** The only expectation there is, also among others. */
const CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;
/** What Go takes for the value of a Host header. */
const HOST = /^[\w!$%&'()*+,\-.:;=[\]~]*$/;

export interface HttpServerSettings {
  /** Null for plain HTTP. */
  readonly tls: TlsIdentity | null;
  /** Set where every request is refused because TLS is required: the port of the HTTPS listener, 0 without one. */
  readonly httpsPortInstead: (() => number) | null;
}

export class HttpServer {
  readonly #api: HttpApi;
  readonly #logger: Logger;
  readonly #settings: HttpServerSettings;
  /** What the log calls the listener. */
  readonly #name: 'HTTP' | 'HTTPS';
  readonly #server: Server;
  readonly #connections = new WeakMap<Socket, HttpConnection>();
  #address = '';
  #port = 0;

  constructor(api: HttpApi, logger: Logger, settings: HttpServerSettings) {
    this.#api = api;
    this.#logger = logger;
    this.#settings = settings;
    this.#name = settings.tls === null ? 'HTTP' : 'HTTPS';
    const onRequest: RequestListener = (request, response) => this.#onRequest(request, response, false);
    this.#server = settings.tls === null
      ? createServer(SERVER_OPTIONS, onRequest)
      : createHttpsServer(settings.tls, SERVER_OPTIONS, logger, onRequest);
    // A client may close its sending side and still wait for the answer, as `nc -N` does. Not in the documentation of
    // node:http, but honoured since its first versions.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    this.#server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      this.#onRequest(request, response, true);
    });
    this.#server.on('checkExpectation', onRequest);
    this.#server.on('connect', (request: IncomingMessage, socket: Socket) => this.#onLastRequest(request, socket));
    this.#server.on('clientError', (error: ParserError, socket: Socket) => {
      const request = requestOfUnknownMethod(error, socket);
      this.#connectionOf(socket).onMalformed(error, request === null ? null : () => this.#onLastRequest(request, socket));
    });
  }

  /** What the listener is bound to, as it is logged. */
  get address(): string {
    return this.#address;
  }

  /** The bound port; -1 on a unix socket, 0 while not listening. */
  get port(): number {
    return this.#port;
  }

  /** Binds `host:port` or, without TLS, a unix socket path (options section 8). Rejects with nsqd's text. */
  async listen(address: string): Promise<void> {
    if (this.#settings.tls !== null) checkIsTcp(address);
    await listen(this.#server, address);
    this.#server.on('error', (error) => this.#logger.error(`${this.#name}: ${error.message}`));
    const { text, port } = boundTo(this.#server);
    this.#address = text;
    this.#port = port;
    this.#logger.info(`${this.#name}: listening on ${this.#address}`);
  }

  /** Accepts no more connections and ends the idle ones; requests in progress go on being served. */
  stopListening(): void {
    if (!this.#server.listening) return;
    this.#logger.info(`${this.#name}: closing ${this.#address}`);
    this.#server.close();
  }

  /** Ends listener and connections, requests in progress included. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.once('close', resolve));
    const isOpen = this.#server.listening;
    this.stopListening();
    this.#server.closeAllConnections();
    if (isOpen) await closed;
  }

  /** Hot path: bench http-pub. */
  #onRequest(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const body = new RequestBody(request, response, awaitsContinue);
    const exchange = new Exchange(request, response, parseRequestTarget(request.url ?? ''), body, this.#api.panic);
    this.#connectionOf(request.socket).add(exchange);
  }

  /**
   * CONNECT, and methods that node:http does not know, are methods like any other that no path has; only node:http gives up
   * the connection to them, body and all.
   */
  #onLastRequest(request: IncomingMessage, socket: Socket): void {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => endAndLinger(socket));
    const { headers } = request;
    delete headers['content-length'];
    if (headers['transfer-encoding']?.toLowerCase() === 'chunked') delete headers['transfer-encoding'];
    this.#onRequest(request, response, false);
  }

  #connectionOf(socket: Socket): HttpConnection {
    let connection = this.#connections.get(socket);
    if (connection === undefined) {
      connection = new HttpConnection(socket, (exchange) => this.#handle(exchange));
      this.#connections.set(socket, connection);
    }
    return connection;
  }

  #handle(exchange: Exchange): void {
    const { httpsPortInstead } = this.#settings;
    if (!exchange.httpVersion.startsWith('1.')) sendUnsupportedVersion(exchange);
    else if (!isSupportedEncoding(exchange)) sendUnsupportedEncoding(exchange);
    else if (!hasHost(exchange)) sendBadRequest(exchange, ': missing required Host header');
    else if (!HOST.test(exchange.header('host') ?? '')) sendBadRequest(exchange, hostProblem(exchange));
    else if (!isExpectationKnown(exchange)) sendExpectationFailed(exchange);
    else if (isServerOptions(exchange)) exchange.send(200, ['Content-Length', '0'], '');
    else if (httpsPortInstead !== null && exchange.target.path !== null) sendTlsRequired(exchange, httpsPortInstead());
    else this.#api.handle(exchange);
  }
}

function checkIsTcp(address: string): void {
  try {
    parseDialAddress(address);
  } catch (error) {
    throw new Error(`listen tcp: ${(error as Error).message}`, { cause: error });
  }
}

function hasHost(exchange: Exchange): boolean {
  return exchange.httpVersion !== '1.1' || exchange.header('host') !== undefined;
}

/** Two hosts are joined by what no host can have. */
function hostProblem(exchange: Exchange): string {
  return exchange.headerCount('host') > 1 ? '' : ': malformed Host header';
}

/** Chunks are the only encoding there is; in HTTP/1.0 there is none. */
function isSupportedEncoding(exchange: Exchange): boolean {
  const encoding = exchange.header('transfer-encoding');
  return encoding === undefined || encoding.toLowerCase() === 'chunked' || exchange.httpVersion === '1.0';
}

function isExpectationKnown(exchange: Exchange): boolean {
  const expectation = exchange.header('expect') ?? '';
  return expectation === '' || CONTINUE.test(expectation);
}

/** `OPTIONS *` asks about the server, not about a path. */
function isServerOptions(exchange: Exchange): boolean {
  return exchange.target.path === '*' && exchange.method === 'OPTIONS';
}
