// Log lines and levels (options.md 10).

import { describe, expect, it } from 'vitest';

import { formatLogLine, Logger, LogLevel, parseLogLevel } from '../../../../src/lib/log/logger.js';

/** 2026/11/21 00:18:07.975873 in whatever zone the test runs. */
const TIME_MS = new Date(2026, 10, 21, 0, 18, 7, 975).getTime() + 0.8735;
const TIME = '2026/11/21 00:18:07.975873';

function createLogger(level: LogLevel): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const logger = new Logger({ prefix: '[nsqd] ', level, write: (line) => lines.push(line), nowMs: () => TIME_MS });
  return { logger, lines };
}

function logOnAllLevels(logger: Logger): void {
  logger.debug('a');
  logger.info('b');
  logger.warn('c');
  logger.error('d');
  logger.fatal('e');
}

describe('Logger', () => {
  it('writes prefix, local time with microseconds, level and message', () => {
    const { logger, lines } = createLogger(LogLevel.debug);
    logOnAllLevels(logger);
    expect(lines).toEqual([
      `[nsqd] ${TIME} DEBUG: a\n`,
      `[nsqd] ${TIME} INFO: b\n`,
      `[nsqd] ${TIME} WARNING: c\n`,
      `[nsqd] ${TIME} ERROR: d\n`,
      `[nsqd] ${TIME} FATAL: e\n`,
    ]);
  });

  it.each(Object.values(LogLevel))('leaves out what is below level %d', (level) => {
    const { logger, lines } = createLogger(level);
    logOnAllLevels(logger);
    expect(lines).toHaveLength(6 - level);
    expect(Object.values(LogLevel).filter((other) => logger.isEnabled(other))).toHaveLength(6 - level);
  });

  it('changes its level while running', () => {
    const { logger, lines } = createLogger(LogLevel.error);
    logger.info('before');
    logger.setLevel(LogLevel.info);
    logger.info('after');
    expect(lines).toEqual([`[nsqd] ${TIME} INFO: after\n`]);
    expect(logger.level()).toBe(LogLevel.info);
  });
});

describe('formatLogLine', () => {
  it('adds no second newline and prints the prefix as it is', () => {
    expect(formatLogLine('', LogLevel.info, 'x\n', TIME_MS)).toBe(`${TIME} INFO: x\n`);
    expect(formatLogLine('p', LogLevel.info, 'x', TIME_MS)).toBe(`p${TIME} INFO: x\n`);
  });
});

describe('parseLogLevel', () => {
  it.each([
    ['debug', 1], ['info', 2], ['warn', 3], ['error', 4], ['fatal', 5], ['FaTaL', 5],
  ])('takes %s for %d', (name, level) => {
    expect(parseLogLevel(name)).toBe(level);
  });

  it.each(['', 'warning', 'info ', '2', 'toString'])('does not know %j', (name) => {
    expect(parseLogLevel(name)).toBeUndefined();
  });
});
