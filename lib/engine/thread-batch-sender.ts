import { lineLength, reserveLines, writeSend } from '../addon/submission.js';
import { invalidArgument } from '../base/errors.js';
import type { BufferPool } from '../buffers/buffer-pool.js';
import { isPooled, slotOf } from '../buffers/pooled-buffer.js';
import type { Run } from '../buffers/run.js';
import type { Aim } from './aim.js';
import { BatchSender } from './batch-sender.js';
import type { Lines } from './lines.js';
import type { PoolsInFlight } from './pools-in-flight.js';
import { nameIndex } from './refusals.js';
import { type Numbers, numberAt } from './run-lengths.js';
import { writeRunLines } from './run-lines.js';
import type { Sends } from './sends.js';
import type { SocketState } from './state.js';

const write = writeSend;

/**
 * Publishes several sends at once for the submission thread, by one store. No descriptor can hold slices,
 * nor what goes elsewhere than to the peer: that is handed over within the call, behind what is published.
 */
export class ThreadBatchSender extends BatchSender {
  readonly #lines: Lines;

  constructor(
    state: SocketState,
    lines: Lines,
    pools: PoolsInFlight,
    sender: Sends,
    limits: { maxBatch: number; pool?: BufferPool | undefined },
  ) {
    super(state, lines.reactee, pools, sender, limits);
    this.#lines = lines;
  }

  protected override sendBuffers(
    own: unknown[],
    lengths: Numbers,
    count: number,
    offsets: Numbers | undefined,
    to: Aim | null,
  ): { first: number; last: number } {
    if (offsets !== undefined || to !== null) {
      return this.#lines.behind(() => super.sendBuffers(own, lengths, count, offsets, to));
    }
    const { inFlight } = this;
    let begun = 0;
    let verified = false;
    inFlight.reserve(count);
    reserveLines(count);
    try {
      for (; begun < count; begun++) {
        const buffer = own[begun];
        if (!isPooled(buffer)) {
          throw invalidArgument(`buffers[${begun}]`, 'a PooledBuffer', buffer);
        }
        const slot = slotOf(buffer);
        const bytes = typeof lengths === 'number' ? lengths : (lengths[begun] as number);
        if (!this.sender.isUsual(buffer, slot, bytes)) {
          this.sender.check(buffer, slot, bytes);
          verified ||= slot.verifier !== null;
        }
        write(begun, this.handle, slot.slab, slot.index, bytes, this.policy.wants(bytes));
        // Done here, so that a buffer that is named twice needs two leases.
        slot.slots.beginSend(slot);
        inFlight.place(begun, slot);
      }
      this.#lines.check(count, count, lineLength);
    } catch (error) {
      inFlight.cancelPlaced(begun);
      if (begun < count) nameIndex(error, begun);
      throw error;
    }
    if (verified) this.verifyPlaced(count, lineLength);
    this.#lines.publish(count);
    return inFlight.addPlaced(count);
  }

  protected override sendRun(
    run: Run,
    pool: BufferPool,
    lengths: Numbers,
    offsets: Numbers | undefined,
    to: Aim | null,
  ): { first: number; last: number } {
    if (offsets !== undefined || to !== null) {
      return this.#lines.behind(() => super.sendRun(run, pool, lengths, offsets, to));
    }
    const { count, verifier } = run;
    // Lengths are read more than once here, and another thread may write to an array of the program's.
    const shared = typeof lengths === 'object' && !Array.isArray(lengths);
    const own = shared ? new Uint32Array(lengths as Uint32Array) : lengths;
    const lengthOf = (i: number) => numberAt(own, i);
    const lines = writeRunLines(this.state, run, own, pool.bufferSize);
    this.#lines.check(lines, count, lengthOf);
    if (pool !== this.pools.usual) this.pools.use(pool, verifier !== null, this.inFlight);
    this.#lines.publish(lines);
    const first = this.inFlight.addRun(run);
    for (let i = 0; verifier !== null && i < count; i++) verifier.sent(i, lengthOf(i), first + i);
    return { first, last: first + count - 1 };
  }
}
