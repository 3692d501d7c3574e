import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  BufferPool,
  type BufferRun,
  PacketSocket,
  type PooledBuffer,
  UdpSocket,
  XdpSocket,
} from 'zerosend';
import { IdChecker } from '../../../rig/ids.mjs';
import { turn, until, within } from '../../support/deadline.js';
import { addSink, countsOf, ip, ownLinks, run, warnings } from '../../support/links.js';
import { addsUp, codeOf, EXACT, take } from './kinds.mjs';

const LENGTH = 100;

async function open(options = {}) {
  const name = addSink();
  ip(`link set ${name} addrgenmode none`); // the kernel sends nothing of its own
  const socket = await PacketSocket.open({
    interface: name,
    frames: 32,
    frameSize: 2016,
    init: (bytes) => void bytes.fill(0).write('ffffffffffff02000000000188b5', 'hex'),
    ...options,
  });
  const { pool } = socket;
  const takeAll = <const N extends number>(length: N) =>
    Array.from({ length }, () => take(pool)) as PooledBuffer[] & { length: N };
  const send = (...frames: PooledBuffer[]) => {
    for (const frame of frames) socket.send(frame, LENGTH);
  };
  return { name, socket, pool, takeAll, send, ids: IdChecker.of(socket), seen: warnings() };
}

