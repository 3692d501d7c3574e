import type { InspectOptionsStylized } from 'node:util';
import {
  FLAG_ZERO_COPY,
  isEnd,
  KIND_CONNECTED,
  KIND_COPIED,
  KIND_DRAIN,
  KIND_ERROR,
  KIND_FAILURE,
  KIND_INLINE,
  KIND_LINK_DOWN,
  KIND_PASSED,
  KIND_RETIRED,
  KIND_REVOKED,
  KIND_STAMP,
  KIND_STAMPED,
  KIND_ZEROCOPY,
  MAX_REQUESTS,
  native,
  REFUSED_CLOSED,
  REFUSED_QUEUE_FULL,
  REFUSED_WRONG_POOL,
} from '../addon/addon.js';
import type { Endpoint, OpenedSocket, SocketDescription } from '../addon/contract.js';
import { failureCode } from '../addon/failures.js';
import {
  answer,
  fillRunLengths,
  refusedIndex,
  requestLength,
  runLength,
  waitingSends,
  writeRequest,
  writeRun,
  writeRunLength,
  writeSend,
} from '../addon/mailbox.js';
import { type Reactee, reactor, throwLater } from '../addon/reactor.js';
import {
  type CodedError,
  invalidArgument,
  outOfRange,
  stateError,
  systemError,
  typeError,
} from '../base/errors.js';
import { show, showAddress, shown } from '../base/inspection.js';
import { clearTimeout, setImmediate, setTimeout } from '../base/timers.js';
import { checkInteger, checkSignal, readOptions } from '../base/validate.js';
import { type BufferPool, memoryOf } from '../buffers/buffer-pool.js';
import { BufferRun, runOf } from '../buffers/buffer-run.js';
import { giveBack, readBuffers, readLengths } from '../buffers/given-arrays.js';
import { checkNotPooled, checkPlain } from '../buffers/plain-array.js';
import {
  isPooled as isPooledBuffer,
  type PooledBuffer,
  slotOf as slotOfBuffer,
} from '../buffers/pooled-buffer.js';
import type { Reaper } from '../buffers/reapers.js';
import type { Slot } from '../buffers/slot.js';
import { Emitter } from './emitter.js';
import type { CloseReport, CompletionRange, ZeroCopySocketEvents } from './events.js';
import { IdWaiters } from './id-waiters.js';
import { InFlight } from './in-flight.js';
import { checkOpened } from './opening.js';
import type { CheckedSocketOptions } from './options.js';
import { PoolsInFlight } from './pools-in-flight.js';
import {
  describeSocket,
  readCounters,
  readLimits,
  type SocketInfo,
  type SocketStats,
} from './stats.js';
import { TimestampReader } from './timestamps.js';
import { ZeroCopyPolicy } from './zero-copy-policy.js';

/**
 * Sends after which completions are taken in inline: fewer cost crossings, more cost caches. Of a
 * sender that fills its buffers, 64 KB each, 16 stay in a cache of 2 MB where 32 do not: with 32 a
 * send costs 1 % less, but filling and sending together 8 % more.
 */
const REAP_EVERY = 16;
// Bindings of this module, which the optimizing compiler takes for the constants that they are; an
// imported one is read, and its type checked, at each use. Nor through the addon's object, whose
// many properties make a dictionary of it.
const { send: nativeSend, sendPlain: nativeSendPlain } = native;
const { sendMany: nativeSendMany, sendRun: nativeSendRun } = native;
const write = writeSend;
const readAnswer = answer;
const waiting = waitingSends;
const writeOneOf = writeRequest;
const writeOneLength = writeRunLength;
const isPooled = isPooledBuffer;
const slotOf = slotOfBuffer;
const ZERO_COPY = FLAG_ZERO_COPY;

/** `last` of a record KIND_ERROR when completions cannot be read; see native/sockets/socket.h. */
const ERROR_OF_READING = 2;

const DEFAULT_CLOSE_TIMEOUT_MS = 5000;
/** A socket that closes is asked for its progress this often at least, in ms. */
const LONGEST_LOOK_MS = 250;
/** But no more often than so many times within its timeout. */
const LOOKS = 8;
const HOW: CompletionRange['how'][] = [];
HOW[KIND_ZEROCOPY] = 'zerocopy';
HOW[KIND_COPIED] = 'copied';
HOW[KIND_INLINE] = 'inline';
HOW[KIND_REVOKED] = 'revoked';

export type Protocol = 'tcp' | 'udp' | 'packet' | 'xdp';

interface Ends {
  local: Endpoint | undefined;
  remote: Endpoint | undefined;
}

const NO_ENDS: Ends = { local: undefined, remote: undefined };

type State = 'connecting' | 'open' | 'closing' | 'closed';

/**
 * A socket that sends from your memory. Each accepted send gets the next id (0, 1, 2, …); each id
 * completes exactly once. See {@link CompletionRange} for what a completion says.
 */
