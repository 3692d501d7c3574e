import type { Reactee } from './reactee.js';

/** The memory of a send, as far as it is of a pool. */
interface PromptHolder {
  readonly slots: { noteInFlight(): void };
  completed(id: number, unsent: boolean): void;
}

/**
 * The latest sends of this thread that have completed within their calls, since the kernel has copied them:
 * their sockets are to be told, and their slots to go back to their pools. Both is done after some sends,
 * whichever sockets these were of, so that few buffers are in use, which a cache holds.
 *
 * Where many sockets take turns, only the slots go back. To tell each socket of each send would cost more
 * than the send, since nothing of a socket is in a cache any more when its turn comes: it is told of several
 * together, when it looks for completions itself, or when the event loop turns.
 */
class PromptSends {
  /** how many there are */
  count = 0;
  // Never cut, which would give their memory back: a steady flow does not allocate.
  readonly #sockets: (Reactee | null)[] = [];
  readonly #holders: (PromptHolder | null)[] = [];
  readonly #ids: number[] = [];

  /** @param holder null for memory that is of no pool */
  add(socket: Reactee, holder: PromptHolder | null, id: number): void {
    this.#sockets[this.count] = socket;
    this.#holders[this.count] = holder;
    this.#ids[this.count++] = id;
  }

  /** Whether none of their sockets has sent twice. */
  get areOfManySockets(): boolean {
    const sockets = this.#sockets;
    for (let i = 1; i < this.count; i++) {
      for (let j = 0; j < i; j++) {
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
    const { count } = this;
    this.count = 0;
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
