import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { needsRig } from '../../rig/needs.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const compare = (...args: string[]) =>
  spawnSync(process.execPath, ['bench/compare.mjs', ...args], { cwd: ROOT, encoding: 'utf8' });

const sink = await needsRig('sink');

describe('bench/compare.mjs', () => {
  it.each([
    ['which other checkout?', []],
    ['which other checkout?', ['.', '.']],
    ['no checkout', ['bench']],
    ["--rows: nothing is called 'nothing'", ['.', '--rows', 'nothing']],
    ["--rounds has to be from 2 to 10000, received '1'", ['.', '--rounds', '1']],
    ["--rounds has to be from 2 to 10000, received 'many'", ['.', '--rounds', 'many']],
    ["--rounds has to be a whole number, received '2.5'", ['.', '--rounds', '2.5']],
    ["Unknown option '--round'", ['.', '--round', '2']],
  ])('refuses what it cannot do: %s %j', (message, args) => {
    expect(compare(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining(message) });
  });

  it('names the rows whose interval is still too wide', sink, () => {
    // Of two rounds the interval reaches six times as far as the two lie apart.
    const row = 'udp-loopback: UdpSocket.send';
    const { stdout, status } = compare('.', '--rows', row, '--rounds', '2');
    const [figures = '', ...wide] = stdout.trim().split('\n');
    const [, ratio, high] =
      figures.match(/^([\d.]+) {2}\[[\d.]+, ([\d.]+)\] {2}2 rounds {2}udp-loopback: /) ?? [];
    const isWide = Number(high) / Number(ratio) > 1.01;
    expect(wide).toEqual(isWide ? [`not within ± 1 % after 2 rounds: ${row}`] : []);
    expect({ figures, status }).toEqual({ figures: expect.stringContaining(row), status: 0 });
  });
});
