import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

// Everything at once, for two rounds: that the program works, and what it is a sample of. The run
// for long is `npm run soak`.
it('loses nothing in a few rounds of everything at once', { timeout: 200_000 }, () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['test/soak/main.mjs', '--seed', '1', '--minutes', '0.1', '--json'],
    { cwd: root, encoding: 'utf8', timeout: 180_000 },
  );
  const lines = stdout.trim().split('\n');
  expect([status, lines.length], stderr).toEqual([0, 1]);
  const summary = JSON.parse(lines[0] as string);
  expect(summary.problems).toEqual([]);
  expect(summary.rounds).toBeGreaterThan(0);
  expect(summary.ids).toBe(summary.sends);
  expect(summary.looks).toBeGreaterThan(0);
  expect(summary.environments).toBeGreaterThan(0);
  if (summary.rig === 'veth') {
    expect(Object.keys(summary.changes).length).toBeGreaterThan(0);
    expect(summary.received.tcp).toBeGreaterThan(0);
  }
});
