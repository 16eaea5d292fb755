// Messages that their consumers have failed too often: instead of going back to the queue of their channel they move to the
// dead letter topic.
//
//   in flight --requeue, timeout--> returned, deferred            (channel.ts)
//                             \--> leaving --written--> gone      attempts >= --max-attempts
//                                    ^  \--not written--> again after a while
//
// A message is written to the other topic first, in the turn's commit like any publish, and finished once that is as durable
// as asked for. Until then it is the channel's: checkpoints and the clean stop see it as a returned one. A crash in between
// leaves it in both topics, never in none.

import { isEphemeralName } from '../../lib/protocol/names.js';
import type { Alarm } from '../../lib/time/alarm-clock.js';
import { topicOptionsOf } from '../options.js';
import { StorageError } from '../storage/file-system.js';
import { BODY_OFFSET, recordBytes } from '../storage/record.js';
import { recordAt } from '../storage/stored-records.js';
import type { BrokerContext, BrokerOptions, DeadLetterTopic } from './context.js';
import type { HeldJournal } from './held-journal.js';
import type { HeldRecord } from './held-record.js';
import { PublishError } from './publish-error.js';
import type { Commit } from './turn.js';

/** Time until what could not be written is written again. */
const RETRY_MS = 1000;
/** Messages written again before the event loop gets its turn. */
const RETRIES_PER_RING_MAX = 1000;
const NAME_CHARS_MAX = 64;
const EPHEMERAL_SUFFIX = '#ephemeral';

/** When a topic's messages are dead, and where they go. */
export interface DeadLetterRule {
  readonly maxAttempts: number;
  readonly topicName: string;
}

/** Null for a topic whose messages never die: the feature is off for it, or it holds dead letters itself. */
export function deadLetterRuleOf(options: BrokerOptions, topicName: string): DeadLetterRule | null {
  const { maxAttempts, deadLetterTopicSuffix } = topicOptionsOf(options, topicName);
  if (maxAttempts === 0 || isDeadLetterTopic(options, topicName)) return null;
  return { maxAttempts, topicName: deadLetterTopicName(topicName, deadLetterTopicSuffix) };
}

/** By its name: it may be left from a run with other options. */
function isDeadLetterTopic({ deadLetterTopicSuffix, topicRules }: BrokerOptions, topicName: string): boolean {
  const suffixes = topicRules.map(({ values }) => values.deadLetterTopicSuffix ?? deadLetterTopicSuffix);
  const base = baseOf(topicName);
  return [deadLetterTopicSuffix, ...suffixes].some((suffix) => base.endsWith(suffix));
}

/**
 * The topic's name and the suffix, and in front of `#ephemeral` if the topic is. A name that gets too long is cut and
 * completed by a checksum, so that no two topics share one by accident.
 */
export function deadLetterTopicName(topicName: string, suffix: string): string {
  const end = isEphemeralName(topicName) ? `${suffix}${EPHEMERAL_SUFFIX}` : suffix;
  const base = baseOf(topicName);
  if (base.length + end.length <= NAME_CHARS_MAX) return `${base}${end}`;
  const checksum = `-${checksumOf(base)}`;
  return `${base.slice(0, NAME_CHARS_MAX - end.length - checksum.length)}${checksum}${end}`;
}

function baseOf(topicName: string): string {
  return isEphemeralName(topicName) ? topicName.slice(0, -EPHEMERAL_SUFFIX.length) : topicName;
}

/** FNV-1a, 32 bits, as eight hex digits. */
function checksumOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Written in one turn to one topic. */
interface Batch {
  readonly commit: Commit;
  readonly topic: DeadLetterTopic;
  readonly records: HeldRecord[];
}

