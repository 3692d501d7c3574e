import type { OpenedSocket } from '../addon/contract.js';
import { showAs } from '../base/inspection.js';
import { checkInteger, checkSignal, readOptions } from '../base/validate.js';
import { BufferRun } from '../buffers/buffer-run.js';
import type { PartLengths, SendPart } from '../buffers/parts.js';
import type { PooledBuffer } from '../buffers/pooled-buffer.js';
import { DEFAULT_CLOSE_TIMEOUT, notDrained } from './closing.js';
import { type CompletionsOptions, checkLimit, readCompletions } from './completion-reader.js';
import { Core } from './core.js';
import { readFacts, readInfo, readStats } from './describe.js';
import { Emitter } from './emitter.js';
import type { CloseReport, CompletionRange, ZeroCopySocketEvents } from './events.js';
import { checkOpened } from './opening.js';
import type { CheckedSocketOptions } from './options.js';
import { readOne, type SendManyOptions, type SendOptions } from './send-options.js';
import type { Sends } from './sends.js';
import type { Limits, Protocol } from './state.js';
import type { SocketInfo, SocketStats } from './stats.js';
import { sendManyTagged } from './tagged.js';

/**
 * What is behind a public socket, for the classes made after it and for tests.
 * @internal
 */
export let coreOf: (socket: ZeroCopySocket) => Core;

/**
 * A socket that sends from your memory. Each accepted send gets the next id (0, 1, 2, …); each id
 * completes exactly once. See {@link CompletionRange} for what a completion says.
 * @example
 * ```js
 * import { UdpSocket } from 'zerosend';
 *
 * const socket = await UdpSocket.open({ remote: { address: '198.18.0.9', port: 9 } });
 * socket.on('complete', ({ first, last, how, code }) => {
 *   console.log(`ids ${first} to ${last}: ${how}`, code ?? '');
 * });
 * socket.on('error', (error) => console.log('it has ended:', error.message));
 * for (let i = 0; i < 3; i++) socket.send(Buffer.from(`datagram ${i}`));
 * await socket.flush(); // all of them have completed
 * console.log((await socket.close()).outcome);
 * ```
 */
export abstract class ZeroCopySocket extends Emitter<ZeroCopySocketEvents> {
  readonly #core: Core;
  // One step less for each send: where thousands of sockets take turns, no step is in any cache.
  readonly #sender: Sends;

