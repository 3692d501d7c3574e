import { describe, expect, it } from 'vitest';
import { startPeer } from '../../support/endpoints.js';
import { Program } from '../../support/program.js';

const MB = 1 << 20;

describe('two million sends', () => {
  it('lose nothing, repeat nothing, and need no more memory as they go on', async () => {
    const total = 2_000_000;
    const checkEvery = 1000;
    const udp = await startPeer({ protocol: 'udp', discard: true });
    const tcp = await startPeer({ protocol: 'tcp', discard: true });
    const program = new Program(
      new URL('./programs/soak.mjs', import.meta.url),
      { total, checkEvery, samples: 10, udp: udp.port, tcp: tcp.port },
      { node: ['--expose-gc'], timeout: 120_000 },
    );
    const done = await program.next('done');
    expect(await program.exit()).toMatchObject({ code: 0, signal: null, stderr: '' });

    expect(done).toMatchObject({ problems: [], wrongIds: 0, free: 64 });
    expect(done.sent).toBeGreaterThanOrEqual(total);
    expect(done.sumWrong).toMatchObject({ counts: 0, inFlight: 0 });
    expect(done.sumWrong.steps).toBeGreaterThanOrEqual(total / checkEvery);
    for (const [i, ids] of done.nextIds.entries()) {
      expect(done.reports[i]).toMatchObject({ outcome: 'drained', ids, unfinished: 0 });
      expect(done.stats[i]).toMatchObject({ sends: ids, completed: ids, inFlight: 0 });
      expect(done.stats[i]).toMatchObject({ duplicateIds: 0, unknownIds: 0 });
    }
    expect((await tcp.until(({ eof }) => eof === 2)).bytes).toBe(done.tcpBytes);

    const growth = (what: string) => done.memory.at(-1)[what] - done.memory[1][what];
    const grown = { rss: growth('rss'), heap: growth('heapUsed'), external: growth('external') };
    console.log(
      `${done.sent} sends, ${(done.bytes / 1e9).toFixed(1)} GB in ${done.seconds.toFixed(1)} s; ` +
        `from a fifth of it to the end rss ${(grown.rss / MB).toFixed(2)} MiB, ` +
        `heap ${(grown.heap / 1024).toFixed(1)} KiB, external ${grown.external} bytes more`,
    );
    // A byte for each send would be 1.5 MiB.
    expect(grown.heap).toBeLessThan(MB / 2);
    expect(grown.external).toBeLessThan(MB / 2);
    expect(grown.rss).toBeLessThan(8 * MB);
  }, 180_000);
});
