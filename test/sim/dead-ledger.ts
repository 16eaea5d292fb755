// What the simulation knows of messages that a channel gave up: each has to arrive in the dead letter topic, or to come back to
// its channel, and nothing arrives that nobody gave up.

import { deadLetterTopicName } from '../../src/nsqd/broker/dead-letters.js';
import { Violation } from './oracle.js';

const SUFFIX = '.dead';

export function isDeadLetterTopic(topicName: string): boolean {
  return topicName.replace('#ephemeral', '').endsWith(SUFFIX);
}

export function deadLetterTopicOf(topicName: string): string {
  return deadLetterTopicName(topicName, SUFFIX);
}

export class DeadLedger {
  /** Numbers of messages that left a channel and were not seen there since, by `topic/channel`. */
  readonly #owed = new Map<string, Set<number>>();
  /** Numbers that any channel of a topic ever gave up, by topic. */
  readonly #givenUp = new Map<string, Set<number>>();
  /** How often each number came out of the dead letter topic of a topic. */
  readonly #arrived = new Map<string, Map<number, number>>();

  /** `isOwed` false for what a crash may take along. */
  givesUp(topicName: string, channelName: string, number: number, isOwed: boolean): void {
    setAt(this.#givenUp, topicName).add(number);
    if (isOwed) setAt(this.#owed, `${topicName}/${channelName}`).add(number);
  }

  /** The channel has delivered it again. */
  cameBack(topicName: string, channelName: string, number: number): void {
    this.#owed.get(`${topicName}/${channelName}`)?.delete(number);
  }

  /** The channel forgot its messages, those on the way to the other topic included. */
  channelGone(topicName: string, channelName: string): void {
    this.#owed.delete(`${topicName}/${channelName}`);
  }

  topicGone(topicName: string): void {
    for (const key of [...this.#owed.keys()]) if (key.startsWith(`${topicName}/`)) this.#owed.delete(key);
  }

  /** A crash without promises. */
  nothingIsOwed(): void {
    this.#owed.clear();
  }

  /** What was never answered may be gone without a trace, wherever it was. */
  powerFailed(isAnswered: (number: number) => boolean): void {
    for (const numbers of this.#owed.values()) for (const number of [...numbers]) if (!isAnswered(number)) numbers.delete(number);
  }

  /** A message came out of a dead letter topic. `isLoose`: after a power failure anything may. */
  arrived(deadTopicName: string, body: string, isLoose: boolean): void {
    const number = Number(/^(\d+)\//.exec(body)?.[1] ?? NaN);
    const topicName = [...this.#givenUp.keys()].find((name) => deadLetterTopicOf(name) === deadTopicName);
    if (topicName === undefined || this.#givenUp.get(topicName)?.has(number) !== true) {
      if (isLoose) return;
      throw new Violation(`${deadTopicName} has message ${body.slice(0, 20)} that nobody gave up`);
    }
    const arrived = this.#arrived.get(topicName) ?? new Map<number, number>();
    this.#arrived.set(topicName, arrived.set(number, (arrived.get(number) ?? 0) + 1));
  }

  /** Throws Violation when something is missing. Each channel that gave a message up has moved a copy of its own. */
  expectNothingOwed(): void {
    const owed = new Map<string, number>();
    for (const [key, numbers] of this.#owed) {
      const topicName = key.split('/')[0]!;
      for (const number of numbers) owed.set(`${topicName} ${number}`, (owed.get(`${topicName} ${number}`) ?? 0) + 1);
    }
    for (const [key, count] of owed) {
      const [topicName, number] = key.split(' ') as [string, string];
      const arrived = this.#arrived.get(topicName)?.get(Number(number)) ?? 0;
      if (arrived >= count) continue;
      throw new Violation(`message ${number} of ${topicName} was given up ${count} times and arrived ${arrived} times`);
    }
  }
}

function setAt(map: Map<string, Set<number>>, key: string): Set<number> {
  const set = map.get(key) ?? new Set<number>();
  map.set(key, set);
  return set;
}
