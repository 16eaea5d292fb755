// A consumer without a connection: takes what its channel delivers, up to its ready count, and remembers the ids.

import { BODY_OFFSET, ID_BYTES, ID_OFFSET, recordBytes } from '../../src/nsqd/storage/record.js';
import type { ClientDescription, Subscriber } from '../../src/nsqd/broker/subscriber.js';

export interface Delivery {
  readonly id: Buffer;
  readonly body: string;
  readonly attempts: number;
}

export class SimConsumer implements Subscriber {
  readonly id: number;
  readonly messageTimeoutMs: number;
  readonly sampleRate = 0;
  readonly topicName: string;
  readonly channelName: string;
  readyCount = 0;
  inFlightCount = 0;
  messageCount = 0;
  isOpen = true;
  /** Ids of torn messages, which a power failure can leave. */
  strays: Buffer[] = [];
  readonly #onDelivery: (consumer: SimConsumer, delivery: Delivery) => void;
  readonly #onClosed: (consumer: SimConsumer) => void;

  constructor(
    id: number, topicName: string, channelName: string, messageTimeoutMs: number,
    onDelivery: (consumer: SimConsumer, delivery: Delivery) => void, onClosed: (consumer: SimConsumer) => void,
  ) {
    this.id = id;
    this.topicName = topicName;
    this.channelName = channelName;
    this.messageTimeoutMs = messageTimeoutMs;
    this.#onDelivery = onDelivery;
    this.#onClosed = onClosed;
  }

  isReady(): boolean {
    return this.isOpen && this.inFlightCount < this.readyCount;
  }

  deliver(bytes: Uint8Array, start: number, attempts: number): void {
    const record = Buffer.from(bytes.subarray(start, start + recordBytes(bytes, start)));
    this.#onDelivery(this, {
      id: record.subarray(ID_OFFSET, ID_OFFSET + ID_BYTES),
      body: record.toString('latin1', BODY_OFFSET),
      attempts,
    });
  }

  requestFlush(): void {}

  closeAbruptly(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#onClosed(this);
  }

  describe(): ClientDescription {
    throw new Error('a simulated consumer has no description');
  }
}
