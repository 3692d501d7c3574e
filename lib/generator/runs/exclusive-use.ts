import { describe } from '../../base/errors.js';
import type { BufferPool, ZeroCopySocket } from '../../index.js';
import { coded } from '../base/errors.js';

const used = new WeakSet<object>();

/**
 * Keeps two runs from using one socket: claims a socket, and the pool that its packets are made in, for one run. Two that make packets in
 * the same buffers would each change what the other has laid there.
 * @returns gives both back; to be called at the end of the run
 * @throws Error `ERR_ZEROSEND_BUSY` when another run has one of them
 */
export function claimExclusiveUse(socket: ZeroCopySocket, pool: BufferPool | null): () => void {
  const wanted: object[] = pool === null ? [socket] : [socket, pool];
  for (const one of wanted) {
    if (!used.has(one)) continue;
    const what = one === socket ? 'the socket' : 'the pool';
    const error = new Error(
      `${what} is used by another generate() or replay(), which has to end first; ` +
        `received ${describe(one)}`,
    );
    throw coded(error, 'ERR_ZEROSEND_BUSY');
  }
  for (const one of wanted) used.add(one);
  return () => {
    for (const one of wanted) used.delete(one);
  };
}
