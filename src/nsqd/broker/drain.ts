// Leaving without leaving messages behind: publishers are refused, consumers stay until they have taken everything or the
// time is up. What a topic without channels holds is nobody's to take: it is not waited for, and stays on disk.
//
//   off --start--> draining --nothing is left, or the deadline--> ended
//    ^----cancel-------/
//
// Knows topics and time only: what the end means, and who else must know of the beginning, is the daemon's business.

import type { Logger } from '../../lib/log/logger.js';
import type { Alarm, AlarmClock } from '../../lib/time/alarm-clock.js';
import type { Clock } from '../../lib/time/clock.js';

/** Time between two looks at what is left. Nothing is looked at unless the daemon drains. */
const LOOK_MS = 50;
/** Queues named in the log when time is up. */
const NAMED_MAX = 10;

/** A topic, as far as it concerns draining. */
export interface DrainedTopic {
  readonly name: string;
  /** While true its publishers are refused. */
  isDraining: boolean;
  depth(): number;
  readonly channels: ReadonlyMap<string, DrainedChannel>;
}

interface DrainedChannel {
  readonly name: string;
  readonly inFlightCount: number;
  readonly deferredCount: number;
  depth(): number;
}

export interface DrainParts {
  readonly topics: ReadonlyMap<string, DrainedTopic>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly alarmClock: AlarmClock;
}

type State = 'off' | 'draining' | 'ended';

export class Drain {
  readonly #parts: DrainParts;
  readonly #alarm: Alarm;
  #state: State = 'off';
  #deadlineMs = Infinity;
  /** Hears that publishers are refused from now on, or are welcome again. */
  onChange: (isOn: boolean) => void = () => undefined;
  /** Hears once that there is nothing to wait for any more: all is delivered, or the time is up. */
  onEnded: () => void = () => undefined;

  constructor(parts: DrainParts) {
    this.#parts = parts;
    this.#alarm = parts.alarmClock.newAlarm((nowMs) => this.#look(nowMs));
  }

  /** True while publishers are refused, also after the end. */
  get isOn(): boolean {
    return this.#state !== 'off';
  }

  /** Messages to wait for: waiting, in flight and deferred, in each channel they are in. */
  messagesLeft(): number {
    return this.#queuesLeft().reduce((sum, [, count]) => sum + count, 0);
  }

  /** Begins. `timeoutMs` 0 is no deadline. Does nothing while it is on. */
  start(timeoutMs: number): void {
    if (this.#state !== 'off') return;
    const { logger, clock } = this.#parts;
    this.#state = 'draining';
    this.#deadlineMs = timeoutMs > 0 ? clock.monotonicMs() + timeoutMs : Infinity;
    logger.info(`DRAIN: refusing publishes, ${this.messagesLeft()} messages left`);
    this.#changed();
    this.#alarm.setFor(Math.min(clock.monotonicMs() + LOOK_MS, this.#deadlineMs));
  }

  /** Takes it back. False when it has ended already. */
  cancel(): boolean {
    if (this.#state === 'ended') return false;
    if (this.#state === 'off') return true;
    this.#state = 'off';
    this.#alarm.cancel();
    this.#parts.logger.info('DRAIN: cancelled');
    this.#changed();
    return true;
  }

  #changed(): void {
    for (const topic of this.#parts.topics.values()) topic.isDraining = this.isOn;
    this.onChange(this.isOn);
  }

  #look(nowMs: number): void {
    const left = this.#queuesLeft();
    if (left.length > 0 && nowMs < this.#deadlineMs) {
      this.#alarm.setFor(Math.min(nowMs + LOOK_MS, this.#deadlineMs));
      return;
    }
    this.#state = 'ended';
    const { logger } = this.#parts;
    if (left.length === 0) logger.info('DRAIN: everything is delivered');
    else logger.warn(`DRAIN: time is up, messages left: ${listOf(left)}`);
    this.onEnded();
  }

  #queuesLeft(): [name: string, count: number][] {
    const left: [string, number][] = [];
    for (const topic of this.#parts.topics.values()) {
      if (topic.channels.size === 0) continue;
      if (topic.depth() > 0) left.push([topic.name, topic.depth()]);
      for (const channel of topic.channels.values()) {
        const count = channel.depth() + channel.inFlightCount + channel.deferredCount;
        if (count > 0) left.push([`${topic.name}:${channel.name}`, count]);
      }
    }
    return left;
  }
}

function listOf(left: readonly (readonly [string, number])[]): string {
  const named = left.slice(0, NAMED_MAX).map(([name, count]) => `${name} ${count}`);
  return `${named.join(', ')}${left.length > NAMED_MAX ? ` and ${left.length - NAMED_MAX} more queues` : ''}`;
}
