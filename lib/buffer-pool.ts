import PQueue from 'p-queue';
import { BufferRun, type RunMemory } from './buffer-run.js';
import { invalidArgument, outOfRange, stateError } from './errors.js';
import { MAX_REQUESTS, native } from './native.js';
import { PooledBuffer } from './pooled-buffer.js';
import type { Reaper } from './reactor.js';
import { HUGE_PAGES, mapSlab, type SlabMemory } from './slab-memory.js';
import type { SlotOrder } from './slot-order.js';
import { Slots } from './slots.js';
import { checkInteger, checkObject, checkOneOf, checkSignal } from './validate.js';
import { RunVerifier, stackOfCaller, Verifier } from './verifier.js';

const PAGE = 4096;

/** Options of {@link BufferPool}. */
export interface BufferPoolOptions {
  /** Size of one buffer in bytes, rounded up to a page (4096). 1 to 1 GiB; default 65536. */
  bufferSize?: number;
  /** Number of buffers. 1 to 1,048,576; default 256. */
  count?: number;
  /**
   * Pages of the slab: `'transparent'` asks for huge pages and takes what comes (madvise(2)
   * MADV_HUGEPAGE), `'explicit'` wants reserved ones (MAP_HUGETLB) and throws where there are too
   * few, `'none'` refuses them. Default `'transparent'`.
   *
   * A reserved huge page is taken back from the kernel as a whole: of those that are given up,
   * buffers of less than 2 MiB are retired, unless their neighbours in the page are given up too.
   */
  hugePages?: 'transparent' | 'explicit' | 'none';
  /** Called once for each buffer, to lay a template into it. */
  init?: (bytes: Buffer, index: number) => void;
  /**
   * Debugging: report writes to buffers in flight, the use of stale handles and forgotten buffers,
   * with the stack of where the buffer was acquired. Slow; default false.
   */
  verify?: boolean;
}

/** A snapshot of a pool. `free + acquired + inFlight + retired` is `count`. */
export interface BufferPoolStats {
  bufferSize: number;
  count: number;
  free: number;
  acquired: number;
  inFlight: number;
  /**
   * Buffers given up for good because their pages could not be replaced: those of a ring or a UMEM,
   * those that share a reserved huge page with others, and any when memory or mappings
   * (vm.max_map_count) are short.
   */
  retired: number;
  /** Calls of `acquire` that are waiting now. */
  waiting: number;
  /** How often `tryAcquire` or `acquire` found the pool dry. */
  dry: number;
  /** Whether transparent huge pages were refused, as an errno; 0 when they were not. */
  hugePageErrno: number;
}

/**
 * Fixed-size buffers in one memory mapping, handed out and taken back. A buffer that is sent comes
 * back by itself when nothing can read it any more; a pool that has run dry is the backpressure.
 *
 * The memory is one mmap(2) outside of the JavaScript heap. It stays mapped until the pool, the last
 * view on it and the last send in flight are gone.
 */
export class BufferPool {
  readonly bufferSize: number;
  readonly count: number;
  readonly #slots: Slots;
  readonly #slab: number;
  readonly #buffers: PooledBuffer[];
  readonly #whole: SlabMemory;
  // Made when a run is first asked for: of a ring of many GiB there cannot be one on older Node.js.
  #memory: RunMemory | null = null;
  // One for each slot that a run has begun with.
  readonly #runs: (BufferRun | undefined)[];
  readonly #verifier: Verifier | null;
  readonly #isRing: boolean;
  readonly #hugePageErrno: number;
  // Of those who wait. Not by AbortSignal.any: it keeps what depends on a long-lived signal.
  readonly #rejecters = new Set<(reason: unknown) => void>();
  // Orders those who wait, and is not touched while buffers are free. Paused while the pool is dry.
  readonly #waiters = new PQueue({ autoStart: false });
  // Sockets that may hold buffers of this pool in flight, to be reaped when it is dry.
  readonly #reapers: WeakRef<Reaper>[] = [];
  #nextReaper = 0;
  // At least those in #waiters: one who was aborted is counted a moment longer. Asked for with each
  // buffer, which the queue's own size is too slow for.
  #waiting = 0;
  #dry = 0;
  #closed: Promise<void> | null = null;
  #allBack: (() => void) | null = null;

