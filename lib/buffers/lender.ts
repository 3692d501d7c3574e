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

/** A call of `acquire`: who waits, and how. */
export interface Waiting {
  /** the stack of whoever called, where the pool verifies */
  readonly where: string | null;
  readonly priority: number;
  readonly signal: AbortSignal | undefined;
  /** the share by way of which it was called, or null */
  readonly owner: Share | null;
}

/**
 * Hands the slots of a pool out, at once or to those who wait in their order, by way of the pool or of
 * one of its shares. What it hands out counts as acquired and has no lease yet. A buffer gets one only
 * when whoever waits goes on: until then the handle may be known to its last user, whose release or send
 * has to be refused.
 */
export class Lender {
  readonly pool: BufferPool;
  readonly memory: PoolMemory;
  readonly handles: Handles;
  readonly #slots: Slots;
  readonly #weakly: WeakRef<BufferPool>;
  readonly #ready = () => this.#slots.ready;
  readonly #line = new WaitingLine<PooledBuffer>(this.#ready);
  readonly #shares = new Shares();
  #closed: Promise<void> | null = null;
  #allBack: (() => void) | null = null;

  constructor(pool: BufferPool, memory: PoolMemory) {
    this.pool = pool;
    this.memory = memory;
    this.handles = new Handles(pool, memory);
    this.#slots = memory.slots;
    this.#weakly = new WeakRef(pool);
  }

  get isClosed(): boolean {
    return this.#closed !== null;
  }

  /** Calls of `acquire` that wait. */
  get waiting(): number {
    return this.#line.size + this.#shares.waiting;
  }

  /** @param most how many slots in a row the caller would take, this one included */
  tryTake(where: string | null, most: number): PooledBuffer | null {
    if (this.#closed !== null) throw closed();
    if (this.#line.size === 0) {
      const buffer = this.#take(where, most);
      if (buffer !== null) return buffer;
    }
    if (!this.#slots.ready) {
      this.#slots.misses.dry++;
      this.memory.reapers.ask(this.pool, this.#ready);
      if (this.#closed !== null) throw closed(); // by a listener
    }
    return this.#line.size > 0 ? null : this.#take(where, most);
  }

  #take(where: string | null, most: number): PooledBuffer | null {
    const slot = this.#slots.take(most);
    return slot < 0 ? null : this.handles.buffer(slot, where);
  }

  /**
   * What a call of `acquire` asks for.
   * @param caller what the user has called
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

  /** To be awaited at once, so that those who wait go on in the order in which they are served. */
  wait({ where, priority, signal, owner }: Waiting): PooledBuffer | Promise<PooledBuffer> {
    const take = () => this.#take(where, 1) as PooledBuffer; // served only while something is free
    const buffer = this.tryTake(where, 1);
    if (buffer !== null) return buffer;
    noteWaiting(this.#weakly);
    this.#listen();
    return this.#line.join(take, priority, signal, owner);
  }

  /** The run that a buffer which was just taken begins, of up to `most` slots. */
  runFrom(buffer: PooledBuffer, most: number): BufferRun {
    // A pool that has been closed since the first was taken hands out no more.
    const more = this.#closed === null ? this.#slots.extend(buffer.index, most - 1) : 0;
    return this.handles.run(buffer, 1 + more);
  }

  /** Turns away those who wait in the line of the pool for this share. */
  rejectOf(owner: Share): void {
    this.#line.rejectOf(owner, () => owner.error());
  }

  /** Has `serve` of the share called when buffers come back, for as long as it answers true. */
  listenFor(share: Share): void {
    this.#shares.add(share);
    noteWaiting(this.#weakly);
    this.#listen();
  }

  /** Somebody waits for slots to be freed. While nobody does, a completion is spared the call. */
  #listen(): void {
    this.#slots.freed ??= () => this.#settle();
  }

  /** Slots may have been freed: serves those who wait for one, or for all of them. */
  #settle(): void {
    const slots = this.#slots;
    this.#line.serve();
    const more = this.#shares.serve();
    if (this.#allBack !== null && slots.acquired === 0 && slots.inFlight === 0) {
      this.#allBack();
      this.#allBack = null;
    }
    if (this.#line.size === 0 && this.#allBack === null && !more) slots.freed = null;
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#allBack = () => {
        this.memory.release();
        resolve();
      };
      this.#line.rejectAll(closed);
      this.#shares.rejectAll();
      this.memory.verifier?.warnOfHeld();
      this.#listen();
      this.#settle();
    });
    return this.#closed;
  }
}

export function closed(): Error {
  return stateError('ERR_ZEROSEND_POOL_CLOSED', 'the pool is closed');
}
