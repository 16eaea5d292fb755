// A consumer without a connection: takes what its channel delivers, up to its ready count, and remembers the ids.

import { BODY_OFFSET, ID_BYTES, ID_OFFSET, recordAttempts, recordBytes } from '../../src/nsqd/storage/record.js';
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
  outputBytesPerTurn = Infinity;
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

  readyRoom(): number {
    return this.readyCount - this.inFlightCount;
  }

  outputRoomBytes(): number {
    return this.outputBytesPerTurn;
  }

  deliverRun(bytes: Uint8Array, start: number, end: number, count: number): void {
    let at = start;
    for (let left = count; left > 0; left -= 1) {
      this.deliver(bytes, at, recordAttempts(bytes, at) + 1);
      at += recordBytes(bytes, at);
    }
    if (at !== end) throw new Error(`${count} records end at ${at}, not at ${end}`);
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
