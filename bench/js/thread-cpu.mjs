// @ts-check
import { readFileSync } from 'node:fs';

const nobody = new Int32Array(new SharedArrayBuffer(4));

/**
 * CPU seconds that the calling thread has taken so far, or null where the kernel does not say.
 *
 * `process.threadCpuUsage` is not in Node.js 20, so they are read from schedstat
 * (Documentation/scheduler/sched-stats.rst). The kernel brings that up to date at each tick, which may
 * be 10 ms ago, and when a thread goes to sleep: so this sleeps for a moment before it reads.
 */
export function threadSeconds() {
  Atomics.wait(nobody, 0, 0, 1);
  try {
    const [nanoseconds = '0'] = readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ');
    return nanoseconds === '0' ? null : Number(nanoseconds) / 1e9;
  } catch {
    return null; // a kernel without CONFIG_SCHED_INFO, or no /proc
  }
}
