import type { Step } from './explorer.js';
import { All, get, NOBODY, Of, put, size } from './state.js';

/** How much there is of everything. */
export interface Bounds {
  /** ids that the user may give out, for each socket */
  sends: number[];
  /** ids that the kernel takes at a time on one socket; more wait in the queue */
  room: number;
  /** records of one batch */
  batch: number;
  /** ids that one hold of the lock sends out of the queue; default any number (Budget) */
  budget?: number;
  /** Connections: always watched, also with nothing outstanding; times that a peer says something. */
  inputs?: number;
  /** Times that epoll has no room for a registration (ENOMEM, ENOSPC). */
  refusals?: number;
  /** Rings: what is armed is a timer, which wakes whatever has come (RingSocket::arm_watch). */
  timer?: boolean;
}

/** Rules that can be broken, each in the way that a programmer might. */
export type Switch =
  /** Poller::take_ready leaves some on the list, with no call under way. */
  | 'listTakenInPart'
  /** Poller::settle calls before the handle is on the list. */
  | 'calledFirst'
  /** Poller::settle forgets a socket that has more to do. */
  | 'unfinishedForgotten'
  /** Socket::arm leaves busy_ as it is. */
  | 'armKeepsBusy'
  /** Socket::on_ready leaves armed_ as it is, so that the next arming is thought to be done. */
  | 'armedStaysSet'
  /** Arming reports only what comes afterwards, not what is there already. */
  | 'edgeTriggered'
  /** Socket::poll and Socket::take work without the lock. */
  | 'noLock'
  /** Poller::run does not arm again what is outstanding still. */
  | 'noRearm'
  /** Poller::put_back puts the handle on the list, and leaves it at that. */
  | 'silentPutBack'
  /** Reactor.#onTurn forgets a socket that was active, in place of looking again. */
  | 'turnForgets'
  /** Watch::remove leaves armed_ as it is. */
  | 'unwatchKeepsArmed'
  /** Reactor.#onTurn takes it that arm() has worked. */
  | 'refusalIgnored';

/** What the threads share: the code of Socket that both run, and the collection of steps. */
export class Rules {
  readonly bounds: Bounds;
  readonly sockets: number[];
  readonly #broken: ReadonlySet<Switch>;
  steps: Step[] = [];

  constructor(bounds: Bounds, broken: Switch[]) {
    this.bounds = bounds;
    this.sockets = bounds.sends.map((_, k) => k);
    this.#broken = new Set(broken);
  }

  breaks(rule: Switch): boolean {
    return this.#broken.has(rule);
  }

  step(
    state: Uint8Array,
    label: string,
    change: (next: Uint8Array) => void,
    optional = false,
  ): void {
    const next = state.slice();
    change(next);
    this.steps.push({ label, optional, next });
  }

  hasRoom(state: Uint8Array, k: number): boolean {
    return size(get(state, k, Of.inFlight)) < this.bounds.room;
  }

  isFree(state: Uint8Array, k: number): boolean {
    return get(state, k, Of.lock) === NOBODY;
  }

  /** TcpSocket::wants_arming, UdpSocket::wants_arming */
  wantsArming(state: Uint8Array, k: number): boolean {
    if (this.bounds.inputs !== undefined) return true; // a connection
    return (
      (get(state, k, Of.inFlight) | get(state, k, Of.errorQueue) | get(state, k, Of.queue)) !== 0
    );
  }

  /** Watch::arm. With `refuse` epoll has no room, if it is asked for any; false when it had not. */
  watch(next: Uint8Array, k: number, refuse: boolean): boolean {
    const out = get(next, k, Of.queue) !== 0 && !this.bounds.timer ? 1 : 0;
    if (get(next, k, Of.armed) === 1 && get(next, k, Of.armedOut) === out) return true;
    if (refuse && get(next, k, Of.registered) === 0) {
      next[All.refusals] = (next[All.refusals] as number) - 1;
      return false;
    }
    put(next, k, Of.reported, 1 + out);
    if (!this.bounds.timer) put(next, k, Of.registered, 1);
    put(next, k, Of.armed, 1);
    put(next, k, Of.armedOut, out);
    return true;
  }

  /** What may come of a registration now: the values of `refuse`. */
  refusals(state: Uint8Array): boolean[] {
    return state[All.refusals] === 0 ? [false] : [false, true];
  }

  /** Watch::remove */
  unwatch(next: Uint8Array, k: number): void {
    if (get(next, k, Of.registered) === 0) return;
    put(next, k, Of.registered, 0);
    put(next, k, Of.reported, 0);
    put(next, k, Of.edge, 0);
    if (!this.breaks('unwatchKeepsArmed')) put(next, k, Of.armed, 0);
  }

  /** The first half of Socket::poll */
  countPoll(next: Uint8Array, k: number): void {
    const polls = get(next, k, Of.busyPolls);
    if (get(next, k, Of.busy) === 0 || get(next, k, Of.queue) !== 0 || polls === 2) return;
    put(next, k, Of.busyPolls, polls + 1);
    if (polls + 1 === 2) this.unwatch(next, k);
  }

  /** InetSocket::flush. Returns whether it could go on: the budget is spent. */
  flush(next: Uint8Array, k: number): boolean {
    let queue = get(next, k, Of.queue);
    let budget = this.bounds.budget ?? Number.POSITIVE_INFINITY;
    for (; queue !== 0 && budget > 0 && this.hasRoom(next, k); budget--) {
      put(next, k, Of.inFlight, get(next, k, Of.inFlight) | (queue & -queue));
      queue &= queue - 1;
    }
    put(next, k, Of.queue, queue);
    return queue !== 0 && budget === 0;
  }
}
