import { describe, expect, it } from 'vitest';

import { formatMetadata, parseMetadata } from '../../../../src/nsqd/storage/metadata-file.js';

describe('formatMetadata', () => {
  it.each([
    ['nothing', [], '{"topics":null,"version":"1.3.0"}'],
    [
      'a topic without channels', [{ name: 'orders', paused: false, channels: [] }],
      '{"topics":[{"name":"orders","paused":false,"channels":null}],"version":"1.3.0"}',
    ],
    [
      'a paused topic with a channel', [{ name: 'orders', paused: true, channels: [{ name: 'audit', paused: false }] }],
      '{"topics":[{"name":"orders","paused":true,"channels":[{"name":"audit","paused":false}]}],"version":"1.3.0"}',
    ],
    [
      'nothing ephemeral',
      [
        { name: 'e#ephemeral', paused: false, channels: [{ name: 'c', paused: false }] },
        { name: 't', paused: false, channels: [{ name: 'c#ephemeral', paused: false }] },
      ],
      '{"topics":[{"name":"t","paused":false,"channels":null}],"version":"1.3.0"}',
    ],
  ])('lists %s', (_name, topics, text) => {
    expect(formatMetadata(topics, '1.3.0')).toBe(text);
  });
});

describe('parseMetadata', () => {
  it.each(['null', '{}', '{"topics":null}', '{"topics":[]}'])('finds no topics in %s', (text) => {
    expect(parseMetadata(text)).toEqual({ topics: [], warnings: [] });
  });

  it('accepts keys in any letter case, missing and unknown ones', () => {
    const text = '{"TOPICS":[{"Name":"t","PAUSED":true,"x":1,"Channels":[{"name":"c"}]}],"version":"9"}';
    expect(parseMetadata(text).topics).toEqual([{ name: 't', paused: true, channels: [{ name: 'c', paused: false }] }]);
  });

  it('leaves out invalid names and says so', () => {
    const { topics, warnings } = parseMetadata('{"topics":[{"name":"a b"},{"name":"t","channels":[{"name":""},{"name":"c"}]},{},null]}');
    expect(topics).toEqual([{ name: 't', paused: false, channels: [{ name: 'c', paused: false }] }]);
    expect(warnings).toHaveLength(4);
  });

  it.each(['', '{', 'x', '{"topics":[}', '{"topics":"x"}', '[]', '1'])('refuses %j', (text) => {
    expect(() => parseMetadata(text)).toThrow(SyntaxError);
  });
});
