// The tables of the config file that are about some topics only:
//
//   [topic."orders.*"]          the pattern, `*` for any characters; `[topic.orders]` is one topic
//   max_attempts = 5            options by their config keys, those that a topic may have for itself
//
// Of each option the first table decides that matches the topic and names it.

import { parsed, refused, type Parsed } from '../lib/options/parsed.js';
import { describeTomlValue, type TomlTable, type TomlValue } from '../lib/options/toml-value.js';
import { quoteLikeGo } from '../lib/text/go-quote.js';
import { findTopicOptionProblem } from './check-options.js';
import { OPTION_ROWS, TOPIC_FIELDS, type TopicOptions, type TopicRule } from './options.js';

const TABLE = 'topic';
/** What topic names are made of, and the star. */
const PATTERN = /^[.a-zA-Z0-9_*-]+(#ephemeral)?$/;

/** The rules in the file's order. Refuses with the first mistake. */
export function topicRulesOf(config: TomlTable): Parsed<readonly TopicRule[]> {
  const tables = config.entries.get(TABLE);
  if (tables === undefined) return parsed([]);
  if (tables.kind !== 'table') return refused(`${TABLE} must be tables: [${TABLE}."<pattern>"]`);
  const rules: TopicRule[] = [];
  for (const [pattern, table] of tables.entries) {
    const rule = topicRuleOf(pattern, table);
    if (!rule.ok) return refused(`[${TABLE}.${quoteLikeGo(pattern)}] ${rule.reason}`);
    rules.push(rule.value);
  }
  return parsed(rules);
}

function topicRuleOf(pattern: string, table: TomlValue): Parsed<TopicRule> {
  if (table.kind !== 'table') return refused('must be a table');
  const values: Record<string, unknown> = {};
  for (const [key, text] of table.entries) {
    const field = TOPIC_FIELDS.find((each) => OPTION_ROWS.get(each)?.key === key);
    if (field === undefined) return refused(`has no key ${key}; it may have ${knownKeys()}`);
    const value = OPTION_ROWS.get(field)!.type.parseConfig(text);
    if (!value.ok) return refused(`failed to coerce value ${describeTomlValue(text)} for ${key} - ${value.reason}`);
    values[field] = value.value;
  }
  return topicRuleFrom(pattern, values as Partial<TopicOptions>);
}

/** The rule, or what is wrong with its pattern or one of its values. */
export function topicRuleFrom(pattern: string, values: Partial<TopicOptions>): Parsed<TopicRule> {
  if (!PATTERN.test(pattern)) return refused('is no topic name, nor a pattern of names with *');
  const problem = findTopicOptionProblem(values);
  return problem === undefined ? parsed({ pattern, values }) : refused(problem);
}

function knownKeys(): string {
  return TOPIC_FIELDS.map((field) => OPTION_ROWS.get(field)?.key).join(', ');
}
