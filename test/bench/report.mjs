// What a reader compares: a line for each run, a table of the medians, and whether the goals were reached.

import { formatFigure, labelOf } from './figures.mjs';

const COLUMNS = ['case', 'daemon', 'figure', 'median', 'spread', 'ratio', 'CPU us/msg', 'peak RSS', 'load CPU', 'others', 'remarks'];
const GOAL_COLUMNS = ['case', 'figure', 'ours', 'other', 'ratio', 'goal', 'reached'];
const OWN_COLUMN = new Set(['perSecond', 'cpuUsPerMessage', 'peakRssMb', 'loadCpuShare', 'othersCores']);
/** From this share of one core on, the load generator may be what limits the rate. */
const LOAD_IS_LIMIT_SHARE = 0.95;

/** One run, printed as soon as it is over. */
export function runLine(mainFigure, figures) {
  const names = [mainFigure, ...Object.keys(figures).filter((name) => name !== mainFigure && Number.isFinite(figures[name]))];
  return names.map((name) => `${labelOf(name)} ${formatFigure(name, figures[name])}`).join(', ');
}

/** `results`: for each case and daemon { benchCase, daemon, summary }. */
export function table(results) {
  const rows = results.map(({ benchCase, daemon, summary }) => {
    const main = summary[benchCase.figure];
    const cell = (figure) => (summary[figure] === undefined ? '' : formatFigure(figure, summary[figure].median));
    const bound = benchCase.figure === 'perSecond' && isLoadTheLimit(summary) ? '>=' : '';
    return [
      benchCase.name,
      daemon,
      labelOf(benchCase.figure),
      `${bound}${formatFigure(benchCase.figure, main.median)}`,
      `${formatFigure(benchCase.figure, main.min)} - ${formatFigure(benchCase.figure, main.max)}`,
      daemon === 'ours' ? ratioText(summary, summaryOf(results, benchCase, 'peer'), benchCase.figure) : '',
      cell('cpuUsPerMessage'),
      cell('peakRssMb'),
      cell('loadCpuShare'),
      cell('othersCores'),
      remarks(benchCase, summary),
    ];
  });
  return layOut([COLUMNS, ...rows]);
}

/** A line for each goal of the cases that ours was run in; undefined when there are none. */
export function goalTable(results) {
  const rows = goalsOf(results).map(({ name, figure, ours, other, ratio, goalText, isReached }) => [
    name,
    labelOf(figure),
    formatFigure(figure, ours),
    other === undefined ? '' : formatFigure(figure, other),
    ratio === undefined ? '' : ratio.toFixed(2),
    goalText,
    isReached === undefined ? 'not known' : isReached ? 'yes' : 'NO',
  ]);
  return rows.length === 0 ? undefined : layOut([GOAL_COLUMNS, ...rows]);
}

/** The goals as data: `isReached` is undefined where the other daemon was not run, or the figure is not known. */
export function goalsOf(results) {
  return results.filter(({ daemon }) => daemon === 'ours').flatMap(({ benchCase, summary }) => {
    return benchCase.goals.map((goal) => judge(goal, benchCase, summary, results));
  });
}

function judge(goal, benchCase, summary, results) {
  const { figure, ratioFrom, ratioTo, below, against = 'peer' } = goal;
  const ours = summary[figure]?.median;
  const judged = { name: benchCase.name, figure, ours };
  if (below !== undefined) {
    return { ...judged, goalText: `below ${below}`, isReached: ours === undefined ? undefined : ours < below };
  }
  const goalText = ratioFrom === undefined ? `at most ${ratioTo} x ${against}` : `at least ${ratioFrom} x ${against}`;
  const other = summaryOf(results, benchCase, against)?.[figure]?.median;
  if (ours === undefined || other === undefined) return { ...judged, other, goalText };
  const ratio = ours / other;
  return { ...judged, other, ratio, goalText, isReached: ratioFrom === undefined ? ratio <= ratioTo : ratio >= ratioFrom };
}

function summaryOf(results, benchCase, daemon) {
  return results.find((result) => result.benchCase === benchCase && result.daemon === daemon)?.summary;
}

function ratioText(summary, peerSummary, figure) {
  const [ours, peer] = [summary[figure]?.median, peerSummary?.[figure]?.median];
  return ours === undefined || peer === undefined || peer === 0 ? '' : (ours / peer).toFixed(2);
}

function remarks(benchCase, summary) {
  const figures = Object.keys(summary).filter((figure) => figure !== benchCase.figure && !OWN_COLUMN.has(figure));
  return figures
    .filter((figure) => summary[figure].median !== undefined)
    .map((figure) => `${labelOf(figure)} ${formatFigure(figure, summary[figure].median)}`)
    .join(', ');
}

function isLoadTheLimit(summary) {
  return summary.loadCpuShare !== undefined && summary.loadCpuShare.median >= LOAD_IS_LIMIT_SHARE;
}

function layOut(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd()).join('\n');
}
