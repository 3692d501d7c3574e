import { deliverSteps } from './js-deliver.js';
import { Js, type JsStep } from './js-places.js';
import type { Rules } from './rules.js';
import { All, get, JS, lowest, NOBODY, Of, put, size } from './state.js';

/**
 * The JavaScript thread: the event loop, the user's sends, lib/addon/reactor.ts, and of the addon
 * Socket::send, poll, take and arm.
 */
export class JsThread {
  readonly #rules: Rules;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  steps(state: Uint8Array): void {
    const at = state[All.js] as Js;
    switch (at) {
      case Js.idle:
        this.#jsIdle(state);
        return;
      case Js.pollEnter:
      case Js.pollPop:
      case Js.pollRead:
      case Js.pollWrite:
      case Js.takeRead:
      case Js.takeWrite:
        this.#jsReap(state, at);
        return;
      case Js.turnNext:
      case Js.turnListen:
      case Js.turnDecide:
      case Js.turnArm:
        this.#jsTurn(state, at);
        return;
      default:
        deliverSteps(this.#rules, state, at, this.#jsStep);
    }
  }

  readonly #jsStep: JsStep = (state, label, to, change, optional = false) => {
    const go = (next: Uint8Array) => {
      next[All.js] = to;
      change(next);
    };
    this.#rules.step(state, `js: ${label}`, go, optional);
  };

  /** The event loop: the user's code, setImmediate, the thread-safe function, in any order. */
  #jsIdle(state: Uint8Array): void {
    this.#jsSends(state, Js.idle);
    for (const k of this.#rules.sockets) {
      const outstanding = get(state, k, Of.delivered) !== (1 << get(state, k, Of.sent)) - 1;
      if (!outstanding) continue;
      // Within a send (_reapIfDue) or a dry pool's tryAcquire, and so without markBusy.
      this.#jsStep(
        state,
        `reaps ${k}`,
        Js.pollEnter,
        (next) => this.#enterPoll(next, k, Js.idle),
        true,
      );
    }
    if (state[All.immediate] === 1) {
      this.#jsStep(state, 'a turn begins', Js.turnNext, (next) => {
        next[All.immediate] = 0;
        next[All.jsTurn] = next[All.busyList] as number;
        next[All.busyList] = 0;
      });
    }
    if (state[All.calls] !== 0) {
      this.#jsStep(state, 'is called: deliver_ready', Js.readyList, (next) => {
        next[All.calls] = (next[All.calls] as number) - 1;
        next[All.jsRoom] = this.#rules.bounds.batch;
      });
    }
  }

  #jsSends(state: Uint8Array, at: Js): void {
    for (const k of this.#rules.sockets) {
      if (get(state, k, Of.sent) === this.#rules.bounds.sends[k] || !this.#rules.isFree(state, k))
        continue;
      const id = get(state, k, Of.sent);
      for (const refuse of this.#rules.refusals(state)) {
        const label = `sends id ${id} on ${k}${refuse ? ', epoll refuses' : ''}`;
        this.#jsStep(state, label, at, (next) => this.#send(next, k, refuse), true);
      }
    }
  }

  /** Socket::send, and Reactor.markBusy before it */
  #send(next: Uint8Array, k: number, refuse: boolean): void {
    put(next, k, Of.active, 1);
    if (get(next, k, Of.scheduled) === 0) this.#schedule(next, k);
    put(next, k, Of.busy, 1);
    const id = 1 << get(next, k, Of.sent);
    put(next, k, Of.sent, get(next, k, Of.sent) + 1);
    const queue = get(next, k, Of.queue);
    if (queue === 0 && this.#rules.hasRoom(next, k)) {
      put(next, k, Of.inFlight, get(next, k, Of.inFlight) | id);
      return;
    }
    put(next, k, Of.queue, queue | id);
    if (queue === 0) this.#rules.watch(next, k, refuse); // Socket::note_queued
  }

  /** Reactor.#schedule */
  #schedule(next: Uint8Array, k: number): void {
    put(next, k, Of.scheduled, 1);
    next[All.busyList] = (next[All.busyList] as number) | (1 << k);
    next[All.immediate] = 1;
  }

  /** Reactor.poll, with poll_socket of native/node/hot_path.cc. */
  #enterPoll(next: Uint8Array, k: number, back: Js): void {
    next[All.jsSocket] = k;
    next[All.jsReturn] = back;
    next[All.jsRoom] = this.#rules.bounds.batch;
  }

  #jsReap(state: Uint8Array, at: Js): void {
    const k = state[All.jsSocket] as number;
    const unlocked = this.#rules.breaks('noLock');
    const enter = (next: Uint8Array) => {
      if (!unlocked) put(next, k, Of.lock, JS);
    };
    const leave = (next: Uint8Array) => {
      if (!unlocked) put(next, k, Of.lock, NOBODY);
      next[All.jsIds] = 0;
      next[All.jsRead] = 0;
    };
    switch (at) {
      case Js.pollEnter:
        if (!unlocked && !this.#rules.isFree(state, k)) return;
        this.#jsStep(state, `poll(${k})`, Js.pollPop, (next) => {
          enter(next);
          this.#rules.countPoll(next, k);
          this.#rules.flush(next, k);
        });
        return;
      case Js.pollPop:
        this.#jsStep(state, `poll(${k}): read the error queue`, Js.pollRead, (next) => {
          next[All.jsIds] = get(next, k, Of.errorQueue);
          put(next, k, Of.errorQueue, 0);
        });
        return;
      case Js.pollRead:
        this.#jsStep(state, `poll(${k}): completed_ is read`, Js.pollWrite, (next) => {
          next[All.jsRead] = get(next, k, Of.completed);
        });
        return;
      case Js.pollWrite:
        this.#jsStep(state, `poll(${k}): completed_ is written`, Js.takeRead, (next) => {
          put(next, k, Of.completed, (next[All.jsRead] as number) | (next[All.jsIds] as number));
          leave(next);
        });
        return;
      case Js.takeRead:
        if (!unlocked && !this.#rules.isFree(state, k)) return;
        this.#jsStep(state, `take(${k}): copies records`, Js.takeWrite, (next) => {
          enter(next);
          next[All.jsRead] = get(next, k, Of.completed);
          let ids = 0;
          let rest = next[All.jsRead] as number;
          for (let room = next[All.jsRoom] as number; room > 0 && rest !== 0; room--) {
            ids |= rest & -rest;
            rest &= rest - 1;
          }
          next[All.jsIds] = ids;
        });
        return;
      case Js.takeWrite:
        this.#jsTakeWrite(state, k, leave);
        return;
    }
  }

  #jsTakeWrite(state: Uint8Array, k: number, leave: (next: Uint8Array) => void): void {
    const ids = state[All.jsIds] as number;
    const more = ((state[All.jsRead] as number) & ~ids) !== 0;
    const full = (state[All.jsRoom] as number) === size(ids);
    let to = state[All.jsReturn] as Js;
    // Reactor.poll goes on while batches are full; deliver_ready puts back what did not fit.
    if (to === Js.deliverNext) to = more ? Js.putBackList : to;
    else if (full) to = Js.pollEnter;
    this.#jsStep(state, `take(${k}): removes them; delivers ${ids.toString(2)}`, to, (next) => {
      put(next, k, Of.completed, (next[All.jsRead] as number) & ~ids);
      if ((get(next, k, Of.delivered) & ids) !== 0) next[All.twice] = 1;
      put(next, k, Of.delivered, get(next, k, Of.delivered) | ids);
      next[All.jsRoom] =
        to === Js.pollEnter ? this.#rules.bounds.batch : (next[All.jsRoom] as number) - size(ids);
      leave(next);
      if (to !== Js.deliverNext && to !== Js.putBackList && to !== Js.pollEnter) {
        next[All.jsRoom] = 0;
        next[All.jsReturn] = 0;
        if (to === Js.idle) next[All.jsSocket] = 0;
      }
    });
  }

  /** Socket::arm, and what #onTurn makes of its answer */
  #arm(next: Uint8Array, k: number, refuse: boolean): void {
    if (!this.#rules.breaks('armKeepsBusy')) put(next, k, Of.busy, 0);
    put(next, k, Of.busyPolls, 0);
    if (!this.#rules.wantsArming(next, k) || this.#rules.watch(next, k, refuse)) return;
    if (!this.#rules.breaks('refusalIgnored')) this.#schedule(next, k);
  }

  /** Reactor.#onTurn */
  #jsTurn(state: Uint8Array, at: Js): void {
    const k = state[All.jsSocket] as number;
    switch (at) {
      case Js.turnNext: {
        const rest = state[All.jsTurn] as number;
        if (rest === 0) {
          this.#jsStep(state, 'the turn ends', Js.idle, (next) => {
            next[All.jsSocket] = 0;
          });
          return;
        }
        const socket = lowest(rest);
        this.#jsStep(state, `the turn comes to ${socket}`, Js.pollEnter, (next) => {
          next[All.jsTurn] = rest & ~(1 << socket);
          next[All.jsActive] = get(next, socket, Of.active);
          put(next, socket, Of.active, 0);
          this.#enterPoll(next, socket, Js.turnListen);
        });
        return;
      }
      case Js.turnListen:
        this.#jsSends(state, Js.turnListen);
        this.#jsStep(state, 'the listeners are done', Js.turnDecide, () => {});
        return;
      case Js.turnDecide: {
        const again = state[All.jsActive] === 1 || get(state, k, Of.active) === 1;
        const to = again ? Js.turnNext : Js.turnArm;
        this.#jsStep(state, again ? `${k} is busy still` : `${k} goes idle`, to, (next) => {
          next[All.jsActive] = 0;
          put(next, k, Of.scheduled, 0);
          if (again && !this.#rules.breaks('turnForgets')) this.#schedule(next, k);
        });
        return;
      }
      case Js.turnArm:
        if (!this.#rules.isFree(state, k)) return;
        for (const refuse of this.#rules.refusals(state)) {
          const label = `arm(${k})${refuse ? ', epoll refuses' : ''}`;
          this.#jsStep(state, label, Js.turnNext, (next) => this.#arm(next, k, refuse));
        }
        return;
    }
  }
}
