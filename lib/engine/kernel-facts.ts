// Functions that read the state of a socket from the addon and the kernel.
import { readFileSync } from 'node:fs';
import { native } from '../addon/addon.js';
import type { EndsDescription, SocketDescription } from '../addon/contract.js';
import type { SocketCounters, SocketInfo } from './stats.js';

/** The counters of the addon by name. */
export function readCounters(handle: number): SocketCounters {
  const values = native.counters(handle);
  const counters: Record<string, number> = {};
  for (const [i, name] of native.counterNames.entries()) counters[name] = values[i] ?? 0;
  return counters as unknown as SocketCounters;
}

/** The state of a socket as the kernel reports it; empty for a closed socket. */
export function describeSocket(handle: number | null): SocketDescription {
  const nothing: SocketDescription = Object.create(null);
  return handle === null ? nothing : Object.assign(nothing, native.describe(handle));
}

/**
 * Both ends of a socket, and the acknowledged bytes. It is cheaper than `describeSocket`, for
 * sockets that open and close often.
 */
export function describeEnds(handle: number): EndsDescription {
  const nothing: EndsDescription = Object.create(null);
  return Object.assign(nothing, native.ends(handle));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function readLimits(): SocketInfo['limits'] {
  const optmem = Number.parseInt(read('/proc/sys/net/core/optmem_max'), 10);
  const memlock = /^Max locked memory\s+(\S+)/m.exec(read('/proc/self/limits'))?.[1];
  return {
    optmemMax: Number.isNaN(optmem) ? undefined : optmem,
    memlock: memlock === 'unlimited' ? Number.POSITIVE_INFINITY : memlock ? +memlock : undefined,
  };
}
