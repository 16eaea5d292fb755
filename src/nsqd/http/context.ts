// What the HTTP endpoints need of the daemon. The daemon builds it once and gives it to every listener.

import type { Tally } from '../../lib/metrics/tally.js';
import type { Logger } from '../../lib/log/logger.js';
import type { Broker } from '../broker/broker.js';
import type { Subscriber } from '../broker/subscriber.js';
import type { Options } from '../options.js';
import type { MemoryMonitor } from '../stats/memory.js';
import type { LatencySource } from '../stats/snapshot.js';
import type { TokenFile } from './token-file.js';

export interface HttpContext {
  readonly broker: Broker;
  /** As effective after start-up; what PUT /config changes is kept by the config endpoint. */
  readonly options: Options;
  readonly logger: Logger;
  readonly memory: MemoryMonitor;
  /** Who may use the API; null while everybody may. */
  readonly tokens: TokenFile | null;
  /** Without it the feature is off. */
  readonly latencies?: LatencySource | null;
  /** Bare semantic version of NSQ, and the line `--version` prints. */
  readonly version: string;
  readonly versionLine: string;
  /** Unix milliseconds. */
  readonly startTimeMs: number;
  /** Bound ports: -1 for a unix socket, 0 without a listener. */
  readonly tcpPort: () => number;
  readonly httpPort: () => number;
  /** The text of GET /metrics. */
  readonly metrics: () => Promise<string>;
  /** Counts the errors answered. */
  readonly errors: Tally;
  /** Why clients should be sent elsewhere for now, in words; empty when the daemon does its work. */
  readonly unreadyReasons: () => readonly string[];
  /** All TCP connections in order of connection. */
  readonly clients: () => Iterable<Subscriber>;
  /** The list of nsqlookupd addresses was replaced. */
  readonly onLookupdAddresses: (addresses: readonly string[]) => void;
}
