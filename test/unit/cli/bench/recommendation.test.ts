// What is recommended follows from what was measured, and from nothing else.
import { describe, expect, it } from 'vitest';
import {
  type Group,
  type Memory,
  type Protocol,
  resultsOf,
  type Slice,
  type Trial,
  trialResultsOf,
  type Way,
} from '../../../../lib/cli/bench/measurements.js';
import { recommend } from '../../../../lib/cli/bench/recommendation.js';

/** A slice of one second of processor time, in which so many megabytes were sent. */
function slice(
  megabytes: number,
  { size = 1024, copied = false, way = 'zerocopy' as Way } = {},
): Slice {
  const bytes = megabytes * 1e6;
  const sends = bytes / size;
  const zerocopied = way === 'zerocopy' && !copied ? sends : 0;
  return { seconds: 1, cpuSeconds: 1, sends, bytes, zerocopied, fallbacks: 0, failed: 0 };
}

/** Six rounds in which zero copy sent `gains` times as much as copying. */
function group(
  size: number,
  gains: readonly number[],
  { protocol = 'udp' as Protocol, memory = 'hot' as Memory, copied = false } = {},
): Group {
  return {
    protocol,
    size,
    memory,
    slices: {
      zerocopy: gains.map((gain) => slice(100 * gain, { size, copied })),
      copy: gains.map(() => slice(100, { size, way: 'copy' })),
    },
  };
}

const steady = (gain: number) => Array.from({ length: 6 }, () => gain);
const advise = (groups: readonly Group[], trials: readonly Trial[] = []) =>
  recommend(resultsOf(groups), trialResultsOf(trials));

describe('the threshold', () => {
  it('is the smallest size that gains, where all larger ones do', () => {
    const sizes = [1024, 4096, 16_384, 65_000];
    const gains = [0.7, 0.95, 1.2, 2];
    const { options, thresholds } = advise(sizes.map((size, i) => group(size, steady(gains[i]!))));
    expect(options).toEqual({ udp: { zeroCopy: 'auto', zeroCopyThreshold: 16_384 } });
    expect(thresholds.udp).toEqual({ hot: 16_384, cold: null, kernelCopies: false });
  });

  it('is none of what was interrupted before its larger sizes', () => {
    const groups = [group(1024, steady(0.7)), group(65_000, steady(2), { protocol: 'tcp' })];
    const { options, reasons } = recommend(resultsOf(groups), [], ['udp']);
    expect(options).toEqual({ tcp: { zeroCopy: 'auto', zeroCopyThreshold: 65_000 } });
    expect(reasons.filter((reason) => reason.startsWith('UDP'))).toEqual([
      'UDP: interrupted before all sizes were measured, so nothing follows yet.',
    ]);
  });

  it('is not a size that gains between others that lose', () => {
    const groups = [group(1024, steady(2)), group(4096, steady(0.9)), group(16_384, steady(1.5))];
    expect(advise(groups).options.udp).toEqual({ zeroCopy: 'auto', zeroCopyThreshold: 16_384 });
  });

  it('is not a size whose gain may be chance', () => {
    const groups = [group(4096, [0.8, 1.1, 1.2, 1.3, 1.1, 1.2]), group(16_384, steady(1.5))];
    expect(advise(groups).options.udp).toMatchObject({ zeroCopyThreshold: 16_384 });
  });

  it('suits hot buffers; the smaller one of cold buffers is said beside it', () => {
    const cold = { memory: 'cold' as const };
    const { options, reasons } = advise([
      group(4096, steady(0.8)),
      group(16_384, steady(1.3)),
      group(4096, steady(1.4), cold),
      group(16_384, steady(2), cold),
    ]);
    expect(options.udp).toEqual({ zeroCopy: 'auto', zeroCopyThreshold: 16_384 });
    expect(reasons.join('\n')).toContain(
      'cold buffers gain from 4 KB on, up to 2.0 times at 16 KB',
    );
    expect(reasons.join('\n')).toContain('take 4096 where buffers were written long before');
  });

  it('is that of cold buffers where hot ones gain nowhere, with a warning', () => {
    const { options, reasons } = advise([
      group(16_384, steady(0.9)),
      group(16_384, steady(1.4), { memory: 'cold' }),
    ]);
    expect(options.udp).toEqual({ zeroCopy: 'auto', zeroCopyThreshold: 16_384 });
    expect(reasons.join('\n')).toContain("take 'never' where buffers are sent right after");
  });

  it('is of each protocol by itself', () => {
    const { options } = advise([
      group(4096, steady(1.2)),
      group(4096, steady(0.8), { protocol: 'tcp' }),
      group(65_536, steady(1.2), { protocol: 'tcp' }),
    ]);
    expect(options).toEqual({
      udp: { zeroCopy: 'auto', zeroCopyThreshold: 4096 },
      tcp: { zeroCopy: 'auto', zeroCopyThreshold: 65_536 },
    });
  });
});

