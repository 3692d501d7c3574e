import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { BufferPool, BufferRun } from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { needsRig } from '../../rig/needs.js';
import { ip } from '../../support/links.js';
import { addsUp, codeOf, EXACT, open, take } from './kinds.mjs';
import { stageOf } from './place.js';

const KINDS = ['tcp', 'udp', 'packet', 'xdp'] as const;
const RINGS = ['packet', 'xdp'] as const;

const takeRun = (pool: BufferPool, most: number) => pool.tryAcquireRun(most) as BufferRun;
const counts = ({ free, acquired, inFlight }: BufferPool) => ({ free, acquired, inFlight });
const allFree = (pool: BufferPool) => ({ free: pool.count, acquired: 0, inFlight: 0 });

describe('runs', await needsRig('veth', { here: true }), () => {
  const stage = stageOf();

  it.each(KINDS)('%s: go round the pool among arrays and single buffers', async (kind) => {
    const { socket, pool, length } = await open(kind, stage);
    const ids = IdChecker.of(socket);
    let sends = 0;
    let longest = 0;
    while (sends < 2000) {
      // The longest first, while nothing is in flight: later on free buffers need not be in a row.
      const run = await pool.acquireRun(sends === 0 ? 19 : 1 + (sends % 19));
      expect(addsUp(pool)).toBe(true);
      longest = Math.max(longest, run.count);
      const lengths = Array.from({ length: run.count }, (_, i) => length - (i % 7));
      const last = sends + run.count - 1;
      const range = socket.sendMany(run, sends % 2 === 0 ? length : lengths);
      expect(range).toEqual({ first: sends, last });
      sends = last + 1;
      expect(addsUp(pool)).toBe(true);
      if (sends % 3 > 0) continue;
      const buffers = [await pool.acquire(), await pool.acquire()];
      if (sends % 2 === 0) socket.sendMany(buffers, length);
      else for (const buffer of buffers) socket.send(buffer, length);
      sends += 2;
      expect(addsUp(pool)).toBe(true);
    }
    expect(longest).toBe(19);
    await socket.flush();
    expect(await socket.close()).toMatchObject({ ids: sends, unfinished: 0 });
    expect(ids.result()).toMatchObject({ ids: sends, ...EXACT });
    expect(counts(pool)).toEqual(allFree(pool));
  });

  it.each(KINDS)('%s: stay with their user when they are refused', async (kind) => {
    const { socket, pool, length, ring } = await open(kind, stage);
    const other = await open(kind === 'xdp' ? 'packet' : kind, stage);
    const run = takeRun(pool, 4);
    const refused = (lengths: unknown) => codeOf(() => socket.sendMany(run, lengths as number));
    for (const lengths of ['x', null, [1, 2, 3]]) {
      expect(refused(lengths)).toBe('ERR_ZEROSEND_INVALID_ARGUMENT');
    }
    const wrong = [
      [length, length, 0, length],
      [length, length, length, 2 ** 20],
    ];
    for (const lengths of [0, -1, 0.5, Number.NaN, pool.bufferSize + 1, ...wrong]) {
      expect(refused(lengths)).toBe('ERR_ZEROSEND_OUT_OF_RANGE');
    }
    // The run can be sent all the same, once: where its memory is no ring's, by any socket.
    const another = codeOf(() => other.socket.sendMany(run, length));
    expect(another).toBe(ring ? 'ERR_ZEROSEND_WRONG_POOL' : null);
    expect(socket.nextId).toBe(0);
    expect(addsUp(pool)).toBe(true);
    const held = { free: pool.count - 4, acquired: 4, inFlight: 0 };
    if (ring) expect(counts(pool)).toEqual(held);
    if (ring) socket.sendMany(run, length);
    await socket.flush();
    await other.socket.flush();
    expect(codeOf(() => socket.sendMany(run, length))).toBe('ERR_ZEROSEND_BUFFER_FREE');
    expect(codeOf(() => run.release())).toBe('ERR_ZEROSEND_BUFFER_FREE');
    const late = takeRun(pool, 3);
    await socket.close();
    expect(codeOf(() => socket.sendMany(late, length))).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
    late.release();
    await other.socket.close();
    expect(counts(pool)).toEqual(allFree(pool));
  });

  it.each(RINGS)('%s: are cut, sent in parts and given back, and take no offset', async (kind) => {
    const { socket, pool, length } = await open(kind, stage);
    const ids = IdChecker.of(socket);
    const buffer = take(pool);
    const run = takeRun(pool, 8);
    for (const refused of [
      codeOf(() => socket.send(buffer, length, { offset: 0 })),
      codeOf(() => socket.send(new Uint8Array(length), length, { offset: 1 })),
      codeOf(() => socket.sendMany([buffer], length, { offset: 0 })),
      codeOf(() => socket.sendMany(run, length, { offset: [0, 0, 0, 0, 0, 0, 0, 0] })),
    ]) {
      expect(refused).toBe('ERR_ZEROSEND_INVALID_ARGUMENT');
    }
    socket.send(buffer, length);
    const rest = run.split(3);
    const last = rest.split(2);
    socket.sendMany(run, length);
    socket.sendMany(last.shorten(2), length); // before the rest, and in front of a slot given back
    socket.sendMany(rest, length);
    const again = takeRun(pool, 4); // from that slot on, of a ring
    socket.sendMany(again, length);
    await socket.flush();
    expect(await socket.close()).toMatchObject({ outcome: 'drained', unfinished: 0 });
    expect(ids.result()).toMatchObject({ ids: 8 + again.count, ...EXACT });
    expect(counts(pool)).toEqual(allFree(pool));
  });

  /** A frame, three runs, of which the middle one is held, and what has completed then. */
  async function inOrder(kind: 'packet' | 'xdp') {
    const { socket, pool, length } = await open(kind, stage);
    const ids = IdChecker.of(socket);
    const first = take(pool);
    socket.sendMany(takeRun(pool, 10), length);
    const held = takeRun(pool, 5);
    socket.sendMany(takeRun(pool, 6), length);
    await delay(100);
    const before = { ...ids.how };
    const { needDrain } = socket;
    socket.send(first, length);
    await delay(100);
    const between = { ...ids.how };
    const begin = held.first;
    held.release();
    const again = [takeRun(pool, 3), takeRun(pool, 9)];
    const where = again.map((run) => [run.first - begin, run.count]);
    for (const run of again) socket.sendMany(run, length);
    await socket.flush();
    expect(await socket.close()).toMatchObject({ outcome: 'drained', unfinished: 0 });
    expect(ids.result()).toMatchObject(EXACT);
    return { before, needDrain, between, where, ids: ids.sent };
  }

  it('of the transmit ring wait for a frame that was acquired before them', async () => {
    expect(await inOrder('packet')).toEqual({
      before: {},
      needDrain: true,
      between: { zerocopy: 11 }, // not those behind the run that is held
      // What was given back is handed out next, and no run reaches over what is out.
      where: [
        [0, 3],
        [3, 2],
      ],
      ids: 22,
    });
  });

  it('of AF_XDP leave at once', async () => {
    expect(await inOrder('xdp')).toMatchObject({ before: { copied: 16 }, needDrain: false });
  });

  it.each(RINGS)('%s: end, each id once, when their socket is given up', async (kind) => {
    const { socket, pool, length } = await open(kind, stage);
    const { count } = pool;
    const ids = IdChecker.of(socket);
    ip(`link set ${stage.interface} down`);
    try {
      for (let run = pool.tryAcquireRun(20); run !== null; run = pool.tryAcquireRun(20)) {
        socket.sendMany(run, length);
      }
      expect(counts(pool)).toEqual({ free: 0, acquired: 0, inFlight: count });
      expect(await socket.abort()).toMatchObject({ ids: count, unfinished: count });
    } finally {
      ip(`link set ${stage.interface} up`);
    }
    expect(ids.result()).toMatchObject({ ids: count, ...EXACT });
    // What the kernel may have is not used again.
    const retired = ids.how.revoked ?? 0;
    const left = { free: count - retired, acquired: 0, inFlight: 0, retired };
    expect(pool.stats()).toMatchObject(left);
  });

  it.each(KINDS)('%s: are waited for in turn, one buffer each while others wait', async (kind) => {
    const { socket, pool } = await open(kind, stage);
    const all = [];
    for (let run = pool.tryAcquireRun(40); run; run = pool.tryAcquireRun(40)) all.push(run);
    const abort = new AbortController();
    const acquired = pool.acquireRun(5, { signal: abort.signal });
    // Expected from now on: it may be rejected before the others are served.
    const aborted = expect(acquired).rejects.toMatchObject({ name: 'AbortError' });
    const served: string[] = [];
    const serve = (name: string, priority: number) =>
      pool.acquireRun(8, { priority }).then((run) => {
        served.push(`${name} ${run.count}`);
        run.release();
      });
    const both = [serve('low', 0), serve('high', 5)];
    abort.abort();
    for (const run of all) run.release();
    await Promise.all(both);
    await aborted;
    expect(served).toEqual(['high 1', expect.stringMatching(/^low \d+$/)]);
    const rest = takeRun(pool, 1024);
    expect(rest.count).toBeGreaterThan(30);
    const late = pool.count > rest.count ? takeRun(pool, 1024) : null;
    const rejected = pool.acquireRun(1);
    void pool.close();
    await expect(rejected).rejects.toMatchObject({ code: 'ERR_ZEROSEND_POOL_CLOSED' });
    rest.release();
    late?.release();
    expect(codeOf(() => pool.tryAcquireRun(1))).toBe('ERR_ZEROSEND_POOL_CLOSED');
    await socket.close();
    expect(counts(pool)).toEqual(allFree(pool));
  });
});
