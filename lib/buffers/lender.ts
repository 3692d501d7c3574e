import { stateError } from '../base/errors.js';
import type { BufferPool } from './buffer-pool.js';
import type { BufferRun } from './buffer-run.js';
import { Handles } from './handles.js';
import type { PoolMemory } from './pool-memory.js';
import { type AcquireOptions, checkAcquire } from './pool-options.js';
import type { PooledBuffer } from './pooled-buffer.js';
import { type Share, Shares } from './share.js';
import type { Slots } from './slots.js';
import { stackOfCaller } from './verifier.js';
import { noteWaiting } from './waiting-at-exit.js';
import { WaitingLine } from './waiting-line.js';

/** A pending call of `acquire`. */
export interface Waiting {
  /** the stack of the caller, where the pool verifies */
  readonly where: string | null;
  readonly priority: number;
  readonly signal: AbortSignal | undefined;
  /** the share that it was called on; null for the pool itself */
  readonly owner: Share | null;
}

/**
 * Hands the slots of a pool out, at once or to pending calls of `acquire` in their order, for the
 * pool and its shares. What it hands out counts as acquired and has no lease yet. A buffer gets its
 * lease only when the caller of `acquire` resumes: until then only its last user knows the handle,
 * whose release or send has to be refused.
 */
export class Lender {
  readonly pool: BufferPool;
  readonly memory: PoolMemory;
  readonly handles: Handles;
  readonly #slots: Slots;
  readonly #ready = () => this.#slots.ready;
  readonly #line = new WaitingLine<PooledBuffer>(this.#ready);
  readonly #shares = new Shares();
  /**
   * Slots that were freed are being handed out. Whoever frees them is in the middle of something, such
   * as a batch of records that the next reading would overwrite, so no socket is asked meanwhile.
   */
  #serving = false;
  #closed: Promise<void> | null = null;
  #allBack: (() => void) | null = null;

  constructor(pool: BufferPool, memory: PoolMemory) {
    this.pool = pool;
    this.memory = memory;
    this.handles = new Handles(pool, memory);
    this.#slots = memory.slots;
  }

  get isClosed(): boolean {
    return this.#closed !== null;
  }

  /** How many calls of `acquire` are pending. */
  get waiting(): number {
    return this.#line.size + this.#shares.waiting;
  }

  /**
   * @param most how many slots in a row the caller would take, this one included
   * @param owner the share that takes it; null for the pool itself
   */
  tryTake(where: string | null, most: number, owner: Share | null): PooledBuffer | null {
    if (this.#closed !== null) throw closed();
    if (this.#line.size === 0) {
      const buffer = this.#take(where, most);
      if (buffer !== null) return buffer;
    }
    if (!this.#slots.ready) {
      this.#slots.misses.dry++;
      if (!this.#serving) this.memory.reapers.ask(this.pool, this.#ready);
      // a listener may have closed either
      if (this.#closed !== null) throw closed();
      if (owner?.isClosed) throw owner.error();
    }
    return this.#line.size > 0 ? null : this.#take(where, most);
  }

  #take(where: string | null, most: number): PooledBuffer | null {
    const slot = this.#slots.take(most);
    return slot < 0 ? null : this.handles.buffer(slot, where);
  }

  /**
   * Checks the options of a call of `acquire`.
   * @param caller the function that the user has called, at which the stack begins
   * @throws as {@link BufferPool.acquire}, of its options
   */
  asked(
    options: AcquireOptions | undefined,
    caller: (...args: never[]) => unknown,
    owner: Share | null,
  ): Waiting {
    const { signal, priority } = checkAcquire(options);
    signal?.throwIfAborted();
    return { where: this.stackOf(caller), priority, signal, owner };
  }

  stackOf(caller: (...args: never[]) => unknown): string | null {
    return this.memory.verifier && stackOfCaller(caller);
  }

  /**
   * Takes a buffer, or waits for one. Callers have to await the result at once, so that they resume
   * in the order in which they are served.
   */
  wait({ where, priority, signal, owner }: Waiting): PooledBuffer | Promise<PooledBuffer> {
    const take = () => this.#take(where, 1) as PooledBuffer; // only called while a slot is free
    const buffer = this.tryTake(where, 1, owner);
    if (buffer !== null) return buffer;
    noteWaiting();
    this.#listen();
    return this.#line.join(take, priority, signal, owner);
  }

  /** The run of up to `most` slots that begins with a buffer that was just taken. */
  runFrom(buffer: PooledBuffer, most: number): BufferRun {
    // Once the pool is closed, nothing more is handed out; it may have been closed since the first
    // slot was taken.
    const more = this.#closed === null ? this.#slots.extend(buffer.index, most - 1) : 0;
    return this.handles.run(buffer, 1 + more);
  }

  /** Rejects the calls that wait in the pool's line on behalf of this share. */
  rejectOf(owner: Share): void {
    this.#line.rejectOf(owner, () => owner.error());
  }

  /**
   * Serves the calls that wait for a share. No socket is asked meanwhile: a call that a listener makes would
   * join the line that is being served, and be served as well, although the limit is reached.
   */
  serve(share: Share): void {
    const before = this.#serving;
    this.#serving = true;
    share.serve();
    this.#serving = before;
  }

  /** Has `serve` of the share called when buffers come back, for as long as it returns true. */
  listenFor(share: Share): void {
    this.#shares.add(share);
    noteWaiting();
    this.#listen();
  }

  /**
   * Sets the function that is called when slots are freed. While nothing is pending it is null,
   * which spares completions the call.
   */
  #listen(): void {
    this.#slots.freed ??= () => this.#settle();
  }

  /** Called when slots may have been freed. Serves pending calls of `acquire`, and of `close`. */
  #settle(): void {
    const slots = this.#slots;
    this.#serving = true;
    this.#line.serve();
    const more = this.#shares.serve();
    this.#serving = false;
    if (this.#allBack !== null && slots.acquired === 0 && slots.inFlight === 0) {
      this.#allBack();
      this.#allBack = null;
    }
    if (this.#line.size === 0 && this.#allBack === null && !more) slots.freed = null;
  }

  close(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = new Promise((resolve) => {
        this.#allBack = () => {
          this.memory.release();
          resolve();
        };
      });
      this.#line.rejectAll(closed);
      this.#shares.rejectAll();
      this.memory.verifier?.warnOfHeld();
      this.#listen();
      this.#settle();
    }
    return this.#closed;
  }
}

export function closed(): Error {
  return stateError('ERR_ZEROSEND_POOL_CLOSED', 'the pool is closed');
}
