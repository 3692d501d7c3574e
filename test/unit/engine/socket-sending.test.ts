// Sending on the fake addon: ids, refusals, what goes to the addon, and who has the buffers.
import { describe, expect, it, vi } from 'vitest';
import {
  FLAG_DESTINATION,
  FLAG_ZERO_COPY,
  KIND_COPIED,
  KIND_ZEROCOPY,
  MAX_REQUESTS,
} from '../../../lib/addon/addon.js';
import { type PooledBuffer, slotOf } from '../../../lib/buffers/pooled-buffer.js';
import { turn } from '../../support/deadline.js';
import { fake } from '../support/fake-native.js';
import { connectTcp, makePool, openUdp, sendSome } from '../support/fake-sockets.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

const EMSGSIZE = 90;
const EPERM = 1;
const ENOMEM = 12;

function codeOf(task: () => unknown): string {
  try {
    task();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'nothing was thrown';
}

describe('ids', () => {
  it('are consecutive for every mix of sends, as the addon counts them', async () => {
    const { socket, kernel } = await openUdp({ zeroCopyThreshold: 50 });
    const pool = makePool();
    const take = () => pool.tryAcquire() as PooledBuffer;
    const ids = [
      socket.send(take(), 100),
      socket.send(take(), 10), // inline
      socket.send(new Uint8Array(100)),
      socket.sendTo(take(), 100, { address: '198.18.0.7', port: 7 }),
      socket.sendMany([take(), take()], 100).first,
    ];
    expect(ids).toEqual([0, 1, 2, 3, 4]);
    expect(socket.nextId).toBe(6);
    expect(socket.send(take(), 100)).toBe(6);
    expect(kernel.sends.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('go on past 2^32', async () => {
    fake.firstId = 2 ** 32 - 2;
    const { socket, kernel } = await openUdp();
    fake.firstId = 0;
    const pool = makePool();
    const ranges: unknown[] = [];
    socket.on('complete', (range) => ranges.push(range));
    const [first, , , last] = sendSome(socket, pool, 4);
    expect([first, last]).toEqual([2 ** 32 - 2, 2 ** 32 + 1]);
    kernel.finishAll();
    expect(socket.poll()).toBe(4);
    expect(ranges).toEqual([{ first, last, how: 'zerocopy' }]);
    expect(pool.free).toBe(8);
  });
});

describe('what the addon gets', () => {
  it('is the slab, the slot and the length of a pooled buffer', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool();
    const [a, b] = [pool.tryAcquire() as PooledBuffer, pool.tryAcquire() as PooledBuffer];
    socket.send(b, 4096);
    socket.send(a, 1);
    expect(kernel.sends).toMatchObject([
      { slab: slotOf(a).slab, slot: 1, length: 4096, bytes: null },
      { slab: slotOf(a).slab, slot: 0, length: 1, bytes: null },
    ]);
  });

  it('is the plain array itself', async () => {
    const { socket, kernel } = await openUdp();
    const bytes = new Uint8Array([1, 2, 3]);
    socket.send(bytes);
    socket.send(bytes, 2);
    expect(kernel.sends[0]?.bytes).toBe(bytes);
    expect(kernel.sends.map(({ length }) => length)).toEqual([3, 2]);
  });

  it('asks for zero copy at and above the threshold, on every path', async () => {
    const { socket, kernel } = await openUdp({ zeroCopyThreshold: 1000 });
    const pool = makePool();
    const take = () => pool.tryAcquire() as PooledBuffer;
    const to = { address: '198.18.0.7', port: 7 };
    for (const length of [999, 1000]) {
      socket.send(take(), length);
      socket.send(new Uint8Array(length));
      socket.sendTo(take(), length, to);
      socket.sendTo(new Uint8Array(length), length, to);
    }
    socket.sendMany([take(), take()], [999, 1000]);
    const flags = kernel.sends.map((send) => send.flags);
    const [none, ask, away] = [0, FLAG_ZERO_COPY, FLAG_DESTINATION];
    expect(flags).toEqual([none, none, away, away, ask, ask, away | ask, away | ask, none, ask]);
  });

  it('stops asking after copied answers, probes, and asks again', async () => {
    const { socket, kernel } = await openUdp({ maxQueuedSends: 8 });
    const bytes = new Uint8Array(10);
    const asked = (sends: number) => {
      const before = kernel.sends.length;
      for (let i = 0; i < sends; i++) socket.send(bytes);
      socket.poll();
      return kernel.sends.slice(before).filter((send) => send.flags & FLAG_ZERO_COPY).length;
    };
    expect(asked(16)).toBe(16);
    for (let id = 0; id < 16; id++) {
      kernel.finish(id, id, KIND_COPIED);
      socket.poll();
    }
    expect(socket.info().zeroCopy).toMatchObject({ active: false });
    expect(asked(1023)).toBe(0);
    expect(asked(1)).toBe(1);
    kernel.finishAll(KIND_ZEROCOPY);
    socket.poll();
    expect(socket.info().zeroCopy).toMatchObject({ active: true, reason: undefined });
    expect(asked(10)).toBe(10);
    kernel.finishAll();
  });

  it("never asks with 'never'", async () => {
    const { socket, kernel } = await openUdp({ zeroCopy: 'never' });
    socket.send(new Uint8Array(60_000));
    expect(kernel.sends[0]?.flags).toBe(0);
    expect(kernel.request.zeroCopy).toBe(false);
  });
});

describe('a send that throws', () => {
  it('takes no id and leaves the buffer with the caller', async () => {
    const { socket, kernel } = await openUdp({ maxQueuedSends: 1 });
    const pool = makePool();
    const buffer = pool.tryAcquire() as PooledBuffer;
    kernel.refusals.push(EPERM, EMSGSIZE, ENOMEM);
    expect(codeOf(() => socket.send(buffer, 100))).toBe('EPERM');
    expect(codeOf(() => socket.send(buffer, 100))).toBe('ERR_ZEROSEND_DATAGRAM_TOO_LONG');
    expect(codeOf(() => socket.send(new Uint8Array(9)))).toBe('ENOMEM');
    kernel.room = 0;
    socket.send(new Uint8Array(9));
    expect(codeOf(() => socket.send(buffer, 100))).toBe('ERR_ZEROSEND_QUEUE_FULL');
    expect(socket).toMatchObject({ nextId: 1, inFlight: 1 });
    expect(pool).toMatchObject({ acquired: 1, inFlight: 0 });
    kernel.room = 10;
    socket.poll();
    expect(socket.send(buffer, 100)).toBe(1);
  });

  it.each([0, -1, 1.5, Number.NaN, 4097, 2 ** 32, '100', undefined, null])(
    'does so for the length %o before it reaches the addon',
    async (length) => {
      const { socket, kernel } = await openUdp();
      const pool = makePool();
      const buffer = pool.tryAcquire() as PooledBuffer;
      const code = codeOf(() => socket.send(buffer, length as number));
      expect(code).toMatch(/^ERR_ZEROSEND_(OUT_OF_RANGE|INVALID_ARGUMENT)$/);
      expect(kernel.sends).toEqual([]);
      expect(pool.acquired).toBe(1);
    },
  );

  it('does so for a buffer that is not held', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool();
    const [a, b] = [pool.tryAcquire() as PooledBuffer, pool.tryAcquire() as PooledBuffer];
    a.release();
    socket.send(b, 1);
    expect(codeOf(() => socket.send(a, 1))).toBe('ERR_ZEROSEND_BUFFER_FREE');
    expect(codeOf(() => socket.send(b, 1))).toBe('ERR_ZEROSEND_BUFFER_IN_FLIGHT');
    expect(kernel.sends).toHaveLength(1);
  });

  it('does so once the socket is closing, and once it is closed', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool();
    const [buffer, other] = [pool.tryAcquire(), pool.tryAcquire()] as PooledBuffer[];
    socket.send(other as PooledBuffer, 10);
    const closing = socket.close();
    const send = () => codeOf(() => socket.send(buffer as PooledBuffer, 10));
    expect(send()).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
    kernel.finishAll();
    expect(await closing).toMatchObject({ outcome: 'drained', ids: 1, unfinished: 0 });
    expect(send()).toBe('ERR_ZEROSEND_SOCKET_CLOSED');
    expect(codeOf(() => socket.sendMany([buffer as PooledBuffer], 10))).toBe(
      'ERR_ZEROSEND_SOCKET_CLOSED',
    );
    expect(pool).toMatchObject({ acquired: 1, free: 7 });
  });
});

describe('sendMany', () => {
  it('accepts all or none', async () => {
    const { socket, kernel } = await openUdp({ maxQueuedSends: 4 });
    const pool = makePool();
    const buffers = Array.from({ length: 4 }, () => pool.tryAcquire() as PooledBuffer);
    kernel.refusals.push(EPERM);
    expect(codeOf(() => socket.sendMany(buffers, 10))).toBe('EPERM');
    kernel.room = 0;
    socket.send(new Uint8Array(9)); // waits, and leaves room for three to wait
    expect(codeOf(() => socket.sendMany(buffers, 10))).toBe('ERR_ZEROSEND_QUEUE_FULL');
    expect(codeOf(() => socket.sendMany(buffers, [1, 2, 3, 0]))).toBe('ERR_ZEROSEND_OUT_OF_RANGE');
    expect(codeOf(() => socket.sendMany(buffers, [1, 2, 3]))).toBe('ERR_ZEROSEND_INVALID_ARGUMENT');
    expect(kernel.sends).toHaveLength(1);
    expect(pool).toMatchObject({ acquired: 4, inFlight: 0 });
    expect(socket.nextId).toBe(1);
    kernel.room = 10;
    socket.poll();
    expect(socket.sendMany(buffers, [1, 2, 3, 4])).toEqual({ first: 1, last: 4 });
    expect(kernel.sends.slice(1).map(({ length }) => length)).toEqual([1, 2, 3, 4]);
    expect(pool).toMatchObject({ acquired: 0, inFlight: 4 });
    kernel.finishAll();
  });

  it('needs a lease for each time that a buffer is named', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool();
    const buffer = pool.tryAcquire() as PooledBuffer;
    const twice = [buffer, buffer];
    expect(codeOf(() => socket.sendMany(twice, 10))).toBe('ERR_ZEROSEND_BUFFER_IN_FLIGHT');
    expect(pool).toMatchObject({ acquired: 1, inFlight: 0 });
    buffer.retain();
    expect(socket.sendMany(twice, 10)).toEqual({ first: 0, last: 1 });
    kernel.finish(0);
    socket.poll();
    expect(pool.free).toBe(7);
    kernel.finish(1);
    socket.poll();
    expect(pool.free).toBe(8);
  });

  it('takes as many as there is room for requests', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool(1);
    const buffer = (pool.tryAcquire() as PooledBuffer).retain(2 * MAX_REQUESTS);
    const many = (count: number) => Array.from({ length: count }, () => buffer);
    expect(codeOf(() => socket.sendMany(many(MAX_REQUESTS + 1), 10))).toBe(
      'ERR_ZEROSEND_OUT_OF_RANGE',
    );
    expect(codeOf(() => socket.sendMany([], 10))).toBe('ERR_ZEROSEND_OUT_OF_RANGE');
    expect(socket.sendMany(many(MAX_REQUESTS), 10)).toEqual({ first: 0, last: MAX_REQUESTS - 1 });
    expect(kernel.sends).toHaveLength(MAX_REQUESTS);
    kernel.finishAll();
    socket.poll();
    buffer[Symbol.dispose]();
    expect(pool.free).toBe(1);
  });

  it('goes on reaping after calls with what is no array', async () => {
    const { socket, kernel } = await openUdp();
    const bad = [{ length: Number.NaN }, { length: 'x' }, { length: 5n }, 'text', null, undefined];
    for (const buffers of bad) {
      expect(codeOf(() => socket.sendMany(buffers as never, 10))).toBe(
        'ERR_ZEROSEND_INVALID_ARGUMENT',
      );
    }
    const polls = kernel.polls;
    for (let i = 0; i < 40; i++) socket.send(new Uint8Array(1));
    expect(kernel.polls).toBeGreaterThanOrEqual(polls + 2);
    kernel.finishAll();
  });
});

