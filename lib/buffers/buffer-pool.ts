import type { InspectOptionsStylized } from 'node:util';
import { MAX_REQUESTS, native } from '../addon/native.js';
import { invalidArgument, outOfRange, stateError } from '../base/errors.js';
import { eventLoop } from '../base/event-loop.js';
import { show, shown } from '../base/inspection.js';
import { checkInteger, checkOneOf, checkSignal, readOptions } from '../base/validate.js';
import { BufferRun, type RunMemory } from './buffer-run.js';
import { markPooled } from './plain-array.js';
import { PooledBuffer } from './pooled-buffer.js';
import { type Reaper, Reapers } from './reapers.js';
import { HUGE_PAGES, mapSlab, type SlabMemory } from './slab.js';
import { RingOrder, type SlotOrder } from './slot-order.js';
import { Slots } from './slots.js';
import { RunVerifier, stackOfCaller, Verifier } from './verifier.js';
import { noteWaiting } from './waiting-at-exit.js';
import { WaitingLine } from './waiting-line.js';

const PAGE = 4096;

/** Options of {@link BufferPool}. */
export interface BufferPoolOptions {
  /** Size of one buffer in bytes, rounded up to a page (4096). 1 to 1 GiB; default 65536. */
  bufferSize?: number | undefined;
  /** Number of buffers. 1 to 1,048,576; default 256. */
  count?: number | undefined;
  /**
   * Pages of the slab: `'transparent'` asks for huge pages and takes what comes (madvise(2)
   * MADV_HUGEPAGE), `'explicit'` wants reserved ones (MAP_HUGETLB) and throws where there are too
   * few, `'none'` refuses them. Default `'transparent'`.
   *
   * A reserved huge page is taken back from the kernel as a whole: of those that are given up,
   * buffers of less than 2 MiB are retired, unless their neighbours in the page are given up too.
   */
  hugePages?: 'transparent' | 'explicit' | 'none' | undefined;
  /** Called once for each buffer, to lay a template into it. */
  init?: ((bytes: Buffer, index: number) => void) | undefined;
  /**
   * Debugging: report writes to buffers in flight, the use of stale handles and forgotten buffers,
   * with the stack of where the buffer was acquired. Slow; default false.
   */
  verify?: boolean | undefined;
}

const POOL_OPTIONS = [
  'bufferSize',
  'count',
  'hugePages',
  'init',
  'verify',
] as const satisfies readonly (keyof BufferPoolOptions)[];

interface AcquireOptions {
  signal?: AbortSignal | undefined;
  priority?: number | undefined;
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
  readonly #sendsOnce: boolean;
  readonly #hugePageErrno: number;
  // Served with slots that are taken already and have no lease yet: see #wait.
  readonly #line = new WaitingLine<PooledBuffer>(() => this.#slots.ready);
  // Sockets that may have buffers of this pool in flight, to be asked when it is dry.
  readonly #reapers = new Reapers();
  readonly #ready = () => this.#slots.ready;
  readonly #weakly = new WeakRef(this);
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
    const given = readOptions('options', options, POOL_OPTIONS);
    const { bufferSize = 65536, count = 256, hugePages = 'transparent', init, verify } = given;
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
    if (!this.#isRing) markPooled(slab.memory);
    this.#sendsOnce = order instanceof RingOrder;
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
   * `complete` listeners may run within this call): of up to 64 of the sockets that have buffers of it
   * in flight, and of the next ones at the next call.
   *
   * While calls of {@link acquire} are waiting, free buffers are theirs and this returns null.
   * @throws Error `ERR_ZEROSEND_POOL_CLOSED`
   */
  tryAcquire(): PooledBuffer | null {
    const buffer = this.#tryTake(this.#verifier && stackOfCaller(this.tryAcquire));
    if (buffer !== null) buffer._leases = 1;
    return buffer;
  }

