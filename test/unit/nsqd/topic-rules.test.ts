// The config file's tables about some topics: what they say for which topic, and what is refused.

import { describe, expect, it } from 'vitest';

import { parseToml } from '../../../src/lib/options/parse-toml.js';
import { DEFAULTS, topicOptionsOf } from '../../../src/nsqd/options.js';
import { topicRulesOf } from '../../../src/nsqd/topic-rules.js';

function rulesOf(text: string): ReturnType<typeof topicRulesOf> {
  return topicRulesOf(parseToml(Buffer.from(text)));
}

describe('topic rules', () => {
  it('are none without tables', () => {
    expect(rulesOf('max_attempts = 3')).toEqual({ ok: true, value: [] });
  });

  it('decide in the order of the file, each option for itself', () => {
    const rules = rulesOf(`
      [topic.orders]
      max_attempts = 2
      [topic."orders*"]
      max_attempts = 7
      dead_letter_topic_suffix = "-failed"
      [topic."*"]
      max_attempts = 9
    `);
    if (!rules.ok) throw new Error(rules.reason);
    const options = { ...DEFAULTS, maxAttempts: 1, topicRules: rules.value };
    expect(topicOptionsOf(options, 'orders')).toMatchObject({ maxAttempts: 2, deadLetterTopicSuffix: '-failed' });
    expect(topicOptionsOf(options, 'orders.eu')).toMatchObject({ maxAttempts: 7, deadLetterTopicSuffix: '-failed' });
    expect(topicOptionsOf(options, 'other')).toMatchObject({ maxAttempts: 9, deadLetterTopicSuffix: '.dead' });
    expect(topicOptionsOf({ ...options, topicRules: [] }, 'other')).toMatchObject({ maxAttempts: 1 });
  });

  it.each([
    ['topic = 5', 'topic must be tables: [topic."<pattern>"]'],
    ['[topic]\norders = 5', '[topic."orders"] must be a table'],
    ['[topic."a b"]', '[topic."a b"] is no topic name, nor a pattern of names with *'],
    ['[topic."a?"]', '[topic."a?"] is no topic name, nor a pattern of names with *'],
    ['[topic.a]\nmax_attempt = 5', '[topic."a"] has no key max_attempt; it may have max_attempts, dead_letter_topic_suffix'],
    ['[topic.a]\nmem_queue_size = 5', '[topic."a"] has no key mem_queue_size; it may have max_attempts'],
    ['[topic.a]\nmax_attempts = "x"', '[topic."a"] failed to coerce value x for max_attempts - strconv.ParseInt'],
    ['[topic.a]\nmax_attempts = -1', '[topic."a"] --max-attempts must be [0,65535]'],
    ['[topic.a]\nmax_attempts = 65536', '[topic."a"] --max-attempts must be [0,65535]'],
    ['[topic.a]\nmax_topic_bytes = -1', '[topic."a"] --max-topic-bytes must be 0 or more'],
    ['[topic.a]\nmax_topic_age = "-1s"', '[topic."a"] --max-topic-age must be 0 or more'],
    ['[topic.a]\ntopic_overflow = "drop"', '[topic."a"] failed to coerce value drop for topic_overflow - must be refuse or drop-oldest'],
    ['[topic.a]\ndead_letter_topic_suffix = ""', '[topic."a"] --dead-letter-topic-suffix must be 1 to 32 letters'],
  ])('%s is refused', (text, reason) => {
    const rules = rulesOf(text);
    expect(rules).toMatchObject({ ok: false, reason: expect.stringContaining(reason) });
  });
});
