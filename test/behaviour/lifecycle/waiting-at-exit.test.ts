import { describe, expect, it } from 'vitest';
import { Program } from '../../support/program.js';

const run = (how: string) =>
  new Program(new URL('programs/waiting-at-exit.mjs', import.meta.url), { how }).exit();

describe('a program that ends while acquire waits', () => {
  it('is told why, with what nobody gave back', async () => {
    const { code, stderr } = await run('waits');
    expect(code).toBe(13); // of Node.js, for a top-level await that never settles
    expect(stderr).toMatch(
      /\[ZEROSEND_WAITING_AT_EXIT\] ZeroSendWarning: .* 1 calls of acquire .*: 2 buffers .*, 0 in flight/,
    );
  });

  it('is told of calls that nobody awaits', async () => {
    const { code, stderr } = await run('background');
    expect(code).toBe(0);
    expect(stderr.match(/ZEROSEND_WAITING_AT_EXIT/g)).toHaveLength(1);
    expect(stderr).toContain('2 calls of acquire');
  });

  it.each(['served', 'closed', 'exit'])('is told nothing when nobody waits: %s', async (how) => {
    const { code, stderr } = await run(how);
    expect({ code, stderr }).toEqual({ code: how === 'exit' ? 7 : 0, stderr: '' });
  });
});

it('nothing is kept of pools that are gone, though acquire has waited on them', async () => {
  const program = new Program(new URL('programs/pools-that-are-gone.mjs', import.meta.url), {});
  expect((await program.next('answer')).left).toBe(0);
});