  /**
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`,
   * RangeError `ERR_ZEROSEND_NO_MEMORY` when the pool needs more than the system has left,
   * RangeError `ERR_ZEROSEND_NO_HUGE_PAGES`
   */
  constructor(options?: BufferPoolOptions);
  /** @internal A pool over memory that exists, a ring or a UMEM. */
  constructor(options: BufferPoolOptions, memory: SlabMemory, order: SlotOrder);
  constructor(options: BufferPoolOptions = {}, memory?: SlabMemory, order?: SlotOrder) {
    checkObject('options', options);
    const { bufferSize = 65536, count = 256, hugePages = 'transparent', init, verify } = options;
    checkInteger('options.bufferSize', bufferSize, 1, 2 ** 30);
    checkInteger('options.count', count, 1, 2 ** 20);
    checkOneOf('options.hugePages', hugePages, HUGE_PAGES);
    if (init !== undefined && typeof init !== 'function') {
      throw invalidArgument('options.init', 'a function', init);
    }
    if (verify !== undefined && typeof verify !== 'boolean') {
      throw invalidArgument('options.verify', 'a boolean', verify);
    }
    const slab = memory ?? mapSlab(Math.ceil(bufferSize / PAGE) * PAGE, count, hugePages);
    this.#isRing = memory !== undefined;
    this.bufferSize = slab.slotSize;
    this.count = slab.slots;
    this.#slab = slab.slab;
    this.#hugePageErrno = slab.hugePageErrno;
    this.#slots = new Slots(slab.slots, order);
    const views = Array.from({ length: slab.slots }, (_, index) =>
      Buffer.from(slab.memory, slab.offset + index * slab.stride, slab.slotSize),
    );
    this.#whole = slab;
    this.#runs = new Array(slab.slots).fill(undefined);
    this.#verifier = verify ? new Verifier(views) : null;
    this.#buffers = views.map((view, index) => this.#handle(index, view));
    // The table of the addon lets go when the pool does; views and sends still hold the memory.
    slabs.register(this, slab.slab, this);
    if (init) {
      for (const [index, view] of views.entries()) init(view, index);
    }
  }

  #handle(index: number, view: Buffer): PooledBuffer {
    return new PooledBuffer(this, index, view, this.#slots, this.#slab, this.#verifier);
  }

  /** Buffers that can be acquired now. */
  get free(): number {
    return this.#slots.free;
  }

  /** Buffers that are with a user: not sent yet, or with leases left. */
  get acquired(): number {
    return this.#slots.acquired;
  }

  /** Buffers that have been sent and are not free again. */
  get inFlight(): number {
    return this.#slots.inFlight;
  }

  /**
   * A free buffer, or null. Never waits and allocates nothing. On a dry pool it first takes in what
   * has finished since (so a loop that never yields to the event loop gets its buffers back, and
   * `complete` listeners may run within this call).
   *
   * While calls of {@link acquire} are waiting, free buffers are theirs and this returns null.
   * @throws Error `ERR_ZEROSEND_POOL_CLOSED`
   */
  tryAcquire(): PooledBuffer | null {
    return this.#tryTake(this.#verifier && stackOfCaller(this.tryAcquire));
  }

  #tryTake(where: string | null, most = 1): PooledBuffer | null {
    if (this.#closed !== null) throw closed();
    if (this.#waiting === 0) {
      const buffer = this.#take(where, most);
      if (buffer !== null) return buffer;
    }
    if (!this.#slots.ready) {
      this.#dry++;
      this.#reap();
    }
    return this.#waiting > 0 && this.#waiters.size > 0 ? null : this.#take(where, most);
  }

