import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Terminal } from '../../../lib/cli/base/terminal.js';
import { Monitor } from '../../../lib/cli/live/monitor.js';
import type { Reading, Snapshot, Target } from '../../../lib/cli/live/snapshot.js';
import { lineOf, showRun, tableOf } from '../../../lib/cli/live/table.js';

const TARGET: Target = {
  command: 'send',
  title: 'UDP datagrams of 1,400 bytes to 198.18.0.2:9',
  seconds: 10,
  packets: null,
  rate: null,
  workers: 1,
  parts: null,
};
const NOTHING: Reading = {
  seconds: 0,
  packets: 0,
  bytes: 0,
  sends: 0,
  inFlight: 0,
  outcomes: null,
  latency: null,
  pool: null,
  interfaceDropped: null,
  rateError: null,
  parts: null,
};

describe('Monitor', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'Date'] }));
  afterEach(() => void vi.useRealTimers());

  /** 1000 packets of 100 bytes a second, a look each 100 ms; what is not said completes at once. */
  function lookAt(monitor: Monitor, tenth: number, more: Partial<Reading> = {}) {
    vi.advanceTimersByTime(100);
    const packets = tenth * 100;
    const reading = { seconds: tenth / 10, packets, bytes: packets * 100, sends: packets };
    monitor.look(() => ({ ...NOTHING, ...reading, ...more }));
    return monitor.latest as Snapshot;
  }

  it('gives rates over the last second', () => {
    const monitor = new Monitor(TARGET);
    expect(lookAt(monitor, 1).packetsPerSecond).toBeCloseTo(1000);
    for (let tenth = 2; tenth <= 20; tenth++) lookAt(monitor, tenth);
    const slower = { packets: 2000, bytes: 2e5 };
    for (let tenth = 21; tenth <= 25; tenth++) lookAt(monitor, tenth, slower);
    expect(monitor.latest?.packetsPerSecond).toBeCloseTo(500);
    for (let tenth = 26; tenth <= 31; tenth++) lookAt(monitor, tenth, slower);
    expect(monitor.latest?.packetsPerSecond).toBe(0);
    expect(monitor.latest?.bitsPerSecond).toBe(0);
  });

  it('gives shares of what has completed, and null before', () => {
    const monitor = new Monitor(TARGET);
    expect(lookAt(monitor, 1)).toMatchObject({ copiedShare: null, zerocopyShare: null });
    const outcomes = { zerocopy: 1, copied: 2, inline: 1, revoked: 0, failed: 0 };
    expect(lookAt(monitor, 2, { outcomes })).toMatchObject({
      copiedShare: 0.5,
      inlineShare: 0.25,
      zerocopyShare: 0.25,
    });
  });

  it('counts ids as late that were sent a second ago and have not completed', () => {
    const monitor = new Monitor(TARGET);
    for (let tenth = 1; tenth <= 20; tenth++) lookAt(monitor, tenth);
    expect(monitor.latest?.late).toBe(0);
    // From 2.0 s on nothing completes.
    for (let tenth = 21; tenth <= 30; tenth++) {
      lookAt(monitor, tenth, { inFlight: (tenth - 20) * 100 });
      expect(monitor.latest?.late).toBe(0);
    }
    expect(lookAt(monitor, 35, { inFlight: 1500 }).late).toBeGreaterThan(0);
    for (let tenth = 36; tenth <= 45; tenth++)
      lookAt(monitor, tenth, { inFlight: tenth * 100 - 2000 });
    expect(monitor.latest?.late).toBe(1500);
  });

  it('looks ten times a second at most, and not after the end', () => {
    const monitor = new Monitor(TARGET);
    lookAt(monitor, 1);
    const read = vi.fn(() => NOTHING);
    vi.advanceTimersByTime(20);
    monitor.look(read);
    expect(read).not.toHaveBeenCalled();
    monitor.end({ ...NOTHING, seconds: 2, packets: 500, bytes: 1000 });
    expect(monitor.latest).toMatchObject({
      state: 'ended',
      packetsPerSecond: 250,
      bitsPerSecond: 4000,
    });
    vi.advanceTimersByTime(1000);
    monitor.look(read);
    monitor.end(NOTHING);
    expect(read).not.toHaveBeenCalled();
    expect(monitor.latest?.packets).toBe(500);
  });

  it('tells who has subscribed, with what it keeps', () => {
    const monitor = new Monitor(TARGET);
    const heard: Snapshot[] = [];
    const unsubscribe = monitor.subscribe((snapshot) => heard.push(snapshot));
    lookAt(monitor, 1);
    lookAt(monitor, 2);
    unsubscribe();
    lookAt(monitor, 3);
    expect(heard).toEqual(monitor.history.slice(0, 2));
    expect(heard[1]).toBe(monitor.history[1]);
    expect(Object.isFrozen(heard[0])).toBe(true);
    expect(JSON.parse(JSON.stringify(heard[0]))).toEqual(heard[0]);
  });

  it('tells templates and streams apart, with rates of their own', () => {
    const names = ['short', 'long'];
    const monitor = new Monitor({ ...TARGET, parts: { of: 'templates', names } });
    for (let tenth = 1; tenth <= 20; tenth++) {
      // The second begins after a second.
      const late = Math.max(0, tenth - 10);
      lookAt(monitor, tenth, {
        parts: [
          { packets: tenth * 10, bytes: tenth * 1000 },
          { packets: late * 20, bytes: late * 20_000 },
        ],
      });
    }
    const [short, long] = monitor.latest?.parts ?? [];
    expect(short).toMatchObject({ name: 'short', packets: 200, bytes: 20_000 });
    expect(short?.packetsPerSecond).toBeCloseTo(100);
    expect(short?.bitsPerSecond).toBeCloseTo(80_000);
    expect(long).toMatchObject({ name: 'long', packets: 200 });
    expect(long?.packetsPerSecond).toBeCloseTo(200);
    const parts = [
      { packets: 300, bytes: 3000 },
      { packets: 100, bytes: 1000 },
    ];
    monitor.end({ ...NOTHING, seconds: 4, packets: 400, bytes: 4000, parts });
    expect(monitor.latest?.parts?.map((part) => part.packetsPerSecond)).toEqual([75, 25]);
  });

  it('sums up those that are too many to be shown', () => {
    const names = Array.from({ length: 40 }, (_, i) => `stream ${i}`);
    const monitor = new Monitor({ ...TARGET, parts: { of: 'streams', names } });
    const parts = names.map((_, i) => ({ packets: i, bytes: 10 * i }));
    lookAt(monitor, 1, { parts });
    const told = monitor.latest?.parts ?? [];
    expect(told).toHaveLength(16);
    expect(told.at(14)).toMatchObject({ name: 'stream 14', packets: 14 });
    const rest = (39 * 40) / 2 - (14 * 15) / 2;
    expect(told.at(15)).toMatchObject({ name: '25 others', packets: rest, bytes: 10 * rest });
  });

  it('tells no parts of a run that has none', () => {
    const monitor = new Monitor(TARGET);
    lookAt(monitor, 1, { parts: [{ packets: 5, bytes: 5 }] });
    expect(monitor.latest?.parts).toBeNull();
  });

  it('keeps the whole of a long run, in even steps and bounded memory', () => {
    const monitor = new Monitor({ ...TARGET, seconds: null });
    for (let tenth = 1; tenth <= 10_000; tenth++) lookAt(monitor, tenth);
    const { history } = monitor;
    expect(history.length).toBeLessThan(1200);
    expect(history.length).toBeGreaterThan(500);
    expect(history[0]?.seconds).toBe(0.1);
    expect(history.at(-1)?.seconds).toBeGreaterThan(998);
    const steps = history.slice(1).map(({ seconds }, i) => seconds - (history[i]?.seconds ?? 0));
    expect(Math.max(...steps)).toBeCloseTo(Math.min(...steps));
    monitor.end({ ...NOTHING, seconds: 1000.05 });
    expect(history.at(-1)).toMatchObject({ state: 'ended', seconds: 1000.05 });
  });
});

