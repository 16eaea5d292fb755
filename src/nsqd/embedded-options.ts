// The options of an embedded daemon: the flags in camelCase, their values as JavaScript has them. They are turned into the
// command line that says the same and read by its parser, so that both take and refuse the same values in the same words.

import type { LogLevelName } from '../lib/log/logger.js';
import { parseArgv } from '../lib/options/parse-argv.js';
import type { TlsVersion } from '../lib/options/tls-types.js';
import { findOptionProblem, withImpliedValues } from './check-options.js';
import type { OPTION_TABLE, OptionRow } from './option-table.js';
import { DEFAULTS, OPTION_ROWS, optionsFrom, TOPIC_FIELDS } from './options.js';
import type { OptionField, Options, TopicRule } from './options.js';
import { StartError } from './start-error.js';
import { topicRuleFrom } from './topic-rules.js';

type CamelCase<Flag extends string> =
  Flag extends `${infer Word}-${infer Rest}` ? `${Word}${Capitalize<CamelCase<Rest>>}` : Flag;

/** Options whose values are written otherwise than they are kept. */
interface SpecialValues {
  logLevel: LogLevelName;
  tlsRequired: boolean | 'tcp-https';
  tlsMinVersion: keyof typeof TlsVersion;
}

/** Durations, whose fields end in Ms: milliseconds, or Go's notation (`1m30s`). Lists: one value or several. */
type Given<Field extends OptionField, Kept = (typeof OPTION_TABLE)[Field]['default']> =
  Field extends keyof SpecialValues ? SpecialValues[Field]
  : Field extends `${string}Ms` ? number | string
  : Kept extends readonly (infer Item)[] ? Item | readonly Item[]
  : Kept;

type GivenOptions<Field extends OptionField> = {
  readonly [Each in Field as CamelCase<(typeof OPTION_TABLE)[Each]['flag']>]?: Given<Each> | undefined;
};

/** Options that a topic may have for itself. */
export type NsqdTopicOptions = GivenOptions<(typeof TOPIC_FIELDS)[number]>;

/**
 * Every flag of `nsqd-ts --help` but those of the command line itself (`--config`, `--version` and the deprecated ones), in
 * camelCase. What is left out, or undefined, has the flag's default, with one exception: an embedded daemon listens on free
 * ports of 127.0.0.1.
 */
export type NsqdOptions = GivenOptions<OptionField> & {
  readonly dataPath: string;
  /** Options of some topics, by name or pattern; as the tables `[topic."<pattern>"]` of the config file, in this order. */
  readonly topics?: Readonly<Record<string, NsqdTopicOptions>> | undefined;
};

type Row = OptionRow<unknown>;

const ANY_LOCAL_PORT = '127.0.0.1:0';
const EMBEDDED_DEFAULTS: Partial<Options> = {
  tcpAddress: ANY_LOCAL_PORT, httpAddress: ANY_LOCAL_PORT, httpsAddress: ANY_LOCAL_PORT,
};

const FIELDS_BY_NAME: ReadonlyMap<string, OptionField> = new Map(
  [...OPTION_ROWS].map(([field, { flag }]) => [camelCase(flag), field]),
);

/** The options to run with. Throws StartError. */
export function optionsOf(given: NsqdOptions): Options {
  const { topics, ...own } = given;
  if (typeof own.dataPath !== 'string') throw new StartError('dataPath is missing');
  const values = readValues(own, (name) => FIELDS_BY_NAME.get(name));
  const defaults = { ...DEFAULTS, ...EMBEDDED_DEFAULTS };
  const resolved = optionsFrom((field) => values.get(field) ?? defaults[field]);
  const options = withImpliedValues({ ...resolved, topicRules: rulesOf(topics ?? {}) });
  const problem = findOptionProblem(options);
  if (problem !== undefined) throw new StartError(problem);
  return options;
}

function rulesOf(topics: Readonly<Record<string, NsqdTopicOptions>>): readonly TopicRule[] {
  return Object.entries(topics).map(([pattern, given]) => {
    const values = readValues(given, (name) => TOPIC_FIELDS.find((field) => field === FIELDS_BY_NAME.get(name)));
    const rule = topicRuleFrom(pattern, Object.fromEntries(values));
    if (!rule.ok) throw new StartError(`topics ${JSON.stringify(pattern)}: ${rule.reason}`);
    return rule.value;
  });
}

function readValues(given: object, fieldOf: (name: string) => OptionField | undefined): Map<OptionField, unknown> {
  const values = new Map<OptionField, unknown>();
  for (const [name, value] of Object.entries(given) as [string, unknown][]) {
    const field = fieldOf(name);
    if (field === undefined) throw new StartError(`unknown option ${name}`);
    if (value !== undefined) values.set(field, readValue(OPTION_ROWS.get(field)!, name, field, value));
  }
  return values;
}

function readValue(row: Row, name: string, field: OptionField, value: unknown): unknown {
  const items: readonly unknown[] = Array.isArray(row.default) && Array.isArray(value) ? value : [value];
  if (items.length === 0) return [];
  const texts = items.map((item) => textOf(item, field.endsWith('Ms') ? 'ms' : ''));
  if (texts.includes(undefined)) throw new StartError(`option ${name} is not text, a number or a boolean`);
  const result = parseArgv(texts.map((text) => `--${row.flag}=${text}`), [row]);
  if (result.kind === 'values') return result.values.get(row.flag);
  throw new StartError(result.kind === 'help' ? `unknown option ${name}` : result.message);
}

/** A value as the command line has it; undefined for what is no single value. */
function textOf(value: unknown, unitOfNumbers: string): string | undefined {
  if (typeof value === 'number') return `${value}${unitOfNumbers}`;
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : undefined;
}

function camelCase(flag: string): string {
  return flag.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
