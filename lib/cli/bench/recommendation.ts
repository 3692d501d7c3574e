import { showGain, showSize } from './format.js';
import {
  MEMORIES,
  type Memory,
  PROTOCOLS,
  type Protocol,
  type Result,
  type TrialResult,
} from './measurements.js';

/** The size from which zero copy is worth it over one protocol. */
export interface Threshold {
  /** bytes from which a zero-copy send takes less processor time; null where none does */
  readonly hot: number | null;
  readonly cold: number | null;
  /** most of what asked for zero copy was copied */
  readonly kernelCopies: boolean;
}

/** The settings to write into a program, and why. */
export interface Recommendation {
  readonly thresholds: Readonly<Partial<Record<Protocol, Threshold>>>;
  /** options of sockets, by protocol */
  readonly options: Readonly<
    Partial<Record<Protocol, { zeroCopy: 'auto' | 'never'; zeroCopyThreshold?: number }>>
  >;
  /** sends of one `sendMany`; null where it was not measured */
  readonly batch: number | null;
  readonly pool: { readonly bufferSize: number; readonly count: number } | null;
  readonly reasons: readonly string[];
}

const NAMES: Readonly<Record<Protocol, string>> = { udp: 'UDP', tcp: 'TCP' };
/**
 * A result of at least this share of the best one counts as equally good, since smaller differences
 * are noise.
 */
const AS_GOOD = 0.97;

/**
 * @param cutShort what was interrupted before its largest sizes, where zero copy pays if anywhere: nothing is
 *   said of it
 */
export function recommend(
  measured: readonly Result[],
  trials: readonly TrialResult[],
  cutShort: readonly Protocol[] = [],
): Recommendation {
  const results = measured.filter(({ protocol }) => !cutShort.includes(protocol));
  const thresholds: Partial<Record<Protocol, Threshold>> = {};
  const options: Partial<Record<Protocol, Recommendation['options'][Protocol] & object>> = {};
  const reasons: string[] = [];
  for (const protocol of PROTOCOLS) {
    const own = results.filter((result) => result.protocol === protocol);
    const asking = own.filter(({ way }) => way === 'zerocopy');
    if (asking.length === 0) continue;
    const copied = asking.filter(({ zerocopiedShare }) => zerocopiedShare < 0.5);
    const threshold: Threshold = {
      hot: thresholdOf(asking, 'hot'),
      cold: thresholdOf(asking, 'cold'),
      kernelCopies: copied.length * 2 > asking.length,
    };
    thresholds[protocol] = threshold;
    const bytes = chosen(threshold);
    options[protocol] =
      bytes !== null
        ? { zeroCopy: 'auto', zeroCopyThreshold: bytes }
        : { zeroCopy: threshold.kernelCopies || asking.every(loses) ? 'never' : 'auto' };
    reasons.push(reasonOf(protocol, threshold, asking));
  }
  const ring = reasonOfRing(results);
  if (ring !== null) reasons.push(ring);
  const batch = smallestAsGood(trials, 'batch');
  if (batch) reasons.push(reasonOfBatch(batch));
  const pool = smallestAsGood(trials, 'pool');
  if (pool) reasons.push(reasonOfPool(pool));
  for (const protocol of cutShort) {
    reasons.push(
      `${NAMES[protocol]}: interrupted before all sizes were measured, so nothing follows yet.`,
    );
  }
  return {
    thresholds,
    options,
    batch: batch?.best.value ?? null,
    pool: pool ? { bufferSize: pool.best.size, count: pool.best.value } : null,
    reasons,
  };
}

/**
 * The smallest size that is proven to gain (its whole interval is above 1), and above which none loses.
 */
function thresholdOf(asking: readonly Result[], memory: Memory): number | null {
  const bySize = asking
    .filter((result) => result.memory === memory && result.gain !== null)
    .sort((a, b) => b.size - a.size);
  let threshold: number | null = null;
  for (const { size, gain, zerocopiedShare } of bySize) {
    if (gain === null || gain.median <= 1 || zerocopiedShare < 0.5) break;
    if (gain.low > 1) threshold = size;
  }
  return threshold;
}

const loses = ({ gain }: Result) => gain !== null && gain.median < 1;

