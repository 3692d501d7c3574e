import type { Reactee } from './reactee.js';

/** The slot, run or parts that a send came from, if its memory is a pool's. */
interface PromptHolder {
  readonly slots: { noteInFlight(): void };
  completed(id: number, unsent: boolean): void;
}

/** After this many sends of as many sockets, the slots go back. */
const GIVE_BACK_EVERY = 16;

/**
 * The latest prompt sends of this thread, which completed within their calls since the kernel has
 * copied them. Their slots still have to go back to their pools, and their sockets have to count
 * them. Both happen when the reactor next looks at one of these sockets.
 *
 * Where many sockets take turns, that would be late: the more buffers are in use, the fewer of them
 * are in the CPU's cache. So the slots alone go back every GIVE_BACK_EVERY sends. The sockets are
 * not touched then, since their memory has left the cache by the time that their turn comes again:
 * each counts several sends together when the reactor looks at it.
 */
class PromptSends {
  #count = 0;
  // The arrays are never shortened, since V8 would free their memory: a steady flow does not
  // allocate.
  readonly #sockets: (Reactee | null)[] = [];
  readonly #holders: (PromptHolder | null)[] = [];
  readonly #ids: number[] = [];

  /** @param holder null for memory that is of no pool */
  add(socket: Reactee, holder: PromptHolder | null, id: number): void {
    this.#sockets[this.#count] = socket;
    this.#holders[this.#count] = holder;
    this.#ids[this.#count++] = id;
    if (this.#count % GIVE_BACK_EVERY === 0 && this.#areOfManySockets()) this.take(null);
  }

  /** Whether none of the sockets has sent twice lately. */
  #areOfManySockets(): boolean {
    const sockets = this.#sockets;
    const begin = this.#count - GIVE_BACK_EVERY;
    for (let i = begin + 1; i < this.#count; i++) {
      for (let j = begin; j < i; j++) {
        if (sockets[i] === sockets[j]) return false;
      }
    }
    return true;
  }

  /**
   * Gives the slots back, and forgets the sends. No code of the program runs within: pending calls
   * of `acquire` resolve later.
   * @param tell called with each socket, or null
   */
  take(tell: ((socket: Reactee) => void) | null): void {
    const count = this.#count;
    this.#count = 0;
    let slots: PromptHolder['slots'] | null = null;
    for (let i = 0; i < count; i++) {
      const holder = this.#holders[i] as PromptHolder | null;
      if (holder === null) continue;
      this.#holders[i] = null;
      if (holder.slots !== slots) holder.slots.noteInFlight();
      slots = holder.slots;
      holder.completed(this.#ids[i] as number, false);
    }
    for (let i = 0; i < count; i++) {
      tell?.(this.#sockets[i] as Reactee);
      this.#sockets[i] = null;
    }
  }
}

export const promptSends = new PromptSends();
