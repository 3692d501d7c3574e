import {
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
  KIND_WAITING,
  KIND_ZEROCOPY,
} from '../addon/addon.js';
import { failureCode } from '../addon/failures.js';
import type { Reactee } from '../addon/reactee.js';
import { reactor } from '../addon/reactor.js';
import type { LatencyHistogram } from '../base/latency-histogram.js';
import { recentClock } from '../base/recent-clock.js';
import type { Reaper, SendInFlight } from '../buffers/reapers.js';
import { Closing } from './closing.js';
import type { Emitter } from './emitter.js';
import type { CompletionRange, ZeroCopySocketEvents } from './events.js';
import { IdWaiters } from './id-waiters.js';
import type { InFlight } from './in-flight.js';
import { PoolsInFlight } from './pools-in-flight.js';
import type { SocketState } from './state.js';
import { warnOfListeners } from './warnings.js';

/** `last` of a record KIND_ERROR when completions cannot be read; see native/sockets/socket.h. */
const ERROR_OF_READING = 2;

const HOW: CompletionRange['how'][] = [];
HOW[KIND_ZEROCOPY] = 'zerocopy';
HOW[KIND_COPIED] = 'copied';
HOW[KIND_INLINE] = 'inline';
HOW[KIND_REVOKED] = 'revoked';

/**
 * Takes the records of one socket in: buffers go back first, then events are emitted. The reactor and
 * dry pools know a socket by this object, and know it weakly while it is idle. It and the public socket
 * refer to each other, so they are collected together.
 */
export class Completions implements Reactee, Reaper {
  readonly handle: number;
  readonly streams: boolean;
  active = false;
  restsOften = 0;
  scheduled = false;
  added = false;
  needed = false;
  held = false;
  untold = 0;
  readonly closing: Closing;
  /** null while there are no waiters */
  #waiters: IdWaiters | null = null;
  readonly weakly: WeakRef<Reaper> = new WeakRef<Reaper>(this);
  readonly pools: PoolsInFlight;
  readonly #emitter: Emitter<ZeroCopySocketEvents>;
  readonly #state: SocketState;
  readonly #inFlight: InFlight;
  #restedBefore = false;
  #liveness: 'auto' | 'ref' | 'unref' = 'auto';

  constructor(emitter: Emitter<ZeroCopySocketEvents>, state: SocketState) {
    this.handle = state.handle;
    this.streams = state.submission !== null;
    this.pools = new PoolsInFlight(this.weakly, state.maxLength);
    this.closing = new Closing(emitter, state, this);
    this.#emitter = emitter;
    this.#state = state;
    this.#inFlight = state.inFlight;
  }

  /** The promises that wait for ids. */
  get waiters(): IdWaiters {
    this.#waiters ??= new IdWaiters();
    return this.#waiters;
  }

  /** Takes completions in and emits their events. Returns the number of ids that have completed. */
  poll(): number {
    if (this.#state.phase === 'closed') return 0;
    const inFlight = this.#inFlight;
    // the size alone would not tell, since listeners may send
    const before = inFlight.next - inFlight.size;
    reactor.markBusy(this);
    reactor.poll(this);
    return inFlight.next - inFlight.size - before;
  }

  takeIn(): void {
    if (this.streams) reactor.reclaim();
    else this.poll();
  }

  reclaim(kind: number, first: number, last: number): number {
    const inFlight = this.#inFlight;
    if (kind === KIND_RETIRED) inFlight.retire(first, last);
    else if (kind === KIND_PASSED) inFlight.passed(first);
    else if (kind === KIND_WAITING) this.#state.submission?.noteWaiting();
    if (isEnd(kind)) this.#complete(kind, first, last);
    return inFlight.low;
  }

  giveBack(first: number, last: number): void {
    this.pools.noteInFlight();
    this.#inFlight.giveBack(first, last);
  }

  get low(): number {
    return this.#inFlight.low;
  }

  get isClear(): boolean {
    return this.#inFlight.size === 0;
  }

  reclaimPrompt(): number {
    return this.#inFlight.completePrompt();
  }

  #complete(kind: number, first: number, last: number): void {
    const failed = kind >= KIND_FAILURE;
    this.pools.noteInFlight();
    const fresh = this.#inFlight.complete(first, last, failed);
    if (kind === KIND_REVOKED) this.#state.revoked += fresh;
    else if (failed) this.#state.failed += fresh;
    else this.#state.policy.observe(kind, fresh);
  }

