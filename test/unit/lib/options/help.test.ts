// The layout of the usage text (options.md 2.2).

import { expect, it } from 'vitest';

import { usageText } from '../../../../src/lib/options/help.js';
import { BOOLEAN, DURATION, INTEGER, STRING } from '../../../../src/lib/options/scalar-types.js';

it('lists the flags by name, with type words and defaults worth showing', () => {
  const flags = [
    { flag: 'wait', type: DURATION, default: 60_000, help: 'how long' },
    { flag: 'deflate', type: BOOLEAN, default: true, help: 'whether' },
    { flag: 'verbose', type: BOOLEAN, default: false, help: 'not at all' },
    { flag: 'name', type: STRING, default: 'a"b', help: 'who' },
    { flag: 'none', type: STRING, default: '', help: 'nobody' },
    { flag: 'size', type: INTEGER, default: 0, help: 'how much' },
  ];
  expect(usageText('nsqd', flags)).toBe([
    'Usage of nsqd:',
    '  -deflate', '    \twhether (default true)',
    '  -name string', '    \twho (default "a\\"b")',
    '  -none string', '    \tnobody',
    '  -size int', '    \thow much',
    '  -verbose', '    \tnot at all',
    '  -wait duration', '    \thow long (default 1m0s)',
    '',
  ].join('\n'));
});
