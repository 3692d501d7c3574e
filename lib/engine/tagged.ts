import { invalidArgument } from '../base/errors.js';
import { BufferRun } from '../buffers/buffer-run.js';
import type { PooledBuffer } from '../buffers/pooled-buffer.js';
import type { Aim } from './aim.js';
import type { BatchSender } from './batch-sender.js';
import { readMany, type SendManyOptions } from './send-options.js';
import type { SocketState } from './state.js';

/** The parts of a socket that are used here. */
interface Core {
  readonly batches: BatchSender;
  readonly state: SocketState;
}

/**
 * A batch with options: tags that say what its sends are, offsets where they begin. The options are read
 * before anything else, since a getter may do anything; a call that throws takes no id, and leaves no tag.
 * @param to the destinations; null for the peer
 */
export function sendManyTagged(
  { batches, state }: Core,
  buffers: readonly PooledBuffer[] | BufferRun,
  length: number | ArrayLike<number>,
  options: SendManyOptions,
  to: Aim | null = null,
): { first: number; last: number } {
  const isRun = buffers instanceof BufferRun;
  if (!isRun && !Array.isArray(buffers)) throw invalidArgument('buffers', 'an array', buffers);
  const each = readMany(options, isRun ? buffers.count : buffers.length);
  const sent = isRun
    ? batches.run(buffers, length, each, to)
    : batches.many(buffers, length, each, to);
  const { tags } = each;
  for (let i = 0; tags !== undefined && sent.first + i <= sent.last; i++) {
    state.tagged(sent.first + i, tags[i]);
  }
  return sent;
}