  static {
    coreOf = (socket) => socket.#core;
    showAs(ZeroCopySocket, (socket) => readFacts(socket.#core.state));
  }

  /** @internal */
  protected constructor(
    protocol: Protocol,
    opened: OpenedSocket,
    options: CheckedSocketOptions,
    limits: Limits,
  ) {
    super();
    checkOpened(opened, 'UdpSocket.open, TcpSocket.connect, PacketSocket.open or XdpSocket.open');
    this.#core = new Core(this, protocol, opened, options, limits);
    this.#sender = this.#core.sender;
  }

  /** The file descriptor, for getsockopt and setsockopt of your own; -1 once closed. Do not send,
   * read or poll through it. */
  get fd(): number {
    return this.#core.state.fd;
  }

  /** The id of the next send. */
  get nextId(): number {
    return this.#core.state.inFlight.next;
  }

  /** Sends that have not completed, queued ones included. */
  get inFlight(): number {
    return this.#core.state.inFlight.size;
  }

  /** Sends are waiting for room in the kernel; `drain` tells when they are gone. */
  get needDrain(): boolean {
    const { state } = this.#core;
    return state.needDrain || state.submission?.noteWaiting() === true;
  }

  /**
   * Sends parts that lie in different memory, as if they lay in a row: one id, one datagram (or with
   * `segmentSize` one train, whose segments go across the parts), one piece of a stream. sendmsg(2) with
   * an entry for each.
   *
   * A part is a pooled buffer or a plain array from its beginning on, or a slice
   * (`{ buffer, offset, length }`) of either; they may be mixed. Each pooled part uses up one lease of its
   * buffer, and all are held until the id completes. One payload goes to many receivers with a header for
   * each: `payload.retain(receivers - 1)`, and it is back when the last of its sends has completed.
   *
   * Of a datagram without a copy each part takes a fragment of the packet for every page that it touches,
   * of which there are 17: beyond, UDP copies it (`stats().inlineFallbacks`).
   * @param parts 1 to 16, none of them empty
   * @param lengths bytes of each part: an array of as many, with undefined where the part says it or a
   * plain array is meant to its end
   * @throws as the other `send`, with `index`, which part it is about; nothing is sent, and no lease is
   * used up
   */
  send(parts: readonly SendPart[], lengths?: PartLengths, options?: SendOptions): number;
  /**
   * Sends the first `length` bytes and returns the id. Never waits: where the kernel has no room,
   * the rest is kept in order and goes on by itself (`needDrain`, `drain`). sendto(2) with
   * MSG_ZEROCOPY.
   *
   * A pooled buffer uses up one lease and goes back to its pool when its sends have completed. A
   * plain array is held, and must be neither written to nor transferred, until then.
   * @param length bytes; required for a pooled buffer, default all of a plain array
   * @param options a `tag` that says what it is, for whoever hears of its completion; an `offset`, where
   * in the buffer it begins: default 0. Without a length, a plain array goes out from there to its end
   * @throws without taking an id, and the buffer stays with you: TypeError
   * `ERR_ZEROSEND_INVALID_ARGUMENT`, `…_BUFFER_FREE`, `…_BUFFER_IN_FLIGHT`, `…_BUFFER_DETACHED`,
   * `…_BUFFER_RESIZABLE`, `…_WRONG_POOL` (memory of a ring or a UMEM, also as a plain array),
   * `…_POOLED_MEMORY` (a view of a pool's memory as a plain array); RangeError `…_OUT_OF_RANGE`, `…_DATAGRAM_TOO_LONG`; Error
   * `…_SOCKET_CLOSED`, `…_QUEUE_FULL`, or the system's error. An error that ends the connection is
   * also reported by `error`.
   */
  send(buffer: PooledBuffer | Uint8Array, length?: number, options?: SendOptions): number;
  send(
    buffer: PooledBuffer | Uint8Array | readonly SendPart[],
    length?: number | PartLengths,
    options?: SendOptions,
  ): number {
    const sender = this.#sender;
    sender.reapIfDue();
    if (options === undefined) return sender.one(buffer, length, 0);
    const { tag, offset } = readOne(options);
    return this.#core.state.tagged(sender.from(buffer, length, 0, offset), tag);
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
   * @param options `tags`, one for each buffer, and `offset`, one for all or one for each: as of `send`
   */
  sendMany(
    buffers: readonly PooledBuffer[] | BufferRun,
    length: number | ArrayLike<number>,
    options?: SendManyOptions,
  ): { first: number; last: number } {
    const { batches } = this.#core;
    if (options !== undefined) {
      return sendManyTagged(this.#core, buffers, length, options);
    }
    return buffers instanceof BufferRun
      ? batches.run(buffers, length)
      : batches.many(buffers, length);
  }

  /**
   * Delivers what has finished, now and synchronously (`complete` listeners run within this call), and
   * sends what was waiting for room: of a long queue a part that takes about a millisecond, the rest
   * goes on by itself. In a listener the buffers come back at once as well; the events of what it finds
   * follow in the next turn of the event loop.
   * @returns the number of ids completed
   */
  poll(): number {
    return this.#core.completions.poll();
  }

  /**
   * What completes from now on, as an iterable for one reader: each range once, in order, also where
   * neighbouring ranges that ended alike come as one. Any number of readers read independently, and hear
   * of completions after the listeners of `complete` do.
   *
   * It ends when the socket has closed, after the last range; when an error has ended the socket it
   * throws that, which then counts as heard. What a reader has not come for is kept up to `limit` ranges.
   * Beyond, nothing more is kept: it gets what there is, and then `ERR_ZEROSEND_READER_BEHIND`, with the
   * first `id` that it has not got. `break` or `return()` detaches it; one that nobody reads keeps what
   * completes, up to the limit. Waiting does not keep the process alive.
   * @throws TypeError `ERR_ZEROSEND_INVALID_ARGUMENT`, RangeError `ERR_ZEROSEND_OUT_OF_RANGE`
   */
  completions(options: CompletionsOptions = {}): AsyncIterableIterator<CompletionRange, undefined> {
    return readCompletions(this, this.#core.state, checkLimit(options));
  }

  /**
   * Resolves when the id has completed, at once if it already has.
   * @throws RangeError `ERR_ZEROSEND_OUT_OF_RANGE` for an id that was not given out; rejects with
   * the signal's reason when aborted
   */
  async completed(id: number, options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { completions, state } = this.#core;
    const given = readOptions('options', options, ['signal']);
    checkInteger('id', id, state.firstId, state.inFlight.next - 1);
    const signal = checkSignal(given.signal);
    signal?.throwIfAborted();
    if (state.inFlight.has(id)) await completions.waiters.forId(id, signal);
  }

  /**
   * Resolves when all ids given out so far have completed and their events have been emitted. Rejects
   * with the signal's reason.
   */
  async flush(options: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { completions, state } = this.#core;
    const signal = checkSignal(readOptions('options', options, ['signal']).signal);
    signal?.throwIfAborted();
    const { next, low } = state.inFlight;
    if (low < next || completions.untold > 0) await completions.waiters.forAllBelow(next, signal);
  }

  /**
   * Takes no more sends, lets those that were accepted finish, and closes: a TCP connection by
   * shutdown(2), after which completions keep coming until the peer has acknowledged everything.
   *
   * When nothing has moved for `timeout` it gives up like {@link ZeroCopySocket.abort}. Progress is an id that
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
    const { timeout = DEFAULT_CLOSE_TIMEOUT } = given;
    checkInteger('options.timeout', timeout, 0, 2 ** 31 - 1);
    return this.#core.completions.closing.close(timeout, checkSignal(given.signal));
  }

  /**
   * Gives up at once: what is queued fails, a TCP connection is reset (connect(2) with AF_UNSPEC),
   * and what the kernel still holds after that is revoked: its pages are replaced.
   */
  abort(): Promise<CloseReport> {
    return this.#core.completions.closing.abort();
  }

  /**
   * Closes, as at the end of a block with `await using`.
   * @throws rejects with `ERR_ZEROSEND_NOT_DRAINED`, which has the {@link CloseReport} as `report`, when
   * the outcome is not `'drained'`, after {@link ZeroCopySocket.abort}, too: who leaves the block without an error has
   * sent everything
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const report = await this.close();
    if (report.outcome !== 'drained') throw notDrained(report);
  }

  /** Keeps the process alive for as long as the socket is open. */
  ref(): this {
    this.#core.completions.setLiveness('ref');
    return this;
  }

  /** Does not keep the process alive, not even for sends in flight. */
  unref(): this {
    this.#core.completions.setLiveness('unref');
    return this;
  }

  /** A snapshot of the socket's counters. The first call begins to measure `completionLatency` and
   * `oldest`, unless the option `measureLatency` has. Of a packet or XDP socket it makes a system call:
   * the interface has counters, too. */
  stats(): SocketStats {
    this.#core.completions.measure();
    return readStats(this.#core.state);
  }

  /** What the kernel granted, its limits, and why something is off. Makes system calls. */
  info(): SocketInfo {
    return readInfo(this.#core.state);
  }
}
