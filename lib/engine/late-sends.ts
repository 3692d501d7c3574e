import { reactor } from '../addon/reactor.js';
import { throwLater } from '../base/throw-later.js';
import { clock } from '../base/timers.js';
import { census } from './census.js';
import type { Completions } from './completions.js';
import { stallChannel } from './diagnostics.js';
import type { Emitter } from './emitter.js';
import type { StalledRange, ZeroCopySocketEvents } from './events.js';
import type { SendTimes } from './send-times.js';
import { type Lookout, stallWatch } from './stalls.js';
import type { SocketState } from './state.js';

/** Names the sends of one socket that have been in flight for longer than `stallAfter`, each once. */
export class LateSends implements Lookout {
  readonly stallAfter: number;
  watched = false;
  readonly #emitter: Emitter<ZeroCopySocketEvents>;
  readonly #state: SocketState;
  readonly #completions: Completions;
  readonly #times: SendTimes;
  /** ids below this one were late at an earlier look, or had completed */
  #seen: number;

  constructor(
    emitter: Emitter<ZeroCopySocketEvents>,
    state: SocketState,
    completions: Completions,
  ) {
    this.stallAfter = state.stallAfter;
    this.#emitter = emitter;
    this.#state = state;
    this.#completions = completions;
    this.#seen = state.firstId;
    this.#times = state.inFlight.measure();
    this.#times.marked = () => {
      if (!this.watched) stallWatch.add(this);
    };
  }

  look(): boolean {
    const { inFlight } = this.#state;
    if (this.#areLate(inFlight.low)) {
      // Completions may not have been taken in while the program was busy.
      reactor.poll(this.#completions);
      if (this.#areLate(inFlight.low)) this.#tell();
    }
    const goesOn = inFlight.size > 0 && this.#state.phase !== 'closed';
    if (!goesOn) inFlight.markNext(); // which has it watched again
    return goesOn;
  }

  #areLate(low: number): boolean {
    const { inFlight, phase } = this.#state;
    if (phase === 'closed' || inFlight.size === 0) return false;
    return this.#times.timeOf(low) <= clock() - this.stallAfter;
  }

  #tell(): void {
    const { inFlight } = this.#state;
    const now = clock();
    const end = this.#times.firstAfter(now - this.stallAfter, inFlight.next);
    for (let id = Math.max(inFlight.low, this.#seen); id < end; id++) {
      if (!inFlight.has(id)) continue; // a listener may have let it complete just now
      const first = id;
      while (id + 1 < end && inFlight.has(id + 1)) id++;
      this.#emit(this.#rangeOf(first, id, now));
    }
    this.#seen = Math.max(this.#seen, end);
  }

  #rangeOf(first: number, last: number, now: number): StalledRange {
    const tags = this.#state.tags?.of(first, last);
    const range = { first, last, age: now - this.#times.timeOf(first) };
    return tags === undefined ? range : { ...range, tags };
  }

  #emit(range: StalledRange): void {
    const count = range.last - range.first + 1;
    this.#state.stalled += count;
    census.past[this.#state.protocol].stalled += count;
    try {
      this.#emitter.emit('stall', range);
    } catch (error) {
      throwLater(error);
    }
    if (stallChannel.hasSubscribers) {
      stallChannel.publish({ socket: this.#emitter, protocol: this.#state.protocol, ...range });
    }
  }
}
