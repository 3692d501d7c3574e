import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { contests } from '../../../bench/contests.mjs';
import { quotedIn, withFigures } from '../../../bench/markdown.mjs';
import { read, root } from '../documents/blocks.js';

const figures = (...args: string[]) =>
  spawnSync(process.execPath, ['bench/figures.mjs', ...args], { cwd: root, encoding: 'utf8' });

describe('the figures of the documents', () => {
  it('are what the runs in bench/record*.json make, and so are the charts', () => {
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

  it('that stand in a document are all of contests that its run has to have', () => {
    for (const [document, contest] of [
      ['README.md', 'udp-copying'],
      ['docs/guides/sizes.md', 'ring-tso'],
      ['docs/watching.md', 'watching'],
      ['docs/traffic/fields.md', 'packets'],
    ] as const) {
      expect([...quotedIn(read(document))]).toContain(contest);
    }
    const path = join(mkdtempSync(join(tmpdir(), 'zerosend-test-')), 'run.json');
    onTestFinished(() => rmSync(dirname(path), { recursive: true }));
    writeFileSync(path, JSON.stringify({ contests: [], leftOut: [], undecided: [] }));
    expect(figures(path)).toMatchObject({
      stderr: expect.stringMatching(
        /record\.json stays: the run has no .*udp-copying.*\n.*watching/,
      ),
      status: 1,
    });
  });

  it('have every contest in their table, with what it compares', () => {
    const text = read('docs/performance.md');
    for (const { name } of contests) {
      expect(text).toMatch(new RegExp(`^\\| [^|]*\`${name}\``, 'm'));
    }
  });

  it('say how they are made to whoever calls for them wrongly', () => {
    for (const args of [[], ['--check', 'run.json'], ['--check', '--again']]) {
      expect(figures(...args)).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/^usage/),
      });
    }
  });
});
