import { type Summary, summarize } from './statistics.js';

/**
 * Ways of sending that are compared. `auto` is the policy of sockets, `ring` AF_PACKET's transmit ring;
 * `c` and `c-copy` are programs of somebody else.
 */
export const WAYS = ['zerocopy', 'auto', 'copy', 'ring', 'node', 'c', 'c-copy'] as const;
export type Way = (typeof WAYS)[number];

/** What a program sends by. */
export const PROTOCOLS = ['udp', 'tcp'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Buffers that the processor's caches hold, or more of them than they can hold. */
export const MEMORIES = ['hot', 'cold'] as const;
export type Memory = (typeof MEMORIES)[number];

/** One way of sending for a moment. */
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

/** One size and memory: all ways in turns, `slices[way][round]`. */
export interface Group {
  readonly protocol: Protocol;
  /** bytes of one send */
  readonly size: number;
  readonly memory: Memory;
  readonly slices: Readonly<Partial<Record<Way, readonly Slice[]>>>;
}

/** What a setting (calls of so many sends, a pool of so many buffers) does to the rate. */
export interface Trial {
  readonly kind: 'batch' | 'pool';
  /** bytes of one send */
  readonly size: number;
  readonly value: number;
  readonly slices: readonly Slice[];
}

/** How one way did at one size, from all rounds. */
export interface Result {
  readonly protocol: Protocol;
  readonly size: number;
  readonly memory: Memory;
  readonly way: Way;
  readonly bytesPerSecond: Summary;
  /** bytes a second of processor time: what a busy processor would send */
  readonly bytesPerCpuSecond: Summary;
  /** `bytesPerCpuSecond` against `copy` of the same round; null where that was not measured */
  readonly gain: Summary | null;
  /** 0 to 1 */
  readonly zerocopiedShare: number;
  /** sends for which limits left no room to ask for zero copy, 0 to 1 */
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

/** Round by round: whatever else the machine did in a round met both. */
function gainOf(own: readonly Slice[], copying: readonly Slice[]): Summary | null {
  const ratios = own.flatMap((slice, round) => {
    const other = copying[round];
    return other === undefined ? [] : [perCpuSecond(slice) / perCpuSecond(other)];
  });
  return ratios.length === 0 ? null : summarize(ratios);
}
