import type { Reactee } from './reactee.js';

/** The memory of a send, as far as it is of a pool. */
interface PromptHolder {
  readonly slots: { noteInFlight(): void };
  completed(id: number, unsent: boolean): void;
}

/** After so many sends buffers go back. */
const GIVE_BACK_EVERY = 16;

/**
 * The latest sends of this thread that have completed within their calls, since the kernel has copied them:
 * their slots are to go back to their pools, and their sockets to be told. That is done when one of the
 * sockets is looked at.
 *
 * Where many sockets take turns, that would be late, and few buffers are to be in use, which a cache holds.
 * So the slots go back after some sends by themselves. To tell each socket of each send would cost more than
 * the send, since nothing of a socket is in a cache any more when its turn comes: it is told of several
 * together, when it is looked at.
 */
class PromptSends {
  #count = 0;
  // Never cut, which would give their memory back: a steady flow does not allocate.
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
   * Gives the slots back, and forgets the sends. Runs nothing of a program's: who waits for a buffer goes
   * on later.
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
