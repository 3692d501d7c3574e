import { describe, expect, it } from 'vitest';
import { needsRig } from '../rig/needs.js';
import { hasTool, isRoot, needs } from '../support/requirements.js';
import { ask } from '../support/run.js';

const tools = ['tcpdump', 'nft'].filter((tool) => !hasTool(tool));

describe('a mix over veth', await needsRig('veth-copy'), () => {
  // tcpdump becomes another user, or root once more, which root of a user namespace cannot.
  const judges = needs(isRoot() && tools.length === 0, ['root', ...tools].join(', '));
  describe('judged by others', judges, () => {
    // Six kinds in three sizes: what `node test/soak/mix.mjs` does with two million.
    it.each([
      ['packet', '2'],
      ['xdp', '0'],
    ])('has exact shares, and every packet comes once: %s, %s workers', async (kind, workers) => {
      const options = ['--socket', kind, '--workers', workers, '--packets', '10000', '--json'];
      const words = ['test/soak/mix.mjs', ...options, '--rate', '50000'];
      const summary = await ask([process.execPath, ...words]);
      expect(summary.problems).toEqual([]);
      // 70 rounds of 144.
      const packets = 70 * 144;
      expect(summary).toMatchObject({ packets, found: packets, counted: packets });
      expect(summary.kinds).toEqual([3, 3, 2, 2, 1, 1].map((weight) => weight * 12 * 70));
    });
  });
});
