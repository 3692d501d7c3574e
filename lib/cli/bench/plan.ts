import { MEMORIES, type Memory, type Protocol, type Trial, type Way } from './measurements.js';

/** One size and memory, and what takes turns there. */
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
  /** how often everything takes its turn */
  readonly rounds: number;
  readonly sliceSeconds: number;
  /** slices in all, without warming up */
  readonly slices: number;
}

export interface Wanted {
  readonly quick: boolean;
  /** in all, about */
  readonly seconds: number;
  /** bytes; undefined: those of `quick` or of a full measurement */
  readonly sizes: readonly number[] | undefined;
  readonly protocols: readonly Protocol[];
  /** false: of UDP only what the ring is held against */
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

/** Of small datagrams: what a system call costs beside them is what batches spare. */
const BATCH_SIZE = 1024;
/** The share of the time that goes into sending; the rest is for opening, filling and closing. */
const SHARE = 0.75;
/** Slices that a way is warmed up by, which count for time only. */
export const WARM_UP = 0.5;

/** What is measured, and for how long, so that all of it takes about as long as was wanted. */
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
          // What a program without this library does, which its buffers' temperature does not change.
          if (!quick || memory === 'hot') ways.push('node');
          ways.push(...further);
          return { protocol, size, memory, ways };
        }),
  );
}

/** Of 64 KB a datagram has a little less: the size is one of its kind all the same. */
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
