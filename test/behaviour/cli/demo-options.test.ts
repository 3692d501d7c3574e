import { describe, expect, it } from 'vitest';
import { pipe, zerosend } from './shell.js';

const run = (args: readonly string[]) => pipe([process.execPath, zerosend, 'demo', ...args]);

describe('zerosend demo', () => {
  it('lists its options', async () => {
    const { code, stdout, stderr } = await run(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const option of ['--only', '--seconds', '--count', '--udp-size', '--segment'])
      expect(stdout).toContain(option);
  });

  it.each([
    [['--nonsense'], /--nonsense/],
    [['stray'], /stray/],
    [['--seconds', 'soon'], /--seconds .* from 0\.1 to 3600; received 'soon'/],
    [['--seconds', '0'], /received '0'/],
    [['--count', '1.5'], /--count .* whole number, .* received '1\.5'/],
    [['--seed', '-1'], /--seed/],
    [['--only', 'udp,sctp'], /udp, tcp, tcp-mix, sink, .* received 'udp,sctp'/],
    [['--mix-min', '10', '--mix-max', '9'], /--mix-min .* received 10 and 9/],
    [['--udp-size', '1401', '--segment', '1400'], /last datagram .* 1 bytes/],
    [['--segment', '500'], /129 datagrams, of which kernels take 128 at most/],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m); // no stack
  });
});
