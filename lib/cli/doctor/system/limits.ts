import { type Files, readNumber } from './files.js';

export interface Limits {
  /** RLIMIT_MEMLOCK in bytes; Infinity without a limit; undefined where /proc does not say */
  readonly memlock: number | undefined;
  /** the hard limit, up to which this process may raise it */
  readonly memlockHard: number | undefined;
  /** bytes, of this network namespace; undefined where it is not shown */
  readonly optmemMax: number | undefined;
  readonly wmemMax: number | undefined;
  /** such as 'always', 'madvise', 'never' */
  readonly transparentHugePages: string | undefined;
  readonly reservedHugePages: number | undefined;
}

export function readLimits(files: Files): Limits {
  const locked = /^Max locked memory\s+(\S+)\s+(\S+)/m.exec(files.read('/proc/self/limits') ?? '');
  const transparent = files.read('/sys/kernel/mm/transparent_hugepage/enabled') ?? '';
  return {
    memlock: limitOf(locked?.[1]),
    memlockHard: limitOf(locked?.[2]),
    optmemMax: readNumber(files, '/proc/sys/net/core/optmem_max'),
    wmemMax: readNumber(files, '/proc/sys/net/core/wmem_max'),
    transparentHugePages: /\[(\w+)\]/.exec(transparent)?.[1],
    reservedHugePages: readNumber(files, '/proc/sys/vm/nr_hugepages'),
  };
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}
