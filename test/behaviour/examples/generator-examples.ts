import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { canMakeNamespaces } from '../../support/requirements.js';
import { pcap } from '../generator/support/pcap-writer.js';
import { run } from './run.js';

/** The output of an example that succeeds; null where it says that it could not run. */
async function outputOf(name: string, args: readonly string[] = []): Promise<string | null> {
  const { code, signal, stdout, stderr } = await run(name, args);
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  if (canMakeNamespaces()) return stdout;
  expect(stdout).toMatch(/^not run: no network namespace can be made: \S/);
  return null;
}

const numbers = (text: string, pattern: RegExp): number[] => {
  const match = pattern.exec(text);
  if (match === null) throw new Error(`${pattern} is not in the output:\n${text}`);
  return match.slice(1).map(Number);
};

/** The examples of the packet generator, which make a network namespace of their own. */
export const GENERATOR_EXAMPLES: Record<string, () => Promise<void>> = {
  async 'udp-flood.mjs'() {
    const args = ['--seconds', '1.3', '--rate', '2000', '--workers', '2'];
    const output = await outputOf('udp-flood.mjs', args);
    if (output === null) return;
    expect(output).toMatch(
      /^\d\.\d s: [\d,]+ packets\/s, [\d.]+ Mbit\/s, -?[\d.]+% off the rate$/m,
    );
    const workers = [...output.matchAll(/^worker \d: (\d+) packets, -?[\d.]+% off the rate/gm)];
    const [packets, seconds, failed] = numbers(
      output,
      /^in all: (\d+) packets in ([\d.]+) s, .*; (\d+) failed$/m,
    ) as [number, number, number];
    expect(workers.map(([, count]) => Number(count)).reduce((a, b) => a + b)).toBe(packets);
    expect(packets).toBeGreaterThan(0);
    // No more than the rate allows in the time that it took, told to 10 ms, and a packet a worker for
    // the one that goes at once; fewer only on a machine that has no time.
    expect(packets).toBeLessThanOrEqual((seconds + 0.01) * 2000 + 2);
    expect(failed).toBe(0);
    const flat = (await outputOf('udp-flood.mjs', ['--seconds', '0.3', '--xdp'])) as string;
    expect(numbers(flat, /^in all: (\d+) packets .*; 0 failed$/m)[0]).toBeGreaterThan(0);
  },

  async 'rfc2544.mjs'() {
    const args = ['--seconds', '0.2', '--sizes', '64,1518', '--max', '2000', '--steps', '2'];
    const output = await outputOf('rfc2544.mjs', args);
    if (output === null) return;
    const trials = [...output.matchAll(/: (\d+) sent .*, (\d+) received, (-?\d+) lost$/gm)];
    expect(trials.length).toBeGreaterThanOrEqual(2);
    for (const [, sent, received, lost] of trials) {
      expect(Number(sent)).toBeGreaterThan(0);
      expect(Number(received) + Number(lost)).toBe(Number(sent));
      expect(Number(lost)).toBeGreaterThanOrEqual(0);
    }
    expect(output.match(/^throughput at (64|1518) bytes: \d+ packets\/s, /gm)).toHaveLength(2);
  },

  async 'replay.mjs'() {
    const own = await outputOf('replay.mjs', ['--speed', '4', '--loops', '2']);
    if (own === null) return;
    const [frames, bytes] = numbers(own, /^sent (\d+) frames, (\d+) bytes, in .*; late by \d+ µs/m);
    expect(frames).toBe(1000);
    const payload = Array.from({ length: 500 }, (_, i) => `question ${i}`.length);
    expect(bytes).toBe(2 * payload.reduce((sum, length) => sum + 42 + length, 0));
    const folder = mkdtempSync(join(tmpdir(), 'zerosend-example-'));
    try {
      const file = join(folder, 'cut.pcap');
      const frame = { bytes: new Uint8Array(60), time: 0n };
      const long = { bytes: new Uint8Array(2000), time: 0n };
      writeFileSync(file, pcap([frame, long, frame]).subarray(0, -1));
      const given = (await outputOf('replay.mjs', [file, '--speed', 'Infinity'])) as string;
      expect(given).toContain(`2 frames, pcap; the file is cut off: 75 of 76 bytes`);
      expect(given).toContain(
        'left out: 1 frames (too long), the first at byte 100, the longest of 2000',
      );
      expect(given).toMatch(/^sent 1 frames, 60 bytes, in [\d.]+ s$/m);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },

  async 'tso.mjs'() {
    const output = await outputOf('tso.mjs', ['--seconds', '0.3']);
    if (output === null) return;
    const pattern =
      /^(\d+) frames of (\d+) bytes, (\d+) segments each, in [\d.]+ s: ([\d.]+) Gbit/m;
    const [frames, size, segments, gigabits] = numbers(output, pattern);
    expect([size, segments]).toEqual([65_000, 45]);
    expect(frames).toBeGreaterThan(0);
    expect(gigabits).toBeGreaterThan(0);
    expect(output).toMatch(/ CPU seconds a gigabyte; 0 failed$/m);
  },
};
