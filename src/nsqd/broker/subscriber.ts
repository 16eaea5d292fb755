// What the broker and the statistics know of a connected client: an interface, so that neither depends on sockets.
// A TCP connection implements it; tests implement it with a plain object.

/** A consumer as its channel sees it. All times are milliseconds. */
export interface Subscriber {
  /** Process-wide unique and rising; owner of the messages in flight (tcp-protocol 13.2). */
  readonly id: number;
  /** Milliseconds a delivered message may stay unanswered (negotiated `msg_timeout`). */
  readonly messageTimeoutMs: number;
  /** 0 delivers everything; n > 0 delivers n + 1 percent and discards the rest (tcp-protocol 16.4). */
  readonly sampleRate: number;
  /** Messages delivered and not yet finished, requeued or timed out. Maintained by the channel. */
  inFlightCount: number;
  /** Messages delivered so far, redeliveries included. Maintained by the channel. */
  messageCount: number;

  /** True while RDY is not used up and the connection takes more bytes. */
  isReady(): boolean;
  /** What is left of RDY. */
  readyRoom(): number;
  /** Bytes of records that the connection takes in this turn, should they be several. */
  outputRoomBytes(): number;
  /**
   * Appends one message frame to the connection's output. `bytes` holds the record (length word first, storage/record.ts)
   * at `start`; `attempts` replaces the stored count. The bytes are copied before it returns.
   */
  deliver(bytes: Uint8Array, start: number, attempts: number): void;
  /** The same for the `count` records that lie side by side from `start` to `end`, each with one attempt more than it stores. */
  deliverRun(bytes: Uint8Array, start: number, end: number, count: number): void;
  /** Asks for the output gathered so far to be sent at the end of this turn. */
  requestFlush(): void;
  /** Closes the connection at once, without a frame: its channel or topic was deleted. */
  closeAbruptly(): void;
  /** The client's line in /stats. */
  describe(topicFilter: string): ClientDescription;
}

/** One client of `/stats` (http-api 6.6). */
export interface ClientDescription {
  readonly clientId: string;
  readonly hostname: string;
  readonly remoteAddress: string;
  /** 0 init, 3 subscribed, 4 closing. */
  readonly state: number;
  readonly readyCount: number;
  readonly inFlightCount: number;
  readonly messageCount: number;
  readonly finishCount: number;
  readonly requeueCount: number;
  /** Unix seconds. */
  readonly connectedAtSeconds: number;
  readonly sampleRate: number;
  readonly isDeflate: boolean;
  readonly isSnappy: boolean;
  readonly userAgent: string;
  readonly topologyZone: string;
  readonly topologyRegion: string;
  readonly isAuthenticated: boolean;
  readonly authIdentity: string;
  readonly authIdentityUrl: string;
  /** Messages published over this connection, by topic name, already reduced to the topic filter. */
  readonly publishedCounts: ReadonlyArray<{ readonly topic: string; readonly count: number }>;
  /** True once the connection published at all, whatever the filter left. */
  readonly isProducer: boolean;
  readonly isTls: boolean;
  readonly tlsCipherSuite: string;
  readonly tlsVersion: string;
}