/** The messages that are leaving one channel. */
export class DeadLetters {
  readonly #rule: DeadLetterRule;
  readonly #context: BrokerContext;
  readonly #where: string;
  readonly #journal: HeldJournal;
  readonly #alarm: Alarm;
  readonly #leaving = new Set<HeldRecord>();
  /** Of these, the ones to be written again, oldest first. */
  #waiting: HeldRecord[] = [];
  #batch: Batch | null = null;
  /** Messages moved since the start. */
  count = 0;

  /** `where` names the channel in the log. */
  constructor(rule: DeadLetterRule, context: BrokerContext, where: string, journal: HeldJournal) {
    this.#rule = rule;
    this.#context = context;
    this.#where = where;
    this.#journal = journal;
    this.#alarm = context.alarmClock.newAlarm((nowMs) => this.#retry(nowMs));
  }

  /** Messages that are still the channel's. */
  get size(): number {
    return this.#leaving.size;
  }

  records(): Iterable<HeldRecord> {
    return this.#leaving;
  }

  /** Takes over a message that came back from a consumer, if it has been delivered often enough. */
  takes(record: HeldRecord): boolean {
    if (record.attempts < this.#rule.maxAttempts || this.#context.isStopping()) return false;
    this.#leaving.add(record);
    this.#journal.waits(record);
    // Behind what waits already: a topic that could not be written a moment ago is not tried for each message.
    if (this.#waiting.length > 0 || !this.#write(record)) this.#wait([record]);
    return true;
  }

  /** The channel forgets all its messages. */
  clear(): void {
    for (const record of this.#leaving) this.#journal.letGo(record);
    this.#leaving.clear();
    this.#waiting = [];
    this.#alarm.cancel();
  }

  stop(): void {
    this.#alarm.cancel();
  }

  /** False when the other topic did not take it. */
  #write(record: HeldRecord): boolean {
    try {
      const topic = this.#context.deadLetterTopic(this.#rule.topicName);
      const { bytes, start } = recordAt(record.chunk, record.position);
      topic.publishOwn(bytes, start + BODY_OFFSET, start + recordBytes(bytes, start));
      this.#gather(topic, record);
      return true;
    } catch (error) {
      if (!(error instanceof StorageError || error instanceof PublishError)) throw error;
      this.#warn(error);
      return false;
    }
  }

  #gather(topic: DeadLetterTopic, record: HeldRecord): void {
    const { turn } = this.#context;
    if (this.#batch?.commit !== turn.commit || this.#batch.topic !== topic) {
      const batch: Batch = { commit: turn.commit, topic, records: [] };
      this.#batch = batch;
      turn.join({ settled: (commit) => this.#settled(batch, commit) });
    }
    this.#batch.records.push(record);
  }

  #settled(batch: Batch, commit: Commit): void {
    if (this.#batch === batch) this.#batch = null;
    const failure = commit.failures.get(batch.topic);
    const records = batch.records.filter((record) => this.#leaving.has(record));
    if (records.length === 0) return;
    if (failure !== undefined) {
      this.#warn(failure);
      this.#wait(records);
      return;
    }
    for (const record of records) {
      this.#leaving.delete(record);
      this.#journal.letGo(record);
    }
    this.count += records.length;
    this.#journal.change();
  }

  #wait(records: readonly HeldRecord[]): void {
    this.#waiting.push(...records);
    if (!this.#alarm.isSet) this.#alarm.setFor(this.#context.clock.monotonicMs() + RETRY_MS);
  }

  #retry(nowMs: number): void {
    const waiting = this.#waiting;
    const tried = Math.min(waiting.length, RETRIES_PER_RING_MAX);
    let written = 0;
    while (written < tried && this.#write(waiting[written]!)) written += 1;
    this.#waiting = waiting.slice(written);
    if (this.#waiting.length > 0) this.#alarm.setFor(nowMs + (written < tried ? RETRY_MS : 1));
  }

  #warn(error: Error): void {
    const { topicName } = this.#rule;
    this.#context.logger.warn(`${this.#where}: dead letters stay, ${topicName} does not take them - ${error.message}`);
  }
}
