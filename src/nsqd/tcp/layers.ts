// The layers between a connection and its socket, which IDENTIFY may ask for: TLS, then snappy or deflate (tcp-protocol 9).
// This file knows what is there, what may still be added, and how: each layer is put on top and confirmed by an OK inside it.
// When to begin, and what a failure means, is up to the connection.

import { OK_FRAME } from '../../lib/protocol/frame.js';
import type { Options } from '../options.js';
import { DeflateTransport } from './deflate-transport.js';
import type { BufferPool } from './buffer-pool.js';
import { SnappyTransport } from './snappy-transport.js';
import { SocketTransport } from './socket-transport.js';
import { describeTls } from './tls-acceptor.js';
import type { HandshakeOutcome, TlsAcceptor, TlsDescription } from './tls-acceptor.js';
import type { Transport, TransportHandler } from './transport.js';

/** Which layers IDENTIFY adds. */
export interface Grants {
  readonly tls: boolean;
  readonly deflate: boolean;
  readonly snappy: boolean;
  /** 1 to 9; shown to the client without deflate, too. */
  readonly deflateLevel: number;
}

const DEFLATE_LEVEL_DEFAULT = 6;

/** Who asked for layers. */
export interface LayersOwner extends TransportHandler {
  /** All are in place and confirmed: `transport` is the one to use from now on. `isTaken` as for `write`. */
  upgraded(transport: Transport, isTaken: boolean): void;
  /** `isAnswerable` when the client can still be told so on the transport before. */
  upgradeFailed(reason: string, isAnswerable: boolean): void;
}

export class Layers {
  readonly #plain: SocketTransport;
  readonly #options: Options;
  readonly #pool: BufferPool;
  readonly #acceptor: TlsAcceptor | null;
  #top: Transport;
  tls: TlsDescription | null = null;
  isDeflate = false;
  isSnappy = false;

  /** `acceptor` is null where there is no certificate. */
  constructor(plain: SocketTransport, options: Options, pool: BufferPool, acceptor: TlsAcceptor | null) {
    this.#plain = plain;
    this.#top = plain;
    this.#options = options;
    this.#pool = pool;
    this.#acceptor = acceptor;
  }

  /**
   * What the client gets of what it asks for. DEVIATION(repeated-upgrade): a layer that is there, or would have to go below one
   * that is, is not granted again; stock nsqd begins TLS anew on the plain socket and so breaks the connection.
   */
  grant(wants: Grants): Grants {
    const { deflate, snappy, maxDeflateLevel } = this.#options;
    const isCompressed = this.isDeflate || this.isSnappy;
    const isDeflateGranted = wants.deflate && deflate && !isCompressed;
    const level = isDeflateGranted && wants.deflateLevel > 0 ? wants.deflateLevel : DEFLATE_LEVEL_DEFAULT;
    return {
      tls: wants.tls && this.#acceptor !== null && this.tls === null && !isCompressed,
      deflate: isDeflateGranted,
      snappy: wants.snappy && snappy && !isCompressed,
      deflateLevel: Math.min(level, maxDeflateLevel),
    };
  }

  /** Adds what was granted, one layer after the other. Everything written before has left, and nothing is read meanwhile. */
  add(grants: Grants, owner: LayersOwner): void {
    if (grants.tls) this.#acceptor!.accept(this.#plain.release(), (outcome) => this.#shaken(outcome, grants, owner));
    else this.#compress(grants, owner);
  }

  #shaken(outcome: HandshakeOutcome, grants: Grants, owner: LayersOwner): void {
    if (outcome.kind === 'failed') return owner.upgradeFailed(outcome.reason, outcome.isAnswerable);
    this.tls = describeTls(outcome.socket);
    this.#top = new SocketTransport(outcome.socket, owner, null);
    const isTaken = this.#top.write(OK_FRAME);
    if (grants.deflate || grants.snappy) this.#compress(grants, owner);
    else owner.upgraded(this.#top, isTaken);
  }

  #compress(grants: Grants, owner: LayersOwner): void {
    this.isDeflate = grants.deflate;
    this.isSnappy = grants.snappy;
    this.#top = grants.snappy
      ? new SnappyTransport(this.#top, this.#pool, owner)
      : new DeflateTransport(this.#top, grants.deflateLevel, owner);
    owner.upgraded(this.#top, this.#top.write(OK_FRAME));
  }
}
