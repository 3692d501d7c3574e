import { native } from '../addon/addon.js';
import type { Reactee } from '../addon/reactee.js';
import { reactor } from '../addon/reactor.js';
import { abortCalls } from '../base/abort-groups.js';
import { type CodedError, stateError } from '../base/errors.js';
import { throwLater } from '../base/throw-later.js';
import { clearTimeout, setImmediate, setTimeout } from '../base/timers.js';
import { census } from './census.js';
import { readStats } from './describe.js';
import { closeChannel, errorChannel } from './diagnostics.js';
import type { Emitter } from './emitter.js';
import type { CloseReport, ZeroCopySocketEvents } from './events.js';
import { describeEnds } from './kernel-facts.js';
import type { SocketState } from './state.js';

/** ms without progress after which a socket that closes gives up */
export const DEFAULT_CLOSE_TIMEOUT = 5000;
/** The longest interval, in ms, at which a closing socket is asked for its progress. */
const LONGEST_LOOK_MS = 250;
/** How often it is asked within the timeout, at most. */
const LOOKS = 8;

/**
 * Closes one socket: waits for sends in flight for as long as there is progress, then gives up, and
 * makes the report.
 */
export class Closing {
  readonly #emitter: Emitter<ZeroCopySocketEvents>;
  readonly #state: SocketState;
  readonly #reactee: Reactee;
  #aborted = false;
  /** records of `native.abort` have not been taken in */
  #hasRecords = false;
  #closed: Promise<CloseReport> | null = null;
  #resolveClosed: ((report: CloseReport) => void) | null = null;
  #timer: NodeJS.Timeout | undefined;
  // ms without progress after which it gives up, and how many of them are left
  #patience = Number.POSITIVE_INFINITY;
  #left = Number.POSITIVE_INFINITY;
  #progress = 0;

  constructor(emitter: Emitter<ZeroCopySocketEvents>, state: SocketState, reactee: Reactee) {
    this.#emitter = emitter;
    this.#state = state;
    this.#reactee = reactee;
  }

  /** @param timeout ms without progress */
  close(timeout: number, signal: AbortSignal | undefined): Promise<CloseReport> {
    if (this.#closed === null) native.beginClose(this.#state.handle);
    const closed = this.#begin(timeout);
    if (signal !== undefined && this.#state.phase !== 'closed') {
      const giveUp = () => this.#giveUp();
      abortCalls.add(signal, giveUp);
      void closed.then(() => abortCalls.delete(signal, giveUp));
    }
    return closed;
  }

  abort(): Promise<CloseReport> {
    const closed = this.#begin(Number.POSITIVE_INFINITY);
    this.#giveUp();
    return closed;
  }

  /** Called when an error has ended the socket. Sends in flight may still complete. */
  afterError(): void {
    if (this.#closed === null) void this.#begin(DEFAULT_CLOSE_TIMEOUT);
  }

  /**
   * Begins to close. `timeout` is the time without progress, in ms, after which to give up, unless
   * an earlier call gave a shorter one.
   */
  #begin(timeout: number): Promise<CloseReport> {
    if (timeout < this.#left && this.#state.phase !== 'closed' && !this.#aborted) {
      this.#patience = Math.min(this.#patience, timeout);
      this.#left = timeout;
      this.#progress = native.progress(this.#state.handle);
      this.#lookLater();
    }
    if (this.#closed === null) {
      this.#state.phase = 'closing';
      this.#closed = new Promise((resolve) => {
        this.#resolveClosed = resolve;
      });
      // in the next turn `settle` finds out whether there is anything to wait for
      reactor.markBusy(this.#reactee);
    }
    return this.#closed;
  }

