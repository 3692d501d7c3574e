import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { BufferPool as Pool, PooledBuffer } from 'zerosend';
import { itInline } from '../support/submit.js';
import { clearFaultsAfterEach, sharedTcpReceiver, withReceiver } from './peers.js';
import { pause, Sender, smallPool, within } from './sender.mjs';
import {
  ALWAYS,
  BufferPool,
  clearFaults,
  type Errno,
  faults,
  inject,
  MADV_DONTFORK,
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  setMapCount,
  UdpSocket,
} from './zerosend.mjs';

const tcp = sharedTcpReceiver();
clearFaultsAfterEach();

function codeOf(action: () => unknown): unknown {
  try {
    action();
    return 'no error';
  } catch (error) {
    return error;
  }
}

describe('making a pool', () => {
  const options = { bufferSize: 4096, count: 4 };

  it('without memory is ERR_ZEROSEND_NO_MEMORY', () => {
    inject('mmap', { error: 'ENOMEM' });
    const error = codeOf(() => new BufferPool(options));
    expect(error).toMatchObject({ code: 'ERR_ZEROSEND_NO_MEMORY', name: 'RangeError' });
    expect(new BufferPool(options).free).toBe(4);
  });

  it('without huge pages, where they were asked for, is ERR_ZEROSEND_NO_HUGE_PAGES', () => {
    inject('mmap', { error: 'ENOMEM' });
    const error = codeOf(() => new BufferPool({ ...options, hugePages: 'explicit' }));
    expect(error).toMatchObject({ code: 'ERR_ZEROSEND_NO_HUGE_PAGES', name: 'RangeError' });
  });

  it.each(['EAGAIN', 'EPERM', 'ENFILE', 'EINVAL'] as const)('%s is told as it is', (error) => {
    for (const hugePages of ['none', 'transparent', 'explicit'] as const) {
      inject('mmap', { error });
      const thrown = codeOf(() => new BufferPool({ ...options, hugePages }));
      expect(thrown).toMatchObject({ code: error, syscall: 'mmap' });
    }
  });

  it('works without transparent huge pages, and says so', async () => {
    inject('madvise', { error: 'EINVAL', only: MADV_HUGEPAGE });
    const pool = new BufferPool({ ...options, hugePages: 'transparent' });
    expect(pool.stats().hugePageErrno).toBe(22);
    expect(new BufferPool({ ...options, hugePages: 'transparent' }).stats().hugePageErrno).toBe(0);
    const sender = await Sender.tcp(tcp.current, {}, pool);
    for (let i = 0; i < 4; i++) expect(sender.send(4096)).toBe('accepted');
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
  });

  it.each([MADV_DONTFORK, MADV_NOHUGEPAGE])('works without the advice %i', async (only) => {
    inject('madvise', { error: 'ENOMEM', only, times: ALWAYS });
    const pool = new BufferPool({ ...options, hugePages: 'none' });
    expect(faults('madvise').struck).toBe(1);
    const sender = await Sender.tcp(tcp.current, {}, pool);
    for (let i = 0; i < 4; i++) expect(sender.send(4096)).toBe('accepted');
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
  });
});

/** Sends that are in flight for good: their completions cannot be read, nor the connection reset. */
async function stuckSender(protocol: 'tcp' | 'udp', receiver: typeof tcp.current, pool: Pool) {
  const sender = await Sender.open(protocol, receiver, {});
  Object.assign(sender, { pool });
  inject('recvmsg', { error: 'EIO', times: ALWAYS });
  inject('connect', { error: 'EIO', times: ALWAYS });
  return sender;
}

function takeAll(pool: Pool): number[] {
  const taken: number[] = [];
  for (let buffer = pool.tryAcquire(); buffer; buffer = pool.tryAcquire()) taken.push(buffer.index);
  return taken.sort((a, b) => a - b);
}

/** Sends from slots that are no neighbours; those between them are the caller's. */
function sendEverySecond(sender: Sender, count: number): PooledBuffer[] {
  return Array.from({ length: count }, () => {
    expect(sender.send(4096)).toBe('accepted');
    return sender.acquire();
  });
}

const REFUSALS: ['mmap' | 'remap', Errno][] = [
  ['mmap', 'ENOMEM'],
  ['mmap', 'EAGAIN'],
  ['remap', 'ENOMEM'],
  ['remap', 'EFAULT'],
];

