import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { contests } from '../../../bench/contests.mjs';
import { withFigures } from '../../../bench/markdown.mjs';
import { read, root } from '../documents/blocks.js';

const figures = (...args: string[]) =>
  spawnSync(process.execPath, ['bench/figures.mjs', ...args], { cwd: root, encoding: 'utf8' });

describe('the figures of docs/performance.md', () => {
  it('are what the run in bench/record.json makes, and so are its charts', () => {
    expect(figures('--check')).toMatchObject({ stderr: '', status: 0 });
  });

  it('would be others for another run', () => {
    const { contests, run } = JSON.parse(read('bench/record.json'));
    const text = read('docs/performance.md');
    expect(withFigures(text, { ...run, contests })).toBe(text);
    const [row] = contests.find(({ name }: { name: string }) => name === 'patch').rows;
    row.exchangesPerSecond.median += 1000;
    expect(withFigures(text, { ...run, contests })).not.toBe(text);
  });

  it('have every contest in their table, with what it compares', () => {
    const text = read('docs/performance.md');
    for (const { name } of contests) {
      expect(text).toMatch(new RegExp(`^\\| [^|]*\`${name}\``, 'm'));
    }
  });

  it('say how they are made to whoever calls for them wrongly', () => {
    for (const args of [[], ['--check', 'run.json']]) {
      expect(figures(...args)).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/^usage/),
      });
    }
  });
});