describe('inline reaping', () => {
  it('polls every sixteen sends, so that a loop without turns gets its buffers back', async () => {
    const { socket, kernel } = await openUdp();
    const bytes = new Uint8Array(10);
    for (let i = 0; i < 160; i++) {
      socket.send(bytes);
      kernel.finishAll();
    }
    expect(kernel.polls).toBe(10);
    expect(socket.inFlight).toBeLessThanOrEqual(16);
  });

  it('counts the sends of sendMany', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool(64);
    for (let i = 0; i < 10; i++) {
      const buffers = Array.from({ length: 5 }, () => pool.tryAcquire() as PooledBuffer);
      socket.sendMany(buffers, 10);
      kernel.finishAll();
    }
    expect(kernel.polls).toBeGreaterThanOrEqual(2);
    expect(socket.inFlight).toBeLessThanOrEqual(20);
  });

  it('takes completions in when a pool is dry, from any of its sockets', async () => {
    const [a, b] = [await openUdp(), await openUdp()];
    const pool = makePool(4);
    sendSome(a.socket, pool, 2);
    sendSome(b.socket, pool, 2);
    expect(pool.tryAcquire()).toBeNull();
    b.kernel.finish(1);
    expect(pool.tryAcquire()?.index).toBe(3);
    expect(pool.stats()).toMatchObject({ dry: 2, free: 0 });
    a.kernel.finishAll();
    b.kernel.finishAll();
  });

  it('asks closed sockets no more', async () => {
    const { socket } = await openUdp();
    const pool = makePool(1);
    sendSome(socket, pool, 1);
    await socket.abort();
    const poll = vi.spyOn(socket, 'poll');
    const buffer = pool.tryAcquire() as PooledBuffer;
    expect(pool.tryAcquire()).toBeNull();
    expect(poll).not.toHaveBeenCalled();
    buffer.release();
  });
});

