// End-to-end processing latency (http-api 7): from publishing a message to its FIN, one window per channel, the windows
// of a topic's channels merged when somebody asks. Exists only while percentiles are configured.

import type { Clock } from '../../lib/time/clock.js';
import type { Channel } from '../broker/channel.js';
import type { LatencyRecorder } from '../broker/context.js';
import type { Topic } from '../broker/topic.js';
import type { Options } from '../options.js';
import { QuantileStream, QuantileWindow } from './quantile.js';
import type { LatencySource, LatencySummary } from './snapshot.js';

const NS_PER_MS = 1e6;

/** The latencies of one channel, in nanoseconds. */
class ChannelLatency implements LatencyRecorder {
  readonly #clock: Clock;
  readonly #window: QuantileWindow;

  constructor(percentiles: readonly number[], windowMs: number, clock: Clock) {
    this.#clock = clock;
    this.#window = new QuantileWindow(percentiles, windowMs, clock.monotonicMs());
  }

  /** A wall clock that stepped back makes no latency negative. */
  record(latencyMs: number): void {
    this.#window.insert(Math.max(0, latencyMs) * NS_PER_MS, this.#clock.monotonicMs());
  }

  mergeInto(merged: QuantileStream): void {
    this.#window.mergeInto(merged, this.#clock.monotonicMs());
  }
}

export class LatencyMeter implements LatencySource {
  readonly #percentiles: readonly number[];
  readonly #windowMs: number;
  readonly #clock: Clock;

  constructor(percentiles: readonly number[], windowMs: number, clock: Clock) {
    this.#percentiles = percentiles;
    this.#windowMs = windowMs;
    this.#clock = clock;
  }

  /** For a new channel. */
  newRecorder(): LatencyRecorder {
    return new ChannelLatency(this.#percentiles, this.#windowMs, this.#clock);
  }

  ofChannel(channel: Channel): LatencySummary {
    return this.#summaryOf([channel]);
  }

  /** A topic without channels has nothing to show. */
  ofTopic(topic: Topic): LatencySummary {
    return topic.channels.size === 0 ? { count: 0, percentiles: null } : this.#summaryOf(topic.channels.values());
  }

  #summaryOf(channels: Iterable<Channel>): LatencySummary {
    const merged = new QuantileStream(this.#percentiles);
    for (const { latencyRecorder } of channels) {
      if (latencyRecorder instanceof ChannelLatency) latencyRecorder.mergeInto(merged);
    }
    return {
      count: merged.count(),
      percentiles: this.#percentiles.map((quantile) => ({ quantile, value: merged.query(quantile) })),
    };
  }
}

/** Null while no percentiles are configured: then nothing is measured. */
export function latencyMeterOf(
  options: Pick<Options, 'e2eProcessingLatencyPercentiles' | 'e2eProcessingLatencyWindowTimeMs'>, clock: Clock,
): LatencyMeter | null {
  const { e2eProcessingLatencyPercentiles: percentiles, e2eProcessingLatencyWindowTimeMs: windowMs } = options;
  return percentiles.length === 0 ? null : new LatencyMeter(percentiles, windowMs, clock);
}
