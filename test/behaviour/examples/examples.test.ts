import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { GENERATOR_EXAMPLES } from './generator-examples.js';
import { examples, run } from './run.js';

/** The groups of the first match, as numbers. */
function numbers(text: string, pattern: RegExp): number[] {
  const match = pattern.exec(text);
  if (match === null) throw new Error(`${pattern} is not in the output:\n${text}`);
  return match.slice(1).map(Number);
}

/** The output of an example that has to succeed and to say nothing on stderr. */
async function outputOf(name: string, args: readonly string[] = []): Promise<string> {
  const { code, signal, stdout, stderr } = await run(name, args);
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return stdout;
}

const TESTED: Record<string, () => Promise<void>> = {
  ...GENERATOR_EXAMPLES,

  async 'shortest.mjs'() {
    const output = await outputOf('shortest.mjs');
    const [sends = 0] = numbers(output, /^(\d+) sends, drained/);
    const outcomes = numbers(
      output,
      /zerocopy: (\d+), copied: (\d+), inline: (\d+), revoked: (\d+), failed: (\d+)/,
    );
    expect(sends).toBeGreaterThan(0);
    expect(outcomes.reduce((sum, n) => sum + n)).toBe(sends);
    // Loopback never lets a receiver have the sender's pages.
    expect(outcomes[0]).toBe(0);
    expect(outcomes[3]).toBe(0);
    expect(outcomes[4]).toBe(0);
  },

  async 'udp-generator.mjs'() {
    const output = await outputOf('udp-generator.mjs', ['--seconds', '1.5', '--rate', '2000']);
    const [eachSecond = 0] = numbers(output, /^1 s: (\d+) sends/m);
    const [sends = 0, copied] = numbers(output, /^in all: (\d+) sends .*; (\d+) of them copied/m);
    expect(eachSecond).toBeGreaterThan(0);
    expect(sends).toBeGreaterThanOrEqual(eachSecond);
    expect(sends).toBeLessThanOrEqual(1.5 * 2000 + 2);
    expect(copied).toBe(sends);
  },

  async 'tcp-sender.mjs'() {
    const output = await outputOf('tcp-sender.mjs');
    const [bytes, sends, received] = numbers(
      output,
      /^sent (\d+) bytes in (\d+) sends, received (\d+)$/m,
    );
    expect(bytes).toBe(2000 * 256 * 1024);
    expect(sends).toBe(2000);
    expect(received).toBe(bytes);
    const [waits] = numbers(output, /^waited (\d+) times for drain$/m);
    expect(waits).toBeGreaterThan(0);
    for (const told of ["outcome: 'drained'", 'ids: 2000', 'unfinished: 0', 'error: null']) {
      expect(output).toContain(told);
    }
    expect(output).toContain(`bytesAcknowledged: ${bytes}`);
  },

  async 'fan-out.mjs'() {
    const output = await outputOf('fan-out.mjs');
    const [frames = 0, subscribers = 0, sends] = numbers(
      output,
      /^(\d+) frames, .* to (\d+) subscribers: (\d+) sends$/m,
    );
    expect(sends).toBe(frames * subscribers);
    const [, received = ''] = /^received, in bytes: (.*)$/m.exec(output) ?? [];
    const each = received.split(' ').map(Number);
    expect(each).toEqual(Array(subscribers).fill(frames * 128 * 1024));
  },

  async 'answers.mjs'() {
    const output = await outputOf('answers.mjs', ['500']);
    expect(output).toBe('500 questions, drained; 500 answers\n');
  },

  async 'workers.mjs'() {
    const output = await outputOf('workers.mjs', ['--seconds', '0.5']);
    const workers = [...output.matchAll(/^worker (\d+): (\d+) sends, .*, drained$/gm)];
    expect(workers).toHaveLength(availableParallelism());
    const [sent, received] = numbers(output, /^in all: (\d+) bytes sent, (\d+) received$/m);
    const sends = workers.reduce((sum, [, , n]) => sum + Number(n), 0);
    expect(sends).toBeGreaterThan(0);
    expect(sent).toBe(sends * 65536);
    expect(received).toBe(sent);
  },
};

/** Those whose tests need a server, a receiver or a router, and have a file of their own. */
const IN_OWN_FILE = ['dns-load', 'media', 'session'];

describe('examples', () => {
  it.each(Object.entries(TESTED))('%s runs as it stands', (_, test) => test());

  it('has a test for each', () => {
    const programs = readdirSync(examples).filter((name) => name.endsWith('.mjs'));
    const own = IN_OWN_FILE.map((name) => `${name}.mjs`);
    expect([...Object.keys(TESTED), ...own].sort()).toEqual(programs.sort());
    for (const name of IN_OWN_FILE) {
      expect(existsSync(new URL(`${name}.test.ts`, import.meta.url))).toBe(true);
    }
  });
});