describe('sendTo', () => {
  const here = { address: '198.18.0.7', port: 7 };
  const there = { address: '198.18.0.8', port: 7 };

  it('sets the destination when it changes, and only then', async () => {
    const [a, b] = [await openUdp(), await openUdp()];
    const before = fake.destinations.length;
    const bytes = new Uint8Array(1);
    for (const to of [here, { ...here }, there, there]) a.socket.sendTo(bytes, 1, to);
    b.socket.sendTo(bytes, 1, there); // the addon has one for all sockets
    a.socket.sendTo(bytes, 1, there);
    expect(fake.destinations.length - before).toBe(4);
    expect(a.kernel.sends.map(({ destination }) => destination)).toEqual([
      '198.18.0.7 7',
      '198.18.0.7 7',
      '198.18.0.8 7',
      '198.18.0.8 7',
      '198.18.0.8 7',
    ]);
    expect(b.kernel.sends[0]?.destination).toBe('198.18.0.8 7');
    for (const { kernel } of [a, b]) kernel.finishAll();
  });

  it('sends to the right address after one that was refused', async () => {
    const { socket, kernel } = await openUdp({ family: 6, remote: { address: '::1', port: 9 } });
    const good = { address: 'fe80::1%1', port: 7 };
    const bytes = new Uint8Array(1);
    socket.sendTo(bytes, 1, good);
    for (const address of ['fe80::1%nosuch0', '198.18.0.1', 'host.example']) {
      const code = codeOf(() => socket.sendTo(bytes, 1, { address, port: 7 }));
      expect(code).toBe('ERR_ZEROSEND_INVALID_ADDRESS');
      socket.sendTo(bytes, 1, good);
    }
    expect(new Set(kernel.sends.map(({ destination }) => destination))).toEqual(
      new Set(['fe80::1%1 7']),
    );
    kernel.finishAll();
  });

  it('sends where it was told although a listener sends elsewhere first', async () => {
    const { socket, kernel } = await openUdp();
    const bytes = new Uint8Array(1);
    socket.once('complete', () => void socket.sendTo(bytes, 1, there));
    for (let i = 0; i < 15; i++) socket.sendTo(bytes, 1, here);
    kernel.finishAll();
    socket.sendTo(bytes, 1, here); // reaps, and the listener runs
    expect(kernel.sends.slice(-2).map(({ id, destination }) => `${id} ${destination}`)).toEqual([
      '15 198.18.0.8 7',
      '16 198.18.0.7 7',
    ]);
    kernel.finishAll();
  });
});

