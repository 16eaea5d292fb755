// What Linux tells of CPU time, of one process with all its threads or of the whole machine, of memory and of limits.

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const UTIME_FIELD = 11; // counted behind the process name, which may contain blanks
const STIME_FIELD = 12;

/** User and system time together; the resolution is one tick, usually 10 ms. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[UTIME_FIELD]) + Number(fields[STIME_FIELD])) / TICKS_PER_SECOND;
}

/** The same to the nanosecond, for processes that do next to nothing; threads that ended meanwhile are not in it. */
export function fineCpuSeconds(pid) {
  const nanoseconds = readdirSync(`/proc/${pid}/task`).map((thread) => {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ', 1)[0]);
  });
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e9;
}

/** Time that any core was not idle, the hypervisor's share included. */
export function machineCpuSeconds() {
  const [, ...fields] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0].split(/\s+/);
  const [user, nice, system, , , irq, softirq, steal] = fields.map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** Resident set size now. */
export function rssBytes(pid) {
  return statusBytes(pid, 'VmRSS');
}

/** Highest resident set size so far. */
export function peakRssBytes(pid) {
  return statusBytes(pid, 'VmHWM');
}

/** How many files a process of this user may have open; Node and Go raise their own limit as far as this. */
export function openFilesMax() {
  const [, hardLimit] = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
  return hardLimit === 'unlimited' ? Infinity : Number(hardLimit);
}

function statusBytes(pid, name) {
  const [, kilobytes] = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(kilobytes) * 1024;
}
