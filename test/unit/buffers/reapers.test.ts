// Which sockets a dry pool asks, and what sockets and pools keep of one another. On the fake addon.
import { describe, expect, it, vi } from 'vitest';
import { BufferPool } from '../../../lib/buffers/buffer-pool.js';
import type { PooledBuffer } from '../../../lib/buffers/pooled-buffer.js';
import { coreOf, type ZeroCopySocket } from '../../../lib/engine/socket.js';
import { UdpSocket } from '../../../lib/sockets/udp.js';
import { turn, until } from '../../support/deadline.js';
import { type FakeSocket, fake } from '../support/fake-native.js';
import { makePool, openUdp, turns } from '../support/fake-sockets.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);

const take = (pool: BufferPool) => pool.tryAcquire() as PooledBuffer;
const polls = (kernels: readonly FakeSocket[]) => kernels.map((kernel) => kernel.polls);

async function openMany(count: number) {
  const opened = [];
  for (let i = 0; i < count; i++) opened.push(await openUdp());
  return { sockets: opened.map(({ socket }) => socket), kernels: opened.map((o) => o.kernel) };
}

describe('a dry pool', () => {
  it('asks only sockets that have buffers of it in flight', async () => {
    const { sockets, kernels } = await openMany(4);
    const pool = makePool(2);
    const other = makePool(2);
    // 0: has sent of it, and is idle. 1: has a buffer of it. 2: of another pool. 3: of both.
    (sockets[0] as UdpSocket).send(take(pool), 100);
    kernels[0]?.finishAll();
    sockets[0]?.poll();
    (sockets[1] as UdpSocket).send(take(pool), 100);
    (sockets[2] as UdpSocket).send(take(other), 100);
    (sockets[3] as UdpSocket).send(take(pool), 100);
    (sockets[3] as UdpSocket).send(take(other), 100);
    const before = polls(kernels);
    expect(pool.tryAcquire()).toBeNull();
    expect(polls(kernels).map((now, i) => now - (before[i] as number))).toEqual([0, 1, 0, 1]);
    for (const kernel of kernels) kernel.finishAll();
    expect(pool.tryAcquire()).not.toBeNull();
  });

  it('asks so many at a time, the next ones at the next call, and finds what is back', async () => {
    const { sockets, kernels } = await openMany(100);
    const pool = makePool(100);
    for (const socket of sockets) socket.send(take(pool), 100);
    expect(pool.tryAcquire()).toBeNull();
    expect(polls(kernels).reduce((sum, n) => sum + n)).toBe(64);
    expect(pool.tryAcquire()).toBeNull();
    expect(polls(kernels).reduce((sum, n) => sum + n)).toBe(128);
    expect(Math.min(...polls(kernels))).toBe(1); // each in its turn
    kernels[20]?.finish(0);
    const found = [pool.tryAcquire(), pool.tryAcquire()].filter((buffer) => buffer !== null);
    expect(found).toHaveLength(1);
    for (const kernel of kernels) kernel.finishAll();
  });

  it('costs nothing for sockets that are idle, and finds them when they send again', async () => {
    const { sockets, kernels } = await openMany(50);
    const pool = makePool(1);
    for (const [i, socket] of sockets.entries()) {
      socket.send(take(pool), 100);
      kernels[i]?.finish(0);
      socket.poll();
    }
    const held = take(pool);
    await turns(3);
    const before = polls(kernels);
    for (let i = 0; i < 10; i++) expect(pool.tryAcquire()).toBeNull();
    expect(polls(kernels)).toEqual(before);
    sockets[7]?.send(held, 100);
    kernels[7]?.finish(1);
    expect(pool.tryAcquire()).toBe(held);
  });
});

/** Runs in a frame of its own, so that nothing of it is left on the stack. */
async function collected(make: () => Promise<WeakRef<object>>, meanwhile = () => {}) {
  const weakly = await make();
  await until(() => {
    meanwhile();
    globalThis.gc?.();
    return weakly.deref() === undefined;
  }, 'it is collected');
}

describe('a pool that is not used any more is collected, whatever the socket goes on with', () => {
  async function use(
    socket: ZeroCopySocket,
    kernel: FakeSocket,
    send: (pool: BufferPool) => void,
    options: { verify?: boolean } = {},
  ): Promise<WeakRef<BufferPool>> {
    const pool = new BufferPool({ bufferSize: 4096, count: 8, ...options });
    send(pool);
    kernel.finishAll();
    socket.poll();
    await pool.close();
    return new WeakRef(pool);
  }

  it.each([
    ['send', (socket: ZeroCopySocket, pool: BufferPool) => void socket.send(take(pool), 9)],
    ['sendMany', (socket, pool) => void socket.sendMany([take(pool), take(pool)], 9)],
    ['a run', (socket, pool) => void socket.sendMany(pool.tryAcquireRun(4) as never, 9)],
  ] as [string, (socket: ZeroCopySocket, pool: BufferPool) => void][])(
    'after %s, by a socket that has come to rest',
    async (_, send) => {
      const { socket, kernel } = await openUdp();
      await collected(async () => {
        const weakly = await use(socket, kernel, (pool) => send(socket, pool));
        await turns(3);
        return weakly;
      });
    },
  );

  it('after verify: true', async () => {
    const { socket, kernel } = await openUdp();
    await collected(async () => {
      const send = (pool: BufferPool) => void socket.send(take(pool), 9);
      const weakly = await use(socket, kernel, send, { verify: true });
      await turns(3);
      return weakly;
    });
  });

  it('by a socket that never rests, from pool after pool', async () => {
    const { socket, kernel } = await openUdp();
    const latest = makePool(1);
    await collected(
      async () => {
        const first = await use(socket, kernel, (pool) => {
          socket.send(take(pool), 9);
          socket.sendMany([take(pool), take(latest)], 9);
        });
        return first;
      },
      () => {
        // Always something in flight, and no turn without a send.
        for (let i = 0; i < 200; i++) {
          socket.send(take(latest), 9);
          kernel.finishAll();
          socket.poll();
        }
        socket.send(new Uint8Array(1));
      },
    );
    kernel.finishAll();
  });

  it('but not while something of it is in flight', async () => {
    const { socket, kernel } = await openUdp();
    const weakly = await (async () => {
      const pool = makePool(1);
      socket.send(take(pool), 9);
      return new WeakRef(pool);
    })();
    for (let i = 0; i < 5; i++) {
      await turns(2);
      globalThis.gc?.();
    }
    expect(weakly.deref()?.inFlight).toBe(1);
    kernel.finishAll();
    socket.poll();
    expect(weakly.deref()?.free).toBe(1);
  });
});

it('a pool keeps no socket that is closed, or idle and forgotten', async () => {
  const pool = makePool(4);
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  for (const end of ['close', 'forget']) {
    await collected(async () => {
      const remote = { address: '198.18.0.1', port: 9 };
      const socket = await UdpSocket.open({ remote, zeroCopyThreshold: 0 });
      socket.send(take(pool), 9);
      fake.socket(coreOf(socket).state.handle).finishAll();
      socket.poll();
      if (end === 'close') await socket.close();
      await turns(3);
      return new WeakRef(socket);
    });
  }
  await turn();
  process.off('warning', note);
  expect(warnings).toMatchObject([{ code: 'ZEROSEND_SOCKET_FORGOTTEN' }]);
  expect(pool.free).toBe(4);
});
