// The OKs in a connection's output that are not true yet: they wait for the commit of their turn, and the output is sent only
// up to the first of them.
//
//   output  | message | OK | OK | message | OK | ...
//                     ^ offset of the first entry: one entry for a run of publishes to one topic in one turn

import type { Topic } from '../broker/topic.js';
import type { Commit, CommitWaiter, Turn } from '../broker/turn.js';
import type { PublishCommand } from './commands/client.js';

interface Entry {
  readonly commit: Commit;
  readonly topic: Topic;
  readonly command: PublishCommand;
  offset: number;
}

/** A publish that was answered too early: what the client must hear instead, from `offset` of the output on. */
export interface FailedPublish {
  readonly command: PublishCommand;
  readonly reason: string;
  readonly offset: number;
}

export class UnsettledPublishes {
  readonly #turn: Turn;
  readonly #waiter: CommitWaiter;
  #entries: Entry[] = [];
  #joined: Commit | null = null;
  #lastTopic: Topic | null = null;

  constructor(turn: Turn, waiter: CommitWaiter) {
    this.#turn = turn;
    this.#waiter = waiter;
  }

  /** True when a publish to the topic needs no entry of its own: the last one covers it. */
  covers(topic: Topic): boolean {
    return topic === this.#lastTopic && this.#joined === this.#turn.commit;
  }

  /** The OK at `offset`, and those behind it, wait for the current turn. */
  add(command: PublishCommand, topic: Topic, offset: number): void {
    if (this.#joined !== this.#turn.commit) this.#joined = this.#turn.join(this.#waiter);
    this.#lastTopic = topic;
    this.#entries.push({ commit: this.#joined, topic, command, offset });
  }

  /** Up to where the output may be sent. */
  sendableBytes(outputLength: number): number {
    return this.#entries[0]?.offset ?? outputLength;
  }

  /** The first `count` bytes of the output have left. */
  sent(count: number): void {
    for (const entry of this.#entries) entry.offset -= count;
  }

  /** Takes out what the commit settles. When one of them failed, everything is dropped and the first failure returned. */
  settle(commit: Commit): FailedPublish | null {
    if (this.#joined === commit) this.#joined = null;
    for (const { commit: of, topic, command, offset } of this.#entries) {
      const failure = of === commit ? commit.failures.get(topic) : undefined;
      if (failure === undefined) continue;
      this.clear();
      return { command, reason: failure.message, offset };
    }
    this.#entries = this.#entries.filter((entry) => entry.commit !== commit);
    return null;
  }

  clear(): void {
    this.#entries = [];
  }
}
