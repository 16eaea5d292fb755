// What a computation costs, in the time of this process's own processor: others may keep the machine busy meanwhile.

/** In milliseconds, with what the runtime does beside it. */
export function processorMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
