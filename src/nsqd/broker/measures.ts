// What the broker counts for all topics together, once a turn or once a refusal; what belongs to a topic or channel is
// counted there.

import { Histogram } from '../../lib/metrics/histogram.js';
import { Tally } from '../../lib/metrics/tally.js';

const GROUP_BOUNDS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000];

export class BrokerMeasures {
  /** Messages that a topic took in one turn: written, and flushed, together. */
  readonly groupMessages = new Histogram(GROUP_BOUNDS);
  /** Messages that were not taken, by reason (`space`: --min-free-disk-bytes, `full`: --max-topic-bytes); a batch refused at its first message counts once. */
  readonly refusals = new Tally(['disk', 'space', 'full', 'draining', 'exiting']);
}
