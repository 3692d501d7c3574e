import { describe } from '../../base/errors.js';
import { type BufferPool, PoolShare, type ZeroCopySocket } from '../../index.js';
import { coded } from '../base/errors.js';

const used = new WeakSet<object>();
/** How many shares of a pool are used. */
const shares = new WeakMap<BufferPool, number>();

/**
 * Keeps two runs from using one socket: claims a socket, and the pool that its packets are made in, for one run. Two that make packets in
 * the same buffers would each change what the other has laid there; who has a share of a pool lays each packet anew,
 * and goes together with others who have one.
 * @returns gives both back; to be called at the end of the run
 * @throws Error `ERR_ZEROSEND_BUSY` when another run has one of them
 */
export function claimExclusiveUse(
  socket: ZeroCopySocket,
  pool: BufferPool | PoolShare | null,
): () => void {
  if (used.has(socket)) throw busy('the socket', socket);
  const memory = pool instanceof PoolShare ? pool.pool : pool;
  const others = memory === null ? 0 : (shares.get(memory) ?? 0);
  if (pool !== null && used.has(pool)) throw busy('the pool', pool);
  if (memory !== pool && used.has(memory as BufferPool)) throw busy('the pool', memory);
  if (memory === pool && others > 0) throw busy('a share of the pool', pool);
  const claimed: object[] = pool === null ? [socket] : [socket, pool];
  for (const one of claimed) used.add(one);
  const count = (more: number) => {
    if (memory === null || memory === pool) return;
    shares.set(memory, (shares.get(memory) ?? 0) + more);
  };
  count(1);
  return () => {
    for (const one of claimed) used.delete(one);
    count(-1);
  };
}

function busy(what: string, received: unknown): Error {
  const error = new Error(
    `${what} is used by another generate() or replay(), which has to end first; ` +
      `received ${describe(received)}`,
  );
  return coded(error, 'ERR_ZEROSEND_BUSY');
}
