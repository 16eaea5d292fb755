// Damaged command lines, config files and values: each is read or refused with a reason, quickly, and whatever is accepted
// is a number that the daemon can count with.

import { describe, expect, it } from 'vitest';

import { formatDuration, parseDuration } from '../../src/lib/options/duration.js';
import { parseGoBool } from '../../src/lib/options/go-bool.js';
import { parseGoFloat } from '../../src/lib/options/go-float.js';
import { parseDecimalInteger, parseGoInteger } from '../../src/lib/options/go-integer.js';
import { parseToml } from '../../src/lib/options/parse-toml.js';
import { TomlError } from '../../src/lib/options/toml-value.js';
import { resolveCommandLine } from '../../src/nsqd/command-line.js';
import { OPTION_ROWS } from '../../src/nsqd/options.js';
import { fuzz, mutated, mutatedText } from '../support/fuzz.js';

/** Every form of TOML, and every kind of option. */
const CONFIG = `# comment
log_level = "info"
id = 5
tcp_address = '127.0.0.1:0'
nsqlookupd_tcp_addresses = [
  "127.0.0.1:4160", # one
  'b:1',
]
msg_timeout = "1m30s"
max_msg_timeout = 5000
mem_queue_size = 0x1_0
max_msg_size = "77"
e2e_processing_latency_percentiles = [1.0, 0.99, 5e-1, 1]
tls_required = false
tls_min_version = "tls1.2"
deflate = "T"
statsd_prefix = """
two \\
  lines"""
topology_zone = "\\u00e9\\U0001f600"
date = 2026-11-21T04:46:48.5Z
a.b."c d" = { x = 1, y.z = [[1], [2]] }
[table]
n = nan
[[many.times]]
i = -inf
`;
const CONFIG_WORDS = ['[', ']', '[[', '{', '}', '"', "'", '"""', "'''", '=', '.', ',', '#', '\n', '\r\n', '\\u', '\\', '_', 'inf', '-', 'e', '0x', ...OPTION_ROWS.keys()];
const ARGUMENTS = [...OPTION_ROWS.values()].map(({ flag, default: value }) => `--${flag}=${String(value)}`);
const ARGUMENT_WORDS = ['-', '--', '=', '--config=/nsqd.cfg', 'true', '1h', '0x', 'NaN', 'inf', '-1', '9223372036854775807', '\u0000', '%s', '%'];
const VALUES = ['1h2m3.5s', '-1.5h', '.5s', '5.s', '100\u00b5s', '9223372036854775807ns', '0x1F', '0b101', '0o17', '017', '1_000', 'T', 'false', '1e-8', '+Inf', 'nan', '1.5'];
const SLOW_MS = 1000;

function quickly(what: string, action: () => void): void {
  const startMs = performance.now();
  action();
  expect(performance.now() - startMs, `milliseconds for ${what}`).toBeLessThan(SLOW_MS);
}

function resolve(argv: readonly string[], config: Uint8Array): void {
  const result = resolveCommandLine(argv, { readFile: () => config, nowMs: () => 0 });
  if (result.kind === 'exit') {
    expect([0, 1, 2]).toContain(result.code);
    if (result.stdout === '') expect(result.stderr).not.toBe('');
    return;
  }
  for (const [field, { flag }] of OPTION_ROWS) {
    const value: unknown = result.options[field];
    expect(value, flag).toBeDefined();
    if (typeof value === 'number') expect(value, flag).not.toBeNaN();
  }
}

function readToml(bytes: Uint8Array): void {
  try {
    parseToml(bytes);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
  }
}

describe('options', () => {
  it('reads or refuses damaged config files', async () => {
    await fuzz({ name: 'config file', share: 0.03 }, (prng, note) => {
      const bytes = mutated(prng, Buffer.from(CONFIG), CONFIG_WORDS);
      note(bytes);
      quickly('a config file', () => {
        readToml(bytes);
        resolve(['--config=/nsqd.cfg'], bytes);
      });
    });
  });

  it('reads or refuses damaged command lines', async () => {
    await fuzz({ name: 'command line', share: 0.02 }, (prng, note) => {
      const argv = Array.from({ length: prng.integer(1, 4) }, () => mutatedText(prng, prng.pick(ARGUMENTS), ARGUMENT_WORDS));
      note(JSON.stringify(argv));
      quickly('a command line', () => resolve(argv, Buffer.from(CONFIG)));
    });
  });

  it('reads or refuses damaged values', async () => {
    await fuzz({ name: 'values', share: 0.01 }, (prng, note) => {
      const text = mutatedText(prng, prng.pick(VALUES), ['h', 'ms', '\u00b5s', '.', '_', '0x', '-', 'e']);
      note(text);
      const duration = parseDuration(text);
      // What is printed is read again as the same, up to what a double holds.
      if (duration.ok) {
        const again = parseDuration(formatDuration(duration.value));
        if (Math.abs(duration.value) < 9e12) expect(again).toEqual(duration);
      }
      for (const parsed of [parseGoInteger(text), parseDecimalInteger(text)]) {
        if (parsed.ok) expect(Number.isInteger(parsed.value)).toBe(true);
      }
      parseGoBool(text);
      parseGoFloat(text);
    });
  });

  it.each([
    ['arrays nested too deeply', `a = ${'['.repeat(100_000)}`],
    ['inline tables nested too deeply', `a = ${'{a='.repeat(100_000)}`],
    ['a key of very many parts', `${'a.'.repeat(20_000)}a = 1`],
    ['a number of very many digits', `mem_queue_size = "${'9'.repeat(500_000)}"`],
    ['a duration of very many digits', `msg_timeout = "${'9'.repeat(500_000)}s"`],
    ['a duration of very many decimals', `msg_timeout = "1.${'9'.repeat(500_000)}s"`],
    ['an integer of very many digits', `mem_queue_size = ${'9'.repeat(500_000)}`],
    ['a duration of very many parts', `msg_timeout = "${'1h'.repeat(100_000)}"`],
    ['a comment of very many lines', '#\n'.repeat(200_000)],
    ['very many keys', Array.from({ length: 20_000 }, (_, index) => `k${index} = 1`).join('\n')],
    ['a string that never ends', `a = "${'\\\\'.repeat(200_000)}`],
  ])('takes little time for %s', (_, config) => {
    quickly('it', () => resolve(['--config=/nsqd.cfg'], Buffer.from(config)));
  });
});