  #lookLater(): void {
    const step = Math.min(Math.ceil(this.#patience / LOOKS), LONGEST_LOOK_MS, this.#left);
    clearTimeout(this.#timer);
    // The timer does not keep the process alive: the reactor alone decides what does.
    this.#timer = setTimeout(() => this.#lookForProgress(step), step).unref();
  }

  /**
   * Counts the time by the timers that have run, not by a clock: while the program was stopped or
   * busy, no progress could be taken in.
   */
  #lookForProgress(waited: number): void {
    this.#left -= waited;
    const progress = native.progress(this.#state.handle);
    if (progress !== this.#progress) this.#left = this.#patience;
    this.#progress = progress;
    if (this.#left > 0) this.#lookLater();
    else this.#giveUp();
  }

  #giveUp(): void {
    if (this.#state.phase === 'closed') return;
    clearTimeout(this.#timer);
    this.#aborted = true;
    native.abort(this.#state.handle);
    // In C++ everything has completed now. The records are taken in later, since the caller may be
    // a listener. Among them may be the error that ended the connection before.
    this.#hasRecords = true;
    setImmediate(() => {
      this.#hasRecords = false;
      if (this.#state.phase === 'closed') return;
      reactor.poll(this.#reactee);
      this.#reactee.settle();
    });
  }

  /**
   * Called when nothing is in flight and all events have been emitted. Ends the socket if it is to
   * close.
   */
  finishIfDue(): void {
    const { phase, hooks } = this.#state;
    if (phase !== 'closing' || this.#hasRecords) return;
    if (!this.#aborted && this.#state.error === null && hooks.lingers?.() === true) return;
    const report = this.#finish();
    const { error } = report;
    const { protocol, readers } = this.#state;
    const about = { socket: this.#emitter, protocol };
    const isRead = readers.size > 0;
    readers.end(error);
    try {
      if (error !== null && errorChannel.hasSubscribers) errorChannel.publish({ ...about, error });
      if (error !== null) this.#emitError(error, isRead);
    } catch (thrown) {
      throwLater(thrown);
    }
    try {
      this.#emitter.emit('close', report);
    } catch (thrown) {
      throwLater(thrown);
    }
    if (closeChannel.hasSubscribers) closeChannel.publish({ ...about, report });
    this.#resolveClosed?.(report);
  }

  #finish(): CloseReport {
    clearTimeout(this.#timer);
    const state = this.#state;
    if (!this.#aborted && state.error === null) {
      const failure = native.conclude(state.handle);
      if (failure !== 0) state.error = state.fatal(failure);
    }
    const { acknowledged = -1, ...ends } = describeEnds(state.handle);
    state.look(ends);
    const stats = readStats(state);
    state.finalStats = stats;
    state.tags = null;
    state.needDrain = false; // also where those that waited have failed
    census.remove(state, stats);
    this.discard();
    void state.ring?.close(); // not by a listener, which the program could remove
    this.#reactee.rest(true);
    const bytesAccepted = stats.bytes - stats.unsentBytes;
    const isShort = acknowledged >= 0 && acknowledged < bytesAccepted;
    const lost = this.#aborted || state.error !== null || state.failed > 0 || isShort;
    return {
      outcome: state.revoked > 0 ? 'revoked' : lost ? 'aborted' : 'drained',
      ids: state.inFlight.next - state.firstId,
      unfinished: state.revoked + state.failed,
      bytesAccepted,
      bytesAcknowledged: acknowledged >= 0 ? acknowledged : undefined,
      error: state.error,
    };
  }

  // A reader of `completions()` gets the error there. Otherwise, without a listener, it is thrown,
  // as Node's emitters do; eventemitter3 would drop it.
  #emitError(error: CodedError, isRead: boolean): void {
    if (!this.#emitter.emit('error', error) && !isRead) throw error;
  }

  /** Closes a socket that never was open, without events. */
  discard(): void {
    this.#state.phase = 'closed';
    native.close(this.#state.handle);
    reactor.remove(this.#reactee);
    this.#state.fd = -1;
  }
}

/** The error of a socket that is disposed of, and has not sent everything. */
export function notDrained(report: CloseReport): CodedError & { report: CloseReport } {
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
