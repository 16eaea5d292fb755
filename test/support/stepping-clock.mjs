// Loaded into a daemon before everything else (node --import): a wall clock that is stepped as administrators and NTP do it,
// while the monotonic clock goes on. The file named by NSQD_TEST_CLOCK says how:
//
//   +3600000       milliseconds ahead of the real time
//   -3600000       behind it
//   =1795220377806 standing still at this time

import { readFileSync } from 'node:fs';

const realNow = Date.now.bind(Date);
const path = process.env.NSQD_TEST_CLOCK;
let offsetMs = 0;
let standsAtMs = null;

/** SIGWINCH is ignored by default, so that it can come at any moment. */
process.on('SIGWINCH', () => {
  const text = readFileSync(path, 'utf8').trim();
  standsAtMs = text.startsWith('=') ? Number(text.slice(1)) : null;
  offsetMs = standsAtMs === null ? Number(text) : 0;
  process.stdout.write(`CLOCK ${text}\n`);
});

const now = () => standsAtMs ?? realNow() + offsetMs;
const RealDate = Date;
globalThis.Date = class Date extends RealDate {
  constructor(...words) {
    if (words.length === 0) super(now());
    else super(...words);
  }

  static now() {
    return now();
  }
};
