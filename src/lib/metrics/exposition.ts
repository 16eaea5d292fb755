// Writes metrics in Prometheus' text format, version 0.0.4:
//
//   # HELP name what it is          \ and line ends escaped
//   # TYPE name counter
//   name{label="value"} 1           \, " and line ends escaped
//
// All samples of a name stand together whatever the order in which they were added.

import type { Histogram } from './histogram.js';

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Labels as they stand between the braces; made by `labelText` once and used for many samples. */
export type LabelText = string & { readonly brand: 'labels' };

export const NO_LABELS = '' as LabelText;

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary';

/** Throws RangeError for a name that is none. Values may be any text. */
export function labelText(labels: Readonly<Record<string, string>>): LabelText {
  const pairs = Object.entries(labels).map(([name, value]) => {
    if (!LABEL_NAME.test(name)) throw new RangeError(`${name} is no name of a label`);
    return `${name}="${escapeValue(value)}"`;
  });
  return pairs.join(',') as LabelText;
}

/** The samples of one name. */
export class Family {
  readonly #name: string;
  readonly #lines: string[];

  constructor(name: string, type: MetricType, help: string) {
    this.#name = name;
    this.#lines = [`# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`];
  }

  add(value: number, labels: LabelText = NO_LABELS): this {
    return this.#line('', labels, value);
  }

  addHistogram(histogram: Histogram, labels: LabelText = NO_LABELS): this {
    const counts = histogram.cumulativeCounts();
    histogram.bounds.forEach((bound, index) => {
      this.#line('_bucket', joined(labels, `le="${valueText(bound)}"`), counts[index]!);
    });
    this.#line('_bucket', joined(labels, 'le="+Inf"'), histogram.count);
    return this.addTotals(histogram.sum, histogram.count, labels);
  }

  /** One quantile of a summary. */
  addQuantile(quantile: number, value: number, labels: LabelText = NO_LABELS): this {
    return this.#line('', joined(labels, `quantile="${valueText(quantile)}"`), value);
  }

  /** The end of a histogram or summary. */
  addTotals(sum: number, count: number, labels: LabelText = NO_LABELS): this {
    return this.#line('_sum', labels, sum).#line('_count', labels, count);
  }

  /** Nothing for a family without samples. */
  text(): string {
    return this.#lines.length === 1 ? '' : this.#lines.join('');
  }

  #line(suffix: string, labels: string, value: number): this {
    const braced = labels === '' ? '' : `{${labels}}`;
    this.#lines.push(`${this.#name}${suffix}${braced} ${valueText(value)}\n`);
    return this;
  }
}

export class Exposition {
  readonly #families = new Map<string, Family>();

  /** Throws RangeError for a name that is none, or was begun before. */
  family(name: string, type: MetricType, help: string): Family {
    if (!METRIC_NAME.test(name)) throw new RangeError(`${name} is no name of a metric`);
    if (this.#families.has(name)) throw new RangeError(`${name} is there already`);
    const family = new Family(name, type, help);
    this.#families.set(name, family);
    return family;
  }

  text(): string {
    return [...this.#families.values()].map((family) => family.text()).join('');
  }
}

function joined(labels: string, last: string): string {
  return labels === '' ? last : `${labels},${last}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeValue(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

function valueText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
