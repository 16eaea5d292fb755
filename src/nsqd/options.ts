// The options nsqd runs with: the type, the defaults, and reading or changing one of them by its config key.
// All of it derives from the table in option-table.ts; how the values come about is up to command-line.ts.

import { STRING_LIST } from '../lib/options/list-types.js';
import type { ConfigValue } from '../lib/options/value-type.js';
import { globMatcher } from '../lib/text/glob.js';
import { OPTION_TABLE, type OptionRow } from './option-table.js';

export type OptionField = keyof typeof OPTION_TABLE;

type OptionValues = { readonly [Field in OptionField]: (typeof OPTION_TABLE)[Field]['default'] };

/** Frozen. Modules receive only the fields they need. Fields that end in Ms are milliseconds with fractions. */
export type Options = OptionValues & {
  /** The tables `[topic."<pattern>"]` of the config file, in its order. */
  readonly topicRules: readonly TopicRule[];
};

/** The options that a topic may have other values of than the daemon. */
export const TOPIC_FIELDS = [
  'maxAttempts', 'deadLetterTopicSuffix', 'maxTopicBytes', 'topicOverflow', 'maxTopicAgeMs',
] as const satisfies readonly OptionField[];
export type TopicOptions = Pick<OptionValues, (typeof TOPIC_FIELDS)[number]>;

/** What holds for the topics whose names match the pattern (lib/text/glob.ts). */
export interface TopicRule {
  readonly pattern: string;
  readonly values: Partial<TopicOptions>;
}

/** The rows for code that treats all options alike; each row's type and default belong together. */
export const OPTION_ROWS: ReadonlyMap<OptionField, OptionRow<unknown>> = new Map(
  Object.entries(OPTION_TABLE) as [OptionField, OptionRow<unknown>][],
);

const FIELDS_BY_KEY: ReadonlyMap<string, OptionField> = new Map(
  [...OPTION_ROWS].map(([field, { key }]) => [key, field]),
);

/** The options of an empty command line. */
export const DEFAULTS: Options = optionsFrom((field) => OPTION_TABLE[field].default);

/** Frozen options made of one value per row. The caller answers for the value having the row's type. */
export function optionsFrom(valueOf: (field: OptionField) => unknown): Options {
  const fields = [...OPTION_ROWS.keys()].map((field) => [field, valueOf(field)]);
  return Object.freeze({ ...(Object.fromEntries(fields) as OptionValues), topicRules: [] });
}

/** The options of one topic: of each the first rule that matches and names it decides, then the daemon's own value. */
export function topicOptionsOf(options: TopicOptions & Pick<Options, 'topicRules'>, topicName: string): TopicOptions {
  const matching = options.topicRules.filter(({ pattern }) => globMatcher(pattern)(topicName));
  const own = Object.fromEntries(TOPIC_FIELDS.map((field) => [field, options[field]])) as TopicOptions;
  return Object.assign(own, ...matching.toReversed().map(({ values }) => values));
}

/** The longest delay a message may be published with, in milliseconds. */
export function deferMsMax(options: Pick<Options, 'maxDeferTimeoutMs' | 'maxReqTimeoutMs'>): number {
  return options.maxDeferTimeoutMs > 0 ? options.maxDeferTimeoutMs : options.maxReqTimeoutMs;
}

/** Whether the config file and /config know the key. */
export function isConfigKey(key: string): boolean {
  return FIELDS_BY_KEY.has(key);
}

/** Whether PUT /config/<key> may change the option. */
export function isSettable(key: string): boolean {
  const field = FIELDS_BY_KEY.get(key);
  return field !== undefined && OPTION_ROWS.get(field)?.isSettable === true;
}

/** What GET /config/<key> shows: strings raw, durations in nanoseconds (http-api.md 5.7). Undefined: no such key. */
export function optionValueForConfigEndpoint(options: Options, key: string): ConfigValue | undefined {
  const field = FIELDS_BY_KEY.get(key);
  return field === undefined ? undefined : OPTION_ROWS.get(field)?.type.show(options[field]);
}

/** The options after PUT /config/<key> with this body. Undefined: not settable, or the body is no value for it. */
export function withConfigValue(options: Options, key: string, body: string): Options | undefined {
  const field = FIELDS_BY_KEY.get(key);
  const row = field === undefined ? undefined : OPTION_ROWS.get(field);
  if (field === undefined || row?.isSettable !== true) return undefined;
  if (row.type === STRING_LIST) {
    const strings = parseJsonStrings(body);
    return strings === undefined ? undefined : Object.freeze({ ...options, [field]: strings });
  }
  const value = row.type.parseFlag(body, undefined);
  return value.ok ? Object.freeze({ ...options, [field]: value.value }) : undefined;
}

/** A JSON array of strings. Like Go, takes `null` for an empty array and a `null` element for an empty string. */
function parseJsonStrings(text: string): readonly string[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined; // Not JSON: the client's mistake, answered with INVALID_VALUE.
  }
  if (json === null) return [];
  if (!Array.isArray(json)) return undefined;
  const strings = json.map((element: unknown) => element ?? '');
  return strings.every((element) => typeof element === 'string') ? strings : undefined;
}
