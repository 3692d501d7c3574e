import { invalidArgument } from '../base/errors.js';
import { BufferRun } from '../buffers/buffer-run.js';
import type { PooledBuffer } from '../buffers/pooled-buffer.js';
import { readTag, readTags, type SendManyOptions, type SendOptions } from './send-options.js';
import type { Sender } from './sender.js';
import type { SocketState } from './state.js';

/*
 * Sends that say what they are. The options are read before anything else, since a getter may do
 * anything; a send that throws takes no id, and leaves no tag.
 */

/** What is needed of a socket. */
interface Core {
  readonly sender: Sender;
  readonly state: SocketState;
}

/** @param send the send as it is without a tag */
export function sendTagged({ state }: Core, options: SendOptions, send: () => number): number {
  const tag = readTag(options);
  const id = send();
  state.tag(id, tag);
  return id;
}

export function sendManyTagged(
  { sender, state }: Core,
  buffers: readonly PooledBuffer[] | BufferRun,
  length: number | ArrayLike<number>,
  options: SendManyOptions,
): { first: number; last: number } {
  const isRun = buffers instanceof BufferRun;
  if (!isRun && !Array.isArray(buffers)) throw invalidArgument('buffers', 'an array', buffers);
  const tags = readTags(options, isRun ? buffers.count : buffers.length);
  const sent = isRun ? sender.run(buffers, length) : sender.many(buffers, length);
  for (let i = 0; tags !== undefined && sent.first + i <= sent.last; i++) {
    state.tag(sent.first + i, tags[i]);
  }
  return sent;
}
