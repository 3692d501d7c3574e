import {
  BufferPool,
  type BufferPoolOptions,
  type BufferPoolStats,
  type CompletionLatency,
  PooledBuffer,
} from 'zerosend';
import { same } from './equal.js';

// ---- options ------------------------------------------------------------------------------------

same<
  BufferPoolOptions,
  {
    bufferSize?: number | undefined;
    count?: number | undefined;
    hugePages?: 'transparent' | 'explicit' | 'none' | undefined;
    init?: ((bytes: Buffer, index: number) => void) | undefined;
    verify?: boolean | undefined;
    measureLatency?: boolean | undefined;
  }
>(true);

new BufferPool();
new BufferPool({});
const pool = new BufferPool({
  bufferSize: 4096,
  hugePages: 'none',
  init: (bytes, index) => {
    same<typeof bytes, Buffer>(true);
    same<typeof index, number>(true);
  },
});

// @ts-expect-error no such option
new BufferPool({ size: 4096 });
// @ts-expect-error not one of the three
new BufferPool({ hugePages: 'some' });
// @ts-expect-error a number
new BufferPool({ count: '8' });
// @ts-expect-error an object
new BufferPool(4096);

// ---- buffers ------------------------------------------------------------------------------------

same<ReturnType<typeof pool.tryAcquire>, PooledBuffer | null>(true);
same<ReturnType<typeof pool.acquire>, Promise<PooledBuffer>>(true);
pool.acquire({ signal: new AbortController().signal, priority: -1 });
// @ts-expect-error a signal, not its controller
pool.acquire({ signal: new AbortController() });
// @ts-expect-error tryAcquire takes nothing
pool.tryAcquire(1);

// @ts-expect-error it may be null
pool.tryAcquire().bytes;

const buffer = await pool.acquire();
same<typeof buffer.bytes, Buffer>(true);
same<typeof buffer.pool, BufferPool>(true);
same<typeof buffer.index, number>(true);
buffer.retain().retain(2).release();
// @ts-expect-error the view is made once
buffer.bytes = Buffer.alloc(1);
// @ts-expect-error a buffer stays where it is
buffer.index = 1;
// @ts-expect-error a buffer stays where it is
buffer.pool = pool;
// @ts-expect-error internal
buffer._slots;

{
  using scoped = pool.tryAcquire();
  same<typeof scoped, PooledBuffer | null>(true);
  await using other = new BufferPool();
  same<typeof other, BufferPool>(true);
}

// ---- counts -------------------------------------------------------------------------------------

same<
  BufferPoolStats,
  {
    bufferSize: number;
    count: number;
    free: number;
    acquired: number;
    inFlight: number;
    retired: number;
    waiting: number;
    dry: number;
    mostInFlight: number;
    oldest: { fd: number; id: number; age: number } | null;
    completionLatency: CompletionLatency;
    hugePageErrno: number;
  }
>(true);
same<ReturnType<typeof pool.stats>, BufferPoolStats>(true);
same<
  Pick<BufferPool, 'bufferSize' | 'count' | 'free' | 'acquired' | 'inFlight'>,
  {
    readonly bufferSize: number;
    readonly count: number;
    readonly free: number;
    readonly acquired: number;
    readonly inFlight: number;
  }
>(true);
same<ReturnType<typeof pool.close>, Promise<void>>(true);

// @ts-expect-error read only
pool.free = 0;
// @ts-expect-error internal
pool._attach;
// @ts-expect-error internal
pool._returned(0);

const share = pool.share({ limit: 2 });
same<Awaited<ReturnType<typeof share.acquire>>, PooledBuffer>(true);
same<ReturnType<typeof share.tryAcquire>, PooledBuffer | null>(true);
same<typeof share.pool, BufferPool>(true);
// @ts-expect-error a limit
pool.share({});
// @ts-expect-error read only
share.limit = 3;
// @ts-expect-error only a pool makes buffers
new PooledBuffer();
// @ts-expect-error only a pool makes buffers
new PooledBuffer(pool, 0, Buffer.alloc(4096));
declare const lookalike: Pick<PooledBuffer, keyof PooledBuffer>;
// @ts-expect-error of the same shape, but no buffer of a pool
[buffer].push(lookalike);

// A class, to be told from a plain array with instanceof.
const either = buffer as PooledBuffer | Uint8Array;
if (either instanceof PooledBuffer) same<typeof either, PooledBuffer>(true);
else same<typeof either, Uint8Array>(true);
