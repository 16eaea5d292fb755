// The layers between a connection and its socket, which IDENTIFY may ask for: TLS, then snappy or deflate (tcp-protocol 9).
// This file knows what is there, what may still be added, and how: each layer is put on top and confirmed by an OK inside it.
//
//   none --prepare--> awaited --begin--> under way --> none        nothing is read meanwhile; abandon leads back from anywhere
//
// When to begin, and what a failure means, is up to the connection.

import { OK_FRAME } from '../../lib/protocol/frame.js';
import type { ClientDescription } from '../broker/subscriber.js';
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

/** Of the layers granted last: `awaited` until everything gathered is sent, `underWay` until they are there. */
export const UpgradeState = { none: 'none', awaited: 'awaited', underWay: 'underWay' } as const;
export type UpgradeState = (typeof UpgradeState)[keyof typeof UpgradeState];

/** The part of a description that comes from the layers. */
export type LayersDescription = Pick<
  ClientDescription, 'isDeflate' | 'isSnappy' | 'isTls' | 'tlsCipherSuite' | 'tlsVersion'
>;

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
  upgrade: UpgradeState = UpgradeState.none;
  /** To be added, unless there is no upgrade. */
  #granted: Grants | null = null;
  tls: TlsDescription | null = null;
  #isDeflate = false;
  #isSnappy = false;

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
    const isCompressed = this.#isDeflate || this.#isSnappy;
    const isDeflateGranted = wants.deflate && deflate && !isCompressed;
    const level = isDeflateGranted && wants.deflateLevel > 0 ? wants.deflateLevel : DEFLATE_LEVEL_DEFAULT;
    return {
      tls: wants.tls && this.#acceptor !== null && this.tls === null && !isCompressed,
      deflate: isDeflateGranted,
      snappy: wants.snappy && snappy && !isCompressed,
      deflateLevel: Math.min(level, maxDeflateLevel),
    };
  }

  prepare(grants: Grants): void {
    this.upgrade = UpgradeState.awaited;
    this.#granted = grants;
  }

  /** True while TLS is to be added: the client has yet to send its part of the handshake. */
  get isTlsGranted(): boolean {
    return this.#granted?.tls === true;
  }

  /** Adds what was granted, one layer after the other. Everything written before has left, and nothing is read meanwhile. */
  begin(owner: LayersOwner): void {
    const grants = this.#granted!;
    this.upgrade = UpgradeState.underWay;
    if (grants.tls) this.#acceptor!.accept(this.#plain.release(), (outcome) => this.#shaken(outcome, grants, owner));
    else this.#compress(grants, owner);
  }

  #shaken(outcome: HandshakeOutcome, grants: Grants, owner: LayersOwner): void {
    if (outcome.kind === 'failed') {
      if (this.#isUnderWay()) owner.upgradeFailed(outcome.reason, outcome.isAnswerable);
      return;
    }
    if (!this.#isUnderWay()) return void outcome.socket.destroy();
    this.tls = describeTls(outcome.socket);
    this.#top = new SocketTransport(outcome.socket, owner, null);
    const isTaken = this.#top.write(OK_FRAME);
    if (grants.deflate || grants.snappy) this.#compress(grants, owner);
    else this.#finish(isTaken, owner);
  }

  #compress(grants: Grants, owner: LayersOwner): void {
    this.#isDeflate = grants.deflate;
    this.#isSnappy = grants.snappy;
    this.#top = grants.snappy
      ? new SnappyTransport(this.#top, this.#pool, owner)
      : new DeflateTransport(this.#top, grants.deflateLevel, owner);
    this.#finish(this.#top.write(OK_FRAME), owner);
  }

  #finish(isTaken: boolean, owner: LayersOwner): void {
    if (!this.#isUnderWay()) return this.#top.destroy(); // Writing has closed the connection.
    this.abandon();
    owner.upgraded(this.#top, isTaken);
  }

  #isUnderWay(): boolean {
    return this.upgrade === UpgradeState.underWay;
  }

  /** No more layers are awaited; what a handshake that is under way leads to is closed. */
  abandon(): void {
    this.upgrade = UpgradeState.none;
    this.#granted = null;
  }

  describe(): LayersDescription {
    return {
      isDeflate: this.#isDeflate,
      isSnappy: this.#isSnappy,
      isTls: this.tls !== null,
      tlsCipherSuite: this.tls?.cipherSuite ?? '',
      tlsVersion: this.tls?.version ?? '',
    };
  }
}
