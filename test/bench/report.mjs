// From the runs of a case to figures a reader can compare: median and spread, as a table and as data.

const COLUMNS = ['case', 'daemon', 'msg/s', 'spread', 'CPU us/msg', 'peak RSS', 'load CPU', 'others', 'remarks'];

/** From this share of one core on, the load generator may be what limits the rate. */
const LOAD_IS_LIMIT_SHARE = 0.95;

/** Median, minimum and maximum of every figure that all runs have. */
export function summarize(runs) {
  const summary = {};
  for (const figure of Object.keys(runs[0])) {
    const values = runs.map((run) => run[figure]).sort((a, b) => a - b);
    summary[figure] = { median: median(values), min: values[0], max: values.at(-1) };
  }
  return summary;
}

/** The figures of one run, from what a case returned. */
export function figuresOf(result, { peakRssMb, othersCores }) {
  const { messages, seconds, cpuSeconds, ...others } = result;
  delete others.publishedTotal;
  const cpuUsPerMessage = (cpuSeconds * 1e6) / messages;
  return { perSecond: messages / seconds, cpuUsPerMessage, peakRssMb, othersCores, ...others };
}

/** One run, printed as soon as it is over. */
export function runLine({ perSecond, cpuUsPerMessage, loadCpuShare, othersCores }) {
  const percent = (share) => `${(share * 100).toFixed(0)} %`;
  const rate = `${Math.round(perSecond).toLocaleString('en')} msg/s`.padStart(16);
  const cpu = `${cpuUsPerMessage.toFixed(2)} us/msg, load CPU ${percent(loadCpuShare)}`;
  return `${rate}  ${cpu}, others ${percent(othersCores)}`;
}

export function table(results) {
  const rows = results.map(({ name, daemon, summary }) => [
    name,
    daemon,
    `${isLoadTheLimit(summary) ? '>=' : ''}${thousands(summary.perSecond.median)}`,
    `${thousands(summary.perSecond.min)} - ${thousands(summary.perSecond.max)}`,
    summary.cpuUsPerMessage.median.toFixed(2),
    `${summary.peakRssMb.median.toFixed(0)} MB`,
    `${(summary.loadCpuShare.median * 100).toFixed(0)} %`,
    `${(summary.othersCores.median * 100).toFixed(0)} %`,
    remarks(summary),
  ]);
  return layOut([COLUMNS, ...rows]);
}

function remarks(summary) {
  if (summary.p50Ms !== undefined) {
    const { p50Ms, p99Ms, p999Ms, senderLagP99Ms } = summary;
    const parts = [['p50', p50Ms], ['p99', p99Ms], ['p99.9', p999Ms], ['sender lag p99', senderLagP99Ms]];
    return parts.map(([label, figure]) => `${label} ${range(figure)}`).join(', ');
  }
  if (summary.publishedPerSecond === undefined) return '';
  const { publishedPerSecond, deliveredPerSecond } = summary;
  return `in ${thousands(publishedPerSecond.median)}, out ${thousands(deliveredPerSecond.median)}`;
}

function range({ median: middle, min, max }) {
  return `${middle.toFixed(2)} ms (${min.toFixed(2)} - ${max.toFixed(2)})`;
}

function isLoadTheLimit(summary) {
  return summary.p50Ms === undefined && summary.loadCpuShare.median >= LOAD_IS_LIMIT_SHARE;
}

function layOut(rows) {
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()).join('\n');
}

function thousands(value) {
  return `${(value / 1000).toFixed(value < 10_000 ? 1 : 0)}k`;
}

function median(sorted) {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
