// The two clocks: a monotonic one for deadlines, the wall clock for what people and other machines read.

export interface Clock {
  /** Milliseconds of a clock that never steps; only differences mean something. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch. */
  wallMs(): number;
}

/** What turns milliseconds of the monotonic clock into those of the wall clock, as the two stand now. */
export function wallOffsetMs(clock: Clock): number {
  return clock.wallMs() - clock.monotonicMs();
}

export const SYSTEM_CLOCK: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};
