// Events on the fake addon: what listeners see and may do, errors, and what keeps the process alive.
import { describe, expect, it, vi } from 'vitest';
import { KIND_COPIED, KIND_ZEROCOPY } from '../../../lib/addon/addon.js';
import type { PooledBuffer } from '../../../lib/buffers/pooled-buffer.js';
import { coreOf } from '../../../lib/engine/socket.js';
import { turn } from '../../support/deadline.js';
import { fake } from '../support/fake-native.js';
import {
  connectTcp,
  makePool,
  openUdp,
  record,
  sendSome,
  startTcp,
  turns,
  uncaught,
} from '../support/fake-sockets.js';

vi.mock(
  '../../../lib/addon/addon.js',
  async () => (await import('../support/fake-native.js')).module,
);
// The library keeps the timers that it was loaded with; those of these tests are the program's.
vi.mock('../../../lib/base/timers.js', async (original) => ({
  ...(await original<typeof import('../../../lib/base/timers.js')>()),
  setTimeout: (...given: Parameters<typeof setTimeout>) => setTimeout(...given),
  clearTimeout: (timer: NodeJS.Timeout) => clearTimeout(timer),
}));

const ECONNRESET = 104;
const ECONNREFUSED = 111;

const messages = (errors: unknown[]) => errors.map((error) => (error as Error).message);

describe('complete', () => {
  it('comes when all buffers of the batch are back in their pool', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool();
    const free: number[] = [];
    socket.on('complete', () => free.push(pool.free));
    sendSome(socket, pool, 6);
    kernel.finish(0, 1);
    kernel.finish(3, 3);
    kernel.finish(5, 5, KIND_COPIED);
    expect(socket.poll()).toBe(4);
    expect(free).toEqual([6, 6, 6]);
    expect(socket.inFlight).toBe(2);
    kernel.finishAll();
  });

  it('comes by itself to a program that has gone idle', async () => {
    const { socket, kernel } = await openUdp();
    const log = record(socket);
    sendSome(socket, makePool(), 2);
    await turns(2);
    expect(kernel.arms).toBe(1);
    kernel.finish(0, 1);
    fake.wake();
    expect(log).toEqual(['0-1 zerocopy']);
  });

  it('comes once for each id, with the way it ended', async () => {
    const { socket, kernel } = await openUdp({ zeroCopyThreshold: 100 });
    const log = record(socket);
    const pool = makePool();
    sendSome(socket, pool, 3);
    socket.send(pool.tryAcquire() as PooledBuffer, 99);
    kernel.finish(2);
    kernel.finish(0, 1, KIND_COPIED);
    socket.poll();
    socket.poll();
    await turns(3);
    expect(log).toEqual(['0-1 copied', '2-2 zerocopy', '3-3 inline']);
  });

  it('reaches every listener of more ranges than one batch holds', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool(3000);
    sendSome(socket, pool, 2500);
    const seen: number[] = [];
    socket.on('complete', ({ first, last }) => {
      for (let id = first; id <= last; id++) seen.push(id);
    });
    for (let id = 0; id < 2500; id++) {
      kernel.finish(id, id, id % 2 === 0 ? KIND_ZEROCOPY : KIND_COPIED);
    }
    expect(socket.poll()).toBe(2500);
    expect(seen).toEqual(Array.from({ length: 2500 }, (_, id) => id));
    expect(pool.free).toBe(3000);
  });
});

