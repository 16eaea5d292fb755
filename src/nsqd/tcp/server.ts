// The TCP listener: accepts connections and keeps the list of them.

import { createServer } from 'node:net';
import type { AddressInfo, ListenOptions, Server, Socket } from 'node:net';
import type { Logger } from '../../lib/log/logger.js';
import type { Broker } from '../broker/broker.js';
import type { Options } from '../options.js';
import { Connection } from './connection.js';
import { OutputPool } from './output-buffer.js';

export interface TcpServerParts {
  readonly options: Options;
  readonly logger: Logger;
  readonly broker: Broker;
}

export class TcpServer {
  readonly #parts: TcpServerParts;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #pool = new OutputPool();
  #nextId = 1;

  constructor(parts: TcpServerParts) {
    this.#parts = parts;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: false });
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /** Rejects with the system's error when the address cannot be listened on. */
  listen(target: ListenOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ ...target, backlog: 1024 }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#parts.logger.error(`TCP: ${error.message}`));
        resolve();
      });
    });
  }

  /** Null before `listen` and for a unix socket. */
  address(): AddressInfo | null {
    const address = this.#server.address();
    return typeof address === 'object' ? address : null;
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
    const { options, logger, broker } = this.#parts;
    const connection = new Connection(socket, this.#nextId, {
      options, logger, broker,
      pool: this.#pool,
      onClosed: (closed) => this.#connections.delete(closed),
    });
    this.#nextId += 1;
    this.#connections.add(connection);
  }
}
