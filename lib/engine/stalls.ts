import { clearTimeout, clock, setTimeout } from '../base/timers.js';

/** A socket with the option `stallAfter`, as `StallWatch` sees it. */
export interface Lookout {
  /** ms */
  readonly stallAfter: number;
  /** whether it is on the list of `StallWatch` */
  watched: boolean;
  /** Emits `stall` for sends that are late. Returns whether any are in flight, late or not. */
  look(): boolean;
}

/** How many times within `stallAfter` a socket is looked at. */
const LOOKS = 8;
/** The longest interval between two looks, in ms. */
const LONGEST_LOOK = 1000;

/**
 * Looks for late sends of all sockets of the thread with the option `stallAfter`, by one timer. It
 * runs while any of these has a send in flight, and does not keep the process alive.
 */
class StallWatch {
  readonly #lookouts = new Set<Lookout>();
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;

  /** Adds a socket that has a send in flight. */
  add(lookout: Lookout): void {
    lookout.watched = true;
    this.#lookouts.add(lookout);
    const step = stepOf(lookout);
    if (clock() + step < this.#due) this.#arm(step);
  }

  #arm(step: number): void {
    clearTimeout(this.#timer);
    this.#due = clock() + step;
    this.#timer = setTimeout(() => this.#look(), step).unref();
  }

  #look(): void {
    this.#due = Number.POSITIVE_INFINITY;
    for (const lookout of this.#lookouts) {
      if (lookout.look()) continue;
      lookout.watched = false;
      this.#lookouts.delete(lookout);
    }
    let step = Number.POSITIVE_INFINITY;
    for (const lookout of this.#lookouts) step = Math.min(step, stepOf(lookout));
    if (clock() + step < this.#due) this.#arm(step);
  }
}

function stepOf({ stallAfter }: Lookout): number {
  return Math.min(Math.ceil(stallAfter / LOOKS), LONGEST_LOOK);
}

export const stallWatch = new StallWatch();
