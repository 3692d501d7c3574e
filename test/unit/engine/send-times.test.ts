import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const now = vi.hoisted(() => ({ ms: 1000 }));
vi.mock('../../../lib/base/recent-clock.js', async (original) => ({
  ...(await original<typeof import('../../../lib/base/recent-clock.js')>()),
  recentClock: {
    pause: 0.015,
    exact: () => now.ms,
    recent: () => now.ms,
    ofBatch: () => now.ms,
  },
}));

const { LatencyHistogram } = await import('../../../lib/base/latency-histogram.js');
const { SendTimes } = await import('../../../lib/engine/send-times.js');

beforeEach(() => {
  now.ms = 1000;
});
afterEach(() => vi.restoreAllMocks());

/** Sends of a socket, each so many ms after the one before. Marks are made when they are due. */
function send(times: InstanceType<typeof SendTimes>, first: number, gaps: readonly number[]) {
  const sentAt: number[] = [];
  for (const [i, gap] of gaps.entries()) {
    now.ms += gap;
    if (first + i >= times.due) times.mark(first + i, null);
    sentAt.push(now.ms);
  }
  return sentAt;
}

describe('SendTimes', () => {
  it('times each of slow sends by itself', () => {
    const times = new SendTimes(new LatencyHistogram(), 0, 0);
    const sentAt = send(times, 0, [1, 2, 3, 4, 5, 0.02, 0.02, 7]);
    for (const [id, at] of sentAt.entries()) expect(times.timeOf(id)).toBe(at);
  });

  it('times fast ones together, by the first, and no further apart than pays', () => {
    const times = new SendTimes(new LatencyHistogram(), 0, 0);
    const sentAt = send(times, 0, new Array(20_000).fill(0.001));
    let marks = 0;
    for (const [id, at] of sentAt.entries()) {
      const early = at - times.timeOf(id);
      if (early < 1e-9) marks++;
      expect(early).toBeGreaterThan(-1e-9);
      expect(early).toBeLessThan(0.016);
    }
    expect(marks).toBeGreaterThan(20_000 / 16);
    expect(marks).toBeLessThan(20_000 / 10);
  });

  it('takes the time of a reap for what follows, no oftener than pays', () => {
    const times = new SendTimes(new LatencyHistogram(), 0, 0);
    times.mark(0, null);
    times.due = 1000;
    // A reap after each 4 sends of a microsecond; of 15 µs that marks have to be apart.
    for (let id = 1; id <= 400; id++) {
      now.ms = 1000 + id / 1000;
      if (id % 4 === 0) times.markAt(id, now.ms);
      times.due = 1000;
      expect(now.ms - times.timeOf(id)).toBeLessThan(0.02);
    }
    const marks = new Set(Array.from({ length: 401 }, (_, id) => times.timeOf(id)));
    expect(marks.size).toBeGreaterThan(20);
    expect(marks.size).toBeLessThan(30);
    // One that is due anyway is left to the send.
    const last = times.timeOf(400);
    now.ms += 1;
    times.due = 401;
    times.markAt(401, now.ms);
    expect(times.timeOf(401)).toBe(last);
  });

  it('counts ids that complete in any order, and none that were sent before it began', () => {
    const times = new SendTimes(new LatencyHistogram(), 3, 10);
    send(times, 10, [1, 1, 1, 1]); // at 1001, 1002, …
    now.ms = 2000;
    times.completed(3, 8, now.ms);
    expect(times.latency.count).toBe(0);
    expect(times.timeOf(5)).toBe(1000);
    times.completed(12, 13, now.ms);
    times.completed(8, 11, now.ms);
    times.forget(11);
    times.completed(11, 12, now.ms + 1);
    times.completed(13, 14, now.ms);
    const { count, min, max, mean } = times.latency.summary();
    expect([count, min, max]).toEqual([4, 996e6, 999e6]);
    expect(mean).toBe((999 + 999 + 997 + 996) * 1e6 * 0.25);
  });

  it('counts for the pool that a send was of', () => {
    const times = new SendTimes(new LatencyHistogram(), 0, 0);
    const pool = new LatencyHistogram();
    times.mark(0, pool);
    times.due = 2;
    times.mark(2, null);
    now.ms += 1;
    times.completed(0, 4, now.ms);
    expect(pool.count).toBe(2);
    expect(times.latency.count).toBe(4);
    expect([...times.ofPool(pool, 4)]).toEqual([{ first: 0, end: 2 }]);
  });

  it('says what was sent before a time', () => {
    const times = new SendTimes(new LatencyHistogram(), 0, 0);
    send(times, 0, [1, 1, 1]);
    expect(times.firstAfter(1000, 3)).toBe(0);
    expect(times.firstAfter(1001, 3)).toBe(1);
    expect(times.firstAfter(1002.5, 3)).toBe(2);
    expect(times.firstAfter(1003, 3)).toBe(3);
  });

  it('has bounded memory, and never calls a send younger than it is', () => {
    const times = new SendTimes(new LatencyHistogram(), 0, 0);
    const sentAt = send(times, 0, new Array(100_000).fill(1));
    let distinct = 0;
    let last = -1;
    for (const [id, at] of sentAt.entries()) {
      const time = times.timeOf(id);
      expect(time).toBeLessThanOrEqual(at);
      if (time !== last) distinct++;
      last = time;
    }
    expect(distinct).toBeLessThanOrEqual(16_384);
    expect(times.timeOf(99_999)).toBe(sentAt[99_999]);
  });
});
