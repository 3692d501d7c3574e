import { invalidArgument, outOfRange } from '../../base/errors.js';
import {
  BufferPool,
  PacketSocket,
  PoolShare,
  XdpSocket,
  type ZeroCopySocket,
} from '../../index.js';
import { rangeError } from '../base/errors.js';

const OWN_POOL = { count: 512, bufferSize: 2048 };

/** Where a run has its buffers from. */
export type RunPool = BufferPool | PoolShare;

/**
 * What the buffers of packets come from: a ring's own pool, the pool or share that was given, or a new pool;
 * and how many packets a buffer holds.
 * @param differ what it is that has packets of several lengths, which no train can have
 * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`; RangeError `ERR_ZEROSEND_OUT_OF_RANGE`,
 * `ERR_ZEROSEND_FRAME_TOO_LONG`
 */
export function choosePool(
  socket: ZeroCopySocket,
  given: RunPool | undefined,
  length: number,
  differ: string | null,
): { pool: RunPool; ownPool: BufferPool | null; train: number } {
  if (given !== undefined && !(given instanceof BufferPool || given instanceof PoolShare)) {
    throw invalidArgument('options.pool', 'a BufferPool or a PoolShare', given);
  }
  if (socket instanceof PacketSocket || socket instanceof XdpSocket) {
    if (given !== undefined && given !== socket.pool) {
      throw invalidArgument('options.pool', "the socket's own, or left out", given);
    }
    checkBuffer(length, socket.pool);
    return { pool: socket.pool, ownPool: null, train: 1 };
  }
  const { segmentSize, maxSendLength } = socket.info();
  if (segmentSize > 0 && differ !== null) {
    throw invalidArgument('options.socket', `one without segmentSize for ${differ}`, segmentSize);
  }
  if (segmentSize > 0 && segmentSize !== length) {
    throw outOfRange(
      'the length of the template',
      `the socket's segmentSize (${segmentSize})`,
      length,
    );
  }
  const most = segmentSize > 0 ? Math.floor(maxSendLength / length) : 1;
  if (given !== undefined) {
    checkBuffer(length, given);
    return {
      pool: given,
      ownPool: null,
      train: Math.min(most, Math.floor(given.bufferSize / length)),
    };
  }
  const bufferSize = Math.max(OWN_POOL.bufferSize, most * length);
  const pool = new BufferPool({ count: OWN_POOL.count, bufferSize });
  return { pool, ownPool: pool, train: most };
}

function checkBuffer(length: number, pool: RunPool): void {
  if (length <= pool.bufferSize) return;
  throw rangeError(
    'ERR_ZEROSEND_FRAME_TOO_LONG',
    `a packet of ${length} bytes does not fit the pool's buffers of ${pool.bufferSize}`,
  );
}
