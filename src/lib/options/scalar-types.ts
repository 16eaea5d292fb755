// The option types that hold one value: strings, choices, integers, durations, booleans and the log level.

import { LogLevel, parseLogLevel } from '../log/logger.js';
import { formatDuration, nanosecondsOf, parseDuration } from './duration.js';
import { NOT_AN_INTEGER, parseDecimalInteger, parseGoInteger } from './go-integer.js';
import { parseGoBool } from './go-bool.js';
import { quoteLikeGo } from '../text/go-quote.js';
import { parsed, refused, type Parsed } from './parsed.js';
import { describeTomlValue, goTypeName, type TomlValue } from './toml-value.js';
import type { ValueType } from './value-type.js';

export const STRING: ValueType<string> = {
  word: 'string',
  isBooleanStyle: false,
  parseFlag: parsed,
  // DEVIATION(strict-config-file): stock nsqd takes other types and stores Go's formatting noise, `%!s(int64=5)`; here they are refused.
  parseConfig: (value) => (value.kind === 'string' ? parsed(value.value) : wrongType('string', value)),
  printDefault: (value) => (value === '' ? '' : quoteLikeGo(value)),
  show: (value) => value,
};

/** A string that must be one of the given words. */
export function choiceOf<const T extends string>(words: readonly T[]): ValueType<T> {
  const last = words.length - 1;
  const reason = `must be ${words.slice(0, last).join(', ')} or ${words[last]}`;
  const parse = (text: string): Parsed<T> => {
    const word = words.find((candidate) => candidate === text);
    return word === undefined ? refused(reason) : parsed(word);
  };
  return {
    word: 'string',
    isBooleanStyle: false,
    parseFlag: parse,
    parseConfig: (value) => (value.kind === 'string' ? parse(value.value) : wrongType('string', value)),
    printDefault: quoteLikeGo,
    show: (value) => value,
  };
}

/** 64-bit integers, kept as numbers. */
export const INTEGER: ValueType<number> = {
  word: 'int',
  isBooleanStyle: false,
  parseFlag: parseGoInteger,
  parseConfig: (value) => {
    if (value.kind === 'integer') return parsed(Number(value.value));
    return value.kind === 'string' ? parseConfigInteger(value.value) : wrongType('int64', value);
  },
  printDefault: (value) => (value === 0 ? '' : String(value)),
  show: (value) => value,
};

function parseConfigInteger(text: string): Parsed<number> {
  const number = parseDecimalInteger(text);
  if (number.ok) return number;
  const reason = number.reason === NOT_AN_INTEGER ? 'invalid syntax' : number.reason;
  return refused(`strconv.ParseInt: parsing ${quoteLikeGo(text)}: ${reason}`);
}

/** Milliseconds with fractions; GET /config shows nanoseconds. */
export const DURATION: ValueType<number> = {
  word: 'duration',
  isBooleanStyle: false,
  parseFlag: (text) => {
    const duration = parseDuration(text);
    // Go's flag package hides the reason.
    return duration.ok ? duration : refused('parse error');
  },
  parseConfig: (value) => {
    // Integers are milliseconds, from the time before nsqd had durations.
    if (value.kind === 'integer') return parsed(Number(value.value));
    return value.kind === 'string' ? parseDuration(value.value) : wrongType('time.Duration', value);
  },
  printDefault: (value) => (value === 0 ? '' : formatDuration(value)),
  show: nanosecondsOf,
};

export const BOOLEAN: ValueType<boolean> = {
  word: '',
  isBooleanStyle: true,
  parseFlag: parseGoBool,
  // DEVIATION(strict-config-file): stock nsqd takes an integer for the opposite of what it says, 0 for true; here it is refused.
  parseConfig: (value) => {
    if (value.kind === 'boolean') return parsed(value.value);
    return value.kind === 'string' ? parseConfigBoolean(value.value) : wrongType('bool', value);
  },
  printDefault: (value) => (value ? 'true' : ''),
  show: (value) => value,
};

function parseConfigBoolean(text: string): Parsed<boolean> {
  const boolean = parseGoBool(text);
  return boolean.ok ? boolean : refused(`strconv.ParseBool: parsing ${quoteLikeGo(text)}: invalid syntax`);
}

export const LOG_LEVEL: ValueType<LogLevel> = {
  word: 'value',
  isBooleanStyle: false,
  parseFlag: parseLevel,
  parseConfig: (value) => parseLevel(describeTomlValue(value)),
  printDefault: (value) => levelName(value).toUpperCase(),
  show: (value) => value,
};

function parseLevel(text: string): Parsed<LogLevel> {
  const level = parseLogLevel(text);
  if (level !== undefined) return parsed(level);
  return refused(`invalid log level '${text}' (${Object.keys(LogLevel).join(', ')})`);
}

function levelName(level: LogLevel): string {
  return Object.entries(LogLevel).find(([, number]) => number === level)?.[0] ?? '';
}

function wrongType(expected: string, value: TomlValue): { readonly ok: false; readonly reason: string } {
  return refused(`invalid ${expected} value type ${goTypeName(value)}`);
}
