import { describe, expect, it } from 'vitest';
import { startPeer } from '../../support/endpoints.js';
import { Program } from '../../support/program.js';

// A multiple of every batch. So many that what a run allocates however long it is (28 KB on Node.js
// 24) does not look like a byte for each.
const SENDS = 40_960;

// Beside other load the receiver of a stream seldom runs, and the sender waits for it.
const PATIENCE = 200_000;

interface Work {
  protocol: 'tcp' | 'udp';
  zeroCopy: 'always' | 'never';
  /** Buffers of one call. */
  batch: number;
  /** Allocates an object for each send. */
  control?: boolean;
  /** Bytes for each send; with so few, no further round is needed. */
  enough: number;
}

/** Heap bytes that one send allocates: what 2N sends need more than N do, and no less than average. */
async function allocatedBySend(work: Work): Promise<number> {
  const peer = await startPeer({ protocol: work.protocol, discard: true });
  const program = new Program(
    new URL('./programs/allocation.mjs', import.meta.url),
    { control: false, ...work, port: peer.port, sends: SENDS },
    {
      node: ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'],
      timeout: PATIENCE,
    },
  );
  const { rounds } = await program.next('measured');
  expect((await program.exit()).code).toBe(0);
  const least = (which: number) =>
    Math.min(...rounds.map((round: { bytes: number }[]) => round[which]?.bytes));
  for (const round of rounds) {
    for (const { collections } of round) expect(collections).toBe(0); // or the figures are void
  }
  const each = Math.max(least(1) - least(0), least(1) / 2) / SENDS;
  console.log(
    `${JSON.stringify(work)}: ${least(0)} heap bytes for ${SENDS} sends, ` +
      `${least(1)} for ${2 * SENDS}: ${each.toFixed(2)} for each`,
  );
  return each;
}

describe('in steady state', { timeout: PATIENCE + 10_000 }, () => {
  it.each([
    ['udp', 'always'],
    ['udp', 'never'],
    ['tcp', 'always'],
    ['tcp', 'never'],
  ] as const)('a send allocates nothing: %s, zeroCopy %s', async (protocol, zeroCopy) => {
    expect(await allocatedBySend({ protocol, zeroCopy, batch: 1, enough: 0.5 })).toBeLessThan(1);
  });

  it.each(['udp', 'tcp'] as const)('sendMany allocates its result only: %s', async (protocol) => {
    const batch = 32;
    const enough = 150 / batch;
    const each = await allocatedBySend({ protocol, zeroCopy: 'always', batch, enough });
    expect(each * batch).toBeLessThan(160);
  });

  it('one object for each send would be seen', async () => {
    const work = { protocol: 'udp', zeroCopy: 'always', enough: 100 } as const;
    expect(await allocatedBySend({ ...work, batch: 1, control: true })).toBeGreaterThan(16);
    expect(await allocatedBySend({ ...work, batch: 32, control: true })).toBeGreaterThan(16);
  });
});