describe('zero copy is advised against', () => {
  it('where the kernel copies all the same, whatever the figures', () => {
    const { options, reasons } = advise([group(4096, steady(1.1), { copied: true })]);
    expect(options.udp).toEqual({ zeroCopy: 'never' });
    expect(reasons.join('\n')).toContain('the kernel copied all the same');
  });

  it('and limits are named where they left no room for it', () => {
    const { slices, ...rest } = group(65_000, steady(0.9), { copied: true });
    const zerocopy = slices.zerocopy!.map((one) => ({ ...one, fallbacks: one.sends }));
    const { options, reasons } = advise([{ ...rest, slices: { ...slices, zerocopy } }]);
    expect(options.udp).toEqual({ zeroCopy: 'never' });
    expect(reasons.join('\n')).toContain('RLIMIT_MEMLOCK (ulimit -l)');
    expect(reasons.join('\n')).not.toContain('the kernel copied all the same');
  });

  it('where every size loses', () => {
    const { options, reasons } = advise([group(4096, steady(0.6)), group(16_384, steady(0.9))]);
    expect(options.udp).toEqual({ zeroCopy: 'never' });
    expect(reasons.join('\n')).toContain('copying took less processor time at every size');
  });

  it('but not where nothing is certain', () => {
    const { options, reasons } = advise([group(4096, [0.5, 1.8, 0.9, 1.4, 1.2, 1.1])]);
    expect(options.udp).toEqual({ zeroCopy: 'auto' });
    expect(reasons.join('\n')).toContain('no size gained for certain');
  });
});

describe('the transmit ring', () => {
  const ring = (gains: readonly number[]): Group => ({
    protocol: 'udp',
    size: 1024,
    memory: 'hot',
    slices: { ring: gains.map((gain) => slice(100 * gain)), copy: gains.map(() => slice(100)) },
  });

  it('is recommended for small packets where it is proven to gain', () => {
    const [reason] = advise([ring(steady(2.5))]).reasons;
    expect(reason).toContain('at 1 KB (hot) it sends 2.5 times as much');
    expect(reason).toContain('wants PacketSocket');
  });

  it('is not where that may be chance, or it was not measured', () => {
    const [reason] = advise([ring([0.5, 3, 2, 4, 3, 2])]).reasons;
    expect(reason).toBe('transmit ring: at 1 KB it did not gain for certain.');
    expect(advise([group(1024, steady(2))]).reasons.join()).not.toContain('ring');
  });
});

describe('batch and pool', () => {
  const trial = (kind: Trial['kind'], value: number, megabytes: number): Trial => ({
    kind,
    size: 1024,
    value,
    slices: [slice(megabytes), slice(megabytes), slice(megabytes)],
  });

  it('are the smallest that do as well as the best', () => {
    const { batch, pool } = advise(
      [],
      [
        trial('batch', 1, 100),
        trial('batch', 16, 178),
        trial('batch', 64, 180),
        trial('batch', 256, 175),
        trial('pool', 8, 50),
        trial('pool', 64, 99),
        trial('pool', 512, 100),
      ],
    );
    expect(batch).toBe(16);
    expect(pool).toEqual({ bufferSize: 1024, count: 64 });
  });

  it('are left open where they were not measured', () => {
    expect(advise([])).toEqual({
      thresholds: {},
      options: {},
      batch: null,
      pool: null,
      reasons: [],
    });
  });
});

describe('gains', () => {
  it('are taken round by round, so that a slow round meets both', () => {
    const slow = { seconds: 1, cpuSeconds: 4 };
    const { slices } = group(4096, steady(1.5));
    const zerocopy = [{ ...slices.zerocopy![0]!, ...slow }, ...slices.zerocopy!.slice(1)];
    const copy = [{ ...slices.copy![0]!, ...slow }, ...slices.copy!.slice(1)];
    const [result] = resultsOf([
      { protocol: 'udp', size: 4096, memory: 'hot', slices: { zerocopy, copy } },
    ]);
    expect(result?.gain).toEqual({ median: 1.5, low: 1.5, high: 1.5 });
    expect(result?.bytesPerCpuSecond.low).toBeLessThan(50e6);
  });
});
