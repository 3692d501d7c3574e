import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** On how many processors this process may run, and what leaves no more. */
export interface Processors {
  count: number;
  /** `'affinity'`: sched_getaffinity(2); `'quota'`: `cpu.max` of a control group (cgroups(7)) */
  bound: 'affinity' | 'quota';
}

/** Of version 2, and of the controller `cpu` of version 1. */
const ROOTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct'] as const;

export function readProcessors(read: (path: string) => string = readOrNothing): Processors {
  const allowed = availableParallelism();
  const quota = readQuota(read);
  return quota < allowed
    ? { count: Math.max(1, Math.floor(quota)), bound: 'quota' }
    : { count: allowed, bound: 'affinity' };
}

/** Processors that the control groups of this process allow it, which may be a fraction. */
export function readQuota(read: (path: string) => string): number {
  let quota = Number.POSITIVE_INFINITY;
  for (const line of read('/proc/self/cgroup').split('\n')) {
    const [, , path] = line.split(':');
    if (path === undefined) continue;
    // A limit of an ancestor counts for all below it.
    for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
      for (const root of ROOTS) quota = Math.min(quota, quotaOf(`${root}${at}`, read));
      if (at === '' || at === '/') break;
    }
  }
  return quota;
}

function quotaOf(folder: string, read: (path: string) => string): number {
  const [limit, period] = read(`${folder}/cpu.max`).trim().split(/\s+/);
  const limited = shareOf(limit, period);
  if (limited !== undefined) return limited;
  const share = shareOf(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`));
  return share ?? Number.POSITIVE_INFINITY;
}

/** Undefined where there is no limit: `max`, -1, or nothing to be read. */
function shareOf(limit: string | undefined, period: string | undefined): number | undefined {
  const share = Number.parseInt(limit ?? '', 10) / Number.parseInt(period ?? '', 10);
  return share > 0 && Number.isFinite(share) ? share : undefined;
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
