import { describe, expect, it } from 'vitest';
import { turn } from '../../support/deadline.js';
import { makePool, openTo, startPeer } from '../../support/endpoints.js';

/** What a loop that awaits nothing but buffers is given until it is ended by force, in ms. */
const LONGEST = 10_000;

/** Counts what a timer of a millisecond has seen of a loop. */
function ticker() {
  const seen = { ticks: 0 };
  const timer = setInterval(() => seen.ticks++, 1);
  return { seen, stop: () => clearInterval(timer) };
}

/** A loop that sends by copy, so that its pool is never dry, until `over`; how often it went round. */
async function loop(over: () => boolean, take: () => Promise<() => void>): Promise<number> {
  const end = performance.now() + LONGEST;
  let rounds = 0;
  for (; !over() && performance.now() < end; rounds++) (await take())();
  return rounds;
}

describe('a loop over a pool that is never dry', () => {
  it.each(['acquire', 'acquireRun'] as const)('lets timers fire: %s', async (how) => {
    const peer = await startPeer({ protocol: 'udp', discard: true });
    const socket = await openTo(peer, { zeroCopy: 'never' });
    const pool = makePool({ bufferSize: 4096, count: 256 });
    const { seen, stop } = ticker();
    await loop(
      () => seen.ticks >= 100,
      async () => {
        if (how === 'acquireRun') {
          const run = await pool.acquireRun(8);
          return () => void socket.sendMany(run, 100);
        }
        const buffer = await pool.acquire();
        return () => void socket.send(buffer, 100);
      },
    );
    stop();
    expect(seen.ticks).toBeGreaterThanOrEqual(100);
    expect(pool.stats().waiting).toBe(0);
    await socket.close();
    await pool.close();
  });

  it('lets several loops share the turns', async () => {
    const pools = [
      makePool({ bufferSize: 4096, count: 4 }),
      makePool({ bufferSize: 4096, count: 4 }),
    ];
    const { seen, stop } = ticker();
    const rounds = await Promise.all(
      [0, 1, 0, 1, 0].map((which) =>
        loop(
          () => seen.ticks >= 50,
          async () => {
            const buffer = await pools[which]?.acquire();
            return () => buffer?.release();
          },
        ),
      ),
    );
    stop();
    expect(seen.ticks).toBeGreaterThanOrEqual(50);
    expect(Math.min(...rounds)).toBeGreaterThan(Math.max(...rounds) / 2);
  });

  it('lets them share the turns where each serves the other', async () => {
    const pool = makePool({ bufferSize: 4096, count: 1 });
    const { seen, stop } = ticker();
    const rounds = await Promise.all(
      [0, 1, 2].map(() =>
        loop(
          () => seen.ticks >= 50,
          async () => {
            const buffer = await pool.acquire();
            return () => buffer.release();
          },
        ),
      ),
    );
    stop();
    expect(seen.ticks).toBeGreaterThanOrEqual(50);
    expect(Math.min(...rounds)).toBeGreaterThan(Math.max(...rounds) / 2);
  });

  it('has its buffer within the same turn when the event loop has just had one', async () => {
    const pool = makePool({ bufferSize: 4096, count: 1 });
    await turn();
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    const buffer = await pool.acquire();
    expect(turned).toBe(false);
    buffer.release();
  });
});