describe.each(['tcp', 'udp'] as const)('%s: memory that cannot be revoked', (protocol) => {
  it.each(REFUSALS)('%s fails with %s: the slot is retired', (call, error) =>
    withReceiver(protocol, tcp, async (receiver) => {
      const pool = new BufferPool({ bufferSize: 4096, count: 8, hugePages: 'none' });
      const sender = await stuckSender(protocol, receiver, pool);
      // Neighbours would be replaced together.
      for (const between of sendEverySecond(sender, 4)) between.release();
      inject(call, { skip: 1, error, times: 2 }); // of the slots 2 and 4
      const report = await within(sender.socket.close({ timeout: 20 }), 'close');
      expect(report).toMatchObject({ outcome: 'revoked', ids: 4, unfinished: 4 });
      expect(pool.stats()).toMatchObject({ free: 6, acquired: 0, inFlight: 0, retired: 2 });
      expect((await sender.finish()).problems).toEqual([]);
      // Never handed out again, and the others are.
      expect(takeAll(pool)).toEqual([0, 1, 3, 5, 6, 7]);
      expect(pool.stats()).toMatchObject({ free: 0, acquired: 6, retired: 2 });
    }),
  );

  it.each(REFUSALS)(
    '%s fails with %s for many slots at once: for fewer it is tried',
    (call, error) =>
      withReceiver(protocol, tcp, async (receiver) => {
        const pool = new BufferPool({ bufferSize: 4096, count: 10, hugePages: 'none' });
        const sender = await stuckSender(protocol, receiver, pool);
        for (let i = 0; i < 8; i++) expect(sender.send(4096)).toBe('accepted');
        inject(call, { error, times: 4 }); // of 8, of the first 4, of the first 2, and of the first
        const report = await within(sender.socket.close({ timeout: 20 }), 'close');
        expect(report).toMatchObject({ outcome: 'revoked', ids: 8, unfinished: 8 });
        expect(pool.stats()).toMatchObject({ free: 9, acquired: 0, inFlight: 0, retired: 1 });
        expect((await sender.finish()).problems).toEqual([]);
        expect(takeAll(pool)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      }),
  );
});

describe('a pool with retired slots', () => {
  async function retire(pool: Pool, slots: number): Promise<void> {
    const sender = await stuckSender('tcp', tcp.current, pool);
    for (let i = 0; i < slots; i++) expect(sender.send(4096)).toBe('accepted');
    inject('remap', { error: 'ENOMEM', times: ALWAYS });
    await within(sender.socket.abort(), 'abort');
    expect((await sender.finish()).problems).toEqual([]);
  }

  it('goes on with the others', async () => {
    const pool = new BufferPool({ bufferSize: 4096, count: 6, hugePages: 'none' });
    await retire(pool, 2);
    expect(pool.stats()).toMatchObject({ free: 4, retired: 2 });
    const sender = await Sender.tcp(tcp.current, {}, pool);
    for (let i = 0; i < 20; i++) {
      if (pool.free === 0) await sender.flushed();
      expect(sender.send(4096)).toBe('accepted');
    }
    expect(await sender.finish()).toMatchObject({ problems: [], report: { outcome: 'drained' } });
    expect(pool.stats()).toMatchObject({ free: 4, retired: 2 });
    await within(pool.close(), 'the close of the pool');
  });

  it('has none of them back, though its socket is looked at before their records are taken', async () => {
    const pool = new BufferPool({ bufferSize: 4096, count: 16, hugePages: 'none' });
    const sender = await Sender.tcp(tcp.current, {}, pool);
    const remote = { address: '127.0.0.1', port: 9 };
    const others = await Promise.all(
      Array.from({ length: 15 }, () => UdpSocket.open({ remote, zeroCopy: 'always' })),
    );
    // As many as are looked at together take turns: each sends now, and once more below.
    expect(sender.send(4096)).toBe('accepted');
    for (const other of others) other.send(sender.acquire(), 4096);
    await within(
      Promise.all([sender.socket, ...others].map((each) => each.flush())),
      'the first sends',
    );
    inject('recvmsg', { error: 'EAGAIN', times: ALWAYS });
    inject('connect', { error: 'EIO', times: ALWAYS });
    inject('remap', { error: 'ENOMEM', times: ALWAYS });
    expect(sender.send(4096)).toBe('accepted');
    const aborted = sender.socket.abort();
    expect(pool).toMatchObject({ free: 15, inFlight: 1 });
    for (const other of others) other.send(sender.acquire(), 4096);
    clearFaults();
    await within(aborted, 'abort');
    await within(Promise.all(others.map((other) => other.close())), 'the closes');
    expect(pool.stats()).toMatchObject({ free: 15, inFlight: 0, retired: 1 });
    expect((await sender.finish()).problems).toEqual([]);
    expect(takeAll(pool)).toHaveLength(15);
  });

  itInline('warns of each that is with its user still, once', async () => {
    const warnings: unknown[] = [];
    const note = (warning: NodeJS.ErrnoException) =>
      void warnings.push([warning.code, warning.message]);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    const pool = new BufferPool({ bufferSize: 4096, count: 3, hugePages: 'none' });
    const sender = await stuckSender('tcp', tcp.current, pool);
    const [kept, sent] = [pool.tryAcquire(), pool.tryAcquire()] as PooledBuffer[];
    kept?.retain(2);
    for (const buffer of [kept, kept, sent]) sender.socket.send(buffer as PooledBuffer, 4096);
    inject('remap', { error: 'ENOMEM', times: ALWAYS });
    expect(await within(sender.socket.abort(), 'abort')).toMatchObject({ outcome: 'revoked' });
    expect(pool.stats()).toMatchObject({ free: 1, acquired: 1, inFlight: 0, retired: 1 });
    await pause(1); // warnings come with the next tick
    const lost = expect.stringMatching(/^the bytes of buffer 0 .* do not write to them again$/);
    expect(warnings).toEqual([['ZEROSEND_MEMORY_LOST', lost]]);
    kept?.release();
    expect(pool.stats()).toMatchObject({ free: 1, acquired: 0, inFlight: 0, retired: 2 });
  });

  it('closes when the last buffer that was out is retired', async () => {
    const pool = new BufferPool({ bufferSize: 4096, count: 3, hugePages: 'none' });
    const sender = await stuckSender('tcp', tcp.current, pool);
    for (let i = 0; i < 3; i++) expect(sender.send(4096)).toBe('accepted');
    const closed = pool.close();
    inject('remap', { error: 'ENOMEM', times: 4 }); // of all, of 0, of 1 and 2, and of 1
    await within(sender.socket.abort(), 'abort');
    await within(closed, 'the close of the pool', 2000);
    expect(pool.stats()).toMatchObject({ free: 1, acquired: 0, inFlight: 0, retired: 2 });
    expect((await sender.finish()).problems).toEqual([]);
  });

  it('closes when a lease on a retired buffer is given back last', async () => {
    const pool = new BufferPool({ bufferSize: 4096, count: 1, hugePages: 'none' });
    const sender = await stuckSender('tcp', tcp.current, pool);
    const buffer = sender.acquire().retain();
    sender.fill(buffer.bytes, 4096);
    sender.books.send(buffer, 4096);
    inject('remap', { error: 'ENOMEM' });
    await within(sender.socket.abort(), 'abort');
    expect(pool.stats()).toMatchObject({ free: 0, acquired: 1, inFlight: 0, retired: 0 });
    const closed = pool.close();
    buffer.release();
    expect(pool.stats()).toMatchObject({ free: 0, acquired: 0, inFlight: 0, retired: 1 });
    await within(closed, 'the close of the pool', 2000);
  });

  it('has them where the process could have no more mappings, and one warning says so', async () => {
    const warnings: string[] = [];
    const note = (warning: Error & { code?: string }) => warnings.push(warning.code ?? '');
    process.on('warning', note);
    onTestFinished(() => {
      process.off('warning', note);
      setMapCount(0);
    });
    const pool = new BufferPool({ bufferSize: 4096, count: 100, hugePages: 'none' });
    const retireSome = async () => {
      const sender = await stuckSender('tcp', tcp.current, pool);
      const between = sendEverySecond(sender, 39);
      await within(sender.socket.abort(), 'abort');
      for (const buffer of between) buffer.release();
      expect((await sender.finish()).problems).toEqual([]);
      clearFaults();
      return pool.stats();
    };
    // Each has two ends, which is 77 mappings with the first slot's. Other pools may have some, too.
    setMapCount(200); // a quarter of which is 50
    const { retired, ...others } = await retireSome();
    expect(retired).toBeGreaterThanOrEqual(14);
    expect(others).toMatchObject({ free: 100 - retired, acquired: 0, inFlight: 0 });
    setMapCount(0);
    if (retired < 20) expect((await retireSome()).retired).toBe(retired);
    await pause(1); // warnings come with the next tick
    expect(warnings).toEqual(['ZEROSEND_BUFFERS_RETIRED']);
  });

  it('lets those who wait have the next buffer that comes back', async () => {
    const pool = new BufferPool({ bufferSize: 4096, count: 2, hugePages: 'none' });
    const kept = pool.tryAcquire();
    const sender = await stuckSender('tcp', tcp.current, pool);
    expect(sender.send(4096)).toBe('accepted');
    const waiting = pool.acquire();
    inject('remap', { error: 'ENOMEM' });
    await within(sender.socket.abort(), 'abort');
    expect(pool.stats()).toMatchObject({ free: 0, acquired: 1, retired: 1, waiting: 1 });
    kept?.release();
    const next = await within(waiting, 'the buffer that was released');
    expect(next.index).toBe(kept?.index);
    next.release();
    expect(pool.stats()).toMatchObject({ free: 1, acquired: 0, retired: 1, waiting: 0 });
  });
});

describe('views of a pool', () => {
  it.each(['open', 'closed'])('that is %s are refused, and nothing is taken', async (state) => {
    const sender = await stuckSender('tcp', tcp.current, smallPool());
    const pool = new BufferPool({ bufferSize: 8192, count: 4, hugePages: 'none' });
    const buffer = pool.tryAcquire() as PooledBuffer;
    buffer.release();
    if (state === 'closed') await pool.close();
    const next = sender.socket.nextId;
    const view = buffer.bytes.subarray(100, 4196) as Uint8Array<ArrayBuffer>;
    expect(sender.sendPlain(4096, view)).toBe('ERR_ZEROSEND_POOLED_MEMORY');
    expect(sender.socket.nextId).toBe(next);
    await within(sender.socket.abort(), 'abort');
    expect((await sender.finish()).problems).toEqual([]);
  });
});

describe('plain memory that cannot be parted from the kernel', () => {
  const collected: string[] = [];
  const registry = new FinalizationRegistry<string>((name) => collected.push(name));
  afterEach(() => {
    collected.length = 0;
  });

  /** Aborts with arrays in flight that nobody else refers to. */
  async function abortWithPlain(name: string, count: number): Promise<Sender> {
    const sender = await stuckSender('tcp', tcp.current, smallPool());
    for (let i = 0; i < count; i++) {
      const bytes = new Uint8Array(4096);
      registry.register(bytes.buffer, name);
      expect(sender.sendPlain(4096, bytes)).toBe('accepted');
    }
    return sender;
  }

  async function collectGarbage(expected: number): Promise<void> {
    for (
      let i = 0;
      i < (expected > 0 ? 500 : 10) && collected.length < Math.max(expected, 1);
      i++
    ) {
      globalThis.gc?.();
      await pause(2);
    }
  }

  it('is held for ever: clone failed', async () => {
    for (const error of ['EAGAIN', 'ENOMEM', 'EPERM'] as const) {
      const sender = await abortWithPlain('held', 3);
      inject('clone_process', { error, times: ALWAYS });
      const report = await within(sender.socket.abort(), 'abort');
      expect(faults('clone_process').struck).toBe(1); // one attempt for all of them
      expect(report).toMatchObject({ outcome: 'revoked', ids: 3, unfinished: 3 });
      expect((await sender.finish()).problems).toEqual([]);
    }
    await collectGarbage(0);
    expect(collected).toEqual([]);
  });

  it.each([
    ['the mappings cannot be read', 'open', { error: 'EACCES' }],
    ['what is shared cannot be read', 'open', { skip: 1, error: 'EACCES' }],
    ['what is shared is not told', 'pread', { error: 'EPERM', times: ALWAYS }],
    ['the child cannot be had wait', 'pipe2', { error: 'EMFILE' }],
    ['there is no child', 'clone_process', { limit: 0, times: ALWAYS }],
  ] as const)('is held for ever: %s', async (_, call, fault) => {
    const sender = await abortWithPlain('held', 3);
    inject(call, fault);
    const report = await within(sender.socket.abort(), 'abort');
    expect(faults(call).struck).toBeGreaterThan(0);
    expect(report).toMatchObject({ outcome: 'revoked', ids: 3, unfinished: 3 });
    expect((await sender.finish()).problems).toEqual([]);
    await collectGarbage(0);
    expect(collected).toEqual([]);
  });

  it('is let go where it worked', async () => {
    const sender = await abortWithPlain('free', 3);
    await within(sender.socket.abort(), 'abort');
    expect((await sender.finish()).problems).toEqual([]);
    await collectGarbage(3);
    expect(collected).toEqual(['free', 'free', 'free']);
  });
});
