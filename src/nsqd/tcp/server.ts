// The TCP listener: accepts connections and keeps the list of them.

import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { Logger } from '../../lib/log/logger.js';
import type { Tally } from '../../lib/metrics/tally.js';
import { boundTo, listen } from '../../lib/net/listen.js';
import { SharedRead } from '../../lib/net/shared-read.js';
import type { TlsIdentity } from '../../lib/net/tls-identity.js';
import type { AuthServers } from '../auth/auth-servers.js';
import type { Broker } from '../broker/broker.js';
import type { Options } from '../options.js';
import { Connection } from './connection.js';
import { BufferPool } from './buffer-pool.js';
import { TlsAcceptor } from './tls-acceptor.js';

export interface TcpServerParts {
  readonly options: Options;
  readonly logger: Logger;
  readonly broker: Broker;
  /** Null without a certificate: clients cannot have TLS. */
  readonly tls: TlsIdentity | null;
  /** Null while clients need no authorization. */
  readonly authServers: AuthServers | null;
  /** Counts the errors sent. */
  readonly errors: Tally;
}

export class TcpServer {
  readonly #parts: TcpServerParts;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #pool = new BufferPool();
  readonly #sharedRead = new SharedRead();
  readonly #tls: TlsAcceptor | null;
  #nextId = 1;

  constructor(parts: TcpServerParts) {
    this.#parts = parts;
    this.#tls = parts.tls === null ? null : new TlsAcceptor(parts.tls);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /** Binds `host:port` or a unix socket path (options section 8). Rejects with nsqd's text. */
  async listen(address: string): Promise<void> {
    const { logger } = this.#parts;
    await listen(this.#server, address);
    this.#server.on('error', (error) => logger.error(`TCP: ${error.message}`));
    logger.info(`TCP: listening on ${this.address}`);
  }

  /** What it is bound to, as it is logged; '' while not listening. */
  get address(): string {
    return boundTo(this.#server).text;
  }

  /** The bound port; -1 on a unix socket, 0 while not listening. */
  get port(): number {
    return boundTo(this.#server).port;
  }

  /** Connections that are open, and those accepted so far. */
  get counts(): { readonly open: number; readonly accepted: number } {
    return { open: this.#connections.size, accepted: this.#nextId - 1 };
  }

  connections(): Iterable<Connection> {
    return this.#connections;
  }

  /** Stops listening and closes every client at once. */
  close(): void {
    this.#server.close();
    for (const connection of [...this.#connections]) connection.closeAbruptly();
  }

  #accept(socket: Socket): void {
    const { options, logger, broker, authServers, errors } = this.#parts;
    const connection = new Connection(socket, this.#nextId, {
      options, logger, broker, authServers, errors,
      pool: this.#pool,
      sharedRead: this.#sharedRead,
      tls: this.#tls,
      onClosed: (closed) => this.#connections.delete(closed),
    });
    this.#nextId += 1;
    this.#connections.add(connection);
  }
}
