// The checks between reading the options and starting with them: nsqd's own in its order (options.md 7.2), then those
// against values that crash or block stock nsqd (options.md 7.1).

import { formatGoFloat } from '../lib/options/go-float.js';
import { TlsRequired } from '../lib/options/tls-types.js';
import type { Range } from './option-table.js';
import { OPTION_ROWS, type OptionField, type Options, type TopicOptions } from './options.js';

const NAME_PART = /^[.a-zA-Z0-9_-]+$/;
/** Leaves half of a topic name to the topic. */
const SUFFIX_CHARS_MAX = 32;

/** The options with what some of them imply for others. */
export function withImpliedValues(options: Options): Options {
  // Any client auth policy requires TLS, even one nobody knows (options.md 5.7).
  if (options.tlsClientAuthPolicy === '' || options.tlsRequired !== TlsRequired.no) return Object.freeze(options);
  return Object.freeze({ ...options, tlsRequired: TlsRequired.yes });
}

// DEVIATION(strict-options): values that crash or block stock nsqd later on (options.md 7.1) are refused at start.

/** Why nsqd cannot start with the options, to follow `failed to instantiate nsqd - `. Undefined if it can. */
export function findOptionProblem(options: Options): string | undefined {
  return findRangeProblem(options, 'maxDeflateLevel')
    ?? findRangeProblem(options, 'nodeId')
    ?? findTlsProblem(options)
    ?? findAuthMethodProblem(options)
    ?? findPercentileProblem(options)
    ?? findAnyRangeProblem(options)
    ?? findStatisticsProblem(options)
    ?? findSuffixProblem(options);
}

/** What is wrong with options that a topic may have for itself. Undefined if nothing is. */
export function findTopicOptionProblem(values: Partial<TopicOptions>): string | undefined {
  for (const [field, value] of Object.entries(values) as [OptionField, unknown][]) {
    const problem = findValueProblem(field, value);
    if (problem !== undefined) return problem;
  }
  return findSuffixProblem(values);
}

function findSuffixProblem({ deadLetterTopicSuffix: suffix }: Partial<TopicOptions>): string | undefined {
  if (suffix === undefined || (NAME_PART.test(suffix) && suffix.length <= SUFFIX_CHARS_MAX)) return undefined;
  return `--dead-letter-topic-suffix must be 1 to ${SUFFIX_CHARS_MAX} letters, digits, dots, underscores or dashes`;
}

function findAnyRangeProblem(options: Options): string | undefined {
  for (const field of OPTION_ROWS.keys()) {
    const problem = findRangeProblem(options, field);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function findRangeProblem(options: Options, field: OptionField): string | undefined {
  return findValueProblem(field, options[field]);
}

function findValueProblem(field: OptionField, value: unknown): string | undefined {
  const row = OPTION_ROWS.get(field);
  if (row?.range === undefined || (typeof value === 'number' && isWithin(value, row.range))) return undefined;
  return `--${row.flag} must be ${row.range.text}`;
}

function isWithin(value: number, range: Range): boolean {
  return value >= range.min && value <= range.max;
}

function findTlsProblem({ tlsRequired, tlsCert, tlsKey }: Options): string | undefined {
  if (tlsRequired === TlsRequired.no || tlsCert !== '' || tlsKey !== '') return undefined;
  return 'cannot require TLS client connections without TLS key and cert';
}

function findAuthMethodProblem({ authHttpRequestMethod: method }: Options): string | undefined {
  return method === 'get' || method === 'post' ? undefined : '--auth-http-request-method must be post or get';
}

function findPercentileProblem({ e2eProcessingLatencyPercentiles: percentiles }: Options): string | undefined {
  // Written so that NaN, which stock nsqd lets through, is invalid too.
  const invalid = percentiles.find((percentile) => !(percentile > 0 && percentile <= 1));
  return invalid === undefined ? undefined : `invalid E2E processing latency percentile: ${formatGoFloat(invalid)}`;
}

/** Times that only matter, and only break stock nsqd, while their feature is on. */
function findStatisticsProblem(options: Options): string | undefined {
  if (options.statsdAddress !== '' && options.statsdIntervalMs <= 0) return '--statsd-interval must be greater than 0';
  const hasPercentiles = options.e2eProcessingLatencyPercentiles.length > 0;
  if (hasPercentiles && options.e2eProcessingLatencyWindowTimeMs <= 0) {
    return '--e2e-processing-latency-window-time must be greater than 0';
  }
  return undefined;
}
