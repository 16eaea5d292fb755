// The metadata file of a go-diskqueue, `<queue>.diskqueue.meta.dat` (storage.md 6): three lines, each ended by LF.
//
//   <depth>
//   <readFileNumber>,<readPosition>
//   <writeFileNumber>,<writePosition>
//
// While nsqd-ts runs it adds a fourth, `nsqd-ts <run>`. Stock nsqd ignores what follows the fifth number, and its own next
// write drops the line: a side file that names the run is known to be current as long as the line is there. Blanks in this
// line give the file one length for the whole run, less than a sector of a disk: it can be written over in place.

export interface QueueMeta {
  /** Unread records. */
  readonly depth: number;
  readonly readFileNumber: number;
  readonly readPosition: number;
  readonly writeFileNumber: number;
  readonly writePosition: number;
}

const RUNNING_BYTES = 160;

/** `run` null gives the exact form of stock nsqd. */
export function formatQueueMeta(meta: QueueMeta, run: string | null): string {
  const lines = [
    `${meta.depth}`,
    `${meta.readFileNumber},${meta.readPosition}`,
    `${meta.writeFileNumber},${meta.writePosition}`,
  ];
  if (run === null) return `${lines.join('\n')}\n`;
  lines.push(`nsqd-ts ${run}`);
  return `${lines.join('\n').padEnd(RUNNING_BYTES - 1)}\n`;
}

/** Beyond it nothing could be counted on from there: numbers of files rise with each one. */
const NUMBER_MAX = 2 ** 50;

/** As lenient as nsqd's own reader: blanks, signs, CRLF and trailing text are accepted. Null when it is no metadata. */
export function parseQueueMeta(text: string): QueueMeta | null {
  const numbers = /^\s*([+-]?\d+)\s*\n\s*(\+?\d+),\s*(\+?\d+)\s*\n\s*(\+?\d+),\s*(\+?\d+)/.exec(text);
  if (numbers === null) return null;
  const [depth, readFileNumber, readPosition, writeFileNumber, writePosition] = numbers.slice(1).map(Number) as [
    number, number, number, number, number,
  ];
  const all = [depth, readFileNumber, readPosition, writeFileNumber, writePosition];
  if (all.some((each) => Math.abs(each) > NUMBER_MAX)) return null;
  return { depth, readFileNumber, readPosition, writeFileNumber, writePosition };
}

/** The run that wrote the metadata, or null when it was a clean stop or another nsqd. */
export function runOfQueueMeta(text: string): string | null {
  return /\nnsqd-ts (\S+) *\n$/.exec(text)?.[1] ?? null;
}
