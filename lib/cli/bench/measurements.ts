import { type Summary, summarize } from './statistics.js';

/**
 * Ways of sending that are compared. `auto` leaves zero copy to the policy of sockets, `ring` is
 * the transmit ring of AF_PACKET; `c` and `c-copy` are other programs, given by command lines.
 */
export const WAYS = ['zerocopy', 'auto', 'copy', 'ring', 'node', 'c', 'c-copy'] as const;
export type Way = (typeof WAYS)[number];

/** The protocols that are measured. */
export const PROTOCOLS = ['udp', 'tcp'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** `hot`: as few buffers as fit the processor's caches; `cold`: more than fit. */
export const MEMORIES = ['hot', 'cold'] as const;
export type Memory = (typeof MEMORIES)[number];

/** The measurement of one way of sending in one round. */
export interface Slice {
  readonly seconds: number;
  /** of the whole process, in user and kernel mode */
  readonly cpuSeconds: number;
  readonly sends: number;
  readonly bytes: number;
  /** sends that completed without a copy */
  readonly zerocopied: number;
  /** sends that asked for zero copy and were copied, since a limit left no room for it (ENOBUFS) */
  readonly fallbacks: number;
  /** sends that were revoked or failed */
  readonly failed: number;
}

/** The measurements of all ways with one size and memory: `slices[way][round]`. */
export interface Group {
  readonly protocol: Protocol;
  /** bytes of one send */
  readonly size: number;
  readonly memory: Memory;
  readonly slices: Readonly<Partial<Record<Way, readonly Slice[]>>>;
}

/** The measurements of one setting: the number of sends in a call, or of buffers in a pool. */
export interface Trial {
  readonly kind: 'batch' | 'pool';
  /** bytes of one send */
  readonly size: number;
  readonly value: number;
  readonly slices: readonly Slice[];
}

/** The result of one way at one size, over all rounds. */
export interface Result {
  readonly protocol: Protocol;
  readonly size: number;
  readonly memory: Memory;
  readonly way: Way;
  readonly bytesPerSecond: Summary;
  /** bytes sent in a second of processor time */
  readonly bytesPerCpuSecond: Summary;
  /**
   * `bytesPerCpuSecond` divided by that of `copy`, round by round; null where `copy` was not
   * measured
   */
  readonly gain: Summary | null;
  /** 0 to 1 */
  readonly zerocopiedShare: number;
  /** share of sends that could not ask for zero copy because of limits, 0 to 1 */
  readonly fallbackShare: number;
  readonly rounds: number;
}

export interface TrialResult {
  readonly kind: Trial['kind'];
  readonly size: number;
  readonly value: number;
  readonly bytesPerSecond: Summary;
  readonly rounds: number;
}

const perCpuSecond = (slice: Slice) => slice.bytes / slice.cpuSeconds;
const perSecond = (slice: Slice) => slice.bytes / slice.seconds;

export function resultsOf(groups: readonly Group[]): Result[] {
  return groups.flatMap(({ protocol, size, memory, slices }) =>
    WAYS.flatMap((way) => {
      const own = slices[way] ?? [];
      if (own.length === 0) return [];
      const total = (key: 'sends' | 'zerocopied' | 'fallbacks') =>
        own.reduce((sum, slice) => sum + slice[key], 0);
      return {
        protocol,
        size,
        memory,
        way,
        bytesPerSecond: summarize(own.map(perSecond)),
        bytesPerCpuSecond: summarize(own.map(perCpuSecond)),
        gain: way === 'copy' ? null : gainOf(own, slices.copy ?? []),
        zerocopiedShare: total('zerocopied') / total('sends'),
        fallbackShare: Math.min(1, total('fallbacks') / total('sends')),
        rounds: own.length,
      };
    }),
  );
}

export function trialResultsOf(trials: readonly Trial[]): TrialResult[] {
  return trials
    .filter(({ slices }) => slices.length > 0)
    .map(({ kind, size, value, slices }) => ({
      kind,
      size,
      value,
      bytesPerSecond: summarize(slices.map(perSecond)),
      rounds: slices.length,
    }));
}

/** Compares two ways round by round, since other load of the machine in a round affects both. */
function gainOf(own: readonly Slice[], copying: readonly Slice[]): Summary | null {
  const ratios = own.flatMap((slice, round) => {
    const other = copying[round];
    return other === undefined ? [] : [perCpuSecond(slice) / perCpuSecond(other)];
  });
  return ratios.length === 0 ? null : summarize(ratios);
}
