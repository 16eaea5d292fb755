// What peers and the lookup need of a daemon: a clock that can be put forward, a log in memory, topics that are just
// names.

import { Logger, LogLevel } from '../../../../src/lib/log/logger.js';
import { AlarmClock } from '../../../../src/lib/time/alarm-clock.js';
import type { Clock } from '../../../../src/lib/time/clock.js';
import type { AnnouncedBroker } from '../../../../src/nsqd/lookup/lookup.js';

const EPOCH_MS = 1_795_220_377_806;

/** Stands still but when it is put forward: how long the machine takes for anything makes no difference. */
export class SkippingClock implements Clock {
  readonly alarms = new AlarmClock(this);
  #skippedMs = 0;

  monotonicMs(): number {
    return this.#skippedMs;
  }

  wallMs(): number {
    return EPOCH_MS + this.#skippedMs;
  }

  /** Everything due within that time is due now. */
  skip(milliseconds: number): void {
    this.#skippedMs += milliseconds;
    this.alarms.ringDue();
  }
}

export class LogInMemory {
  readonly lines: string[] = [];
  readonly logger = new Logger({
    prefix: '',
    level: LogLevel.debug,
    write: (line) => this.lines.push(line.replace(/^\S+ \S+ /, '').trimEnd()),
  });

  count(text: string): number {
    return this.lines.filter((line) => line.includes(text)).length;
  }
}

export class FakeBroker implements AnnouncedBroker {
  readonly clock = new SkippingClock();
  readonly alarmClock = this.clock.alarms;
  readonly topics = new Map<string, { readonly name: string; readonly channels: Map<string, null> }>();

  add(name: string, ...channels: readonly string[]): void {
    this.topics.set(name, { name, channels: new Map(channels.map((channel) => [channel, null])) });
  }
}