describe('a complete listener', () => {
  it('that throws makes neither send nor poll fail, and is reported', async () => {
    const { socket, kernel } = await openUdp();
    const log = record(socket);
    socket.on('complete', ({ first }) => {
      throw new Error(`told of ${first}`);
    });
    const errors = await uncaught(() => {
      const pool = makePool(20);
      sendSome(socket, pool, 15);
      kernel.finish(0, 1);
      kernel.finish(2, 3, KIND_COPIED);
      expect(socket.send(pool.tryAcquire() as PooledBuffer, 100)).toBe(15);
      kernel.finish(4);
      expect(socket.poll()).toBe(1);
    });
    expect(log).toEqual(['0-1 zerocopy', '2-3 copied', '4-4 zerocopy']);
    expect(messages(errors)).toEqual(['told of 0', 'told of 2', 'told of 4']);
    socket.removeAllListeners('complete');
    kernel.finishAll();
  });

  it('may send, and poll() counts what completed', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool(4);
    const sent: number[] = [];
    socket.on('complete', ({ first, last }) => {
      for (let id = first; id <= last; id++) {
        sent.push(socket.send(pool.tryAcquire() as PooledBuffer, 100));
      }
    });
    sendSome(socket, pool, 4);
    for (let round = 0; round < 10; round++) {
      kernel.finishAll();
      expect(socket.poll()).toBe(4);
    }
    expect(sent).toEqual(Array.from({ length: 40 }, (_, i) => i + 4));
    expect(pool.inFlight).toBe(4);
    socket.removeAllListeners('complete');
    kernel.finishAll();
  });

  it('that sends within a send gets an id of its own', async () => {
    const { socket, kernel } = await openUdp();
    const bytes = new Uint8Array(10);
    const log: string[] = [];
    socket.on('complete', ({ first, last }) => {
      if (last < 16) log.push(`${first}-${last} complete, sent ${socket.send(bytes)}`);
    });
    for (let i = 0; i < 15; i++) socket.send(bytes);
    kernel.finishAll();
    log.push(`returns ${socket.send(bytes)}`);
    expect(log).toEqual(['0-14 complete, sent 15', 'returns 16']);
    kernel.finishAll();
  });

  it('is never told of an id that its send has not returned yet', async () => {
    const { socket } = await openUdp({ zeroCopy: 'never' }); // completes at once
    const returned = new Set<number>();
    let early = 0;
    socket.on('complete', ({ first, last }) => {
      for (let id = first; id <= last; id++) if (!returned.has(id)) early++;
    });
    const pool = makePool(40);
    for (let i = 0; i < 100; i++) {
      returned.add(socket.send(new Uint8Array(1)));
      const buffers = [pool.tryAcquire(), pool.tryAcquire()] as PooledBuffer[];
      const { first, last } = socket.sendMany(buffers, 1);
      returned.add(first).add(last);
    }
    socket.poll();
    expect(early).toBe(0);
    expect(returned.size).toBe(300);
  });

  it('may poll', async () => {
    const { socket, kernel } = await openUdp();
    const log = record(socket);
    socket.on('complete', ({ first }) => {
      if (first !== 0) return;
      kernel.finish(3);
      log.push(`polled ${socket.poll()}`);
    });
    sendSome(socket, makePool(), 4);
    kernel.finish(0);
    kernel.finish(1, 2, KIND_COPIED);
    expect(socket.poll()).toBe(4);
    expect(log).toEqual(['0-0 zerocopy', 'polled 1', '1-2 copied']);
    await turn();
    expect(log.slice(3)).toEqual(['3-3 zerocopy']);
  });

  it('that sends again what has come back does not keep the event loop from turning', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool(40);
    const log: string[] = [];
    let rounds = 0;
    socket.on('complete', ({ first, last }) => {
      rounds++;
      for (let id = first; id <= last; id++) {
        const buffer = pool.tryAcquire();
        if (buffer === null || rounds > 10_000) return buffer?.release();
        socket.send(buffer, 100);
        kernel.finishAll(); // at once, as a kernel that copies does
      }
    });
    sendSome(socket, pool, 40);
    kernel.finishAll();
    setImmediate(() => log.push(`turned after ${rounds < 100 ? 'a few' : 'many'} events`));
    socket.poll();
    expect(pool.free).toBeGreaterThan(0); // what a listener's sends find comes back at once
    expect(rounds).toBe(1);
    await turns(20);
    socket.removeAllListeners('complete');
    expect(log).toEqual(['turned after a few events']);
    expect(rounds).toBeGreaterThan(20);
    expect(rounds).toBeLessThan(10_000);
    kernel.finishAll();
  });

  it('that closes and refills hears of everything before close, also of what comes in turns', async () => {
    const { socket, kernel } = await openUdp();
    const log = record(socket);
    const other = await openUdp();
    record(other.socket, log, 'other ');
    socket.on('complete', ({ first }) => {
      if (first === 0) {
        kernel.finish(1);
        other.kernel.finish(0);
        other.socket.poll();
        socket.poll();
        void socket.close();
        void other.socket.close();
      }
    });
    sendSome(socket, makePool(), 2);
    sendSome(other.socket, makePool(), 1);
    kernel.finish(0);
    await turn(); // which tells of it, and looks whether the socket can close
    expect(socket.inFlight).toBe(0);
    expect(fake.isOpen(coreOf(socket).state.handle)).toBe(true); // it has something to tell
    await turns(2);
    expect(log).toEqual([
      '0-0 zerocopy',
      'other 0-0 zerocopy',
      'other close drained 1 0',
      '1-1 zerocopy',
      'close drained 2 0',
    ]);
  });

  it('is told of all that flush() has waited for', async () => {
    const { socket, kernel } = await openUdp();
    const log = record(socket);
    socket.on('complete', ({ first }) => {
      if (first !== 0) return;
      kernel.finish(1);
      socket.poll();
    });
    sendSome(socket, makePool(), 2);
    kernel.finish(0);
    socket.poll();
    expect(socket.inFlight).toBe(0);
    await socket.completed(1);
    expect(log).toEqual(['0-0 zerocopy']); // its buffer is back, which is all that this says
    await socket.flush();
    expect(log).toEqual(['0-0 zerocopy', '1-1 zerocopy']);
  });

  it('is told in the next poll of the program, too, before what that finds', async () => {
    const { socket, kernel } = await openUdp();
    const log = record(socket);
    socket.on('complete', ({ first }) => {
      if (first !== 0) return;
      kernel.finish(1);
      socket.poll();
    });
    sendSome(socket, makePool(), 3);
    kernel.finish(0);
    socket.poll();
    kernel.finish(2, 2, KIND_COPIED);
    socket.poll();
    expect(log).toEqual(['0-0 zerocopy', '1-1 zerocopy', '2-2 copied']);
  });

  it('may close, and hears of the rest before the end', async () => {
    const { socket, kernel } = await openUdp();
    const log = record(socket);
    socket.once('complete', () => void socket.close());
    sendSome(socket, makePool(), 4);
    kernel.finish(0);
    kernel.finish(2, 2, KIND_COPIED);
    socket.poll();
    expect(log).toEqual(['0-0 zerocopy', '2-2 copied']);
    expect(fake.isOpen(coreOf(socket).state.handle)).toBe(true);
    kernel.finishAll();
    await turns(3);
    expect(log).toEqual([
      '0-0 zerocopy',
      '2-2 copied',
      '1-1 zerocopy',
      '3-3 zerocopy',
      'close drained 4 0',
    ]);
  });

  it('may close the socket with its last id', async () => {
    const { socket, kernel } = await openUdp();
    const log = record(socket);
    socket.once('complete', () => void socket.close());
    sendSome(socket, makePool(), 1);
    kernel.finish(0);
    expect(socket.poll()).toBe(1);
    await turns(2);
    expect(log).toEqual(['0-0 zerocopy', 'close drained 1 0']);
    expect(socket.poll()).toBe(0);
  });

  it('may abort, and hears of the rest as revoked', async () => {
    const { socket, kernel } = await openUdp();
    const log = record(socket);
    const pool = makePool();
    socket.once('complete', () => void socket.abort());
    sendSome(socket, pool, 4);
    kernel.finish(1);
    kernel.finish(3, 3, KIND_COPIED);
    socket.poll();
    expect(log).toEqual(['1-1 zerocopy', '3-3 copied']);
    await turns(2);
    expect(log.slice(2)).toEqual(['0-0 revoked', '2-2 revoked', 'close revoked 4 2']);
    expect(pool.free).toBe(8);
  });

  // A dry pool polls whatever sockets use it, so this comes about without calling poll().
  it('that reaps other sockets hears of its own last ids before close', async () => {
    const [a, b] = [await openUdp(), await openUdp()];
    const pool = makePool(3);
    const log = record(a.socket, [], 'a ');
    record(b.socket, log, 'b ');
    sendSome(a.socket, pool, 2);
    sendSome(b.socket, pool, 1);
    const closed = a.socket.close();
    let taken: PooledBuffer | null = null;
    a.socket.once('complete', () => {
      taken = pool.tryAcquire(); // what has just come back
      b.kernel.finish(0);
      b.socket.poll();
      a.kernel.finish(1);
      a.socket.poll();
    });
    a.kernel.finish(0);
    a.socket.poll();
    await closed;
    expect(log).toEqual([
      'a 0-0 zerocopy',
      'b 0-0 zerocopy',
      'a 1-1 zerocopy',
      'a close drained 2 0',
    ]);
    (taken as PooledBuffer | null)?.release();
  });
});