describe('waiting for room', () => {
  it('is told by needDrain and drain', async () => {
    const { socket, kernel } = await connectTcp();
    const pool = makePool();
    let drains = 0;
    socket.on('drain', () => drains++);
    kernel.room = 1;
    sendSome(socket, pool, 1);
    expect(socket.needDrain).toBe(false);
    sendSome(socket, pool, 2);
    expect(socket.needDrain).toBe(true);
    kernel.room = 1;
    socket.poll();
    expect([drains, socket.needDrain]).toEqual([0, true]);
    kernel.room = 5;
    socket.poll();
    expect([drains, socket.needDrain]).toEqual([1, false]);
    sendSome(socket, pool, 1);
    await turn();
    expect(drains).toBe(1);
    kernel.finishAll();
    socket.poll();
    expect(pool.free).toBe(8);
  });

  it('is not over with the news of an earlier drain', async () => {
    const { socket, kernel } = await connectTcp({ maxQueuedSends: 2 });
    const bytes = new Uint8Array(10);
    const log: string[] = [];
    socket.on('drain', () => log.push(`drain at ${socket.nextId}`));
    socket.once('complete', () => {
      kernel.room = 0;
      socket.send(bytes); // waits again, before the old news is told
      log.push(`queued, needDrain ${socket.needDrain}`);
    });
    kernel.room = 1;
    socket.send(bytes);
    socket.send(bytes);
    kernel.finishAll();
    kernel.room = 1;
    socket.poll();
    expect(log).toEqual(['queued, needDrain true']);
    expect(socket.needDrain).toBe(true);
    kernel.room = 1;
    socket.poll();
    expect(log).toEqual(['queued, needDrain true', 'drain at 3']);
    kernel.finishAll();
  });
});
