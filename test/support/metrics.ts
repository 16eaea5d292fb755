// Reads what GET /metrics answers: a strict reader of the part of Prometheus' text format that a daemon writes.

export interface Sample {
  /** Name with its labels as written, `a{b="c"}`. */
  readonly series: string;
  readonly value: number;
}

export interface MetricFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)$/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [''], gauge: [''], summary: ['', '_sum', '_count'], histogram: ['_bucket', '_sum', '_count'],
};

/** Throws Error at the first line that is not as it should be. */
export function parseMetrics(text: string): MetricFamily[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families: { name: string; type: string; help: string; samples: Sample[] }[] = [];
  const seen = new Set<string>();
  for (const line of text.slice(0, -1).split('\n')) {
    const current = families.at(-1);
    const help = /^# HELP (\S+) (.+)$/.exec(line);
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line);
    const sample = SAMPLE.exec(line);
    if (help !== null) {
      if (families.some(({ name }) => name === help[1])) throw new Error(`${help[1]} comes twice`);
      families.push({ name: help[1]!, type: '', help: help[2]!, samples: [] });
    } else if (current === undefined) {
      throw new Error(`unexpected first line: ${line}`);
    } else if (type !== null && current.name === type[1] && current.type === '') {
      current.type = type[2]!;
    } else if (sample !== null && isOf(current, sample[1]!)) {
      const series = sample[1]! + (sample[2] ?? '');
      if (seen.has(series)) throw new Error(`${series} comes twice`);
      seen.add(series);
      current.samples.push({ series, value: Number(sample[3]!.replace('Inf', 'Infinity')) });
    } else {
      throw new Error(`unexpected line: ${line}`);
    }
  }
  return families;
}

function isOf({ name, type }: { name: string; type: string }, sampleName: string): boolean {
  return SUFFIXES[type]?.some((suffix) => sampleName === name + suffix) ?? false;
}

/** Values by series. */
export function valuesOf(text: string): ReadonlyMap<string, number> {
  return new Map(parseMetrics(text).flatMap(({ samples }) => samples.map(({ series, value }) => [series, value] as const)));
}
