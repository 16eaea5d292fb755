// What lies between a connection and the network: a socket, plain or TLS, and perhaps a compression over it. Every layer
// speaks this interface upwards, so that a connection neither knows nor pays for what is below.
//
//   connection -- SnappyTransport or DeflateTransport -- SocketTransport -- socket (net or TLS)

/** Who is above a transport. */
export interface TransportHandler {
  /** Bytes from the client, in order. They are valid during the call only. */
  received(bytes: Buffer): void;
  /** All that was written has been taken, after a `write` that said it was not. */
  drained(): void;
  /** Nothing more can be read: the client has ended its side, or what it sent means nothing from here on (`damage`). */
  ended(damage: Error | null): void;
  /** The transport is of no more use. */
  failed(error: Error): void;
  closed(): void;
}

export interface Transport {
  /** Replaced when a layer comes in between. */
  handler: TransportHandler;
  /**
   * Sends bytes. True when they have been taken: the caller may reuse the buffer. False when something waits for the client
   * to read: the buffer is lent, and nothing more should be written, until `drained`.
   */
  write(bytes: Buffer): boolean;
  /** Stops delivering what the client sends; what has been read already may still come. */
  pause(): void;
  resume(): void;
  /** Ends our side once everything written has left. */
  end(): void;
  /** Closes at once, whatever waits. */
  destroy(): void;
}
