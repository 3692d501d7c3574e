// @ts-check
// Describes the machine of a run, without which figures mean nothing.
import { readFileSync } from 'node:fs';
import { cpus, freemem, loadavg, release, totalmem } from 'node:os';

/** @param {string} path @returns {string | null} the first line of a file, where there is one */
function line(path) {
  try {
    return readFileSync(path, 'utf8').split('\n')[0] ?? null;
  } catch {
    return null;
  }
}

/** The size of the largest cache of the first processor, such as '32M'. */
function largestCache() {
  for (let index = 7; index >= 0; index--) {
    const size = line(`/sys/devices/system/cpu/cpu0/cache/index${index}/size`);
    if (size !== null) return size;
  }
  return null;
}

export function describeMachine() {
  return {
    node: process.version,
    linux: release(),
    architecture: process.arch,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    cache: largestCache(),
    memory: totalmem(),
    free: freemem(),
    hugePages: line('/sys/kernel/mm/transparent_hugepage/enabled'),
    virtual: /\bhypervisor\b/.test(readFileSync('/proc/cpuinfo', 'utf8')),
    optmemMax: Number(line('/proc/sys/net/core/optmem_max') ?? Number.NaN),
    load: loadavg()[0] ?? 0,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** @typedef {ReturnType<typeof describeMachine>} Machine */

/** One line, for people. @param {Machine} machine */
export function machineText({ node, linux, cores, cpu, cache, memory, virtual, load }) {
  return (
    `Node ${node}, Linux ${linux}, ${cores} ${virtual ? 'virtual ' : ''}× ${cpu}` +
    `${cache === null ? '' : `, ${cache} of cache`}, ${Math.round(memory / 2 ** 30)} GB, ` +
    `load ${load.toFixed(2)}`
  );
}
