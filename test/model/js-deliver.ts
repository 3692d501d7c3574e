import { Js, type JsStep } from './js-places.js';
import type { Rules } from './rules.js';
import { All, lowest } from './state.js';

/**
 * The callback of the thread-safe function: Environment::deliver_ready, with Poller::take_ready and
 * put_back.
 */
export function deliverSteps(rules: Rules, state: Uint8Array, at: Js, step: JsStep): void {
  const k = state[All.jsSocket] as number;
  switch (at) {
    case Js.readyList:
      step(state, 'take_ready', Js.deliverNext, (next) => {
        const all = next[All.ready] as number;
        const taken = rules.breaks('listTakenInPart') ? all & -all : all;
        next[All.jsHandles] = taken;
        next[All.ready] = all & ~taken;
      });
      return;
    case Js.deliverNext: {
      const rest = state[All.jsHandles] as number;
      if (rest === 0) {
        step(state, 'deliver_ready returns', Js.idle, (next) => {
          next[All.jsRoom] = 0;
          next[All.jsReturn] = 0;
          next[All.jsSocket] = 0;
        });
        return;
      }
      const socket = lowest(rest);
      const to = state[All.jsRoom] === 0 ? Js.putBackList : Js.takeRead;
      step(state, `deliver_ready comes to ${socket}`, to, (next) => {
        next[All.jsHandles] = rest & ~(1 << socket);
        next[All.jsSocket] = socket;
        next[All.jsReturn] = Js.deliverNext;
      });
      return;
    }
    case Js.putBackList: {
      const calls = state[All.ready] === 0 && !rules.breaks('silentPutBack');
      const to = calls ? Js.putBackCall : Js.deliverNext;
      step(state, `put_back(${k}): add_ready`, to, (next) => {
        next[All.ready] = (next[All.ready] as number) | (1 << k);
      });
      return;
    }
    case Js.putBackCall:
      step(state, `put_back(${k}): notify_()`, Js.deliverNext, (next) => {
        next[All.calls] = (next[All.calls] as number) + 1;
      });
      return;
  }
}