describe('the live table', () => {
  const plain = new Terminal({ write: () => true }, { write: () => true }).colour;

  function snapshotOf(reading: Partial<Reading>): Snapshot {
    const monitor = new Monitor(TARGET);
    monitor.look(() => ({ ...NOTHING, seconds: 2, packets: 2000, bytes: 2e6, ...reading }));
    return monitor.latest as Snapshot;
  }

  it('shows what there is to see', () => {
    const lines = tableOf(
      snapshotOf({
        sends: 2000,
        inFlight: 12,
        outcomes: { zerocopy: 500, copied: 500, inline: 0, revoked: 0, failed: 0 },
        latency: { p50: 12, p99: 3456, max: 7000 },
        pool: { total: 100, free: 88, acquired: 0, inFlight: 12, waiting: 3, dry: 4 },
        interfaceDropped: 5,
        rateError: -0.0123,
      }),
      plain,
    );
    const text = lines.join('\n');
    expect(lines[0]).toBe(TARGET.title);
    expect(text).toMatch(/█+░+ 2\.0 s of 10 s/);
    expect(text).toMatch(/sent +2,000 packets, 2\.00 MB/);
    expect(text).toMatch(/rate +1,000 packets\/s, 8\.00 Mbit\/s/);
    expect(text).toMatch(/off the rate +-1\.23%/);
    expect(text).toMatch(/in flight +12 ids/);
    expect(text).toMatch(/late +0 ids/);
    expect(text).toMatch(/completed +50\.0% without a copy, 50\.0% copied, 0% inline/);
    expect(text).toMatch(/latency +p50 12\.0 µs, p99 3\.46 ms, max 7\.00 ms/);
    expect(text).toMatch(/pool .*88 of 100 free, 3 wait, dry 4 times/);
    expect(text).toMatch(/dropped +5 packets by the interface/);
  });

  it('leaves out what is not known', () => {
    const snapshot = snapshotOf({});
    expect(tableOf(snapshot, plain).join('\n')).not.toMatch(/latency|pool|dropped|completed/);
    expect(lineOf(snapshot)).toBe(
      '2.0 s  2,000 packets  1,000 packets/s  8.00 Mbit/s  0 in flight',
    );
  });

  it('goes when the run has ended', () => {
    const monitor = new Monitor(TARGET);
    const progress = { show: vi.fn(), clear: vi.fn() };
    showRun(monitor, new Terminal({ write: () => true }, { write: () => true }), progress);
    monitor.look(() => NOTHING);
    expect(progress.show).toHaveBeenCalledTimes(1);
    monitor.end(NOTHING);
    expect(progress.show).toHaveBeenCalledTimes(1);
    expect(progress.clear).toHaveBeenCalledTimes(1);
  });
});
