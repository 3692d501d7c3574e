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
  callFirst,
  list,
  tell,
  arm,
  listAgain,
}

/** Poller::run of native/threads/poller.cc, with Socket::on_ready and Socket::rearm. */
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
        if (events.length === 0 && state[All.pollerUnfinished] === 0) return;
        step(`epoll_wait reports ${events}`, Po.event, (next) => {
          for (const socket of events) {
            next[All.pollerEvents] = (next[All.pollerEvents] as number) | (1 << socket);
            next[All.pollerInput] =
              (next[All.pollerInput] as number) | (get(next, socket, Of.input) << socket);
            put(next, socket, Of.reported, 0); // EPOLLONESHOT
            put(next, socket, Of.edge, 0);
          }
          next[All.pollerSocket] = events[0] ?? 0;
        });
        return;
      }
      case Po.event: {
        const events = state[All.pollerEvents] as number;
        if (events === 0) {
          step('all events are dealt with', Po.tell, () => {});
          return;
        }
        const socket = lowest(events);
        const waits = ((state[All.pollerUnfinished] as number) >> socket) & 1;
        if (state[All.pollerGoing] === 0 && waits === 1) {
          step(`begin(${socket}): its turn comes`, Po.event, (next) => {
            next[All.pollerEvents] = events & ~(1 << socket);
          });
          return;
        }
        if (!this.#rules.isFree(state, socket)) return;
        const works = get(state, socket, Of.busy) === 0 || get(state, socket, Of.queue) !== 0;
        step(`on_ready(${socket})${works ? '' : ', busy'}`, works ? Po.pop : Po.leave, (next) => {
          next[All.pollerSocket] = socket;
          put(next, socket, Of.lock, POLLER);
          if (!this.#rules.breaks('armedStaysSet')) put(next, socket, Of.armed, 0);
          if (!works) return;
          if (((next[All.pollerInput] as number) >> socket) & 1) put(next, socket, Of.input, 0);
          if (!this.#rules.flush(next, socket)) return;
          next[All.pollerUnfinished] = (next[All.pollerUnfinished] as number) | (1 << socket);
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
        const unfinished = (((state[All.pollerUnfinished] as number) >> k) & 1) === 1;
        const rearm = this.#rules.wantsArming(state, k) && watched && !unfinished;
        const first = this.#rules.breaks('calledFirst') ? Po.callFirst : Po.list;
        step(
          `on_ready(${k}) returns${news ? ' news' : ''}${rearm ? ' rearm' : ''}`,
          news ? first : Po.event,
          (next) => {
            put(next, k, Of.lock, NOBODY);
            next[All.pollerEvents] = (next[All.pollerEvents] as number) & ~(1 << k);
            next[All.pollerInput] = (next[All.pollerInput] as number) & ~(1 << k);
            if (this.#rules.breaks('unfinishedForgotten')) next[All.pollerUnfinished] = 0;
            if (rearm) next[All.pollerArm] = (next[All.pollerArm] as number) | (1 << k);
          },
        );
        return;
      }
      case Po.callFirst:
        step('calls, too early', Po.list, (next) => {
          if (next[All.ready] === 0) next[All.calls] = (next[All.calls] as number) + 1;
        });
        return;
      case Po.list:
        step(`add_ready(${k})`, Po.event, (next) => {
          if (!this.#rules.breaks('calledFirst')) this.#addReady(next, k);
          else next[All.ready] = (next[All.ready] as number) | (1 << k);
        });
        return;
      case Po.tell: {
        const more = state[All.pollerGoing] === 0 && state[All.pollerUnfinished] !== 0;
        step(`tell${more ? ', and go_on' : ''}`, more ? Po.event : Po.arm, (next) => {
          this.#tell(next);
          next[All.pollerGoing] = more ? 1 : 0;
          if (!more) return;
          next[All.pollerEvents] = next[All.pollerUnfinished] as number;
          next[All.pollerUnfinished] = 0;
        });
        return;
      }
      case Po.arm:
        this.#pollerArm(state, step);
        return;
      case Po.listAgain:
        step(`add_ready(${k}), not armed`, Po.arm, (next) => this.#addReady(next, k));
        return;
    }
  }

  /** A call is due for the first on the list. */
  #addReady(next: Uint8Array, k: number): void {
    if (next[All.ready] === 0) next[All.pollerNews] = 1;
    next[All.ready] = (next[All.ready] as number) | (1 << k);
  }

  #tell(next: Uint8Array): void {
    next[All.calls] = (next[All.calls] as number) + (next[All.pollerNews] as number);
    next[All.pollerNews] = 0;
  }

  #pollerArm(
    state: Uint8Array,
    step: (label: string, to: Po, change: (next: Uint8Array) => void) => void,
  ): void {
    const rest = state[All.pollerArm] as number;
    if (rest === 0) {
      step('tell, and to epoll_wait', Po.wait, (next) => {
        this.#tell(next);
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
