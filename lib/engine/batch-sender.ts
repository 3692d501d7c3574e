import { FLAG_BEGIN, FLAG_ZERO_COPY, native } from '../addon/addon.js';
import {
  beginOf,
  refusedIndex,
  requestLength,
  runLength,
  sendSlots,
  waitingSends,
  writeBegin,
  writeRequest,
} from '../addon/mailbox.js';
import type { Reactee } from '../addon/reactee.js';
import { reactor } from '../addon/reactor.js';
import { invalidArgument } from '../base/errors.js';
import { checkInteger } from '../base/validate.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import { type BufferRun, runOf } from '../buffers/buffer-run.js';
import { giveBack, readBuffers, readLengths } from '../buffers/given-arrays.js';
import {
  isPooled as isPooledBuffer,
  type PooledBuffer,
  slotOf as slotOfBuffer,
} from '../buffers/pooled-buffer.js';
import type { Run } from '../buffers/run.js';
import type { Aim } from './aim.js';
import type { InFlight } from './in-flight.js';
import type { PoolsInFlight } from './pools-in-flight.js';
import { checkPool, nameIndex, refusal } from './refusals.js';
import { type Numbers, numberAt, writeLengths } from './run-lengths.js';
import { checkCount, type EachOptions } from './send-options.js';
import type { Sends } from './sends.js';
import type { SocketState } from './state.js';
import type { ZeroCopyPolicy } from './zero-copy-policy.js';

// Not called through the addon's object: see sender.ts.
const { sendMany: nativeSendMany } = native;
const writeOneOf = writeRequest;
const waiting = waitingSends;
const isPooled = isPooledBuffer;
const slotOf = slotOfBuffer;
const ZERO_COPY = FLAG_ZERO_COPY;

/**
 * Hands several sends over to the addon at once: all are checked before the first is sent, and all
 * or none are accepted. What the caller gave is read first, into lists of the library's own. From
 * then on no code of the program runs until the last send is booked.
 */
export class BatchSender {
  protected readonly state: SocketState;
  readonly #reactee: Reactee;
  protected readonly pools: PoolsInFlight;
  protected readonly sender: Sends;
  protected readonly inFlight: InFlight;
  protected readonly policy: ZeroCopyPolicy;
  protected readonly handle: number;
  readonly #maxBatch: number;
  readonly #ownPool: BufferPool | null;

  /** @param sender the sender of the same socket, which has what each single send needs */
  constructor(
    state: SocketState,
    reactee: Reactee,
    pools: PoolsInFlight,
    sender: Sends,
    limits: { maxBatch: number; pool?: BufferPool | undefined },
  ) {
    this.state = state;
    this.#reactee = reactee;
    this.pools = pools;
    this.sender = sender;
    this.inFlight = state.inFlight;
    this.policy = state.policy;
    this.handle = state.handle;
    this.#maxBatch = limits.maxBatch;
    this.#ownPool = limits.pool ?? null;
  }