  /**
   * A buffer, as soon as there is one. Those who wait are served by priority (higher first, default
   * 0), then in order of their calls.
   * @throws Error `ERR_ZEROSEND_POOL_CLOSED` now or when the pool is closed while waiting; the
   * signal's reason when it is aborted
   */
  async acquire(options: { signal?: AbortSignal; priority?: number } = {}): Promise<PooledBuffer> {
    checkObject('options', options);
    const signal = checkSignal(options.signal);
    const { priority = 0 } = options;
    if (typeof priority !== 'number')
      throw invalidArgument('options.priority', 'a number', priority);
    if (Number.isNaN(priority)) throw outOfRange('options.priority', 'a number', priority);
    signal?.throwIfAborted();
    const where = this.#verifier && stackOfCaller(this.acquire);
    const buffer = this.#tryTake(where);
    if (buffer !== null) return buffer;
    this.#waiters.pause();
    this.#waiting++;
    let served = false;
    return new Promise((resolve, reject) => {
      this.#rejecters.add(reject);
      this.#waiters
        .add(
          () => {
            served = true;
            this.#waiting--;
            const next = this.#take(where) as PooledBuffer; // served only while something is free
            if (!this.#slots.ready) this.#waiters.pause();
            return next;
          },
          signal ? { priority, signal } : { priority },
        )
        .then(resolve, (reason) => {
          if (!served) this.#waiting--;
          reject(reason);
        })
        .finally(() => this.#rejecters.delete(reject));
    });
  }

  /**
   * Free buffers that lie in a row, up to `most`: of a ring, as many as follow the one whose turn it
   * is; else the first row that is as long, or the longest. Null where {@link tryAcquire} gives null.
   * Never waits, and allocates nothing once each run has been met.
   * @param most 1 to 1024
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE`, Error `ERR_ZEROSEND_POOL_CLOSED`
   */
  tryAcquireRun(most: number): BufferRun | null {
    checkInteger('most', most, 1, MAX_REQUESTS);
    this.#memory ??= memoryOf(this.#whole);
    const where = this.#verifier && stackOfCaller(this.tryAcquireRun);
    const buffer = this.#tryTake(where, most);
    return buffer === null ? null : this.#runFrom(buffer, most);
  }

  /**
   * The same as soon as a buffer is free, in its turn among all who wait. Each of these gets a buffer
   * before the run gets more than one.
   * @throws as {@link tryAcquireRun} and {@link acquire}
   */
  async acquireRun(
    most: number,
    options: { signal?: AbortSignal; priority?: number } = {},
  ): Promise<BufferRun> {
    checkInteger('most', most, 1, MAX_REQUESTS);
    this.#memory ??= memoryOf(this.#whole);
    return this.#runFrom(await this.acquire(options), most);
  }

  /** A snapshot of the counts. */
  stats(): BufferPoolStats {
    const { free, acquired, inFlight, retired } = this.#slots;
    return {
      bufferSize: this.bufferSize,
      count: this.count,
      free,
      acquired,
      inFlight,
      retired,
      waiting: this.#waiters.size,
      dry: this.#dry,
      hugePageErrno: this.#hugePageErrno,
    };
  }

  /**
   * Hands out no more buffers and rejects those who wait. Resolves when every buffer is back; a
   * buffer that its user keeps is waited for without end. A second call returns the same promise.
   */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#allBack = () => {
        this.#verifier?.checkFree();
        slabs.unregister(this);
        native.releaseSlab(this.#slab);
        resolve();
      };
      this.#waiters.clear();
      for (const reject of this.#rejecters) reject(closed());
      if (this.#verifier && this.#slots.acquired > 0) this.#warnHeld(this.#verifier);
      this.#settleIfAllBack();
    });
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(where: string | null, most = 1): PooledBuffer | null {
    const slot = this.#slots.take(most);
    if (slot < 0) return null;
    let buffer = this.#buffers[slot] as PooledBuffer;
    if (this.#verifier !== null) {
      buffer = this.#handle(slot, buffer.bytes);
      this.#verifier.acquired(buffer, where ?? '');
    }
    buffer._leases = 1;
    return buffer;
  }

  /** Takes completions in, socket after socket, until something is free. */
  #reap(): void {
    const reapers = this.#reapers;
    for (let left = reapers.length; left > 0 && !this.#slots.ready; left--) {
      if (this.#nextReaper >= reapers.length) this.#nextReaper = 0;
      const reaper = reapers[this.#nextReaper]?.deref();
      if (reaper === undefined) {
        reapers.splice(this.#nextReaper, 1); // forgotten by its user, and closed
      } else {
        this.#nextReaper++;
        reaper.poll();
      }
    }
  }

  #settleIfAllBack(): void {
    if (this.#slots.acquired > 0 || this.#slots.inFlight > 0) return;
    this.#allBack?.();
    this.#allBack = null;
  }

  #warnHeld(verifier: Verifier): void {
    for (const { index, where } of verifier.held()) {
      process.emitWarning(
        `buffer ${index} is still held while its pool closes\nacquired:\n${where}`,
        {
          type: 'ZeroSendWarning',
          code: 'ZEROSEND_BUFFER_FORGOTTEN',
        },
      );
    }
  }

  /** @internal A socket will send buffers of this pool. */
  _attach(reaper: Reaper): void {
    this.#reapers.push(new WeakRef(reaper));
  }

  /** @internal The socket has closed. */
  _detach(reaper: Reaper): void {
    const at = this.#reapers.findIndex((other) => other.deref() === reaper);
    if (at >= 0) this.#reapers.splice(at, 1);
  }

  #runFrom(buffer: PooledBuffer, most: number): BufferRun {
    const first = buffer.index;
    buffer._leases = 0; // the run has it now
    const more = this.#slots.extend(first, most - 1);
    if (this.#verifier !== null) return this.#verifiedRun(buffer, 1 + more, this.#verifier);
    let run = this.#runs[first];
    // The first of a run may be back before its others.
    if (run?._idle !== true) {
      run = new BufferRun(this, first, this.#slots, this.#memory as RunMemory);
      this.#runs[first] = run;
    }
    return run._acquired(1 + more, null);
  }

  /** A new object each time, with a handle for each of its slots. */
  #verifiedRun(begin: PooledBuffer, count: number, verifier: Verifier): BufferRun {
    const handles = [begin];
    for (let i = 1; i < count; i++) {
      const index = begin.index + i;
      const handle = this.#handle(index, (this.#buffers[index] as PooledBuffer).bytes);
      verifier.acquired(handle, verifier.whereOf(begin));
      handles.push(handle);
    }
    for (const handle of handles) handle._leases = 1;
    const run = new BufferRun(this, begin.index, this.#slots, this.#memory as RunMemory);
    return run._acquired(count, new RunVerifier(verifier, handles));
  }

  /** @internal Whether it was made with `verify`. */
  get _verifies(): boolean {
    return this.#verifier !== null;
  }

  /** @internal Whether its memory is shared with the kernel (a ring or a UMEM): one socket's only. */
  get _isRing(): boolean {
    return this.#isRing;
  }

  /** @internal */
  _bytesOf(index: number): Buffer {
    return (this.#buffers[index] as PooledBuffer).bytes;
  }

  /** @internal The handle of its memory in the addon. */
  get _slab(): number {
    return this.#slab;
  }

  /** @internal Nobody has the slot any more: it is free or retired. */
  _returned(index: number): void {
    if (this.#verifier !== null && !this.#slots.isRetired(index)) this.#verifier.returned(index);
    this._someReturned();
  }

  /** @internal */
  _someReturned(): void {
    if (this.#waiting > 0 && this.#waiters.size > 0 && this.#slots.ready) this.#waiters.start();
    if (this.#allBack !== null) this.#settleIfAllBack();
  }
}

const slabs = new FinalizationRegistry<number>((handle) => native.releaseSlab(handle));

function memoryOf({ memory, offset, stride }: SlabMemory): RunMemory {
  return { bytes: Buffer.from(memory, offset), view: new DataView(memory, offset), stride };
}

function closed(): Error {
  return stateError('ERR_ZEROSEND_POOL_CLOSED', 'the pool is closed');
}
