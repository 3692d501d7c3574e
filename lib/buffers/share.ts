import { stateError } from '../base/errors.js';
import type { BufferRun } from './buffer-run.js';
import type { Lender, Waiting } from './lender.js';
import type { PoolMemory } from './pool-memory.js';
import { type AcquireOptions, checkShare, type PoolShareOptions } from './pool-options.js';
import type { PoolShareStats } from './pool-stats.js';
import type { PooledBuffer } from './pooled-buffer.js';
import type { Quota } from './slots.js';
import { WaitingLine } from './waiting-line.js';

/** The shares of a pool that have to be called when buffers come back. */
export class Shares {
  readonly #all = new Set<Share>();

  add(share: Share): void {
    this.#all.add(share);
  }

  /** How many calls of `acquire` wait until their share is below its limit. */
  get waiting(): number {
    let waiting = 0;
    for (const share of this.#all) waiting += share.waiting;
    return waiting;
  }

  /** Called when buffers may be back. Returns whether any share has to be called again. */
  serve(): boolean {
    for (const share of this.#all) if (!share.serve()) this.#all.delete(share);
    return this.#all.size > 0;
  }

  rejectAll(): void {
    for (const share of this.#all) share.rejectAll();
  }
}

/**
 * The internal object behind a PoolShare: counts the buffers that it has out, and has the line of
 * calls that wait for it to have fewer.
 */
export class Share {
  readonly limit: number;
  readonly lender: Lender;
  readonly #memory: PoolMemory;
  readonly #quota: Quota;
  readonly #hasRoom = () => this.#quota.used < this.limit;
  // Calls that wait because the limit is reached. Once below it they wait in the pool's line
  // instead, and count as used.
  readonly #line = new WaitingLine<PooledBuffer>(this.#hasRoom);
  #inPoolsLine = 0;
  #dry = 0;
  #mostUsed = 0;
  #closed: Promise<void> | null = null;
  #allBack: (() => void) | null = null;

  /** @throws as {@link BufferPool.share}, of its options */
  constructor(lender: Lender, options: PoolShareOptions) {
    this.limit = checkShare(options, lender.pool.count);
    this.lender = lender;
    this.#memory = lender.memory;
    this.#quota = { used: 0 };
  }

  get used(): number {
    return this.#quota.used - this.#inPoolsLine;
  }

  get free(): number {
    return Math.min(this.#left, this.#memory.slots.free);
  }

  /** How many calls wait because the limit is reached. */
  get waiting(): number {
    return this.#line.size;
  }

  get isClosed(): boolean {
    return this.#closed !== null || this.lender.isClosed;
  }

  get stats(): PoolShareStats {
    return {
      limit: this.limit,
      used: this.used,
      free: this.free,
      waiting: this.#line.size + this.#inPoolsLine,
      dry: this.#dry,
      mostUsed: this.#mostUsed,
    };
  }

  get #left(): number {
    return this.limit - this.#quota.used;
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#allBack = resolve;
      this.rejectAll();
      this.lender.rejectOf(this);
      this.lender.listenFor(this);
      this.serve();
    });
    return this.#closed;
  }

  /** Rejects the calls that wait because the limit is reached. */
  rejectAll(): void {
    this.#line.rejectAll(() => this.error());
  }

  error(): Error {
    const what = this.lender.isClosed ? 'the pool is closed' : 'the share of the pool is closed';
    return stateError('ERR_ZEROSEND_POOL_CLOSED', what);
  }

  /**
   * Takes completions in if the limit is reached. Returns whether a buffer may be taken now,
   * without overtaking a waiting call.
   */
  #makeRoom(): boolean {
    if (this.isClosed) throw this.error();
    if (!this.#hasRoom()) {
      this.#dry++;
      this.#memory.reapers.ask(this.lender.pool, this.#hasRoom);
      if (this.isClosed) throw this.error(); // a listener may have closed it
    }
    return this.#line.size === 0 && this.#hasRoom();
  }

  /**
   * Takes a buffer, which has no lease yet. `caller` is the function that the user has called, at
   * which the stack begins.
   */
  tryTake(caller: (...args: never[]) => unknown, most: number): PooledBuffer | null {
    return this.#tryTake(this.lender.stackOf(caller), most);
  }

  #tryTake(where: string | null, most: number): PooledBuffer | null {
    if (!this.#makeRoom()) return null;
    // counted first, since listeners that run within `tryTake` may acquire as well
    this.#quota.used++;
    let buffer: PooledBuffer | null = null;
    try {
      buffer = this.lender.tryTake(where, Math.min(most, this.#left + 1), this);
    } finally {
      if (buffer === null) this.#giveUp();
    }
    return buffer && this.#taken(buffer);
  }

  /** Takes a buffer as soon as the limit and the pool allow it. */
  wait(
    options: AcquireOptions | undefined,
    caller: (...args: never[]) => unknown,
  ): PooledBuffer | Promise<PooledBuffer> {
    const waiting = this.lender.asked(options, caller, this);
    const claim = () => this.#claim(waiting);
    if (this.#makeRoom()) return claim();
    this.lender.listenFor(this);
    return this.#line.join(claim, waiting.priority, waiting.signal);
  }

  /**
   * Called below the limit: takes a buffer, or waits in the pool's line, and counts it as used
   * already.
   */
  #claim(waiting: Waiting): PooledBuffer | Promise<PooledBuffer> {
    this.#quota.used++;
    let taken: PooledBuffer | Promise<PooledBuffer>;
    try {
      taken = this.lender.wait(waiting);
    } catch (error) {
      this.#giveUp();
      throw error;
    }
    if (!(taken instanceof Promise)) return this.#taken(taken);
    this.#inPoolsLine++;
    return taken.then(
      (buffer) => {
        this.#inPoolsLine--;
        return this.#taken(buffer);
      },
      (error) => {
        this.#inPoolsLine--;
        this.#giveUp();
        throw error;
      },
    );
  }

  /** Nothing was taken after all, so a waiting call may be served. */
  #giveUp(): void {
    this.#quota.used--;
    this.lender.serve(this);
  }

  #taken(buffer: PooledBuffer, count = 1): PooledBuffer {
    this.#memory.slots.lend(buffer.index, count, this.#quota);
    this.#mostUsed = Math.max(this.#mostUsed, this.used);
    return buffer;
  }

  /** The run that begins with this buffer, within the limit. */
  runFrom(buffer: PooledBuffer, most: number): BufferRun {
    const more = this.#closed === null ? Math.min(most - 1, this.#left) : 0;
    const run = this.lender.runFrom(buffer, 1 + more);
    this.#quota.used += run.count - 1;
    this.#taken(buffer, run.count);
    return run;
  }

  /** Serves the calls that wait. Returns whether any are left, or a call of `close` is pending. */
  serve(): boolean {
    this.#line.serve();
    if (this.#allBack !== null && this.#quota.used === 0) {
      this.#allBack();
      this.#allBack = null;
    }
    return this.#line.size > 0 || this.#allBack !== null;
  }
}
