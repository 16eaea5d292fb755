// Whether the data path takes writes: what /ping and /stats tell. A failed operation makes it unhealthy; a later write that
// succeeds makes it healthy again. So that a daemon nobody dares to publish to finds out as well, it tries a write of its
// own from time to time while it is unhealthy.

import type { Alarm, AlarmClock } from '../../lib/time/alarm-clock.js';
import type { Clock } from '../../lib/time/clock.js';

/** Longer than what fails is tried again elsewhere: a failure that lasts keeps the probe away. */
const PROBE_AFTER_MS = 2000;

export interface DiskHealthParts {
  readonly clock: Clock;
  readonly alarmClock: AlarmClock;
  /** Writes something, and takes it back. Throws StorageError. */
  readonly probe: () => void;
  /** A probe has succeeded after a failure. */
  readonly onRecovered: () => void;
  /** It became unhealthy, or healthy again. */
  readonly onChange: () => void;
}

export class DiskHealth {
  readonly #parts: DiskHealthParts;
  readonly #alarm: Alarm;
  #error: string | null = null;

  constructor(parts: DiskHealthParts) {
    this.#parts = parts;
    this.#alarm = parts.alarmClock.newAlarm(() => this.#probe());
  }

  /** The reason of the last failed disk operation, until one succeeds; null when healthy. */
  get error(): string | null {
    return this.#error;
  }

  failed(reason: string): void {
    const wasHealthy = this.#error === null;
    this.#error = reason;
    if (wasHealthy) this.#parts.onChange();
    this.#alarm.setFor(this.#parts.clock.monotonicMs() + PROBE_AFTER_MS);
  }

  succeeded(): void {
    if (this.#error === null) return;
    this.#error = null;
    this.#alarm.cancel();
    this.#parts.onChange();
  }

  #probe(): void {
    try {
      this.#parts.probe();
    } catch (error) {
      return this.failed((error as Error).message);
    }
    this.succeeded();
    this.#parts.onRecovered();
  }
}