  tell(kind: number, first: number, last: number, low: number): void {
    const state = this.#state;
    // a socket that never was open has no events: see Closing.discard
    if (state.phase === 'closed') return;
    if (this.#waiters !== null) {
      if (isEnd(kind)) this.#settleWaiters(this.#waiters, first, last, low);
      else this.#settleWaiters(this.#waiters, 0, -1, low);
    }
    if (isEnd(kind)) {
      this.#tellEnd(kind, first, last);
      return;
    }
    recentClock.expire();
    if (kind === KIND_DRAIN) {
      // If the queue has filled again since, this record is about an earlier drain.
      if (state.needDrain && state.lastQueued < first) {
        state.needDrain = false;
        this.#emitter.emit('drain');
      }
    } else if (kind === KIND_STAMP) {
      state.stamps?.begin(first, last);
    } else if (kind >= KIND_STAMPED) {
      const stamp = state.stamps?.end(kind - KIND_STAMPED, first, last);
      if (stamp !== undefined) this.#emitter.emit('timestamp', stamp);
    } else if (kind === KIND_LINK_DOWN) {
      state.hooks.linkDown?.();
    } else if (kind === KIND_CONNECTED) {
      state.hooks.connected?.();
    } else if (kind === KIND_ERROR) {
      if (state.phase === 'connecting') {
        state.hooks.connectFailed?.(first);
      } else {
        state.error ??= state.fatal(first, last === ERROR_OF_READING ? 'recvmsg' : undefined);
        this.closing.afterError();
      }
    }
    recentClock.expire();
  }

  #tellEnd(kind: number, first: number, last: number): void {
    const { readers, tags } = this.#state;
    const taken = tags === null ? undefined : tags.take(first, last);
    if (readers.size === 0 && this.#emitter.listenerCount('complete') === 0) return;
    const range: CompletionRange =
      kind >= KIND_FAILURE
        ? { first, last, how: 'failed', code: failureCode(kind - KIND_FAILURE) }
        : { first, last, how: HOW[kind] as CompletionRange['how'] };
    if (taken !== undefined) range.tags = taken;
    if (readers.size > 0) readers.push(range);
    recentClock.expire(); // before sends that listeners make
    this.#emitter.emit('complete', range);
    recentClock.expire(); // before sends after the listeners
    this.#inFlight.markNext();
  }

  settle(): void {
    if (this.#state.isBeingHandedOver) return;
    // Resolves promises that were made within a listener of the last event, now that all events
    // have been emitted.
    if (this.untold === 0 && this.#waiters !== null) {
      this.#settleWaiters(this.#waiters, 0, -1, this.#inFlight.low);
    }
    if (this.#state.phase !== 'closing') return;
    if (this.untold === 0 && this.#inFlight.size === 0) this.closing.finishIfDue();
  }

  #settleWaiters(waiters: IdWaiters, first: number, last: number, low: number): void {
    waiters.settle(this.#inFlight, first, last, low);
    if (waiters.empty) this.#waiters = null;
  }

  mayHold(pool: object): boolean {
    this.rest(this.#inFlight.size === 0);
    return this.pools.has(pool);
  }

  measure(): void {
    if (this.#state.phase !== 'closed') this.#inFlight.measure();
  }

  oldestOf(latency: LatencyHistogram): SendInFlight | null {
    const inFlight = this.#inFlight;
    const { times } = inFlight;
    if (times === null) return null;
    for (const { first, end } of times.ofPool(latency, inFlight.next)) {
      for (let id = Math.max(first, inFlight.low); id < end; id++) {
        if (inFlight.has(id)) return { fd: this.#state.fd, id, time: times.timeOf(id) };
      }
    }
    return null;
  }

  rest(idle: boolean): void {
    if (!this.#restedBefore) {
      this.#restedBefore = true; // the caller who opened it has had time to add listeners
      warnOfListeners(this.#emitter, this.#state);
    }
    this.#inFlight.rest();
    if (idle && this.#inFlight.size === 0) this.pools.clear();
    else this.pools.letGo(this.#inFlight.low);
  }

  /**
   * Sets whether the socket keeps the process alive, in place of the default, by which its sends in
   * flight do.
   */
  setLiveness(liveness: 'ref' | 'unref'): void {
    this.#liveness = liveness;
    if (this.#state.phase !== 'closed') reactor.holds.update(this);
  }

  isSoon(): boolean {
    return this.#state.submission?.isAtWork() === true;
  }

  hasNews(): boolean {
    return this.#state.phase !== 'open' || this.#inFlight.size > 0 || this.#liveness === 'ref';
  }

  wantsHold(): boolean {
    return this.#liveness !== 'unref' && this.hasNews();
  }
}
