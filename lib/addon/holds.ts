import { hold } from './keep-alive.js';
import type { Reactee } from './reactee.js';

/** Keeps sockets from being garbage-collected, and the process alive, for as long as they need it. */
export class Holds {
  readonly #needed = new Set<Reactee>();

  update(socket: Reactee): void {
    if (!socket.added) return;
    const needed = socket.hasNews();
    if (needed !== socket.needed) {
      socket.needed = needed;
      if (needed) this.#needed.add(socket);
      else this.#needed.delete(socket);
    }
    const wanted = socket.wantsHold();
    if (wanted === socket.held) return;
    socket.held = wanted;
    hold(wanted ? 1 : -1);
  }

  /** The socket has closed. */
  drop(socket: Reactee): void {
    this.#needed.delete(socket);
    if (!socket.held) return;
    socket.held = false;
    hold(-1);
  }
}