  /** A slot that is counted as acquired, and has no lease. */
  #tryTake(where: string | null, most = 1): PooledBuffer | null {
    if (this.#closed !== null) throw closed();
    if (this.#line.size === 0) {
      const buffer = this.#take(where, most);
      if (buffer !== null) return buffer;
    }
    if (!this.#slots.ready) {
      this.#dry++;
      this.#reapers.ask(this, this.#ready);
      if (this.#closed !== null) throw closed(); // by a listener
    }
    return this.#line.size > 0 ? null : this.#take(where, most);
  }

  /**
   * A buffer, as soon as there is one. Those who wait are served by priority (higher first, default
   * 0), then in order of their calls. Who has been served gets its buffer, also when the pool is
   * closed or the signal aborted in the same moment.
   *
   * In a loop that awaits nothing else, over a pool that is never dry, it gives the event loop a turn
   * whenever that has had none for 5 ms: timers, signals and other sockets go on. `tryAcquire` cannot.
   * @throws Error `ERR_ZEROSEND_POOL_CLOSED` now or when the pool is closed while waiting; the
   * signal's reason when it is aborted
   */
  async acquire(options?: AcquireOptions): Promise<PooledBuffer> {
    const buffer = await this.#wait(options, this.acquire);
    if (eventLoop.isDue()) await eventLoop.turn();
    buffer._leases = 1;
    return buffer;
  }

  /**
   * A slot as soon as there is one, with no lease. It gets one only when whoever waits goes on: until
   * then the handle may be known to its last user, whose release or send has to be refused. To be
   * awaited at once, so that those who wait go on in the order in which they are served.
   */
  #wait(
    options: AcquireOptions | undefined,
    caller: (...args: never[]) => unknown,
  ): PooledBuffer | Promise<PooledBuffer> {
    const { signal, priority } = options === undefined ? AT_ONCE : checkAcquire(options);
    signal?.throwIfAborted();
    const where = this.#verifier && stackOfCaller(caller);
    const take = () => this.#take(where) as PooledBuffer; // served only while something is free
    const buffer = this.#tryTake(where);
    if (buffer !== null) return buffer;
    noteWaiting(this.#weakly);
    return this.#line.join(take, priority, signal);
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
   * before the run gets more than one. It lets the event loop turn as {@link acquire} does.
   * @throws as {@link tryAcquireRun} and {@link acquire}
   */
  async acquireRun(most: number, options?: AcquireOptions): Promise<BufferRun> {
    checkInteger('most', most, 1, MAX_REQUESTS);
    this.#memory ??= memoryOf(this.#whole);
    const buffer = await this.#wait(options, this.acquireRun);
    if (eventLoop.isDue()) await eventLoop.turn();
    return this.#runFrom(buffer, most);
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
      waiting: this.#line.size,
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
      this.#line.rejectAll(closed);
      if (this.#verifier && this.#slots.acquired > 0) this.#warnHeld(this.#verifier);
      this.#settleIfAllBack();
    });
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  [shown](depth: number, options: InspectOptionsStylized): string {
    return show(this, () => this.#facts(), depth, options);
  }

  #facts(): object {
    const { free, acquired, inFlight, retired } = this.#slots;
    return {
      bufferSize: this.bufferSize,
      count: this.count,
      free,
      acquired,
      inFlight,
      ...(retired > 0 && { retired }),
      ...(this.#line.size > 0 && { waiting: this.#line.size }),
      ...(this.#closed !== null && { closed: true }),
    };
  }

  #take(where: string | null, most = 1): PooledBuffer | null {
    const slot = this.#slots.take(most);
    if (slot < 0) return null;
    let buffer = this.#buffers[slot] as PooledBuffer;
    if (this.#verifier !== null) {
      buffer = this.#handle(slot, buffer.bytes);
      this.#verifier.acquired(buffer, where ?? '');
    }
    return buffer;
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
  _attach(reaper: WeakRef<Reaper>): void {
    this.#reapers.add(reaper);
  }

  /** @internal It has none of them in flight any more. */
  _detach(reaper: WeakRef<Reaper>): void {
    this.#reapers.delete(reaper);
  }

  #runFrom(buffer: PooledBuffer, most: number): BufferRun {
    const first = buffer.index;
    // A pool that has been closed since the first was taken hands out no more.
    const more = this.#closed === null ? this.#slots.extend(first, most - 1) : 0;
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

  /** @internal Whether each buffer can be sent only once each time that it is acquired. */
  get _sendsOnce(): boolean {
    return this.#sendsOnce;
  }

  /** @internal */
  get _memory(): ArrayBuffer {
    return this.#whole.memory;
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
    if (this.#line.size > 0) this.#line.serve();
    if (this.#allBack !== null) this.#settleIfAllBack();
  }
}

const slabs = new FinalizationRegistry<number>((handle) => native.releaseSlab(handle));

const AT_ONCE = { signal: undefined, priority: 0 };

function checkAcquire(options: AcquireOptions): {
  signal: AbortSignal | undefined;
  priority: number;
} {
  const given = readOptions('options', options, ['signal', 'priority']);
  const signal = checkSignal(given.signal);
  const { priority = 0 } = given;
  if (typeof priority !== 'number') throw invalidArgument('options.priority', 'a number', priority);
  if (Number.isNaN(priority)) throw outOfRange('options.priority', 'a number', priority);
  return { signal, priority };
}

function memoryOf({ memory, offset, stride }: SlabMemory): RunMemory {
  return { bytes: Buffer.from(memory, offset), view: new DataView(memory, offset), stride };
}

function closed(): Error {
  return stateError('ERR_ZEROSEND_POOL_CLOSED', 'the pool is closed');
}