export abstract class ZeroCopySocket
  extends Emitter<ZeroCopySocketEvents>
  implements Reactee, Reaper
{
  /** @internal */ readonly _handle: number;
  /** @internal */ _active = false;
  /** @internal */ _scheduled = false;
  /** @internal */ _added = false;
  /** @internal */ _needed = false;
  /** @internal */ _held = false;
  /** @internal */ _untold = 0;
  /** @internal */ protected readonly _maxLength: number;
  /** @internal */ protected _state: State;
  /** @internal the only pool whose buffers it sends; null: any */
  protected readonly _ownPool: BufferPool | null;
  #fd: number;
  readonly #protocol: Protocol;
  readonly #segmentSize: number;
  readonly #reapEvery: number;
  readonly #maxBatch: number;
  readonly #zeroCopyErrno: number;
  readonly #policy: ZeroCopyPolicy;
  readonly #inFlight: InFlight;
  readonly #firstId: number;
  readonly #waiters = new IdWaiters();
  /** @internal */ readonly _weakly: WeakRef<Reaper> = new WeakRef<Reaper>(this);
  readonly #pools = new PoolsInFlight(this._weakly);
  // The pool of the last send and the length up to which it needs no closer look.
  #usualPool: BufferPool | null = null;
  #usualLength = 0;
  #sinceReap = 0;
  #needDrain = false;
  #lastQueued = -1;
  #liveness: 'auto' | 'ref' | 'unref' = 'auto';
  #revoked = 0;
  #failed = 0;
  #aborted = false;
  #error: CodedError | null = null;
  #closed: Promise<CloseReport> | null = null;
  #resolveClosed: ((report: CloseReport) => void) | null = null;
  #timer: NodeJS.Timeout | undefined;
  // Of a close: ms without progress until it gives up, and those of them that are left.
  #patience = Number.POSITIVE_INFINITY;
  #left = Number.POSITIVE_INFINITY;
  #progress = 0;
  #ends = NO_ENDS;
  readonly #stamps: TimestampReader | null;
  #finalStats: SocketStats | null = null;

  /** @internal */
  protected constructor(
    protocol: Protocol,
    opened: OpenedSocket,
    options: CheckedSocketOptions,
    limits: { maxLength: number; segmentSize: number; reapEvery?: number; pool?: BufferPool },
  ) {
    super();
    checkOpened(opened, 'UdpSocket.open, TcpSocket.connect, PacketSocket.open or XdpSocket.open');
    this.#protocol = protocol;
    this.#fd = opened.fd;
    this._handle = opened.handle;
    this._state = protocol === 'tcp' ? 'connecting' : 'open';
    this._maxLength = limits.maxLength;
    this.#segmentSize = limits.segmentSize;
    this.#reapEvery = limits.reapEvery ?? REAP_EVERY;
    // A batch is accepted whole, so all of it must have room in the queue.
    this.#maxBatch = Math.min(MAX_REQUESTS, options.maxQueuedSends);
    this._ownPool = limits.pool ?? null;
    this.#zeroCopyErrno = opened.zeroCopyErrno;
    this.#policy = new ZeroCopyPolicy(options.zeroCopy, options.zeroCopyThreshold);
    this.#stamps = options.timestamps > 0 ? new TimestampReader() : null;
    this.#firstId = opened.firstId;
    this.#inFlight = new InFlight(opened.firstId);
    reactor.add(this);
  }

  /** The file descriptor, for getsockopt and setsockopt of your own; -1 once closed. Do not send,
   * read or poll through it. */
  get fd(): number {
    return this.#fd;
  }

  /** The id of the next send. */
  get nextId(): number {
    return this.#inFlight.next;
  }

  /** Sends that have not completed, queued ones included. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Sends are waiting for room in the kernel; `drain` tells when they are gone. */
  get needDrain(): boolean {
    return this.#needDrain;
  }

  /**
   * Sends the first `length` bytes and returns the id. Never waits: where the kernel has no room,
   * the rest is kept in order and goes on by itself (`needDrain`, `drain`). sendto(2) with
   * MSG_ZEROCOPY.
   *
   * A pooled buffer uses up one lease and goes back to its pool when its sends have completed. A
   * plain array is held, and must be neither written to nor transferred, until then.
   * @param length bytes; required for a pooled buffer, default all of a plain array
   * @throws without taking an id, and the buffer stays with you: TypeError
   * `ERR_ZEROSEND_INVALID_ARGUMENT`, `…_BUFFER_FREE`, `…_BUFFER_IN_FLIGHT`, `…_BUFFER_DETACHED`,
   * `…_BUFFER_RESIZABLE`, `…_WRONG_POOL` (memory of a ring or a UMEM, also as a plain array),
   * `…_POOLED_MEMORY` (a view of a pool's memory as a plain array); RangeError `…_OUT_OF_RANGE`, `…_DATAGRAM_TOO_LONG`; Error
   * `…_SOCKET_CLOSED`, `…_QUEUE_FULL`, or the system's error. An error that ends the connection is
   * also reported by `error`.
   */
  send(buffer: PooledBuffer | Uint8Array, length?: number): number {
    this._reapIfDue();
    return this._send(buffer, length, 0);
  }

  /**
   * To be called before anything else of a send: listeners run in here, and may send or close. They
   * are told of ids only that have been returned already.
   * @internal
   */
  protected _reapIfDue(): void {
    if (++this.#sinceReap >= this.#reapEvery) this.#reap();
  }

  /** @internal */
  protected _send(
    buffer: PooledBuffer | Uint8Array,
    length: number | undefined,
    flags: number,
    copied = false,
  ): number {
    return isPooled(buffer)
      ? this.#sendPooled(buffer, length as number, flags, copied)
      : this.#sendPlain(buffer, length, flags);
  }

  #sendPooled(buffer: PooledBuffer, length: number, flags: number, copied: boolean): number {
    const slot = slotOf(buffer);
    if (!this.#isUsual(buffer, slot, length)) this.#check(buffer, slot, length);
    const asked = !copied && this.#policy.wants(length) ? flags | ZERO_COPY : flags;
    write(this._handle, slot.slab, slot.index, length, asked);
    if (!this._active) reactor.markBusy(this);
    nativeSend();
    const result = readAnswer();
    if (result !== 0) {
      if (result < 0) throw this.#refused(result, length, flags);
      this.#waitForDrain(this.#inFlight.next);
    }
    slot.slots.beginSend(slot);
    if (slot.verifier !== null) slot.verifier.sent(slot, length, this.#inFlight.next);
    return this.#inFlight.add(slot);
  }

  /** What nearly every send of a pooled buffer is, told by a few comparisons; if not, `#check`. */
  #isUsual(buffer: PooledBuffer, slot: Slot, length: number): boolean {
    return (
      buffer.pool === this.#usualPool &&
      slot.leases > 0 &&
      Number.isInteger(length) && // before it is compared: that would convert what is no number
      length > 0 &&
      length <= this.#usualLength
    );
  }

  #check(buffer: PooledBuffer, slot: Slot, length: number): void {
    this.#checkSlot(buffer, slot);
    this._checkLength(length, buffer.bytes.length);
    this.#usePool(buffer.pool, slot.verifier !== null);
  }

  #sendPlain(buffer: Uint8Array, length: number | undefined, flags: number): number {
    const available = checkPlain(buffer);
    const bytes = length === undefined ? available : length;
    this._checkLength(bytes, available);
    checkNotPooled(buffer);
    const ask = this.#policy.wants(bytes as number) ? flags | ZERO_COPY : flags;
    reactor.markBusy(this);
    const result = nativeSendPlain(this._handle, buffer, bytes as number, ask);
    if (result < 0) throw this.#refused(result, bytes as number, flags);
    if (waiting() !== 0) this.#waitForDrain(this.#inFlight.next);
    return this.#inFlight.add(buffer);
  }

  /**
   * Sends several pooled buffers with as few system calls as possible (sendmmsg(2)): same ids, same
   * order and same errors as a `send` of each, but all are checked before the first is sent, and all
   * or none are accepted. A message that the kernel refuses by itself after an earlier one went out
   * completes as `'failed'`.
   *
   * A run ({@link BufferPool.tryAcquireRun}) costs a fraction of what as many buffers cost. It is not
   * yours any more then; its buffers go back to the pool each by itself.
   * @param buffers at most 1024, and at most `maxQueuedSends`: all of them might have to wait
   * @param length bytes of each, or one length for each buffer
   */
  sendMany(
    buffers: readonly PooledBuffer[] | BufferRun,
    length: number | ArrayLike<number>,
  ): { first: number; last: number } {
    if (buffers instanceof BufferRun) return this.#sendRun(buffers, length);
    if (!Array.isArray(buffers)) throw invalidArgument('buffers', 'an array', buffers);
    const count = checkInteger('buffers.length', buffers.length, 1, this.#maxBatch);
    this.#sinceReap += count;
    this._reapIfDue();
    const own = readBuffers(buffers, count);
    try {
      const lengths = typeof length === 'number' ? length : readLengths(length, count);
      // Nothing runs within it that is not ours.
      return this.#sendBuffers(own, lengths, count);
    } finally {
      giveBack(own, count);
    }
  }

  #sendBuffers(
    own: unknown[],
    lengths: number | readonly unknown[],
    count: number,
  ): { first: number; last: number } {
    const slots = own as Slot[]; // which take the places of the buffers, one by one
    let begun = 0;
    let verified = false;
    try {
      for (; begun < count; begun++) {
        const buffer = own[begun];
        if (!isPooled(buffer)) {
          throw invalidArgument(`buffers[${begun}]`, 'a PooledBuffer', buffer);
        }
        const slot = slotOf(buffer);
        const bytes = typeof lengths === 'number' ? lengths : (lengths[begun] as number);
        if (!this.#isUsual(buffer, slot, bytes)) {
          this.#check(buffer, slot, bytes);
          verified ||= slot.verifier !== null;
        }
        const asked = this.#policy.wants(bytes) ? ZERO_COPY : 0;
        writeOneOf(begun, slot.slab, slot.index, bytes, asked);
        // Now, so that a buffer named twice needs two leases.
        slot.slots.beginSend(slot);
        slots[begun] = slot;
      }
      if (!this._active) reactor.markBusy(this);
      const result = nativeSendMany(this._handle, count);
      if (result < 0) {
        const index = refusedIndex();
        throw this.#refused(result, requestLength(index), 0, index);
      }
    } catch (error) {
      cancelSends(slots, begun);
      if (begun < count) nameIndex(error, begun);
      throw error;
    }
    const first = this.#inFlight.next;
    for (let i = 0; verified && i < count; i++) {
      const slot = slots[i] as Slot;
      slot.verifier?.sent(slot, requestLength(i), first + i);
    }
    this.#inFlight.addMany(slots, count);
    if (waiting() !== 0) this.#waitForDrain(first + count - 1);
    return { first, last: first + count - 1 };
  }

  #sendRun(
    buffers: BufferRun,
    length: number | ArrayLike<number>,
  ): { first: number; last: number } {
    const run = runOf(buffers);
    this.#sinceReap += run.count;
    this._reapIfDue();
    run.assertHeld('send');
    const { count } = run;
    const { pool } = buffers;
    checkInteger('buffers.count', count, 1, this.#maxBatch);
    const lengths = typeof length === 'number' ? length : readLengths(length, count);
    // While they were read it may have been sent, and be another one now.
    run.assertHeld('send');
    if (run.count !== count) throw invalidArgument('length', `${run.count} numbers`, length);
    // From here to the last line nothing runs that is not ours.
    this.#checkPool(pool, run.first);
    this.#writeLengths(lengths, count, pool.bufferSize);
    if (pool !== this.#usualPool) this.#usePool(pool, run.verifier !== null);
    writeRun(this._handle, run.slab, run.first, count);
    if (!this._active) reactor.markBusy(this);
    nativeSendRun();
    const result = readAnswer();
    if (result < 0) throw this.#refused(result, runLength(refusedIndex()), 0, refusedIndex());
    const first = this.#inFlight.addRun(run);
    const last = first + count - 1;
    const { verifier } = run;
    for (let i = 0; verifier !== null && i < count; i++) verifier.sent(i, runLength(i), first + i);
    if (result > 0) this.#waitForDrain(last);
    return { first, last };
  }

  /** Checks the lengths of a run and writes them into `requests`. */
  #writeLengths(lengths: number | readonly unknown[], count: number, size: number): void {
    if (typeof lengths === 'number') {
      this._checkLength(lengths, size);
      fillRunLengths(count, lengths, this.#policy.wants(lengths));
      return;
    }
    for (let i = 0; i < count; i++) {
      const bytes = lengths[i] as number;
      try {
        this._checkLength(bytes, size);
      } catch (error) {
        nameIndex(error, i);
        throw error;
      }
      writeOneLength(i, bytes, this.#policy.wants(bytes));
    }
  }

  /**
   * One send out of several buffers, whose slots and lengths (`length` in all) are in `requests`.
   * The id holds the first buffer; whoever calls has the others to give back.
   * @internal
   */
  protected _sendTogether(buffers: readonly PooledBuffer[], length: number): number {
    const slots = buffers.map(slotOf);
    let begun = 0;
    try {
      for (; begun < buffers.length; begun++) {
        const buffer = buffers[begun] as PooledBuffer;
        const slot = slots[begun] as Slot;
        this.#checkSlot(buffer, slot);
        this.#usePool(buffer.pool, slot.verifier !== null);
        slot.slots.beginSend(slot);
      }
      reactor.markBusy(this);
      const result = native.sendPacket(this._handle, buffers.length);
      if (result < 0) throw this.#refused(result, length, 0);
    } catch (error) {
      cancelSends(slots, begun);
      throw error;
    }
    return this.#inFlight.add(slots[0] as Slot);
  }

  /**
   * Delivers what has finished, now and synchronously (`complete` listeners run within this call), and
   * sends what was waiting for room: of a long queue a part that takes about a millisecond, the rest
   * goes on by itself. In a listener the buffers come back at once as well; the events of what it finds
   * follow in the next turn of the event loop.
   * @returns the number of ids completed
   */
  poll(): number {
    if (this._state === 'closed') return 0;
    const before = this.#inFlight.next - this.#inFlight.size; // not the size alone: listeners send
    reactor.markBusy(this);
    reactor.poll(this);
    return this.#inFlight.next - this.#inFlight.size - before;
  }

  /**
   * Resolves when the id has completed, at once if it already has.
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE` for an id that was not given out; rejects with
   * the signal's reason when aborted
   */
  async completed(id: number, options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const given = readOptions('options', options, ['signal']);
    checkInteger('id', id, this.#firstId, this.#inFlight.next - 1);
    const signal = checkSignal(given.signal);
    signal?.throwIfAborted();
    if (this.#inFlight.has(id)) await this.#waiters.forId(id, signal);
  }

  /**
   * Resolves when all ids given out so far have completed and their events have been emitted. Rejects
   * with the signal's reason.
   */
  async flush(options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const signal = checkSignal(readOptions('options', options, ['signal']).signal);
    signal?.throwIfAborted();
    const { next, low } = this.#inFlight;
    if (low < next || this._untold > 0) await this.#waiters.forAllBelow(next, signal);
  }

  /**
   * Takes no more sends, lets those that were accepted finish, and closes: a TCP connection by
   * shutdown(2), after which completions keep coming until the peer has acknowledged everything.
   *
   * When nothing has moved for `timeout` it gives up like {@link abort}. Progress is an id that
   * completes, a queued send that the kernel takes, and bytes that a TCP peer acknowledges
   * (`tcpi_bytes_acked`, tcp(7)): a peer that reads slowly is waited for as long as it reads. So it
   * always ends with a peer that stops; for a bound on the whole, give a `signal`
   * (`AbortSignal.timeout(ms)`). A second call returns the same promise, and the earliest timeout
   * counts.
   * @param options.timeout milliseconds without progress, 0 to 2^31-1; default 5000
   * @param options.signal gives up at once when it is aborted
   */
  close(
    options: { timeout?: number | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<CloseReport> {
    const given = readOptions('options', options, ['timeout', 'signal']);
    const { timeout = DEFAULT_CLOSE_TIMEOUT_MS } = given;
    checkInteger('options.timeout', timeout, 0, 2 ** 31 - 1);
    const signal = checkSignal(given.signal);
    if (this.#closed === null) native.beginClose(this._handle);
    this.#beginClosing(timeout);
    const closed = this.#closed as unknown as Promise<CloseReport>;
    if (signal !== undefined && this._state !== 'closed') {
      const giveUp = () => this.#giveUp();
      if (signal.aborted) giveUp();
      signal.addEventListener('abort', giveUp, { once: true });
      void closed.then(() => signal.removeEventListener('abort', giveUp));
    }
    return closed;
  }

  /**
   * Gives up at once: what is queued fails, a TCP connection is reset (connect(2) with AF_UNSPEC),
   * and what the kernel still holds after that is revoked: its pages are replaced.
   */
  abort(): Promise<CloseReport> {
    if (this._state !== 'closed') {
      this.#beginClosing(Number.POSITIVE_INFINITY);
      this.#giveUp();
    }
    return this.#closed as unknown as Promise<CloseReport>;
  }

  /**
   * Closes, as at the end of a block with `await using`.
   * @throws rejects with `ERR_ZEROSEND_NOT_DRAINED`, which has the {@link CloseReport} as `report`, when
   * the outcome is not `'drained'`, after {@link abort}, too: who leaves the block without an error has
   * sent everything
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const report = await this.close();
    if (report.outcome !== 'drained') throw notDrained(report);
  }

  /** Keeps the process alive for as long as the socket is open. */
  ref(): this {
    return this.#setLiveness('ref');
  }

  /** Does not keep the process alive, not even for sends in flight. */
  unref(): this {
    return this.#setLiveness('unref');
  }

  /** A snapshot of the socket's counters. Of a packet or XDP socket it makes a system call: the
   * interface has counters, too. */
  stats(): SocketStats {
    if (this.#finalStats !== null) return { ...this.#finalStats };
    return {
      ...readCounters(this._handle),
      inFlight: this.#inFlight.size,
      latency: this.#stamps?.summary() ?? {},
    } as SocketStats;
  }

  /** What the kernel granted, its limits, and why something is off. Makes system calls. */
  info(): SocketInfo {
    const kernel = describeSocket(this._state === 'closed' ? null : this._handle);
    const reason = this.#whyNoZeroCopy(kernel.idsUncertain === true);
    const { local, remote } = this._look(kernel);
    return {
      protocol: this.#protocol,
      local: local && { ...local },
      remote: remote && { ...remote },
      zeroCopy: {
        mode: this.#policy.mode,
        threshold: Math.min(this.#policy.threshold, Number.MAX_SAFE_INTEGER),
        active: reason === undefined,
        reason,
      },
      sendBufferSize: positive(kernel.sendBufferSize),
      maxPacingRate: positive(kernel.maxPacingRate),
      mtu: positive(kernel.mtu),
      segmentSize: this.#segmentSize,
      ...(this.#segmentSize > 0 && { segmentation: segmentationOf(kernel.splitsSends === true) }),
      maxSendLength: this._maxLength,
      linkDown: kernel.linkDown === true,
      timestamps: this.#describeTimestamps(kernel.timestampErrno ?? 0),
      peerClosed: kernel.peerClosed === true,
      limits: readLimits(),
      ...this._details(kernel),
    };
  }

  /** @internal */
  [shown](depth: number, options: InspectOptionsStylized): string {
    return show(this, () => this.#facts(), depth, options);
  }

  #facts(): object {
    const kernel = describeSocket(this._state === 'closed' ? null : this._handle);
    const { interface: name } = this._details(kernel);
    return {
      state: this._state,
      ...(name !== undefined && { interface: name }),
      ...(kernel.local && { local: showAddress(kernel.local) }),
      ...(kernel.remote && { remote: showAddress(kernel.remote) }),
      sends: this.#inFlight.next - this.#firstId,
      inFlight: this.#inFlight.size,
      ...(this.#needDrain && { needDrain: true }),
      ...(kernel.linkDown && { linkDown: true }),
      ...(this.#error && { error: this.#error.code }),
    };
  }

  #describeTimestamps(errno: number): string {
    if (this.#stamps === null) return 'off';
    return errno === 0
      ? 'on'
      : `refused: ${systemError(errno, 'setsockopt(SO_TIMESTAMPING)').code}`;
  }

  /** @internal What only some sockets have to say. */
  protected _details(_kernel: SocketDescription): Partial<SocketInfo> {
    return {};
  }

  #whyNoZeroCopy(idsUncertain: boolean): string | undefined {
    if (this.#policy.mode === 'never') return "the option zeroCopy is 'never'";
    if (this.#zeroCopyErrno !== 0) {
      return `setsockopt(SO_ZEROCOPY): ${systemError(this.#zeroCopyErrno, 'setsockopt').code}`;
    }
    if (idsUncertain) {
      return 'after a refused datagram the kernel could not be asked for its count of notifications';
    }
    if (this.#policy.suspended) return 'the kernel kept copying; sends probe from time to time';
    return undefined;
  }

  #setLiveness(liveness: 'ref' | 'unref'): this {
    this.#liveness = liveness;
    if (this._state !== 'closed') reactor.updateHold(this);
    return this;
  }

  #waitForDrain(id: number): void {
    if (!this.#needDrain) this._waits();
    this.#needDrain = true;
    this.#lastQueued = id;
  }

  #reap(): void {
    this.#sinceReap = 0;
    if (this.#inFlight.size > 0 && this._state !== 'closed') reactor.poll(this);
  }

  #checkSlot(buffer: PooledBuffer, slot: Slot): void {
    slot.assertHeld('send');
    this.#checkPool(buffer.pool, slot.index);
  }

  #checkPool(pool: BufferPool, index: number): void {
    if (pool === this._ownPool) return;
    if (this._ownPool !== null) {
      throw wrongPool(
        `buffer ${index} is another pool's; this socket sends from its own pool only`,
      );
    }
    if (memoryOf(pool).isRing) throw wrongPool(`buffer ${index} ${IS_SHARED}`);
  }

  /** @internal */
  protected _checkLength(length: number | undefined, available: number): void {
    if (
      Number.isInteger(length) && // first: a comparison would convert what is no number
      (length as number) > 0 &&
      (length as number) <= available &&
      (length as number) <= this._maxLength
    ) {
      return;
    }
    if (available === 0 && typeof length === 'number') {
      throw outOfRange('length', 'at least 1, and the buffer is empty', length);
    }
    checkInteger('length', length, 1, available);
    throw this._tooLong(length as number);
  }

  /** @internal */
  protected _tooLong(length: number): Error {
    return outOfRange('length', `at most ${this._maxLength}`, length);
  }

  #usePool(pool: BufferPool, verified: boolean): void {
    if (!verified) {
      this.#usualPool = pool;
      this.#usualLength = Math.min(pool.bufferSize, this._maxLength);
    }
    this.#pools.use(pool, this.#inFlight.next, this.#inFlight.low);
  }

  /** @internal */
  _mayHold(pool: BufferPool): boolean {
    this._rest(this.#inFlight.size === 0);
    return this.#pools.has(pool);
  }

  /** @internal */
  _rest(idle: boolean): void {
    if (!idle || this.#inFlight.size > 0) {
      this.#pools.letGo(this.#inFlight.low);
      return;
    }
    this.#pools.clear();
    this.#usualPool = null;
  }

  /** @param index which of several was wrong */
  #refused(code: number, length: number, flags: number, index?: number): Error {
    if (code === REFUSED_CLOSED || this._state !== 'open') return this._refusedClosed();
    if (code === REFUSED_QUEUE_FULL) {
      return stateError(
        'ERR_ZEROSEND_QUEUE_FULL',
        'more sends than maxQueuedSends would wait for room; wait for drain',
      );
    }
    if (code === REFUSED_WRONG_POOL) return wrongPool(`the array ${IS_SHARED}`);
    const error = systemError(-code, sendCall(this.#protocol), this._about(flags));
    return withSystem(this._explain(error, length, index), error);
  }

  /** @internal The error of a send that comes too late, with the reason where the socket failed. */
  protected _refusedClosed(): Error {
    // The socket may have failed a moment ago, and the news of that not have been delivered.
    const failure = this._state === 'open' ? describeSocket(this._handle).failure : 0;
    if (failure) this.#error ??= this._fatal(failure, sendCall(this.#protocol));
    const error = this.#error;
    const how = error
      ? `closing after ${error.code} (${error.message})`
      : this._state === 'open'
        ? 'closing'
        : this._state;
    return stateError('ERR_ZEROSEND_SOCKET_CLOSED', `the socket is ${how}`, error ?? undefined);
  }

  /** @internal What errors of system calls are about. */
  protected _about(_flags = 0): Endpoint | { interface: string } | undefined {
    return this._look(describeSocket(this._handle)).remote;
  }

  /**
   * Remembers both ends, which a connection that was reset has no more.
   * @internal
   */
  protected _look({ local, remote }: SocketDescription): Ends {
    const isLost = remote === undefined && this.#ends.remote !== undefined;
    if ((local ?? remote) !== undefined && !isLost) this.#ends = { local, remote };
    return this.#ends;
  }

  /** @internal A clearer error for what the kernel has refused. */
  protected _explain(error: CodedError, _length: number, _index?: number): Error {
    return error;
  }

  /** @internal The error that ends the socket. */
  protected _fatal(errno: number, syscall: string): CodedError {
    return systemError(errno, syscall, this._about());
  }

  // ---- closing ----------------------------------------------------------------------------------

  /** `timeout`: ms without progress after which to give up, unless that is due earlier. */
  #beginClosing(timeout: number): void {
    if (timeout < this.#left && this._state !== 'closed' && !this.#aborted) {
      this.#patience = Math.min(this.#patience, timeout);
      this.#left = timeout;
      this.#progress = native.progress(this._handle);
      this.#lookLater();
    }
    if (this.#closed !== null) return;
    this._state = 'closing';
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    reactor.markBusy(this); // the next turn finds out whether there is anything to wait for
  }

  #lookLater(): void {
    const step = Math.min(Math.ceil(this.#patience / LOOKS), LONGEST_LOOK_MS, this.#left);
    clearTimeout(this.#timer);
    // What keeps the process alive is decided in one place, the reactor.
    this.#timer = setTimeout(() => this.#lookForProgress(step), step).unref();
  }

  /**
   * Counts the time by its own timers: while the program was stopped, or computed, nobody could have
   * taken in what has moved.
   */
  #lookForProgress(waited: number): void {
    this.#left -= waited;
    const progress = native.progress(this._handle);
    if (progress !== this.#progress) this.#left = this.#patience;
    this.#progress = progress;
    if (this.#left > 0) this.#lookLater();
    else this.#giveUp();
  }

  #giveUp(): void {
    if (this._state === 'closed') return;
    clearTimeout(this.#timer);
    this.#aborted = true;
    native.abort(this._handle);
    // Everything has completed natively now. Not within the caller, who may be a listener.
    setImmediate(() => {
      if (this._state === 'closed') return;
      reactor.poll(this);
      this._settle();
    });
  }

  /** @internal Whether bytes are left that a close would lose; asked when no id is in flight. */
  protected _lingers(): boolean {
    return false;
  }

  #finish(): void {
    clearTimeout(this.#timer);
    if (!this.#aborted && this.#error === null) {
      const failure = native.conclude(this._handle);
      if (failure !== 0) this.#error = this._fatal(failure, sendCall(this.#protocol));
    }
    const { acknowledged = -1, ...kernel } = describeSocket(this._handle);
    this._look(kernel);
    const stats = this.stats();
    this.#finalStats = stats;
    this._state = 'closed';
    native.close(this._handle);
    reactor.remove(this);
    this.#fd = -1;
    this._rest(true);
    const bytesAccepted = stats.bytes - stats.unsentBytes;
    const isShort = acknowledged >= 0 && acknowledged < bytesAccepted;
    const lost = this.#aborted || this.#error !== null || this.#failed > 0 || isShort;
    const report: CloseReport = {
      outcome: this.#revoked > 0 ? 'revoked' : lost ? 'aborted' : 'drained',
      ids: this.#inFlight.next - this.#firstId,
      unfinished: this.#revoked + this.#failed,
      bytesAccepted,
      bytesAcknowledged: acknowledged >= 0 ? acknowledged : undefined,
      error: this.#error,
    };
    try {
      if (this.#error !== null) this.#emitError(this.#error);
    } catch (error) {
      throwLater(error);
    }
    try {
      this.emit('close', report);
    } catch (error) {
      throwLater(error);
    }
    this.#resolveClosed?.(report);
  }

  // eventemitter3 drops an error nobody listens for; Node's emitters throw it, and so do we.
  #emitError(error: CodedError): void {
    if (!this.emit('error', error)) throw error;
  }

  /** @internal The interface could not send what was handed over: once each time that it is down. */
  protected _linkDown(): void {}
  /** @internal A send waits, where none has waited before. */
  protected _waits(): void {}
  /** @internal */
  protected _connected(): void {}
  /** @internal */
  protected _connectFailed(_errno: number): void {}

  /** @internal Ends the socket without events: it never was open. */
  protected _discard(): void {
    this._state = 'closed';
    native.close(this._handle);
    reactor.remove(this);
    this.#fd = -1;
  }

  // ---- what the reactor calls -------------------------------------------------------------------

  /** @internal */
  _reclaim(kind: number, first: number, last: number): number {
    const inFlight = this.#inFlight;
    if (kind === KIND_RETIRED) inFlight.retire(first, last);
    else if (kind === KIND_PASSED) inFlight.passed(first);
    if (!isEnd(kind)) return inFlight.low;
    const failed = kind >= KIND_FAILURE;
    const fresh = inFlight.complete(first, last, failed);
    if (kind === KIND_REVOKED) this.#revoked += fresh;
    else if (failed) this.#failed += fresh;
    else this.#policy.observe(kind, fresh);
    return inFlight.low;
  }

  /** @internal */
  _emitRecord(kind: number, first: number, last: number, low: number): void {
    if (this._state === 'closed') return; // it never was open: see _discard
    if (!this.#waiters.empty) {
      if (isEnd(kind)) this.#waiters.settle(this.#inFlight, first, last, low);
      else this.#waiters.settle(this.#inFlight, 0, -1, low);
    }
    if (kind <= KIND_REVOKED) {
      if (this.listenerCount('complete') > 0) {
        this.emit('complete', { first, last, how: HOW[kind] as CompletionRange['how'] });
      }
    } else if (kind >= KIND_FAILURE) {
      const code = failureCode(kind - KIND_FAILURE);
      this.emit('complete', { first, last, how: 'failed', code });
    } else if (kind === KIND_DRAIN) {
      // News of an earlier drain, if the queue has filled again since.
      if (this.#needDrain && this.#lastQueued < first) {
        this.#needDrain = false;
        this.emit('drain');
      }
    } else if (kind === KIND_STAMP) {
      this.#stamps?.begin(first, last);
    } else if (kind >= KIND_STAMPED) {
      const stamp = this.#stamps?.end(kind - KIND_STAMPED, first, last);
      if (stamp !== undefined) this.emit('timestamp', stamp);
    } else if (kind === KIND_LINK_DOWN) {
      this._linkDown();
    } else if (kind === KIND_CONNECTED) {
      this._connected();
    } else if (kind === KIND_ERROR) {
      if (this._state === 'connecting') {
        this._connectFailed(first);
      } else {
        this.#error ??= this._fatal(
          first,
          last === ERROR_OF_READING ? 'recvmsg' : sendCall(this.#protocol),
        );
        if (this.#closed === null) this.#beginClosing(DEFAULT_CLOSE_TIMEOUT_MS);
      }
    }
  }

  /** @internal */
  _settle(): void {
    // Those who have begun to wait within a listener of the last event: all there is has been told.
    if (this._untold === 0 && !this.#waiters.empty) {
      this.#waiters.settle(this.#inFlight, 0, -1, this.#inFlight.low);
    }
    if (this._state !== 'closing' || this.#inFlight.size > 0 || this._untold > 0) return;
    if (!this.#aborted && this.#error === null && this._lingers()) return;
    this.#finish();
  }

  /** @internal */
  _hasNews(): boolean {
    return this._state !== 'open' || this.#inFlight.size > 0 || this.#liveness === 'ref';
  }

  /** @internal */
  _wantsHold(): boolean {
    return this.#liveness !== 'unref' && this._hasNews();
  }
}

/** A clearer error says what the system's error said: errno, call, and whom it was about. */
function withSystem(explained: Error, { code: _, message: __, stack: ___, ...system }: CodedError) {
  return Object.assign(explained, system);
}

function notDrained(report: CloseReport): CodedError & { report: CloseReport } {
  const { outcome, ids, unfinished, error } = report;
  const why = error === null ? '' : `: ${error.message}`;
  return Object.assign(
    stateError(
      'ERR_ZEROSEND_NOT_DRAINED',
      `the socket was closed before all was sent (${outcome}, ${unfinished} of ${ids} ids unfinished)${why}`,
      error ?? undefined,
    ),
    { report },
  );
}

const IS_SHARED =
  'is memory of a PacketSocket or an XdpSocket, which shares it with the kernel: only that socket ' +
  'sends from it; copy the bytes';

function wrongPool(message: string): CodedError {
  return typeError('ERR_ZEROSEND_WRONG_POOL', message);
}

function segmentationOf(split: boolean): NonNullable<SocketInfo['segmentation']> {
  const reason =
    'UDP_SEGMENT was answered with EIO: the device makes no checksums, or IPsec transforms the ' +
    'packets. Each datagram is sent by itself; the whole is tried again from time to time';
  return { whole: !split, reason: split ? reason : undefined };
}

/** The first `count` slots are not sent after all. */
function cancelSends(slots: readonly Slot[], count: number): void {
  for (let i = 0; i < count; i++) {
    const slot = slots[i] as Slot;
    slot.slots.cancelSend(slot);
  }
}

/** An error about one buffer of several says which. */
function nameIndex(error: unknown, index: number): void {
  if (error instanceof Error) (error as CodedError).index ??= index;
}

/** The system call by which a protocol sends: rings are kicked by send(2). */
function sendCall(protocol: Protocol): string {
  return protocol === 'tcp' || protocol === 'udp' ? 'sendto' : 'send';
}

/** What the kernel has told; it answers 0 or -1 where it cannot tell. */
function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}