  many(
    buffers: readonly PooledBuffer[],
    length: number | ArrayLike<number>,
    each?: EachOptions,
    to: Aim | null = null,
  ): { first: number; last: number } {
    if (!Array.isArray(buffers)) throw invalidArgument('buffers', 'an array', buffers);
    const count = checkInteger('buffers.length', buffers.length, 1, this.#maxBatch);
    this.sender.reapIfDueFor(count);
    const own = readBuffers(buffers, count);
    try {
      const lengths = typeof length === 'number' ? length : readLengths(length, count);
      if (to !== null) to.read(count);
      if (each !== undefined) checkCount(each, count);
      return this.sendBuffers(own, lengths, count, each?.offsets, to);
    } finally {
      giveBack(own, count);
    }
  }

  /** Sends what was read, of which nothing has been checked. No code of the program runs within it. */
  protected sendBuffers(
    own: unknown[],
    lengths: Numbers,
    count: number,
    offsets: Numbers | undefined,
    to: Aim | null,
  ): { first: number; last: number } {
    const { inFlight } = this;
    const sliced = offsets !== undefined;
    let flags = sliced ? FLAG_BEGIN : 0;
    let begun = 0;
    let verified = false;
    inFlight.reserve(count);
    try {
      for (; begun < count; begun++) {
        const buffer = own[begun];
        if (!isPooled(buffer)) {
          throw invalidArgument(`buffers[${begun}]`, 'a PooledBuffer', buffer);
        }
        const slot = slotOf(buffer);
        const bytes = typeof lengths === 'number' ? lengths : (lengths[begun] as number);
        if (sliced || !this.sender.isUsual(buffer, slot, bytes)) {
          const offset = numberAt(offsets, begun);
          this.sender.check(buffer, slot, bytes, offset);
          if (sliced) writeBegin(begun, offset);
          verified ||= slot.verifier !== null;
        }
        const asked = this.policy.wants(bytes) ? ZERO_COPY : 0;
        writeOneOf(begun, slot.slab, slot.index, bytes, asked);
        // Done here, so that a buffer that is named twice needs two leases.
        slot.slots.beginSend(slot);
        inFlight.place(begun, slot);
      }
      if (!this.#reactee.active) reactor.markBusy(this.#reactee);
      if (to !== null) flags |= to.write();
      const result = nativeSendMany(this.handle, count, flags);
      if (result < 0) throw this.#refusalOf(result, requestLength, to);
    } catch (error) {
      inFlight.cancelPlaced(begun);
      if (begun < count) nameIndex(error, begun);
      throw error;
    }
    if (verified) this.verifyPlaced(count, sliced ? endOfRequest : requestLength);
    const ids = inFlight.addPlaced(count);
    if (waiting() !== 0) this.state.waitForDrain(ids.last);
    return ids;
  }

  /** @param endOf where in its buffer each send ends */
  protected verifyPlaced(count: number, endOf: (i: number) => number): void {
    const { inFlight } = this;
    for (let i = 0; i < count; i++) {
      const slot = inFlight.placed(i);
      slot.verifier?.sent(slot, endOf(i), inFlight.next + i);
    }
  }

  run(
    buffers: BufferRun,
    length: number | ArrayLike<number>,
    each?: EachOptions,
    to: Aim | null = null,
  ): { first: number; last: number } {
    const run = runOf(buffers);
    this.sender.reapIfDueFor(run.count);
    run.assertHeld('send');
    const { count } = run;
    const { pool } = buffers;
    checkInteger('buffers.count', count, 1, this.#maxBatch);
    const lengths = typeof length === 'number' ? length : readLengths(length, count);
    if (to !== null) to.read(count);
    // A getter may have sent the run while the lengths were read.
    run.assertHeld('send');
    if (run.count !== count) throw invalidArgument('length', `${run.count} numbers`, length);
    if (each !== undefined) checkCount(each, count);
    checkPool(pool, this.#ownPool, run.first);
    return this.sendRun(run, pool, lengths, each?.offsets, to);
  }

  /** Sends a run that is held. No code of the program runs within it. */
  protected sendRun(
    run: Run,
    pool: BufferPool,
    lengths: Numbers,
    offsets: Numbers | undefined,
    to: Aim | null,
  ): { first: number; last: number } {
    const { count } = run;
    let flags = writeLengths(this.state, count, pool.bufferSize, lengths, offsets, this.#ownPool);
    if (pool !== this.pools.usual) this.pools.use(pool, run.verifier !== null, this.inFlight);
    if (!this.#reactee.active) reactor.markBusy(this.#reactee);
    if (to !== null) flags |= to.write();
    const result = sendSlots(this.handle, run.slab, run.first, count, flags);
    if (result < 0) throw this.#refusalOf(result, runLength, to);
    const first = this.inFlight.addRun(run);
    const last = first + count - 1;
    const { verifier } = run;
    for (let i = 0; verifier !== null && i < count; i++) {
      const begin = offsets === undefined ? 0 : beginOf(i);
      verifier.sent(i, begin + runLength(i), first + i);
    }
    if (result > 0) this.state.waitForDrain(last);
    return { first, last };
  }

  /** The error of a call that was refused. The lengths of its messages are in the mailbox. */
  #refusalOf(result: number, lengthOf: (i: number) => number, to: Aim | null): Error {
    const index = refusedIndex();
    const about = to === null ? undefined : () => to.at(index);
    return refusal(this.state, result, lengthOf(index), 0, index, about);
  }
}

function endOfRequest(i: number): number {
  return beginOf(i) + requestLength(i);
}
