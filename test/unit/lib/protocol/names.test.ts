import { describe, expect, it } from 'vitest';

import { isEphemeralName, isValidName } from '../../../../src/lib/protocol/names.js';

describe('isValidName', () => {
  it.each(['a', '.', '-', '_', 'A.b-c_9', 'a#ephemeral', 'x'.repeat(64), `${'x'.repeat(54)}#ephemeral`])('accepts %s', (name) => {
    expect(isValidName(name)).toBe(true);
  });

  it.each([
    '', ' ', 'a b', 'a\n', '\na', 'a:b', 'a/b', 'ä', '#ephemeral', 'a#', 'a#ephemeralx', 'a#ephemeral#ephemeral', 'a#EPHEMERAL',
    'x'.repeat(65), `${'x'.repeat(55)}#ephemeral`,
  ])('refuses %j', (name) => {
    expect(isValidName(name)).toBe(false);
  });
});

describe('isEphemeralName', () => {
  it.each([['a#ephemeral', true], ['a', false], ['ephemeral', false], ['a#ephemeral.b', false]])('%s: %s', (name, expected) => {
    expect(isEphemeralName(name)).toBe(expected);
  });
});