/**
 * With cold buffers zero copy is worth it from smaller sizes on than with hot ones, so the larger
 * threshold suits both.
 */
function chosen({ hot, cold, kernelCopies }: Threshold): number | null {
  if (kernelCopies) return null;
  return hot === null ? cold : Math.max(hot, cold ?? hot);
}

function reasonOf(protocol: Protocol, threshold: Threshold, asking: readonly Result[]): string {
  const name = NAMES[protocol];
  const { hot, cold, kernelCopies } = threshold;
  if (kernelCopies && asking.filter(({ fallbackShare }) => fallbackShare > 0.5).length > 0) {
    return (
      `${name}: limits left no room for most sends to ask for zero copy: RLIMIT_MEMLOCK (ulimit -l) or ` +
      'net.core.optmem_max. Raise them and measure again; docs/limits.md says how.'
    );
  }
  if (kernelCopies) {
    return `${name}: the kernel copied all the same, so asking only costs; 'auto' finds that out by itself.`;
  }
  if (hot === null && cold === null) {
    const upTo = `up to ${showSize(largest(asking))}`;
    return asking.every(loses)
      ? `${name}: copying took less processor time at every size, ${upTo}.`
      : `${name}: no size gained for certain, ${upTo}; measure for longer, or with less else to do.`;
  }
  const gains = MEMORIES.flatMap((memory) => {
    const from = threshold[memory];
    if (from === null) return `${memory} buffers did not gain`;
    const best = asking
      .filter((result) => result.memory === memory && result.size >= from)
      .reduce((a, b) => ((b.gain?.median ?? 0) > (a.gain?.median ?? 0) ? b : a));
    return (
      `${memory} buffers gain from ${showSize(from)} on, ` +
      `up to ${showGain(best.gain?.median ?? 1)} at ${showSize(best.size)}`
    );
  });
  const advice =
    hot === null
      ? "; take 'never' where buffers are sent right after they were written"
      : cold !== null && cold < hot
        ? `; take ${cold} where buffers were written long before they are sent`
        : '';
  return `${name}: ${gains.join('; ')}${advice}.`;
}

function reasonOfRing(results: readonly Result[]): string | null {
  const rings = results.filter(({ way }) => way === 'ring');
  const size = Math.min(...rings.map((ring) => ring.size));
  const smallest = rings.filter((ring) => ring.size === size);
  const proven = smallest.find(({ gain }) => gain !== null && gain.low > 1);
  if (smallest.length === 0) return null;
  if (!proven?.gain) return `transmit ring: at ${showSize(size)} it did not gain for certain.`;
  return (
    `transmit ring: at ${showSize(size)} (${proven.memory}) it sends ${showGain(proven.gain.median)} as ` +
    'much as copying UDP sends, for the same processor time: a generator of small packets wants PacketSocket.'
  );
}

interface Choice {
  readonly best: TrialResult;
  readonly least: TrialResult;
}

/**
 * The smallest setting that is as good as the best: larger ones would cost memory, and gain
 * nothing.
 */
function smallestAsGood(trials: readonly TrialResult[], kind: TrialResult['kind']): Choice | null {
  const own = trials.filter((trial) => trial.kind === kind).sort((a, b) => a.value - b.value);
  const top = Math.max(...own.map(({ bytesPerSecond }) => bytesPerSecond.median));
  const best = own.find(({ bytesPerSecond }) => bytesPerSecond.median >= AS_GOOD * top);
  return best && own[0] ? { best, least: own[0] } : null;
}

function reasonOfBatch({ best, least }: Choice): string {
  const { value, size } = best;
  if (value === least.value)
    return `batch: several sends of ${showSize(size)} a call gained nothing.`;
  const gain = best.bytesPerSecond.median / least.bytesPerSecond.median;
  return (
    `batch: ${value} sends of ${showSize(size)} a call of sendMany went ${showGain(gain)} as fast as ` +
    `${least.value}; more gained less than 3 %.`
  );
}

function reasonOfPool({ best }: Choice): string {
  return (
    `pool: with ${best.value} buffers of ${showSize(best.size)} the socket was as busy as with more. ` +
    'Buffers that are filled elsewhere (a file, a thread) come on top of these.'
  );
}

const largest = (results: readonly Result[]) => Math.max(...results.map(({ size }) => size));
