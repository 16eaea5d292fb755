// What Linux tells of CPU time, of one process with all its threads or of the whole machine, and of resident memory.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const UTIME_FIELD = 11; // counted behind the process name, which may contain blanks
const STIME_FIELD = 12;

/** User and system time together; the resolution is one tick, usually 10 ms. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[UTIME_FIELD]) + Number(fields[STIME_FIELD])) / TICKS_PER_SECOND;
}

/** Time that any core was not idle, the hypervisor's share included. */
export function machineCpuSeconds() {
  const [, ...fields] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0].split(/\s+/);
  const [user, nice, system, , , irq, softirq, steal] = fields.map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** Highest resident set size so far. */
export function peakRssMb(pid) {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(kilobytes) / 1024;
}
