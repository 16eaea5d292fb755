// A turn of the event loop: everything that many sockets ask for in it is gathered, and done at its end, once.
//
//   sockets readable -> commands -> records appended, answers prepared
//   end of the turn: 1 commit    each touched log is written by one call, metadata if it changed
//                    2 settle    publishers learn the outcome, messages become visible to channels
//                    3 deliver   channels hand messages to ready consumers
//                    4 flush     each connection's output leaves by one write
//
// With durability `fsync` step 2 of a turn waits until its writes are on the medium; turns go on meanwhile, and all that
// were written during one sync share the next.

import type { Clock } from '../../lib/time/clock.js';
import type { LogPosition } from '../storage/log-reader.js';
import type { StorageError } from '../storage/file-system.js';

/** A topic, as the turn sees it. */
export interface TurnTopic {
  /** Writes what this turn appended. Returns the log's new end; throws StorageError after taking everything back. */
  commit(): LogPosition;
  /** What was appended before `end` is kept: show it to the channels. */
  release(end: LogPosition): void;
  /** Flushes what was written to the medium. */
  sync(done: (error: StorageError | null) => void): void;
}

export interface TurnChannel {
  /** Hands messages to ready consumers. */
  pump(): void;
}

export interface TurnOutput {
  /** Writes what has been gathered to the socket. */
  flush(): void;
}

/** Somebody who answers for publishes. */
export interface CommitWaiter {
  settled(commit: Commit): void;
}

/** The outcome of one turn's publishes. */
export class Commit {
  readonly topics = new Map<TurnTopic, LogPosition>();
  readonly failures = new Map<TurnTopic, Error>();
  readonly waiters: CommitWaiter[] = [];
}

export interface TurnSettings {
  readonly clock: Clock;
  /** True for durability `fsync`. */
  readonly isSynced: boolean;
  /** Writes topic and channel metadata if it changed; reports its own failures. */
  readonly commitMetadata: () => void;
}

export class Turn {
  readonly #settings: TurnSettings;
  #isScheduled = false;
  #nowMs = 0;
  #wallMs = 0;
  #hasTime = false;
  #commit = new Commit();
  #topics: TurnTopic[] = [];
  #channels: TurnChannel[] = [];
  #outputs: TurnOutput[] = [];
  /** Written and waiting for a sync, oldest first. */
  #unsynced: Commit[] = [];
  #isSyncing = false;

  constructor(settings: TurnSettings) {
    this.#settings = settings;
  }

  /** Monotonic milliseconds, read once a turn. */
  nowMs(): number {
    if (!this.#hasTime) this.#readClocks();
    return this.#nowMs;
  }

  /** Milliseconds since the Unix epoch, read once a turn. */
  wallMs(): number {
    if (!this.#hasTime) this.#readClocks();
    return this.#wallMs;
  }

  /** The caller keeps track of whether it is touched already. */
  touchTopic(topic: TurnTopic): void {
    this.#topics.push(topic);
    this.schedule();
  }

  touchChannel(channel: TurnChannel): void {
    this.#channels.push(channel);
    this.schedule();
  }

  touchOutput(output: TurnOutput): void {
    this.#outputs.push(output);
    this.schedule();
  }

  /** Joins this turn's commit: `settled` is called once its outcome is known. */
  join(waiter: CommitWaiter): Commit {
    this.#commit.waiters.push(waiter);
    this.schedule();
    return this.#commit;
  }

  /** The commit being gathered, for waiters that joined it before to recognise. */
  get commit(): Commit {
    return this.#commit;
  }

  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#onImmediate);
  }

  readonly #onImmediate = (): void => {
    this.#isScheduled = false;
    this.end();
  };

  /** Ends the turn now. Shutdown and tests call it; otherwise the event loop does. */
  end(): void {
    const commit = this.#commit;
    this.#commit = new Commit();
    this.#commitTopics(commit);
    this.#settings.commitMetadata();
    if (this.#settings.isSynced && commit.topics.size > 0) {
      this.#unsynced.push(commit);
      this.#syncNext();
    } else {
      settle(commit);
    }
    this.#deliverAndFlush();
  }

  get isSyncing(): boolean {
    return this.#isSyncing;
  }

  #readClocks(): void {
    this.#hasTime = true;
    this.#nowMs = this.#settings.clock.monotonicMs();
    this.#wallMs = this.#settings.clock.wallMs();
    this.schedule();
  }

  #commitTopics(commit: Commit): void {
    const topics = this.#topics;
    this.#topics = [];
    for (const topic of topics) {
      try {
        commit.topics.set(topic, topic.commit());
      } catch (error) {
        commit.failures.set(topic, error as Error);
      }
    }
  }

  #deliverAndFlush(): void {
    const channels = this.#channels;
    this.#channels = [];
    for (const channel of channels) channel.pump();
    const outputs = this.#outputs;
    this.#outputs = [];
    for (const output of outputs) output.flush();
    this.#hasTime = false;
  }

  #syncNext(): void {
    if (this.#isSyncing || this.#unsynced.length === 0) return;
    this.#isSyncing = true;
    const commits = this.#unsynced;
    this.#unsynced = [];
    const topics = new Set(commits.flatMap((commit) => [...commit.topics.keys()]));
    let left = topics.size;
    for (const topic of topics) {
      topic.sync((error) => {
        if (error !== null) for (const commit of commits) failTopic(commit, topic, error);
        left -= 1;
        if (left === 0) this.#synced(commits);
      });
    }
  }

  #synced(commits: readonly Commit[]): void {
    this.#isSyncing = false;
    for (const commit of commits) settle(commit);
    this.#syncNext();
    this.#deliverAndFlush();
  }
}

function failTopic(commit: Commit, topic: TurnTopic, error: StorageError): void {
  if (!commit.topics.delete(topic)) return;
  commit.failures.set(topic, error);
}

function settle(commit: Commit): void {
  for (const [topic, end] of commit.topics) topic.release(end);
  for (const waiter of commit.waiters) waiter.settled(commit);
}
