import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** The folder of cgroups of version 2, if this process may make any (cgroup-v2.rst). */
export function findCgroups(): string | null {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  const root = /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(mounts)?.[1] ?? null;
  try {
    if (root !== null) accessSync(join(root, 'cgroup.procs'), constants.W_OK);
    return root;
  } catch {
    return null;
  }
}

/**
 * Makes a cgroup for a test, which this process can enter. When the test has finished, the process
 * returns to its former cgroup, and the new one is removed with all that was attached to it.
 */
export function makeCgroup(): { path: string; enter: () => void } {
  const root = findCgroups() ?? '';
  const before = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/';
  const path = join(root, `zerosend-${process.pid}`);
  const moveTo = (folder: string) =>
    writeFileSync(join(folder, 'cgroup.procs'), String(process.pid));
  mkdirSync(path);
  onTestFinished(() => {
    moveTo(join(root, before));
    rmdirSync(path);
  });
  return { path, enter: () => moveTo(path) };
}
