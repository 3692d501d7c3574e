// The kernel: completions, what peers say, and what epoll makes of it. At any moment.
import type { Rules } from './rules.js';
import { All, get, lowest, Of, put } from './state.js';

export function kernelSteps(rules: Rules, state: Uint8Array): void {
  for (const k of rules.sockets) {
    const inFlight = get(state, k, Of.inFlight);
    for (let rest = inFlight; rest !== 0; rest &= rest - 1) {
      const id = rest & -rest;
      rules.step(state, `kernel: socket ${k} completes id ${lowest(id)}`, (next) => {
        put(next, k, Of.inFlight, inFlight & ~id);
        put(next, k, Of.errorQueue, get(next, k, Of.errorQueue) | id);
        edge(rules, next, k);
      });
    }
    if (state[All.inputs] !== 0 && get(state, k, Of.input) === 0) {
      const say = (next: Uint8Array) => {
        next[All.inputs] = (next[All.inputs] as number) - 1;
        put(next, k, Of.input, 1);
        edge(rules, next, k);
      };
      rules.step(state, `the peer of socket ${k} says something`, say, true);
    }
  }
}

function edge(rules: Rules, next: Uint8Array, k: number): void {
  const heard = rules.breaks('edgeTriggered') && get(next, k, Of.reported) !== 0;
  if (heard) put(next, k, Of.edge, 1);
}

/** Whether epoll_wait would report the socket. */
export function reportable(rules: Rules, state: Uint8Array, k: number): boolean {
  const reported = get(state, k, Of.reported);
  if (reported === 0) return false;
  if (rules.bounds.timer) return true;
  if (rules.breaks('edgeTriggered')) return get(state, k, Of.edge) === 1;
  return (
    get(state, k, Of.errorQueue) !== 0 ||
    get(state, k, Of.input) !== 0 ||
    (reported === 2 && rules.hasRoom(state, k))
  );
}
