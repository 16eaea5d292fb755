// From the command line to the options nsqd runs with, or to the text and exit code it ends with (options.md 1 to 7).
// Nothing is printed and nothing exits here; the only contact with the world is reading the config file.

import { getSystemErrorMap } from 'node:util';

import { formatLogLine, LogLevel } from '../lib/log/logger.js';
import { formatSecond, wallClockMs } from '../lib/log/timestamp.js';
import { usageText } from '../lib/options/help.js';
import { parseArgv, type ArgvResult } from '../lib/options/parse-argv.js';
import { parseToml } from '../lib/options/parse-toml.js';
import { parsed, refused, type Parsed } from '../lib/options/parsed.js';
import { describeTomlValue, TomlError, type TomlTable } from '../lib/options/toml-value.js';
import { findOptionProblem, withImpliedValues } from './check-options.js';
import { COMMAND_FLAGS } from './option-table.js';
import { isConfigKey, OPTION_ROWS, optionsFrom, type OptionField, type Options } from './options.js';
import { topicRulesOf } from './topic-rules.js';
import { VERSION_LINE } from './version.js';

/** What the command line needs from the world. */
export interface CommandLineIo {
  /** Returns the bytes of a file or throws a system error, like readFileSync. */
  readonly readFile: (path: string) => Uint8Array;
  /** Unix time in milliseconds, for the dates in messages. Default: the system's clock. */
  readonly nowMs?: () => number;
}

export type CommandLineResult =
  | {
      readonly kind: 'run';
      readonly options: Options;
      /** Mistakes that stock nsqd ignores, to be logged as warnings once the log exists. */
      readonly warnings: readonly string[];
    }
  | Exit;

/** What to print and the exit code to end with. */
export interface Exit {
  readonly kind: 'exit';
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Failures before the log is set up have this prefix, whatever --log-prefix says (options.md 10.3). */
const START_UP_LOG_PREFIX = '[nsqd] ';

/** Config values that are checked first, and even if a flag overrides them, in this order (options.md 1). */
const SPECIAL_FIELDS: readonly OptionField[] = ['tlsRequired', 'tlsMinVersion', 'logLevel'];

const ALL_FLAGS = [...COMMAND_FLAGS, ...OPTION_ROWS.values()];
const NO_CONFIG: TomlTable = { kind: 'table', entries: new Map() };

/** Resolves the arguments, without node and script, and the config file they name. Flag beats file beats default. */
export function resolveCommandLine(argv: readonly string[], io: CommandLineIo): CommandLineResult {
  const nowMs = io.nowMs ?? wallClockMs;
  const given = parseArgv(argv, ALL_FLAGS);
  if (given.kind !== 'values') return exitAfterMistake(given, nowMs());
  if (given.values.get('version') === true) {
    return { kind: 'exit', code: 0, stdout: `${VERSION_LINE}\n`, stderr: '' };
  }

  const path = String(given.values.get('config') ?? '');
  const config = path === '' ? parsed(NO_CONFIG) : readConfigFile(path, io);
  if (!config.ok) return startUpFailure(config.reason, nowMs());
  const badSpecial = findBadSpecialValue(config.value);
  if (badSpecial !== undefined) return startUpFailure(badSpecial, nowMs());

  const resolved = resolveOptions(given.values, config.value);
  if (!resolved.ok) return exit(1, `${formatSecond(nowMs())} ERROR: ${resolved.reason}\n`);
  const topicRules = topicRulesOf(config.value);
  if (!topicRules.ok) return startUpFailure(`config file ${path}: ${topicRules.reason}`, nowMs());
  const options = withImpliedValues({ ...resolved.value, topicRules: topicRules.value });
  const problem = findOptionProblem(options);
  if (problem !== undefined) return startUpFailure(`failed to instantiate nsqd - ${problem}`, nowMs());
  return { kind: 'run', options, warnings: warningsAbout(path, config.value) };
}

/** How every failure to start ends: with `[nsqd] <date> FATAL: <text>` and exit code 1 (options.md 7.2). */
export function startUpFailure(text: string, nowMs = wallClockMs()): Exit {
  return exit(1, formatLogLine(START_UP_LOG_PREFIX, LogLevel.fatal, text, nowMs));
}

function exitAfterMistake(mistake: Exclude<ArgvResult, { kind: 'values' }>, nowMs: number): Exit {
  switch (mistake.kind) {
    case 'help':
      return exit(0, usageText('nsqd', ALL_FLAGS));
    case 'error':
      return exit(2, `${mistake.message}\n${usageText('nsqd', ALL_FLAGS)}`);
    case 'fatal':
      return exit(1, `${formatSecond(nowMs)} ${mistake.message}\n`);
  }
}

function exit(code: number, stderr: string): Exit {
  return { kind: 'exit', code, stdout: '', stderr };
}

function readConfigFile(path: string, io: CommandLineIo): Parsed<TomlTable> {
  const failure = `failed to load config file ${path} -`;
  try {
    return parsed(parseToml(io.readFile(path)));
  } catch (error) {
    return refused(`${failure} ${error instanceof TomlError ? error.message : describeReadError(path, error)}`);
  }
}

/** A system error worded as Go does: `open /nope.cfg: no such file or directory`. */
function describeReadError(path: string, error: unknown): string {
  const { syscall, errno } = error as NodeJS.ErrnoException;
  const [, text] = (errno === undefined ? undefined : getSystemErrorMap().get(errno)) ?? [];
  return syscall === undefined || text === undefined ? String(error) : `${syscall} ${path}: ${text}`;
}

function findBadSpecialValue(config: TomlTable): string | undefined {
  for (const field of SPECIAL_FIELDS) {
    const row = OPTION_ROWS.get(field);
    const value = row && config.entries.get(row.key);
    if (row !== undefined && value !== undefined && !row.type.parseConfig(value).ok) {
      return `failed parsing ${row.key} ${describeTomlValue(value)}`;
    }
  }
  return undefined;
}

/** One value per option. Refuses with the first config value that does not fit its option. */
function resolveOptions(flags: ReadonlyMap<string, unknown>, config: TomlTable): Parsed<Options> {
  const values = new Map<OptionField, unknown>();
  for (const [field, { flag, key, type, default: defaultValue }] of OPTION_ROWS) {
    const configured = config.entries.get(key);
    if (flags.has(flag)) {
      values.set(field, flags.get(flag));
    } else if (configured === undefined) {
      values.set(field, defaultValue);
    } else {
      const value = type.parseConfig(configured);
      if (!value.ok) {
        return refused(`Resolve failed to coerce value ${describeTomlValue(configured)} for ${key} - ${value.reason}`);
      }
      values.set(field, value.value);
    }
  }
  return parsed(optionsFrom((field) => values.get(field)));
}

/** Misspelt keys would otherwise go unnoticed. Tables are left alone: other programs may share the file. */
function warningsAbout(path: string, config: TomlTable): string[] {
  const unknown = [...config.entries].filter(([key, value]) => value.kind !== 'table' && !isConfigKey(key));
  return unknown.map(([key]) => `config file ${path}: unknown key ${key} is ignored`);
}
