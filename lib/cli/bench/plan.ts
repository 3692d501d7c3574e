import { MEMORIES, type Memory, type Protocol, type Trial, type Way } from './measurements.js';

/** One size and memory, and the ways that are measured in turns with them. */
export interface PlannedGroup {
  readonly protocol: Protocol;
  readonly size: number;
  readonly memory: Memory;
  readonly ways: readonly Way[];
}

export interface PlannedTrials {
  readonly kind: Trial['kind'];
  readonly protocol: Protocol;
  readonly size: number;
  readonly values: readonly number[];
}

export interface Plan {
  readonly groups: readonly PlannedGroup[];
  readonly trials: readonly PlannedTrials[];
  /** how many rounds are measured */
  readonly rounds: number;
  readonly sliceSeconds: number;
  /** slices in all, without warming up */
  readonly slices: number;
}

export interface Wanted {
  readonly quick: boolean;
  /** about how long the whole takes */
  readonly seconds: number;
  /** sizes in bytes; undefined for the default ones */
  readonly sizes: readonly number[] | undefined;
  readonly protocols: readonly Protocol[];
  /** false where of UDP only the ways are measured that the ring is compared with */
  readonly zeroCopyOverUdp: boolean;
  readonly ring: boolean;
  /** ways of every group besides these */
  readonly further: readonly Way[];
  /** bytes of the longest send of each protocol */
  readonly longest: Readonly<Record<Protocol, number>>;
}

const KB = 1024;
const QUICK: Readonly<Record<Protocol, readonly number[]>> = {
  udp: [1, 4, 16, 64].map((size) => size * KB),
  tcp: [4, 16, 64, 256].map((size) => size * KB),
};
const FULL: Readonly<Record<Protocol, readonly number[]>> = {
  udp: [1, 2, 4, 8, 16, 32, 64].map((size) => size * KB),
  tcp: [1, 2, 4, 8, 16, 32, 64, 256, 1024].map((size) => size * KB),
};
const BATCHES = { quick: [1, 8, 64], full: [1, 4, 16, 64, 256] };
const POOLS = { quick: [16, 64, 256], full: [8, 16, 32, 64, 128, 256, 512] };

/**
 * Batches are measured with small datagrams, where the cost of the system call, which batches save,
 * is a large share.
 */
const BATCH_SIZE = 1024;
/** The share of the time that is spent on sending. The rest is for opening, filling and closing. */
const SHARE = 0.75;
/** How many slices a way is warmed up by. They are not measured, and only count for the time. */
export const WARM_UP = 0.5;

/**
 * Plans what is measured, and for how long, so that the whole takes about the time that was asked
 * for.
 */
export function planOf(wanted: Wanted): Plan {
  const { quick, seconds, protocols } = wanted;
  const groups = protocols.flatMap((protocol) => groupsOf(protocol, wanted));
  const trials = wanted.zeroCopyOverUdp ? trialsOf(wanted) : [];
  const rounds = quick ? 5 : 11;
  const programs =
    groups.reduce((sum, { ways }) => sum + ways.length, 0) +
    trials.reduce((sum, { values }) => sum + values.length, 0);
  const sliceSeconds = (seconds * SHARE) / Math.max(1, programs * (rounds + WARM_UP));
  return { groups, trials, rounds, sliceSeconds, slices: programs * rounds };
}

function groupsOf(protocol: Protocol, wanted: Wanted): PlannedGroup[] {
  const { quick, sizes, ring, zeroCopyOverUdp, further, longest } = wanted;
  const all = sizes ?? (quick ? QUICK : FULL)[protocol];
  const fitting = new Set(all.map((size) => nearest(size, longest[protocol])));
  return [...fitting].flatMap((size) =>
    size === undefined
      ? []
      : MEMORIES.map((memory) => {
          const ways: Way[] = ['copy'];
          if (protocol === 'tcp' || zeroCopyOverUdp) ways.unshift('zerocopy');
          if (ring && protocol === 'udp') ways.push('ring');
          // For programs without this library, hot and cold buffers make no difference.
          if (!quick || memory === 'hot') ways.push('node');
          ways.push(...further);
          return { protocol, size, memory, ways };
        }),
  );
}

/** The largest datagram is a little shorter than 64 KB, and stands for that size. */
function nearest(size: number, longest: number): number | undefined {
  if (size <= longest) return size;
  return size * 0.95 <= longest ? longest : undefined;
}

function trialsOf({ quick, longest, sizes }: Wanted): PlannedTrials[] {
  const key = quick ? 'quick' : 'full';
  const largest = Math.min(longest.udp, Math.max(...(sizes ?? [64 * KB])));
  return [
    { kind: 'batch', protocol: 'udp', size: Math.min(BATCH_SIZE, largest), values: BATCHES[key] },
    { kind: 'pool', protocol: 'udp', size: largest, values: POOLS[key] },
  ];
}
