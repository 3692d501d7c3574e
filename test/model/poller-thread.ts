import { reportable } from './kernel.js';
import type { Rules } from './rules.js';
import { All, get, lowest, NOBODY, Of, POLLER, put } from './state.js';

/** Where the poller thread is. */
enum Po {
  wait,
  event,
  pop,
  read,
  write,
  leave,
  flagFirst,
  list,
  flag,
  call,
  arm,
  listAgain,
  callAgain,
}

/** Poller::run of native/os/poller.cc, with Socket::on_ready and Socket::rearm. */
export class PollerThread {
  readonly #rules: Rules;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  steps(state: Uint8Array): void {
    const at = state[All.poller] as Po;
    const k = state[All.pollerSocket] as number;
    const step = (label: string, to: Po, change: (next: Uint8Array) => void) =>
      this.#rules.step(state, `poller: ${label}`, (next) => {
        next[All.poller] = to;
        change(next);
      });
    switch (at) {
      case Po.wait: {
        const events = this.#rules.sockets.filter((socket) =>
          reportable(this.#rules, state, socket),
        );
        if (events.length === 0) return;
        step(`epoll_wait reports ${events}`, Po.event, (next) => {
          for (const socket of events) {
            next[All.pollerEvents] = (next[All.pollerEvents] as number) | (1 << socket);
            next[All.pollerInput] =
              (next[All.pollerInput] as number) | (get(next, socket, Of.input) << socket);
            put(next, socket, Of.reported, 0); // EPOLLONESHOT
            put(next, socket, Of.edge, 0);
          }
          next[All.pollerSocket] = events[0] as number;
        });
        return;
      }
      case Po.event: {
        if (state[All.pollerEvents] === 0) {
          this.#pollerNews(state, step);
          return;
        }
        const socket = lowest(state[All.pollerEvents] as number);
        if (!this.#rules.isFree(state, socket)) return;
        const works = get(state, socket, Of.busy) === 0 || get(state, socket, Of.queue) !== 0;
        step(`on_ready(${socket})${works ? '' : ', busy'}`, works ? Po.pop : Po.leave, (next) => {
          next[All.pollerSocket] = socket;
          put(next, socket, Of.lock, POLLER);
          if (!this.#rules.breaks('armedStaysSet')) put(next, socket, Of.armed, 0);
          if (!works) return;
          if (((next[All.pollerInput] as number) >> socket) & 1) put(next, socket, Of.input, 0);
          this.#rules.flush(next, socket);
        });
        return;
      }
      case Po.pop:
        step(`on_ready(${k}): read the error queue`, Po.read, (next) => {
          next[All.pollerIds] = get(next, k, Of.errorQueue);
          put(next, k, Of.errorQueue, 0);
        });
        return;
      case Po.read:
        step(`on_ready(${k}): completed_ is read`, Po.write, (next) => {
          next[All.pollerRead] = get(next, k, Of.completed);
        });
        return;
      case Po.write:
        step(`on_ready(${k}): completed_ is written`, Po.leave, (next) => {
          const ids = (next[All.pollerRead] as number) | (next[All.pollerIds] as number);
          put(next, k, Of.completed, ids);
          next[All.pollerRead] = 0;
          next[All.pollerIds] = 0;
        });
        return;
      case Po.leave: {
        const news = get(state, k, Of.completed) !== 0;
        const watched = get(state, k, Of.busy) === 0 || get(state, k, Of.queue) !== 0;
        const rearm = this.#rules.wantsArming(state, k) && watched;
        const first = this.#rules.breaks('flagSetFirst') ? Po.flagFirst : Po.list;
        step(
          `on_ready(${k}) returns${news ? ' news' : ''}${rearm ? ' rearm' : ''}`,
          news ? first : Po.event,
          (next) => {
            put(next, k, Of.lock, NOBODY);
            next[All.pollerEvents] = (next[All.pollerEvents] as number) & ~(1 << k);
            next[All.pollerInput] = (next[All.pollerInput] as number) & ~(1 << k);
            if (rearm) next[All.pollerArm] = (next[All.pollerArm] as number) | (1 << k);
          },
        );
        return;
      }
      case Po.flagFirst:
        step('sets the flag and calls, too early', Po.list, (next) => {
          if (next[All.notified] === 0) next[All.calls] = (next[All.calls] as number) + 1;
          next[All.notified] = 1;
        });
        return;
      case Po.list:
        step(`add_ready(${k})`, Po.event, (next) => {
          next[All.ready] = (next[All.ready] as number) | (1 << k);
          if (!this.#rules.breaks('flagSetFirst')) next[All.pollerNews] = 1;
        });
        return;
      case Po.call:
      case Po.callAgain:
        step('notify_()', at === Po.call ? Po.arm : Po.wait, (next) => {
          next[All.calls] = (next[All.calls] as number) + 1;
        });
        return;
      case Po.arm:
        this.#pollerArm(state, step);
        return;
      case Po.listAgain:
        step(`add_ready(${k}), not armed`, Po.arm, (next) => {
          next[All.ready] = (next[All.ready] as number) | (1 << k);
          next[All.pollerNews] = 1;
        });
        return;
    }
  }

  #pollerNews(
    state: Uint8Array,
    step: (label: string, to: Po, change: (next: Uint8Array) => void) => void,
  ): void {
    if (state[All.pollerNews] === 0) {
      step('no news', Po.arm, () => {});
      return;
    }
    const call = state[All.notified] === 0;
    step('notified_.exchange(true)', call ? Po.call : Po.arm, (next) => {
      next[All.notified] = 1;
      next[All.pollerNews] = 0;
    });
  }

  #pollerArm(
    state: Uint8Array,
    step: (label: string, to: Po, change: (next: Uint8Array) => void) => void,
  ): void {
    const rest = state[All.pollerArm] as number;
    if (rest === 0) {
      const call = state[All.pollerNews] === 1 && state[All.notified] === 0;
      step('to epoll_wait', call ? Po.callAgain : Po.wait, (next) => {
        if (call) next[All.notified] = 1; // notified_.exchange(true)
        next[All.pollerNews] = 0;
        next[All.pollerSocket] = 0;
      });
      return;
    }
    const k = lowest(rest);
    if (!this.#rules.isFree(state, k)) return;
    for (const refuse of this.#rules.refusals(state)) {
      step(`rearm(${k})${refuse ? ', epoll refuses' : ''}`, Po.arm, (next) => {
        next[All.pollerArm] = rest & ~(1 << k);
        if (this.#rules.breaks('noRearm')) return;
        const watched = get(next, k, Of.busy) === 0 || get(next, k, Of.queue) !== 0;
        if (!this.#rules.wantsArming(next, k) || !watched) return;
        if (this.#rules.watch(next, k, refuse)) return;
        next[All.poller] = Po.listAgain;
        next[All.pollerSocket] = k;
      });
    }
  }
}
