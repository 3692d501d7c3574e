import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { assignmentOf } from '../../../bench/break-even.mjs';
import { compileSender } from '../../../bench/compile.mjs';
import { programContests } from '../../../bench/contests.mjs';
import { MECHANISMS } from '../../../bench/patch/programs.mjs';
import { WAYS } from '../../../bench/patch/published.mjs';
import { measureHere } from '../../../dist/cli/bench/measuring.js';
import { needsRig } from '../../rig/needs.js';

const programOf = (name: string) =>
  fileURLToPath(new URL(`../../../bench/${name}.mjs`, import.meta.url));
const RUN = programOf('run');
const run = promisify(execFile);

/** As short as it goes. It exits with 1 when an id was lost, came twice, or a datagram was. */
async function bench(only: string) {
  const args = ['--quick', '--json', '--rounds', '1', '--seconds', '0.05', '--only', `^(${only})$`];
  const { stdout } = await run(process.execPath, [RUN, ...args]);
  const outcome = JSON.parse(stdout);
  expect(outcome.leftOut).toEqual([]);
  return outcome.contests;
}

// What needs a tool that is not there is left out of its contest, by name; all of ours take part.
const others = new Set(['tcpreplay', 'trafgen', 'C, io_uring SEND_ZC']);
const ours = ({ name }: { name: string }) => !others.has(name);

describe('npm run bench', { ...(await needsRig('sink')), timeout: 120_000 }, () => {
  it('patch: has every way of every socket, and counts what has arrived', async () => {
    const [{ rows }] = await bench('patch');
    expect(rows).toHaveLength(3 * Object.keys(MECHANISMS).length * WAYS.length);
    for (const { way, receivedShare, exchangesPerSecond, ratio } of rows) {
      expect(receivedShare).toBeGreaterThan(0);
      expect(receivedShare).toBeLessThanOrEqual(1);
      expect(exchangesPerSecond.median).toBeGreaterThan(0);
      if (way === 'copying') expect(ratio.ratio).toBe(1);
    }
  });

  it('break-even: has C and the policy in the turns of zerosend bench', async () => {
    const setting = {
      cSender: await compileSender(),
      rig: null,
      rounds: 1,
      seconds: 1,
      quick: true,
    };
    // Of all sizes one, with all that takes part.
    const assignment = { ...assignmentOf(setting), sizes: [4096], seconds: 0.5 };
    const signal = new AbortController().signal;
    const outcome = await measureHere(assignment, { signal, onBegin() {}, onProgress() {} });
    if ('unavailable' in outcome) throw new Error(outcome.unavailable);
    expect(outcome).toMatchObject({ error: undefined, withoutSink: undefined });
    expect(outcome.groups.map(({ protocol, memory }) => `${protocol} ${memory}`)).toEqual([
      'udp hot',
      'udp cold',
      'tcp hot',
      'tcp cold',
    ]);
    for (const { protocol, memory, slices } of outcome.groups) {
      const ring = protocol === 'udp' ? ['ring'] : [];
      const node = memory === 'hot' ? ['node'] : [];
      const ways = ['zerocopy', 'auto', 'copy', ...ring, ...node, 'c', 'c-copy'];
      expect(Object.keys(slices).sort()).toEqual(ways.sort());
      for (const own of Object.values(slices)) {
        for (const { sends, bytes, failed } of own) {
          expect(sends).toBeGreaterThan(0);
          expect({ bytes, failed }).toEqual({ bytes: 4096 * sends, failed: 0 });
        }
      }
    }
  });

  it('idle-latency: everybody waits as long as the token bucket has them wait', async () => {
    const [{ rows }] = await bench('idle-latency');
    expect(rows).toHaveLength(3);
    for (const { p50 } of rows) expect(p50.median).toBeGreaterThan(1280); // µs: 1284 B at 8 Mbit/s
  });

  it('packets: compares each kind with a counter, over both rings', async () => {
    const [{ rows }] = await bench('packets');
    const kinds = new Set(rows.map(({ kind }: { kind: string }) => kind));
    expect([kinds.size, rows.length]).toEqual([4, 8]);
    for (const { nanoseconds, share } of rows) {
      expect(nanoseconds.median).toBeGreaterThan(0);
      expect(share.ratio).toBeGreaterThan(0);
    }
  });

  it('watching: compares each way of watching with none, for each kind of send', async () => {
    const [{ rows }] = await bench('watching');
    const kinds = new Set(rows.map(({ kind }: { kind: string }) => kind));
    const watches = new Set(rows.map(({ watch }: { watch: string }) => watch));
    expect([kinds.size, watches.size, rows.length]).toEqual([3, 7, 21]);
    for (const { nanoseconds, all, least } of rows) {
      expect(nanoseconds.median).toBeGreaterThan(0);
      for (const { ratio } of [all, least]) expect(ratio).toBeGreaterThan(0);
    }
  });

  it.each(programContests)('$name: each of its programs sends', async ({ name, programs }) => {
    const [{ results }] = await bench(name);
    const named = results.map(({ name }: { name: string }) => ({ name })).filter(ours);
    expect(named).toEqual(programs.filter(ours).map(({ name }) => ({ name })));
    for (const { sendsPerSecond } of results) expect(sendsPerSecond.median).toBeGreaterThan(0);
  });

  it('small, scale-ids and scale-workers end with figures', async () => {
    const [{ rows: ids }, { rows: workers }, { calls }] = await bench(
      'small|scale-ids|scale-workers',
    );
    for (const figures of [ids, workers, calls]) expect(figures.length).toBeGreaterThan(1);
  });

  it('udp-send-many: io_uring takes part, or it is said why not', async () => {
    const [{ results, leftOut }] = await bench('udp-send-many');
    const said = [...results, ...leftOut].map(({ name }: { name: string }) => name);
    expect(said).toContain('C, io_uring SEND_ZC');
    expect(said).toHaveLength(4);
  });

  it('growth: nothing grows, in whichever way it sends', async () => {
    const { stdout } = await run(process.execPath, [
      ...[programOf('growth'), '--minutes', '0.1', '--warmup', '30', '--turn', '100'],
    ]);
    expect(stdout.match(/\d+ sends, all completed/g)).toHaveLength(6);
    expect(stdout).toMatch(/descriptors: 0 since/);
  });
});
