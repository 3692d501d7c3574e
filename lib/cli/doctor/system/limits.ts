import { type Files, readNumber } from './files.js';

export interface Limits {
  /** RLIMIT_MEMLOCK in bytes; Infinity without a limit; undefined where /proc does not say */
  readonly memlock: number | undefined;
  /** the hard limit, up to which this process may raise it */
  readonly memlockHard: number | undefined;
  /** bytes of locked memory that the event loops of this process take */
  readonly lockedByLoops: number;
  /** bytes, of this network namespace; undefined where it is not shown */
  readonly optmemMax: number | undefined;
  readonly wmemMax: number | undefined;
  /** such as 'always', 'madvise', 'never' */
  readonly transparentHugePages: string | undefined;
  readonly reservedHugePages: number | undefined;
}

/**
 * Bytes of one io_uring with 256 entries, as libuv makes for each event loop from Node.js 22 on: the kernel
 * counts them as locked (io_uring_setup(2)).
 */
const RING = 7 * 4096;

export function readLimits(files: Files): Limits {
  const locked = /^Max locked memory\s+(\S+)\s+(\S+)/m.exec(files.read('/proc/self/limits') ?? '');
  const transparent = files.read('/sys/kernel/mm/transparent_hugepage/enabled') ?? '';
  return {
    memlock: limitOf(locked?.[1]),
    memlockHard: limitOf(locked?.[2]),
    lockedByLoops: RING * countRings(files),
    optmemMax: readNumber(files, '/proc/sys/net/core/optmem_max'),
    wmemMax: readNumber(files, '/proc/sys/net/core/wmem_max'),
    transparentHugePages: /\[(\w+)\]/.exec(transparent)?.[1],
    reservedHugePages: readNumber(files, '/proc/sys/vm/nr_hugepages'),
  };
}

function countRings(files: Files): number {
  const folder = '/proc/self/fd';
  const isRing = (name: string) => files.link(`${folder}/${name}`)?.includes('[io_uring]');
  return files.list(folder).filter(isRing).length;
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);
}
