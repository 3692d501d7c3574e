import { lineLength, reserveLines, writeSend } from '../addon/submission.js';
import { invalidArgument } from '../base/errors.js';
import { checkInteger } from '../base/validate.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import { type BufferRun, runOf } from '../buffers/buffer-run.js';
import { giveBack, readBuffers, readLengths } from '../buffers/given-arrays.js';
import { isPooled, type PooledBuffer, slotOf } from '../buffers/pooled-buffer.js';
import type { Slot } from '../buffers/slots.js';
import type { Aim } from './aim.js';
import type { BatchSender } from './batch-sender.js';
import type { InFlight } from './in-flight.js';
import type { Lines } from './lines.js';
import type { PoolsInFlight } from './pools-in-flight.js';
import { checkPool, nameIndex } from './refusals.js';
import type { Numbers } from './run-lengths.js';
import { writeRunLines } from './run-lines.js';
import { cancelSends } from './sender.js';
import type { Batches, Sends } from './sends.js';
import type { SocketState } from './state.js';
import type { ZeroCopyPolicy } from './zero-copy-policy.js';

const write = writeSend;

/**
 * Publishes several sends at once for the submission thread, by one store. As a {@link BatchSender}; slices,
 * and what goes elsewhere than to the peer, no descriptors are made of: the inline one hands these over
 * within the call, behind what is published.
 */
export class ThreadBatchSender implements Batches {
  readonly #state: SocketState;
  readonly #lines: Lines;
  readonly #pools: PoolsInFlight;
  readonly #sender: Sends;
  readonly #inline: BatchSender;
  readonly #inFlight: InFlight;
  readonly #policy: ZeroCopyPolicy;
  readonly #handle: number;
  readonly #maxBatch: number;
  readonly #ownPool: BufferPool | null;

  constructor(
    state: SocketState,
    lines: Lines,
    pools: PoolsInFlight,
    sender: Sends,
    inline: BatchSender,
    limits: { maxBatch: number; pool?: BufferPool | undefined },
  ) {
    this.#state = state;
    this.#lines = lines;
    this.#pools = pools;
    this.#sender = sender;
    this.#inline = inline;
    this.#inFlight = state.inFlight;
    this.#policy = state.policy;
    this.#handle = state.handle;
    this.#maxBatch = limits.maxBatch;
    this.#ownPool = limits.pool ?? null;
  }

  many(
    buffers: readonly PooledBuffer[],
    length: number | ArrayLike<number>,
    offsets?: Numbers,
    to: Aim | null = null,
  ): { first: number; last: number } {
    if (offsets !== undefined || to !== null) {
      return this.#lines.behind(() => this.#inline.many(buffers, length, offsets, to));
    }
    if (!Array.isArray(buffers)) throw invalidArgument('buffers', 'an array', buffers);
    const count = checkInteger('buffers.length', buffers.length, 1, this.#maxBatch);
    this.#sender.reapIfDueFor(count);
    const own = readBuffers(buffers, count);
    try {
      const lengths = typeof length === 'number' ? length : readLengths(length, count);
      // Nothing runs within it that is not ours.
      return this.#sendBuffers(own, lengths, count);
    } finally {
      giveBack(own, count);
    }
  }

  #sendBuffers(own: unknown[], lengths: Numbers, count: number): { first: number; last: number } {
    const slots = own as Slot[]; // which take the places of the buffers, one by one
    let begun = 0;
    let verified = false;
    reserveLines(count);
    try {
      for (; begun < count; begun++) {
        const buffer = own[begun];
        if (!isPooled(buffer)) {
          throw invalidArgument(`buffers[${begun}]`, 'a PooledBuffer', buffer);
        }
        const slot = slotOf(buffer);
        const bytes = typeof lengths === 'number' ? lengths : (lengths[begun] as number);
        if (!this.#sender.isUsual(buffer, slot, bytes)) {
          this.#sender.check(buffer, slot, bytes);
          verified ||= slot.verifier !== null;
        }
        write(begun, this.#handle, slot.slab, slot.index, bytes, this.#policy.wants(bytes));
        // Now, so that a buffer named twice needs two leases.
        slot.slots.beginSend(slot);
        slots[begun] = slot;
      }
      this.#lines.check(count, count, lineLength);
    } catch (error) {
      cancelSends(slots, begun);
      if (begun < count) nameIndex(error, begun);
      throw error;
    }
    const first = this.#inFlight.next;
    for (let i = 0; verified && i < count; i++) {
      const slot = slots[i] as Slot;
      slot.verifier?.sent(slot, lineLength(i), first + i);
    }
    this.#lines.publish(count);
    this.#inFlight.addMany(slots, count);
    return { first, last: first + count - 1 };
  }

  run(
    buffers: BufferRun,
    length: number | ArrayLike<number>,
    offsets?: Numbers,
    to: Aim | null = null,
  ): { first: number; last: number } {
    if (offsets !== undefined || to !== null) {
      return this.#lines.behind(() => this.#inline.run(buffers, length, offsets, to));
    }
    const run = runOf(buffers);
    this.#sender.reapIfDueFor(run.count);
    run.assertHeld('send');
    const { count } = run;
    const { pool } = buffers;
    checkInteger('buffers.count', count, 1, this.#maxBatch);
    // A copy: they are read more than once, and another thread may write to a list that it shares.
    const lengths = typeof length === 'number' ? length : [...readLengths(length, count)];
    // While they were read it may have been sent, and be another one now.
    run.assertHeld('send');
    if (run.count !== count) throw invalidArgument('length', `${run.count} numbers`, length);
    // From here to the last line nothing runs that is not ours.
    checkPool(pool, this.#ownPool, run.first);
    const lines = writeRunLines(this.#state, run, lengths, pool.bufferSize);
    const lengthOf = (i: number) =>
      typeof lengths === 'number' ? lengths : (lengths[i] as number);
    this.#lines.check(lines, count, lengthOf);
    if (pool !== this.#pools.usual) this.#pools.use(pool, run.verifier !== null, this.#inFlight);
    this.#lines.publish(lines);
    const first = this.#inFlight.addRun(run);
    const { verifier } = run;
    for (let i = 0; verifier !== null && i < count; i++) verifier.sent(i, lengthOf(i), first + i);
    return { first, last: first + count - 1 };
  }
}
