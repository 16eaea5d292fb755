// The figures that cases return: what they are called, and how they are written. Those that have no column of their own
// stand among the remarks.

const FIGURES = {
  perSecond: { label: 'msg/s', format: thousands },
  cpuUsPerMessage: { label: 'CPU us/msg', format: fixed(2) },
  publishedPerSecond: { label: 'in', format: thousands },
  deliveredPerSecond: { label: 'out', format: thousands },
  p50Ms: { label: 'p50', format: milliseconds },
  p99Ms: { label: 'p99', format: milliseconds },
  p999Ms: { label: 'p99.9', format: milliseconds },
  maxMs: { label: 'max', format: milliseconds },
  senderLagP99Ms: { label: 'sender lag p99', format: milliseconds },
  loopDelayMaxMs: { label: 'longest stall', format: milliseconds },
  peakRssMb: { label: 'peak RSS', format: megabytes },
  rssMb: { label: 'RSS', format: megabytes },
  rssBytesPerMessage: { label: 'B/message', format: fixed(0) },
  rssBytesPerConnection: { label: 'B/connection', format: fixed(0) },
  idleCpuShare: { label: 'idle CPU', format: (value) => `${(value * 100).toFixed(3)} %` },
  loadCpuShare: { label: 'load CPU', format: percent },
  othersCores: { label: 'others', format: percent },
  startSeconds: { label: 'start', format: seconds },
  stopSeconds: { label: 'stop', format: seconds },
  startAfterKillSeconds: { label: 'start after kill -9', format: seconds },
  flatness: { label: 'highest / lowest cost', format: fixed(2) },
  exchangeAloneUs: { label: 'in step alone, CPU us/msg', format: fixed(2) },
  drainAloneUs: { label: 'drain alone, CPU us/msg', format: fixed(2) },
};
const COST_AT = /^cpuUsAt(\d+)$/;

export function labelOf(figure) {
  const costAt = COST_AT.exec(figure);
  return costAt === null ? FIGURES[figure].label : `CPU us/msg at ${Number(costAt[1]).toLocaleString('en')}`;
}

export function formatFigure(figure, value) {
  if (!Number.isFinite(value)) return '-';
  return COST_AT.test(figure) ? value.toFixed(2) : FIGURES[figure].format(value);
}

/**
 * The figures of one run, from what a case returned: a rate and its CPU time where messages were counted. Throws for
 * anything that is not a number.
 */
export function figuresOf(result, measuredBesides) {
  const { messages, seconds: duration, cpuSeconds, publishedTotal: _, ...others } = result;
  const rate = messages === undefined ? {} : { perSecond: messages / duration, cpuUsPerMessage: (cpuSeconds * 1e6) / messages };
  if (messages === 0) throw new Error('no message in the measured time');
  const figures = { ...rate, ...others, ...measuredBesides };
  for (const [figure, value] of Object.entries(figures)) {
    if (!Number.isFinite(value)) throw new Error(`${labelOf(figure)} is ${value}`);
  }
  return figures;
}

/** Median, minimum and maximum of every figure of the runs. */
export function summarize(runs) {
  const summary = {};
  for (const figure of Object.keys(runs[0])) {
    const values = runs.map((run) => run[figure]).filter(Number.isFinite).sort((a, b) => a - b);
    summary[figure] = { median: median(values), min: values[0], max: values.at(-1) };
  }
  return summary;
}

function median(sorted) {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function thousands(value) {
  return `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)}k`;
}

function percent(share) {
  return `${(share * 100).toFixed(0)} %`;
}

function milliseconds(value) {
  return `${value.toFixed(value < 10 ? 3 : 1)} ms`;
}

function seconds(value) {
  return `${value.toFixed(2)} s`;
}

function megabytes(value) {
  return `${value.toFixed(0)} MB`;
}

function fixed(digits) {
  return (value) => value.toFixed(digits);
}
