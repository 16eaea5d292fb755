// The text format against literal lines; scrapers parse it strictly.

import { describe, expect, it } from 'vitest';

import { Exposition, labelText } from '../../../../src/lib/metrics/exposition.js';
import { Histogram } from '../../../../src/lib/metrics/histogram.js';

describe('Exposition', () => {
  it('writes help, type and samples', () => {
    const exposition = new Exposition();
    exposition.family('a_total', 'counter', 'What it counts.').add(3).add(0.5, labelText({ x: 'y', z: '' }));
    expect(exposition.text()).toBe(
      '# HELP a_total What it counts.\n# TYPE a_total counter\na_total 3\na_total{x="y",z=""} 0.5\n',
    );
  });

  it('keeps the samples of a name together', () => {
    const exposition = new Exposition();
    const [a, b] = ['a', 'b'].map((name) => exposition.family(name, 'gauge', 'h'));
    a!.add(1);
    b!.add(2);
    a!.add(3, labelText({ l: 'v' }));
    expect(exposition.text().split('\n').filter((line) => !line.startsWith('#'))).toEqual(['a 1', 'a{l="v"} 3', 'b 2', '']);
  });

  it('leaves out names without samples', () => {
    const exposition = new Exposition();
    exposition.family('a', 'gauge', 'h');
    expect(exposition.text()).toBe('');
  });

  it('escapes help', () => {
    const exposition = new Exposition();
    exposition.family('a', 'gauge', 'back\\slash "quoted"\nnext').add(1);
    expect(exposition.text().split('\n')[0]).toBe('# HELP a back\\\\slash "quoted"\\nnext');
  });

  it.each([
    ['plain', 'plain'], ['\\', '\\\\'], ['"', '\\"'], ['\n', '\\n'], ['\\n', '\\\\n'], ['a"b\\c\nd', 'a\\"b\\\\c\\nd'], ['ü€\u{1f600}', 'ü€\u{1f600}'],
  ])('escapes the value %j', (value, text) => {
    expect(labelText({ l: value })).toBe(`l="${text}"`);
  });

  it.each([
    [0, '0'], [-0, '0'], [1, '1'], [1.5e-5, '0.000015'], [1e-7, '1e-7'], [2 ** 53, '9007199254740992'], [1e21, '1e+21'],
    [Infinity, '+Inf'], [-Infinity, '-Inf'], [NaN, 'NaN'],
  ])('writes the number %d', (value, text) => {
    const exposition = new Exposition();
    exposition.family('a', 'gauge', 'h').add(value);
    expect(exposition.text()).toContain(`\na ${text}\n`);
  });

  it('writes histograms with rising counts', () => {
    const histogram = new Histogram([0.1, 1]);
    for (const value of [0.1, 0.2, 5]) histogram.observe(value);
    const exposition = new Exposition();
    exposition.family('h', 'histogram', 'h').addHistogram(histogram, labelText({ l: 'v' }));
    expect(exposition.text().split('\n').slice(2)).toEqual([
      'h_bucket{l="v",le="0.1"} 1', 'h_bucket{l="v",le="1"} 2', 'h_bucket{l="v",le="+Inf"} 3', 'h_sum{l="v"} 5.3', 'h_count{l="v"} 3', '',
    ]);
  });

  it('writes summaries', () => {
    const exposition = new Exposition();
    exposition.family('s', 'summary', 'h').addQuantile(0.99, 2).addTotals(10, 4);
    expect(exposition.text().split('\n').slice(2)).toEqual(['s{quantile="0.99"} 2', 's_sum 10', 's_count 4', '']);
  });

  it.each(['', '1a', 'a-b', 'a b', 'ä'])('refuses the name %j', (name) => {
    expect(() => new Exposition().family(name, 'gauge', 'h')).toThrow(RangeError);
  });

  it.each(['', '1a', 'a:b', '__name__'])('refuses the label %j', (name) => {
    expect(() => labelText({ [name]: 'v' })).toThrow(RangeError);
  });

  it('refuses a name that is there', () => {
    const exposition = new Exposition();
    exposition.family('a', 'gauge', 'h');
    expect(() => exposition.family('a', 'gauge', 'h')).toThrow('a is there already');
  });
});
