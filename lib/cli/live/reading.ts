import type { BufferPool, SocketStats, ZeroCopySocket } from '../../index.js';
import type { Outcomes, PoolState } from './snapshot.js';

/** What the counters of a socket say of its ids that have completed. */
export function outcomesOf(stats: SocketStats): Outcomes {
  const { zerocopy, copied, inlined: inline, revoked, failed } = stats;
  return { zerocopy, copied, inline, revoked, failed };
}

export function poolState(pool: BufferPool): PoolState {
  const { count: total, free, acquired, inFlight, waiting, dry } = pool.stats();
  return { total, free, acquired, inFlight, waiting, dry };
}

/** What a socket and its pool know of a reading; the latency of completions is not measured yet. */
export function readSocket(socket: ZeroCopySocket, pool: BufferPool) {
  const stats = socket.stats();
  const { sends, inFlight, interfaceDropped } = stats;
  return {
    sends,
    inFlight,
    interfaceDropped,
    outcomes: outcomesOf(stats),
    latency: null,
    pool: poolState(pool),
  };
}