describe('frames of a packet ring', ownLinks(), () => {
  it.each([
    ['plain', {}],
    ['timestamps', { timestamps: 'software' }],
  ])('go past those that were acquired before them and released unsent: %s', async (_, options) => {
    const { name, socket, pool, takeAll, send, ids, seen } = await open(options);
    for (let round = 0; round < 20; round++) {
      const frames = takeAll(12);
      const pick = (...places: number[]) => places.map((i) => frames[i] as PooledBuffer);
      // Before the others are sent, and after: nobody fills their places.
      for (const frame of pick(0, 1)) frame.release();
      send(...pick(2, 3, 5, 6, 9, 11));
      for (const frame of pick(4, 7, 8, 10)) frame.release();
      expect(addsUp(pool)).toBe(true);
      await socket.flush();
    }
    const [first, ...others] = takeAll(3);
    send(...others);
    first?.release();
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 122, unfinished: 0 });
    expect(ids.result()).toMatchObject({ ...EXACT, how: { zerocopy: 122 } });
    expect(pool.free).toBe(32);
    // And not what stood in the places that were passed; some are the kernel's own.
    const { packets } = countsOf(name).rx;
    expect(packets).toBeGreaterThanOrEqual(122);
    expect(packets).toBeLessThan(132);
    expect(seen).toEqual([]);
  });

  it('go past one that others wait for before it is told that earlier ones wait no more', async () => {
    const { socket, pool, send, ids } = await open();
    const [first, second, third, fourth] = [take(pool), take(pool), take(pool), take(pool)];
    await turn(); // the next are timers: that of the look for `first`, then the own, then the events
    send(second);
    const later = new Promise<void>((resolve) => {
      setTimeout(() => {
        send(fourth);
        third.release();
        resolve();
      }, 1);
    });
    send(first);
    const end = performance.now() + 5;
    while (performance.now() < end); // both are due
    await later;
    await within(socket.flush(), 'flush');
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 3 });
    expect(ids.result()).toMatchObject(EXACT);
  });

  it('go past a run that was released', async () => {
    const { socket, pool, send, ids, seen } = await open();
    const first = pool.tryAcquireRun(8) as BufferRun;
    send(take(pool));
    first.release();
    await socket.flush();
    for (let i = 0; i < 100; i++) send(await pool.acquire());
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 101, unfinished: 0 });
    expect(ids.result()).toMatchObject(EXACT);
    expect(seen).toEqual([]);
  });

  it.each(['held', 'without loopback'])('tell of the one that they wait for: %s', async (kind) => {
    // Places are passed by sending what is in them to loopback.
    if (kind === 'without loopback') ip('link set lo down');
    try {
      const { name, socket, pool, takeAll, send, ids, seen } = await open();
      const [first, ...others] = takeAll(4) as [PooledBuffer, ...PooledBuffer[]];
      if (kind !== 'held') first.release();
      send(...others);
      await until(() => seen.length > 0, 'a warning');
      expect(socket.info().ring).toMatchObject({ waiting: 3, waitsFor: 0 });
      await delay(1500); // a second warning would be due
      expect(socket.inFlight).toBe(3);
      send(kind === 'held' ? first : take(pool));
      await socket.flush();
      expect(socket.info().ring).not.toHaveProperty('waiting');
      expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 4, unfinished: 0 });
      expect(ids.result()).toMatchObject(EXACT);
      const why = kind === 'held' ? 'was acquired before them and is held' : 'is back in the pool';
      const message = `3 frames sent on interface '${name}' wait for buffer 0, which ${why}`;
      const warning = { code: 'ZEROSEND_FRAME_HELD', message: expect.stringContaining(message) };
      expect(seen).toEqual([warning]);
    } finally {
      ip('link set lo up');
    }
  });

  it('tell of each one that they wait for', async () => {
    const { name, socket, takeAll, send, seen } = await open();
    for (const count of [1, 2]) {
      const [first, second] = takeAll(2) as [PooledBuffer, PooledBuffer];
      send(second);
      await until(() => seen.length === count, 'a warning');
      send(first);
      await socket.flush();
    }
    expect(seen[1]?.message).toContain(`'${name}' wait for buffer 2, which was acquired`);
    await socket.close();
  });

  it('do not blame one that was released while those before it wait for the link', async () => {
    const { name, socket, takeAll, send, seen } = await open();
    ip(`link set ${name} down`);
    const [first, second, third] = takeAll(3) as [PooledBuffer, PooledBuffer, PooledBuffer];
    send(first, third);
    second.release();
    await delay(1500); // a warning would be due
    ip(`link set ${name} up`);
    await socket.flush();
    expect(seen.map(({ code }) => code)).toEqual(['ZEROSEND_LINK_DOWN']);
    await socket.close();
  });

  // By a queueing discipline that an empty frame is too large for, or that takes one in 14 seconds.
  it.each([
    ['drops', 'rate 1mbit burst 10'],
    ['holds', 'rate 8bit burst 14'],
  ])('go past places though the loopback device %s what it is given', async (_, limits) => {
    run(`tc qdisc add dev lo root tbf ${limits} limit 1000`);
    onTestFinished(() => void run('tc qdisc del dev lo root'));
    const { socket, pool, takeAll, send, ids } = await open();
    for (let round = 0; round < 3; round++) {
      const [first, second] = takeAll(2) as [PooledBuffer, PooledBuffer];
      first.release();
      send(second);
      await within(socket.flush(), 'the frame behind the place');
      // The place is free as any other.
      send(...takeAll(32));
      await within(socket.flush(), 'a ring of frames');
    }
    expect(await socket.close()).toMatchObject({ outcome: 'drained', ids: 99, unfinished: 0 });
    expect(ids.result()).toMatchObject(EXACT);
    expect(pool.free).toBe(32);
  });

  it('and other pooled memory are sent as buffers, and retained where that works', async () => {
    const { name, socket, pool } = await open();
    const xdp = await XdpSocket.open({ interface: name, frames: 8 });
    const remote = { address: '127.0.0.1', port: 9 };
    const udp = await UdpSocket.open({ remote });
    const plain = take(new BufferPool({ count: 2, bufferSize: 4096 }));
    const [frame, chunk] = [take(pool), take(xdp.pool)];
    const view = ({ bytes }: PooledBuffer) => bytes.subarray(0, 60);
    const POOLED = 'ERR_ZEROSEND_POOLED_MEMORY';
    expect(codeOf(() => socket.send(view(frame)))).toBe(POOLED);
    expect(codeOf(() => xdp.send(view(chunk)))).toBe(POOLED);
    expect(codeOf(() => udp.send(view(plain)))).toBe(POOLED);
    expect(codeOf(() => udp.send(plain.bytes.subarray(100, 200)))).toBe(POOLED);
    expect(codeOf(() => udp.sendTo(view(plain), 10, remote))).toBe(POOLED);
    expect(codeOf(() => udp.send(view(frame)))).toBe('ERR_ZEROSEND_WRONG_POOL');
    expect(codeOf(() => frame.retain())).toBe('ERR_ZEROSEND_RETAIN_UNSUPPORTED');
    expect([socket.nextId, xdp.nextId, udp.nextId]).toEqual([0, 0, 0]);
    expect(udp.send(Buffer.from(view(plain)))).toBe(0);
    plain.retain();
    // An XDP frame can be sent again while it is in flight.
    chunk.retain();
    for (let i = 0; i < 2; i++) xdp.send(chunk, 60);
    await xdp.flush();
    expect(xdp.pool.free).toBe(8);
    socket.send(frame, 60);
    for (const one of [socket, xdp, udp]) await one.close();
    expect(pool.free).toBe(32);
  });
});
