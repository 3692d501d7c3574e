import type { Model, Step } from './explorer.js';
import { JsThread } from './js-thread.js';
import { kernelSteps } from './kernel.js';
import { PollerThread } from './poller-thread.js';
import { type Bounds, Rules, type Switch } from './rules.js';
import { All, get, Of } from './state.js';

/**
 * The arm/notify/reap protocol between the JavaScript thread, the poller thread and the kernel, in
 * steps as small as matter: what a lock covers is one step where nobody looks at the variables
 * without it. Completions, and what a peer says, come at any moment.
 *
 * The model stands for the code, which it names step by step, only as long as both are changed
 * together: native/sockets/socket.cc and poller.cc, native/node/environment.cc, lib/addon/reactor.ts.
 */
export class Protocol implements Model {
  readonly #rules: Rules;
  readonly #js: JsThread;
  readonly #poller: PollerThread;

  constructor(bounds: Bounds, ...broken: Switch[]) {
    this.#rules = new Rules(bounds, broken);
    this.#js = new JsThread(this.#rules);
    this.#poller = new PollerThread(this.#rules);
  }

  initial(): Uint8Array {
    const { bounds, sockets } = this.#rules;
    const state = new Uint8Array(All.count + sockets.length * Of.count);
    state[All.inputs] = bounds.inputs ?? 0;
    state[All.refusals] = bounds.refusals ?? 0;
    if (bounds.timer) return state;
    for (const k of sockets) {
      // Socket::start_watching
      if (this.#rules.wantsArming(state, k)) this.#rules.watch(state, k, false);
    }
    return state;
  }

  broken(state: Uint8Array): string | undefined {
    return state[All.twice] === 1 ? 'an id is delivered twice' : undefined;
  }

  /** Every id that was given out has been delivered. */
  settled(state: Uint8Array): boolean {
    return this.#rules.sockets.every(
      (k) => get(state, k, Of.delivered) === (1 << get(state, k, Of.sent)) - 1,
    );
  }

  steps(state: Uint8Array): Step[] {
    this.#rules.steps = [];
    kernelSteps(this.#rules, state);
    this.#poller.steps(state);
    this.#js.steps(state);
    return this.#rules.steps;
  }
}