describe('error', () => {
  it('comes once, after the completions and before close', async () => {
    const { socket, kernel } = await connectTcp();
    const log = record(socket);
    const pool = makePool();
    kernel.room = 2;
    sendSome(socket, pool, 4);
    kernel.finish(0);
    kernel.break(ECONNRESET); // fails 2 and 3; the kernel still has 1
    socket.poll();
    expect(log).toEqual(['0-0 zerocopy', '2-3 failed']);
    expect(() => socket.send(new Uint8Array(1))).toThrow(/closing after ECONNRESET/);
    kernel.finish(1);
    socket.poll();
    expect(log.slice(2)).toEqual(['1-1 zerocopy', 'error ECONNRESET', 'close aborted 4 2']);
    expect(pool.free).toBe(8);
    await expect(socket.close()).resolves.toMatchObject({
      outcome: 'aborted',
      ids: 4,
      unfinished: 2,
      error: { code: 'ECONNRESET' },
    });
    expect(log).toHaveLength(5);
  });

  it('names the call and the peer', async () => {
    const { socket, kernel } = await connectTcp();
    const error = new Promise<Error>((resolve) => socket.once('error', resolve));
    kernel.break(ECONNRESET);
    fake.wake();
    expect(await error).toMatchObject({
      code: 'ECONNRESET',
      errno: -ECONNRESET,
      syscall: 'sendto',
      address: '198.18.0.1',
      port: 9,
    });
  });

  it('without a listener is thrown, and close still comes', async () => {
    const { socket, kernel } = await connectTcp();
    const log: string[] = [];
    socket.on('close', ({ outcome }) => log.push(outcome));
    const errors = await uncaught(() => {
      kernel.break(ECONNRESET);
      fake.wake();
    });
    expect(errors).toMatchObject([{ code: 'ECONNRESET' }]);
    expect(log).toEqual(['aborted']);
  });

  it.each(['error', 'close'] as const)('survives a listener of %s that throws', async (name) => {
    const { socket, kernel } = await connectTcp();
    const log = record(socket);
    socket.on(name, () => {
      throw new Error('of the listener');
    });
    const errors = await uncaught(() => {
      kernel.break(ECONNRESET);
      fake.wake();
    });
    expect(messages(errors)).toEqual(['of the listener']);
    expect(log).toEqual(['error ECONNRESET', 'close aborted 0 0']);
    await expect(socket.close()).resolves.toMatchObject({ outcome: 'aborted' });
  });

  it('gives up after the time of a close when the kernel keeps what it has', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { socket, kernel } = await connectTcp();
      const log = record(socket);
      sendSome(socket, makePool(), 1);
      kernel.break(ECONNRESET);
      socket.poll();
      vi.advanceTimersByTime(4999);
      await turns(3);
      expect(log).toEqual([]);
      vi.advanceTimersByTime(1);
      await turns(3);
      expect(log).toEqual(['0-0 revoked', 'error ECONNRESET', 'close revoked 1 1']);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('connecting', () => {
  it('rejects with the error of the connection, and leaves nothing open', async () => {
    const { connecting, kernel } = await startTcp();
    kernel.break(ECONNREFUSED);
    fake.wake();
    await expect(connecting).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: '198.18.0.1',
      port: 9,
    });
    expect(fake.isOpen(kernel.handle)).toBe(false);
    expect(fake.alive).toBe(false);
  });

  it('keeps the process alive, and can be given up', async () => {
    const controller = new AbortController();
    const { connecting, kernel } = await startTcp({ signal: controller.signal });
    expect(fake.alive).toBe(true);
    controller.abort('too slow');
    await expect(connecting).rejects.toBe('too slow');
    expect(fake.isOpen(kernel.handle)).toBe(false);
    expect(fake.alive).toBe(false);
  });

  // The event loop was busy meanwhile, and hears of both at once.
  it('lets its caller listen before a reset that came with the connection is told', async () => {
    const { connecting, kernel } = await startTcp();
    const errors = await uncaught(async () => {
      kernel.connect();
      kernel.break(ECONNRESET);
      fake.wake();
      const log = record(await connecting);
      await turns(3);
      expect(log).toEqual(['error ECONNRESET', 'close aborted 0 0']);
    });
    expect(errors).toEqual([]);
    expect(fake.isOpen(kernel.handle)).toBe(false);
  });
});

describe('the process stays alive', () => {
  it('while sends are in flight, and not for an idle socket', async () => {
    const { socket, kernel } = await openUdp();
    expect(fake.alive).toBe(false);
    sendSome(socket, makePool(), 2);
    await turns(2);
    expect(fake.alive).toBe(true);
    kernel.finish(0);
    fake.wake();
    expect(fake.alive).toBe(true);
    kernel.finish(1);
    fake.wake();
    expect(fake.alive).toBe(false);
  });

  it('for as long as a socket is open after ref(), and not at all after unref()', async () => {
    const { socket, kernel } = await openUdp();
    socket.ref();
    expect(fake.alive).toBe(true);
    socket.unref();
    expect(fake.alive).toBe(false);
    sendSome(socket, makePool(), 1);
    await turns(2);
    expect(fake.alive).toBe(false);
    socket.ref();
    expect(fake.alive).toBe(true);
    kernel.finishAll();
    await socket.close();
    expect(fake.alive).toBe(false);
    socket.ref();
    expect(fake.alive).toBe(false);
  });

  it('until a close is over', async () => {
    const { socket, kernel } = await openUdp();
    sendSome(socket, makePool(), 1);
    const closed = socket.close();
    await turns(2);
    expect(fake.alive).toBe(true);
    kernel.finishAll();
    fake.wake();
    await closed;
    expect(fake.alive).toBe(false);
  });

  it('by turn of the event loop, not by socket, while sends go on', async () => {
    const { socket, kernel } = await openUdp();
    const pool = makePool(32);
    for (let i = 0; i < 10; i++) {
      sendSome(socket, pool, 3);
      kernel.finishAll();
      await turn();
    }
    expect(kernel.arms).toBe(0);
    await turn();
    expect(kernel.arms).toBe(1);
    expect(pool.free).toBe(32);
  });
});
